// SPDX-License-Identifier: Apache-2.0
// What a TypeDB server may say: whatever its messages hold ends in their content or in one Error.
#include "engine/typedb/protocol.h"
#include "engine/typedb/vendor_program.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace typedb = holdfast::engine::typedb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView message = fuzz::view(data, size_bytes);
  fuzz::allow_errors([&] {
    typedb::ExportMessage read;
    typedb::parse_export_message(message, read);
    std::size_t items_bytes = 0;
    for (const holdfast::ByteView item : read.items) items_bytes += item.size();
    fuzz::require(items_bytes <= size_bytes, "items are larger than their message");
    fuzz::require(read.schema.size() <= size_bytes, "a schema is larger than its message");
  });
  fuzz::allow_errors([&] { static_cast<void>(typedb::parse_databases(message)); });
  fuzz::allow_errors([&] { static_cast<void>(typedb::parse_token(message)); });
  fuzz::allow_errors([&] { typedb::check_import_done(message); });
  for (const auto job : {typedb::MigratorJob::exports, typedb::MigratorJob::imports})
    fuzz::allow_errors([&] { static_cast<void>(typedb::parse_progress(message, job)); });
  const std::string said(holdfast::as_text(message));
  const std::string line =
      typedb::describe({typedb::RpcCode::internal, said, {message.begin(), message.end()}});
  fuzz::require(!line.empty() || size_bytes > 0, "a failure without a word");
  fuzz::require(line.find('\n') == std::string::npos, "a failure of several lines");
  fuzz::require(typedb::last_lines(said, 5).size() <= size_bytes + 10, "lines out of nothing");
  return 0;
}
