// SPDX-License-Identifier: Apache-2.0
// Backups of SQL Server, plain and compressed: whatever is in them ends in a report that says how
// far it is good, and a look at heads alone finds nothing that a deep one does not.
#include "engine/sqlserver/bak/bak_inspect.h"
#include "fuzz_target.h"
#include "random_input.h"

namespace fuzz = holdfast::fuzz;
namespace sqlserver = holdfast::engine::sqlserver;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  fuzz::RandomInput input(fuzz::view(data, size_bytes));
  auto heads = sqlserver::read_bak(input, false, {});
  auto deep = sqlserver::read_bak(input, true, {});
  fuzz::require(heads.has_value() == deep.has_value(), "a deep look knows another kind of file");
  if (!heads) return 0;
  const bool is_closed = !deep->sets.empty() && deep->sets.back().is_closed;
  const sqlserver::Stripe stripe{"input", std::move(*deep)};
  const auto told = sqlserver::tell_bak(std::span(&stripe, 1));
  fuzz::require(is_closed || !told.whole, "what has no end is whole");
  fuzz::require(!told.facts.dump().empty(), "nothing is told");
  for (const sqlserver::BakSet& set : stripe.report.sets) {
    const sqlserver::PageCounts& pages = set.pages;
    fuzz::require(pages.empty + pages.right + pages.unmarked <= pages.pages, "pages count twice");
  }
  return 0;
}
