// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/plain_dump.h"
#include "engine/postgresql/script_rewrite.h"
#include "engine/postgresql/sql.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace pg = holdfast::engine::postgresql;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView bytes = fuzz::view(data, size_bytes);
  fuzz::allow_errors([&] {
    holdfast::BytesSource source(bytes);
    static_cast<void>(pg::read_plain_dump(source));
  });
  fuzz::allow_errors([&] {
    holdfast::BytesSource source(bytes);
    pg::NameMapping mapping;
    mapping.owners = {{"*", "else"}};
    for (const pg::SchemaStatement& statement : pg::read_schema_script(source, mapping))
      static_cast<void>(pg::subject_of(statement.text));
  });
  fuzz::allow_errors([&] { static_cast<void>(pg::parse_copy_line(holdfast::as_text(bytes))); });
  return 0;
}
