// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdlib>

#include "engine/mariadb/accounts.h"
#include "engine/mariadb/dump_file.h"
#include "engine/mariadb/gate.h"
#include "engine/mariadb/script.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/values.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace maria = holdfast::engine::mariadb;

namespace {

// What is done with definitions of a copy.
void rewrite(std::string_view sql) {
  static_cast<void>(maria::without_counter(sql));
  static_cast<void>(maria::without_place(sql));
  static_cast<void>(maria::counter_of(sql));
  static_cast<void>(maria::with_default(sql, "a", "0x41"));
  static_cast<void>(maria::with_definer(sql, "`a`@`b`"));
  static_cast<void>(maria::with_event_disabled(sql));
  static_cast<void>(maria::with_bare_trigger_names(sql));
  static_cast<void>(maria::with_schema(sql, "s", "t"));
  static_cast<void>(maria::names_read(sql));
  static_cast<void>(maria::defer_keys(sql));
  static_cast<void>(maria::with_qualified_reference(sql, "s"));
  static_cast<void>(maria::referenced_table(sql));
  static_cast<void>(maria::parse_membership(sql));
  static_cast<void>(maria::parse_grant_on(sql, "shop", "`a`@`b`"));
}

// What is let through names nothing of other schemas: what is run is read again, and is the same.
void judge(std::string_view sql) {
  // One mode for each statement: there are many statements.
  constexpr std::array<std::string_view, 3> modes{"", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"};
  const maria::Reading reading =
      maria::reading_of(true, 101119, modes[sql.size() % modes.size()], "utf8mb4");
  fuzz::allow_errors([&] {
    const maria::Judged first = maria::Gate({"shop", false, false}).judge(sql, reading);
    const bool runs = first.kind == maria::Judged::Kind::run ||
                      first.kind == maria::Judged::Kind::settings ||
                      first.kind == maria::Judged::Kind::attempt;
    if (!runs) return;
    const maria::Judged again = maria::Gate({"", false, false}).judge(first.sql, reading);
    if (again.kind != first.kind) std::abort();
  });
  constexpr std::array<std::string_view, 5> kinds{"table", "sequence", "view", "trigger", "event"};
  fuzz::allow_errors([&] {
    static_cast<void>(maria::checked_definition(kinds[sql.size() % kinds.size()], "a",
                                                std::string(sql), reading));
  });
  fuzz::allow_errors([&] { static_cast<void>(maria::checked_setval("a", std::string(sql))); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView bytes = fuzz::view(data, size_bytes);
  for (const std::string_view delimiter : {maria::dump_delimiter, maria::mydumper_delimiter}) {
    fuzz::allow_errors([&] {
      holdfast::BytesSource source(bytes);
      maria::DumpContent content;
      maria::read_dump(source, delimiter, content, {"", "a"}, [](const holdfast::model::Row&) {},
                       {});
    });
    fuzz::allow_errors([&] {
      holdfast::BytesSource source(bytes);
      maria::Script script(source, 1U << 20U, delimiter);
      while (const auto statement = script.next()) {
        if (delimiter != maria::dump_delimiter) continue;
        rewrite(statement->text);
        judge(statement->text);
      }
    });
  }
  fuzz::allow_errors([&] {
    maria::LineParser parser;
    std::size_t at = 0;
    while (parser.next(holdfast::as_text(bytes), at)) {
    }
  });
  return 0;
}
