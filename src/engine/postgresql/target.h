// SPDX-License-Identifier: Apache-2.0
// The database that a load goes to: a new one beside its place, proven there and then renamed into
// it; or, for a role that may make none, the empty one that is there, which is marked and closed
// until it is done. Whatever is changed is announced first, with its undo.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/databases.h"
#include "engine/postgresql/in_place.h"
#include "engine/postgresql/location.h"
#include "engine/postgresql/script_rewrite.h"

namespace holdfast::engine::postgresql {

// What a new database is made with; of engine_facts.
struct DatabaseProperties {
  std::string owner, encoding, collate, ctype, provider, icu_locale, icu_rules, tablespace;
  std::int64_t connection_limit = -1;
};
[[nodiscard]] DatabaseProperties properties_of(const Json& engine_facts,
                                               const NameMapping& mapping);

[[nodiscard]] bool may_create_databases(Connection& admin);

class Target {
 public:
  // Connects to the server's maintenance database and looks; changes nothing. Errc::exists if the
  // database is there and not empty, unless options.replace.
  Target(const Location& into, const LoadOptions& options, const std::stop_token& stop);

  // A session on the server, in another database. It is let go by prepare(), as it may be in the
  // way of others, and made again when it is asked for.
  [[nodiscard]] Connection& admin();

  // Makes the place that is filled. The database is made with `properties` if there are any; if
  // `as_there`, one that is there says what it is made like.
  void prepare(const DatabaseProperties* properties, bool as_there = false);
  // What is filled, from prepare() on.
  [[nodiscard]] const Location& place() const noexcept { return place_; }
  [[nodiscard]] const Location& into() const noexcept { return into_; }
  [[nodiscard]] bool is_new() const noexcept { return is_new_; }
  // Once it is filled, runs what belongs to the database as such (settings, grants); in a
  // transaction. Nobody else is let in before switch_in().
  void finish(const std::function<void(Connection&)>& about);
  // What was found in the place, as it will be after switch_in().
  void correct(const model::DatabaseFacts& expected, model::DatabaseFacts& found) const;
  // Puts it in its place, however long after prepare(). Returns the name under which the old one is
  // kept, or nothing. Nobody may be connected to either any more, of our own.
  std::optional<std::string> switch_in();
  // Gives up what prepare() made, as undo would. Never throws.
  void give_up() noexcept;

 private:
  [[noreturn]] void refuse_content() const;
  void prepare_in_place(bool as_there);
  void look_at_existing();
  void refuse_filled_meanwhile();
  void open_in_place();
  void announce(std::string_view what, const Json& undo) const;

  Location into_;
  LoadOptions options_;
  std::stop_token stop_;
  std::optional<Connection> admin_;
  bool exists_ = false;
  bool is_new_ = false;
  Location place_;
  Json made_;  // the undo of prepare()
  Json like_;  // what remember_database() says of one that is there
  std::int64_t connection_limit_ = -1;
  // Of a place that is not new.
  std::string mark_;
  Settings lasting_;
  ClosedView view_;
};

}  // namespace holdfast::engine::postgresql
