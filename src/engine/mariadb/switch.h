// SPDX-License-Identifier: Apache-2.0
// A schema of a random name that is filled and proven beside, and its way into the place where it
// belongs, by one RENAME. The way back is in undo_switch.h.
//
// Nothing that bears the public name is written to before that, and nothing that bore it is
// dropped: what is replaced keeps its content under a new name. Every step is announced first.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/child_keys.h"
#include "engine/mariadb/client.h"
#include "engine/mariadb/make_code.h"

namespace holdfast::engine::mariadb {

using Announce = std::function<void(std::string_view what, const Json& undo)>;

// The schema that is filled.
class Beside {
 public:
  // `place`: where it will belong; nothing is looked at or changed there.
  Beside(Connection& connection, std::string place, Announce announce);
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& place() const noexcept { return place_; }
  void announce(std::string_view what, const Json& undo) const { announce_(what, undo); }
  // Gives it up, as its undo would. Never throws. Not once a switch has begun.
  void give_up(Connection& connection) const noexcept;

 private:
  std::string place_, name_;
  Announce announce_;
};

// How it is put in its place.
struct SwitchOptions {
  bool replace = false;
  std::string kept_suffix;
  // In its own place, where what acts by itself may act again.
  bool wakes_events = false;
  // Told once all but the events is in its place.
  std::function<void()> before_events;
};

// What the tables of the schema beside are completed with; all of it was made there already, and is
// still there.
struct Arrival {
  std::vector<CodeDef> code;  // in an order in which it can be made
  std::string from;           // the schema in which it was defined
};

struct Switched {
  std::vector<std::string> kept;      // under its new name, with the statement that drops it
  std::vector<std::string> left_out;  // what is not as it was; each a sentence
  std::vector<std::string> notes;     // what is so on purpose, or was not looked at
};

// Looks whether the place may be taken: Errc::exists. Changes nothing.
void check_place(Connection& connection, const std::string& place, const SwitchOptions& options);

// Puts all of it in its place.
[[nodiscard]] Switched switch_in(Connection& connection, const Beside& beside,
                                 const Arrival& arrival, const SwitchOptions& options);

// What tells that all was done, however it ends. Nothing may be changed after it. `undone`: the
// names that an undo would give to what is in place: of schemas, or of tables in the place.
void announce_complete(Connection& connection, const Beside& beside, Json undone);

// The marks in a schema beside, by which an undo knows whether the RENAME was made.
struct Marks {
  std::string before, after;
};
[[nodiscard]] Marks marks_of(const std::string& beside);

// Makes events; those that are enabled only where they may act. Tells of those that sleep, and of
// those whose time is over.
void make_events(Connection& connection, const Arrival& arrival, bool wakes, Switched& switched);

// Puts what was announced back. What is left for somebody to look at, as lines; empty: nothing.
std::string undo_change(Connection& connection, const Json& undo);
// Throws if it is plain that it cannot be put back, as what was kept is gone. Changes nothing.
void check_undo(Connection& connection, const Json& undo);
// Whether what was announced is that all was done. Changes nothing.
[[nodiscard]] bool change_stands(Connection& connection, const Json& undo);

}  // namespace holdfast::engine::mariadb
