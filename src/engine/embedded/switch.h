// SPDX-License-Identifier: Apache-2.0
// Putting a restored file or directory in the place of another, or of none, and putting that back.
//
// It is made beside its place and switched by renaming; what was there keeps its content under a
// new name, and the place is never without a database in between where the system can exchange two
// names (renameat2(2)). Every step is announced with its undo before it is made.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "engine/embedded/kind.h"
#include "engine/embedded/place.h"

namespace holdfast::engine::embedded {

using Announce = std::function<void(std::string_view what, const Json& undo)>;

// Room for something new beside `place`, removed again unless switched in or left for its undo.
class NewTree {
 public:
  // Announces it; makes nothing.
  NewTree(const Kind& kind, const std::filesystem::path& place, const Announce& announce);
  ~NewTree();
  NewTree(const NewTree&) = delete;
  NewTree& operator=(const NewTree&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  // Puts what is at path() in its place, durably. What stands there must be empty, or goes to
  // `kept` if that is given. Errc::exists if something is there and may not go; Errc::unavailable
  // naming who has it open. True if something was kept.
  bool switch_in(const std::filesystem::path& kept, const Announce& announce);
  // Stays until its undo, unless it is switched in after all.
  void leave() noexcept { stays_ = true; }

 private:
  void put_in_place(const std::optional<PlaceFacts>& old, const std::filesystem::path& kept);

  const Kind& kind_;
  std::filesystem::path place_, path_;
  bool stays_ = false;
};

// Errc::exists unless nothing is at `place`, or something empty, or `kept` is given and free.
void check_place(const std::filesystem::path& place, const std::filesystem::path& kept);

// Undoes what was announced; repeated, it does no harm. Errc::exists, touching nothing, if neither
// ours nor nothing is in the place; Errc::unavailable if somebody has ours open.
void undo_switch(const Kind& kind, const Json& undo);
// Throws what undo_switch() would now.
void check_switch_undo(const Kind& kind, const Json& undo);
// Whether it is a switch, and what it put in place is there.
[[nodiscard]] bool switch_stands(const Json& undo);

}  // namespace holdfast::engine::embedded
