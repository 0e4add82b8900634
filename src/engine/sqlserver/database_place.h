// SPDX-License-Identifier: Apache-2.0
// Databases of a server by name: made beside a place, renamed into it, put back.
//
// A rename keeps database_id, by which an undo knows which database is which.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

inline constexpr std::size_t database_name_units_max = 128;  // of UTF-16

[[nodiscard]] std::optional<int> database_id(Session& session, std::string_view name);
// "shop_holdfast_0123abcd", which nobody has; cut to fit.
[[nodiscard]] std::string name_beside(Session& session, std::string_view database);
// The name with a suffix, and a number if that is taken.
[[nodiscard]] std::string free_database_name(Session& session, std::string_view database,
                                             std::string_view suffix);

// Ends others' sessions in it and drops it; of one that is being restored, once its restore has
// ended. No error if it is gone. Errc::unavailable after two minutes.
void remove_database(Session& session, const std::string& name);
// Whom it lets in: RESTRICTED_USER, SINGLE_USER or else MULTI_USER.
[[nodiscard]] std::string access_of(Session& session, const std::string& name);
// Of one that lets in one session alone because we were renaming it: from now on those of `access`,
// as it was before. Who has that one place is ended. Errc::unavailable after half a minute, or what
// the server says, naming the statement that is still to be run.
void let_in(Session& session, const std::string& name, const std::string& access);

// What becomes of those who are in a database that is renamed.
enum class Others : std::uint8_t { ended, left };
struct Renamed {
  bool was_ours = false;  // we had it for us alone
  bool is_done = false;
  std::vector<Message> errors;  // of what was not done
};
// Of a SQL Server. From inside, so that nobody who comes back at once can take the only place of
// SINGLE_USER. `access` is what it has before and afterwards. Where others are left nothing is done
// unless it is ours. Leaves the session in master.
[[nodiscard]] Renamed rename_alone(Session& session, const std::string& from, const std::string& to,
                                   const std::string& access, Others others);
// Ends others' sessions in it, and rolls back what they do. The name is free afterwards.
void move_database(Session& session, const std::string& from, const std::string& to,
                   const std::string& access);

// One that is in place of another, or will be.
struct DatabaseSwitch {
  std::string place, beside;
  int beside_id = 0;
  std::string kept;  // the new name of what was there; empty: nothing was
  int kept_id = 0;
  std::string undone;               // what ours is called if it is taken away again
  std::string access, kept_access;  // of ours, and of what was there, before they were renamed
};
[[nodiscard]] DatabaseSwitch plan_switch(Session& session, const std::string& place,
                                         const std::string& beside, std::string_view kept_suffix);
[[nodiscard]] Json to_json(const DatabaseSwitch& change);
[[nodiscard]] DatabaseSwitch parse_switch(const Json& json);
void make_switch(Session& session, const DatabaseSwitch& change);
[[nodiscard]] bool switch_stands(Session& session, const DatabaseSwitch& change);
// Errc::not_found if what was kept is gone. Changes nothing.
void check_switch_undo(Session& session, const DatabaseSwitch& change);
// Ours may have been written to since: it stays under another name, and is told. What we were
// killed in the midst of renaming lets in again whom it did. Repeatable.
[[nodiscard]] std::string undo_switch(Session& session, const DatabaseSwitch& change);

}  // namespace holdfast::engine::sqlserver
