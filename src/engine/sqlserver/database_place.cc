// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/database_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/sqlserver/server_errors.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::chrono::seconds patience{120};
constexpr std::chrono::seconds patience_to_let_in{30};
constexpr std::chrono::milliseconds between_tries{500};
constexpr std::string_view single_user = "SINGLE_USER", multi_user = "MULTI_USER";

// A name with a suffix, cut at a character so that both fit.
std::string with_suffix(std::string_view name, std::string_view suffix) {
  std::size_t units = 0, bytes = 0;
  while (bytes < name.size()) {
    const Utf8Rune next = decode_utf8(name.substr(bytes));
    const std::size_t wide = next.rune >= 0x10000 ? 2 : 1;
    if (units + wide + suffix.size() > database_name_units_max) break;
    units += wide;
    bytes += next.size_bytes;
  }
  return std::string(name.substr(0, bytes)).append(suffix);
}

// Whether somebody was in the way, who may go.
bool is_busy(const std::vector<Message>& errors) {
  constexpr std::array<int, 10> numbers{924, 927, 1205, 1222, 3702, 5030, 5061, 5064, 5069, 5070};
  return std::ranges::any_of(errors, [&](const Message& one) {
    return std::ranges::find(numbers, one.number) != numbers.end();
  });
}

// Sessions of others are in the way of ALTER DATABASE and DROP DATABASE; of a database that is not
// online nobody has any.
void end_sessions(Session& session, const std::string& name) {
  static_cast<void>(session.try_run(
      fmt::format("ALTER DATABASE {} SET SINGLE_USER WITH ROLLBACK IMMEDIATE", identifier(name))));
}

// In a database while it lives, and then in master. One that is not online nobody gets into.
class Inside {
 public:
  Inside(Session& session, const std::string& name) : session_(session) {
    static_cast<void>(session_.try_run("USE " + identifier(name)));
  }
  ~Inside() {
    try {
      static_cast<void>(session_.try_run("USE [master]"));
    } catch (const std::exception& error) {  // the next statement says so, too
      log(LogLevel::debug, "a session stays in a database", {{"why", error.what()}});
    }
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  Session& session_;
};

}  // namespace

std::optional<int> database_id(Session& session, std::string_view name) {
  const std::string id = session.value(fmt::format("SELECT DB_ID({})", literal(name)));
  if (id.empty()) return std::nullopt;
  return std::stoi(id);
}

std::string free_database_name(Session& session, std::string_view database,
                               std::string_view suffix) {
  std::string name = with_suffix(database, suffix);
  for (int number = 2; database_id(session, name); ++number)
    name = with_suffix(database, fmt::format("{}_{}", suffix, number));
  return name;
}

std::string name_beside(Session& session, std::string_view database) {
  std::array<std::byte, 4> random{};
  fill_random(random);
  return free_database_name(session, database, "_holdfast_" + to_hex(ByteView(random)));
}

void remove_database(Session& session, const std::string& name) {
  session.use("master");
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (database_id(session, name)) {
    end_sessions(session, name);
    const std::vector<Message> errors = session.try_run("DROP DATABASE " + identifier(name));
    if (errors.empty() || !database_id(session, name)) return;
    if (!is_busy(errors) || std::chrono::steady_clock::now() > deadline)
      session.raise(errors, fmt::format("dropping database {}", name), Errc::unavailable);
    session.check_stop();
    std::this_thread::sleep_for(between_tries);
  }
}

std::string access_of(Session& session, const std::string& name) {
  const std::string access = session.value(
      fmt::format("SELECT user_access_desc FROM sys.databases WHERE name = {}", literal(name)));
  return access.empty() ? std::string(multi_user) : access;
}

void let_in(Session& session, const std::string& name, const std::string& access) {
  const auto deadline = std::chrono::steady_clock::now() + patience_to_let_in;
  const std::string sql =
      fmt::format("ALTER DATABASE {} SET {} WITH ROLLBACK IMMEDIATE", identifier(name), access);
  while (access != single_user && access_of(session, name) == single_user) {
    const std::vector<Message> errors = session.try_run(sql);
    if (errors.empty()) return;
    if (!is_busy(errors) || std::chrono::steady_clock::now() > deadline)
      throw Error(errc_of(errors, Errc::unavailable),
                  fmt::format("database {} lets in one session alone (SINGLE_USER) since it was to "
                              "be renamed: {}",
                              name, words_of(errors)))
          .set_hint("Run: " + sql);
    std::this_thread::sleep_for(between_tries);
  }
}

Renamed rename_alone(Session& session, const std::string& from, const std::string& to,
                     const std::string& access, Others others) {
  const Inside inside(session, from);
  Renamed made;
  made.errors =
      session.try_run(fmt::format("ALTER DATABASE {} SET SINGLE_USER WITH {}", identifier(from),
                                  others == Others::ended ? "ROLLBACK IMMEDIATE" : "NO_WAIT"));
  made.was_ours = made.errors.empty();
  if (!made.was_ours && others == Others::left) return made;
  made.errors = session.try_run(
      fmt::format("ALTER DATABASE {} MODIFY NAME = {}", identifier(from), identifier(to)));
  made.is_done = made.errors.empty() || (!database_id(session, from) && database_id(session, to));
  if (made.is_done) {
    let_in(session, to, access);
  } else {
    in_context(fmt::format("renaming it to {} failed ({})", to, words_of(made.errors)),
               [&] { let_in(session, from, access); });
  }
  return made;
}

void move_database(Session& session, const std::string& from, const std::string& to,
                   const std::string& access) {
  session.use("master");
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const Renamed made = rename_alone(session, from, to, access, Others::ended);
    if (made.is_done) return;
    if (!is_busy(made.errors) || std::chrono::steady_clock::now() > deadline)
      session.raise(made.errors, fmt::format("renaming database {} to {}", from, to),
                    Errc::unavailable);
    std::this_thread::sleep_for(between_tries);
  }
}

DatabaseSwitch plan_switch(Session& session, const std::string& place, const std::string& beside,
                           std::string_view kept_suffix) {
  DatabaseSwitch change;
  change.place = place;
  change.beside = beside;
  const auto fresh = database_id(session, beside);
  check_rule(fresh.has_value(), "the database that was made is there");
  change.beside_id = *fresh;
  change.access = access_of(session, beside);
  constexpr std::string_view before = "_before_";
  const std::string_view time =
      kept_suffix.starts_with(before) ? kept_suffix.substr(before.size()) : kept_suffix;
  change.undone = free_database_name(session, place, fmt::format("_undone_{}", time));
  if (const auto there = database_id(session, place)) {
    change.kept_id = *there;
    change.kept = free_database_name(session, place, kept_suffix);
    change.kept_access = access_of(session, place);
  }
  return change;
}

Json to_json(const DatabaseSwitch& change) {
  Json json = Json::object();
  json.set("place", change.place).set("beside", change.beside).set("beside_id", change.beside_id);
  json.set("kept", change.kept).set("kept_id", change.kept_id).set("undone", change.undone);
  json.set("access", change.access).set("kept_access", change.kept_access);
  return json;
}

DatabaseSwitch parse_switch(const Json& json) {
  return {json.at("place").as_string(),
          json.at("beside").as_string(),
          static_cast<int>(json.at("beside_id").as_int()),
          json.at("kept").as_string(),
          static_cast<int>(json.at("kept_id").as_int()),
          json.at("undone").as_string(),
          json.string_or("access", multi_user),
          json.string_or("kept_access", multi_user)};
}

void make_switch(Session& session, const DatabaseSwitch& change) {
  if (!change.kept.empty()) move_database(session, change.place, change.kept, change.kept_access);
  move_database(session, change.beside, change.place, change.access);
}

bool switch_stands(Session& session, const DatabaseSwitch& change) {
  return database_id(session, change.place) == change.beside_id;
}

void check_switch_undo(Session& session, const DatabaseSwitch& change) {
  if (change.kept.empty()) return;
  const auto in_place = database_id(session, change.place);
  if (in_place == change.kept_id) return;  // it is there again, or still
  if (database_id(session, change.kept) == change.kept_id) return;
  throw Error(Errc::not_found,
              fmt::format("database {}, in whose place {} was put, is not there any more; nothing "
                          "was changed",
                          change.kept, change.place))
      .set_hint("Give it that name again.");
}

std::string undo_switch(Session& session, const DatabaseSwitch& change) {
  check_switch_undo(session, change);
  std::string told;
  if (switch_stands(session, change)) {
    move_database(session, change.place, change.undone, change.access);
    told = fmt::format(
        "what had been database {} stays as {}, as it may have been written to; drop it with: DROP "
        "DATABASE {};",
        change.place, change.undone, identifier(change.undone));
  }
  if (change.kept.empty()) return told;
  if (database_id(session, change.kept) == change.kept_id) {
    move_database(session, change.kept, change.place, change.kept_access);
  } else if (database_id(session, change.place) == change.kept_id) {
    let_in(session, change.place, change.kept_access);
  }
  return told;
}

}  // namespace holdfast::engine::sqlserver
