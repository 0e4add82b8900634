// SPDX-License-Identifier: Apache-2.0
// What statements of strangers may do: those of foreign dumps, and the definitions in a copy.
//
// A statement is read as its server reads it, held to what programs that dump write, and what is
// run is what was read. All names in it are of the one schema that is filled; whatever else it
// says, it is refused. Connects to nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mariadb/catalog.h"
#include "engine/mariadb/definitions.h"
#include "engine/mariadb/lexemes.h"

namespace holdfast::engine::mariadb {

// What is to be done with a statement of a dump.
struct Judged {
  enum class Kind : std::uint8_t {
    skip,      // it is not for us
    run,       // as `sql` says
    attempt,   // the same; a server that refuses it lacks nothing
    rows,      // rows are inserted: as `sql` says, or the statement itself if that is empty
    settings,  // as `sql` says; how the session reads may be another then
    code,      // something with code in it, to be made when all rows are there
    drop_code
  };
  Kind kind = Kind::skip;
  std::string sql;
  CodeKind code_kind = CodeKind::view;  // of `code` and `drop_code`
  std::string name;                     // the same
  std::string definer;                  // of `code`, without quotes: whom `sql` has lost
  bool was_enabled = false;             // an event, which `sql` disables
  std::vector<std::string> notes;       // sentences: what was left out of it
};

// The statements of one script, in their order.
class Gate {
 public:
  struct Scope {
    // The schema of the dump that is taken. Names may be qualified with it. Empty: the first that
    // the dump turns to.
    std::string schema;
    bool skips_others = false;  // else a dump that turns to another schema is refused
    bool keeps_definers = false;
  };
  explicit Gate(Scope scope) : scope_(std::move(scope)), is_in_(true) {}
  // Errc::unsupported for what dumps do not say, and for other schemas; Errc::corrupt. Messages
  // name what is refused and show none of its text, which may hold secrets.
  [[nodiscard]] Judged judge(std::string_view statement, const Reading& reading);

 private:
  [[nodiscard]] Judged enter(const std::string& schema);

  Scope scope_;
  bool is_in_;  // in the schema that is taken
};

}  // namespace holdfast::engine::mariadb
