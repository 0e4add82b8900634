// SPDX-License-Identifier: Apache-2.0
// Putting a restored database in its place, and putting that back.
//
// It is made beside the data directory, and what is replaced is kept beside it too: within it a
// server would take either for a database, and one that it cannot open keeps it from starting.
// Every step is announced with its undo before it is made.
//
// Source: typedb/typedb, database/CoreDatabaseManager.java of 2.29.1 and rocks/RocksDatabaseManager
// .java of 2.5.0 (loadAll), database/database_manager.rs of 3.0.0 to 3.12.3.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "engine/typedb/location.h"

namespace holdfast::engine::typedb {

using Announce = std::function<void(std::string_view what, const Json& undo)>;

// Where a database goes that makes room: "<data directory><suffix>/<name>"; empty for no suffix.
[[nodiscard]] std::filesystem::path kept_place(const Location& location, std::string_view suffix);

// Whether something is mounted there, a file system or a directory of the same one: nothing can be
// renamed into it from beside it, and it cannot be renamed itself. Not if nothing is there.
[[nodiscard]] bool is_mount_point(const std::filesystem::path& directory);

// Errc::exists unless nothing is in the place, or something empty, or `kept` is given and free;
// Errc::not_found without a data directory; Errc::unsupported if that or the place is a mount
// point; Errc::unavailable if a server runs on it.
void check_place(const Location& location, const std::filesystem::path& kept);

// Room for a database beside the data directory, removed again unless switched in or left for its
// undo.
class NewDatabase {
 public:
  // Announces it and makes its parent.
  NewDatabase(const Location& location, const Announce& announce);
  ~NewDatabase();
  NewDatabase(const NewDatabase&) = delete;
  NewDatabase& operator=(const NewDatabase&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  // Puts what is at path() in its place, durably; errors of check_place(). True if something was
  // kept. Errc::unavailable too if a server was started meanwhile: what was announced is then to be
  // undone.
  bool switch_in(const std::filesystem::path& kept, const Announce& announce);
  // Stays until its undo, unless it is switched in after all.
  void leave() noexcept { stays_ = true; }

 private:
  Location location_;
  std::filesystem::path room_, path_;
  bool stays_ = false;
};

// Undoes what was announced; repeated, it does no harm. Errc::exists, touching nothing, if neither
// ours nor nothing is in the place; Errc::unavailable if a server runs on it.
void undo_switch(const Json& undo);
// Throws what undo_switch() would now.
void check_switch_undo(const Json& undo);
// Whether it is a switch, and what it put in place is there.
[[nodiscard]] bool switch_stands(const Json& undo);

}  // namespace holdfast::engine::typedb
