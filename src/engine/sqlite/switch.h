// SPDX-License-Identifier: Apache-2.0
// Putting a finished database file in the place of another, or of none, and putting that back.
//
// The file is built beside its place and switched by one rename. What was there before keeps its
// content under a new name. Every step is announced with its undo before it is made.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/json.h"

namespace holdfast::engine::sqlite {

using Announce = std::function<void(std::string_view what, const Json& undo)>;

// A new file beside `place`, removed again unless switched in.
class NewFile {
 public:
  // Announces and makes it.
  NewFile(const std::filesystem::path& place, const Announce& announce);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  // Puts the file in its place, durably, with mode and owner of `facts`. What stands there must be
  // empty, or goes to `kept` if that is given. Errc::exists if something is there and may not go;
  // Errc::unavailable if somebody has it open. True if something was kept.
  bool switch_in(const Json& facts, const std::filesystem::path& kept, const Announce& announce);

 private:
  std::filesystem::path place_, path_;
  bool switched_ = false;
};

// Errc::exists unless nothing is at `place`, or an empty database, or `replace`; Errc::exists too
// if `kept` is taken.
void check_place(const std::filesystem::path& place, bool replace,
                 const std::filesystem::path& kept);

// Undoes what was announced. Errc::exists, touching nothing, if neither ours nor the former file is
// in the place.
void undo_switch(const Json& undo);

}  // namespace holdfast::engine::sqlite
