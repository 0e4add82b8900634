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

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::chrono::seconds patience{120};
constexpr std::chrono::milliseconds between_tries{500};

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

void let_in_again(Session& session, const std::string& name) {
  static_cast<void>(
      session.try_run(fmt::format("ALTER DATABASE {} SET MULTI_USER", identifier(name))));
}

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

void move_database(Session& session, const std::string& from, const std::string& to) {
  session.use("master");
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    end_sessions(session, from);
    const std::vector<Message> errors = session.try_run(
        fmt::format("ALTER DATABASE {} MODIFY NAME = {}", identifier(from), identifier(to)));
    const bool is_done =
        errors.empty() || (!database_id(session, from) && database_id(session, to));
    let_in_again(session, is_done ? to : from);
    if (is_done) return;
    if (!is_busy(errors) || std::chrono::steady_clock::now() > deadline)
      session.raise(errors, fmt::format("renaming database {} to {}", from, to), Errc::unavailable);
    // Whoever was faster to be the single user will be ended, too.
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
  constexpr std::string_view before = "_before_";
  const std::string_view time =
      kept_suffix.starts_with(before) ? kept_suffix.substr(before.size()) : kept_suffix;
  change.undone = free_database_name(session, place, fmt::format("_undone_{}", time));
  if (const auto there = database_id(session, place)) {
    change.kept_id = *there;
    change.kept = free_database_name(session, place, kept_suffix);
  }
  return change;
}

Json to_json(const DatabaseSwitch& change) {
  Json json = Json::object();
  json.set("place", change.place).set("beside", change.beside).set("beside_id", change.beside_id);
  json.set("kept", change.kept).set("kept_id", change.kept_id).set("undone", change.undone);
  return json;
}

DatabaseSwitch parse_switch(const Json& json) {
  return {json.at("place").as_string(),
          json.at("beside").as_string(),
          static_cast<int>(json.at("beside_id").as_int()),
          json.at("kept").as_string(),
          static_cast<int>(json.at("kept_id").as_int()),
          json.at("undone").as_string()};
}

void make_switch(Session& session, const DatabaseSwitch& change) {
  if (!change.kept.empty()) move_database(session, change.place, change.kept);
  move_database(session, change.beside, change.place);
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
    move_database(session, change.place, change.undone);
    told = fmt::format(
        "what had been database {} stays as {}, as it may have been written to; drop it with: DROP "
        "DATABASE {};",
        change.place, change.undone, identifier(change.undone));
  }
  if (!change.kept.empty() && database_id(session, change.kept) == change.kept_id)
    move_database(session, change.kept, change.place);
  return told;
}

}  // namespace holdfast::engine::sqlserver
