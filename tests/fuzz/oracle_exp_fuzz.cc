// SPDX-License-Identifier: Apache-2.0
// Classic dumps of Oracle: whatever is in them ends in a report that tells how far it is good, and
// reading every value finds the same rows as counting them.
#include <algorithm>
#include <stop_token>

#include "engine/oracle/exp_examine.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace oracle = holdfast::engine::oracle;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView input = fuzz::view(data, size_bytes);
  if (!oracle::begins_as_exp(input)) return 0;
  fuzz::allow_errors([&] {
    holdfast::BytesSource for_counting(input), for_values(input);
    const oracle::ExpReport counted =
        oracle::examine_exp(for_counting, oracle::ExpDepth::counted, {});
    const oracle::ExpReport deep = oracle::examine_exp(for_values, oracle::ExpDepth::digested, {});
    const bool is_good =
        std::ranges::none_of(counted.findings, [](const holdfast::model::Finding& finding) {
          return finding.severity == holdfast::model::Severity::blocker;
        });
    fuzz::require(is_good ? counted.is_complete : !counted.findings.empty(),
                  "it is neither whole nor told what is wrong");
    fuzz::require(counted.is_complete == deep.is_complete, "values are read to another end");
    fuzz::require(counted.tables.size() == deep.tables.size(), "values are of other tables");
    for (std::size_t i = 0; i < counted.tables.size(); ++i)
      fuzz::require(counted.tables[i].rows == deep.tables[i].rows, "values are of other rows");
    for (const oracle::ExpTable& table : deep.tables)
      fuzz::require(!table.has_digest || table.digest.rows() == table.rows,
                    "a digest is not of all rows");
  });
  return 0;
}
