// SPDX-License-Identifier: Apache-2.0
// The database that a load goes to: a new one beside its place, proven there and then renamed into
// it; or, for a role that may make none, the empty one that is there, which is marked until it is
// done. Whatever is changed is announced first, with its undo.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/postgresql/connection.h"
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

// Whether a database holds nothing of a user's.
[[nodiscard]] bool is_empty(Connection& connection);

[[nodiscard]] bool may_create_databases(Connection& admin);

// A session in the server's maintenance database, or in template1: not in the one that `into` is.
[[nodiscard]] Connection connect_admin(const Location& into, const std::stop_token& stop);

class Target {
 public:
  // Connects to the server's maintenance database and looks; changes nothing. Errc::exists if the
  // database is there and not empty, unless options.replace.
  Target(const Location& into, const LoadOptions& options, const std::stop_token& stop);

  [[nodiscard]] Connection& admin() noexcept { return admin_; }

  // Makes the place that is filled. The database is made with `properties` if there are any.
  void prepare(const DatabaseProperties* properties);
  // What is filled, from prepare() on.
  [[nodiscard]] const Location& place() const noexcept { return place_; }
  [[nodiscard]] const Location& into() const noexcept { return into_; }
  [[nodiscard]] bool is_new() const noexcept { return is_new_; }
  // A schema that is in the place until switch_in() and no part of the copy; empty: none.
  [[nodiscard]] const std::string& mark_name() const noexcept { return mark_; }
  // Puts it in its place, however long after prepare(). Returns the name under which the old one is
  // kept, or nothing. Nobody may be connected to either any more, of our own.
  std::optional<std::string> switch_in();
  // Gives up what prepare() made, as undo would. Never throws.
  void give_up() noexcept;

 private:
  [[noreturn]] void refuse_content() const;
  void prepare_in_place(Connection& connection);
  void announce(std::string_view what, const Json& undo) const;

  Location into_;
  LoadOptions options_;
  Connection admin_;
  bool exists_ = false;
  bool is_new_ = false;
  Location place_;
  Json made_;         // the undo of prepare()
  std::string mark_;  // of a place that is not new
  std::int64_t connection_limit_ = -1;
};

// Undoes one announced change; no error if nothing is left to do.
void undo_change(const Json& undo, const Location& into);

// `name` with `suffix`, cut so that it fits what the server keeps of a name (63 bytes).
[[nodiscard]] std::string with_suffix(std::string_view name, std::string_view suffix);

}  // namespace holdfast::engine::postgresql
