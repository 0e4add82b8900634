// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/switch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/embedded/place.h"
#include "engine/typedb/database_lock.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
using embedded::holds_nothing;
using embedded::place_facts;
using embedded::PlaceFacts;

// Errc::exists if something is at `to`, but an empty directory where that may make room.
void rename_entry(const fs::path& from, const fs::path& to, bool over_empty = false) {
  const unsigned flags = over_empty ? 0 : RENAME_NOREPLACE;
  int result = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags);
  if (result != 0 && (errno == EINVAL || errno == ENOSYS) && !place_facts(to))
    result = ::rename(from.c_str(), to.c_str());
  if (result != 0)
    throw system_error(errno, fmt::format("renaming {} to {}", from.native(), to.native()));
}

// False if the file system cannot.
bool exchange(const fs::path& a, const fs::path& b) {
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno == EINVAL || errno == ENOSYS) return false;
  throw system_error(errno, fmt::format("exchanging {} and {}", a.native(), b.native()));
}

void make_like(const fs::path& directory, const PlaceFacts& like) {
  if (::mkdir(directory.c_str(), 0700) != 0) {
    if (errno == EEXIST) return;
    throw system_error(errno, fmt::format("making {}", directory.native()));
  }
  static_cast<void>(::lchown(directory.c_str(), like.uid, like.gid) == 0);  // need not be permitted
  static_cast<void>(::chmod(directory.c_str(), like.mode) == 0);
}

void sync_file_system(const fs::path& path) {
  const Fd opened = open_file(path, O_RDONLY | O_NONBLOCK);
  if (::syncfs(opened.get()) != 0)
    throw system_error(errno, fmt::format("syncing {}", path.native()));
}

fs::path path_at(const Json& undo, std::string_view key) {
  fs::path path = undo.at(key).as_string();
  if (!path.empty() && !path.is_absolute())
    throw Error(Errc::corrupt, fmt::format("`{}` is no absolute path", key));
  return path;
}

std::string_view kind_of(const Json& undo) {
  const std::string_view kind = undo.at("kind").as_string();
  if (kind != "remove" && kind != "switch")
    throw Error(Errc::corrupt, fmt::format("unknown kind of undo `{}`", kind));
  return kind;
}

bool is_ours(const fs::path& path, const Json& undo) {
  const std::optional<PlaceFacts> facts = place_facts(path);
  return facts && facts->device == undo.at("device").as_uint() &&
         facts->inode == undo.at("inode").as_uint() &&
         facts->born_ns == undo.at("born_ns").as_int();
}

Json undo_of(const fs::path& place, const fs::path& made, const fs::path& kept,
             const PlaceFacts& own) {
  Json undo = Json::object();
  undo.set("kind", "switch").set("path", place.native()).set("new", made.native());
  undo.set("kept", kept.native());
  undo.set("device", own.device).set("inode", own.inode).set("born_ns", own.born_ns);
  return undo;
}

// Nothing if the kernel (before 5.8) does not tell.
std::optional<std::uint64_t> mount_of(const fs::path& path) {
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &found) != 0 ||
      (found.stx_mask & STATX_MNT_ID) == 0)
    return std::nullopt;
  return found.stx_mnt_id;
}

// It goes once nothing is in it.
void remove_room(const fs::path& room) {
  if (::rmdir(room.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY)
    throw system_error(errno, fmt::format("removing {}", room.native()));
}

}  // namespace

fs::path kept_place(const Location& location, std::string_view suffix) {
  if (suffix.empty()) return {};
  return fs::path(location.data_directory.native() + std::string(suffix)) / location.name();
}

bool is_mount_point(const fs::path& directory) {
  const std::optional<PlaceFacts> there = place_facts(directory);
  if (!there) return false;
  const std::optional<PlaceFacts> above = place_facts(directory.parent_path());
  return !above || above->device != there->device ||
         mount_of(directory) != mount_of(directory.parent_path());
}

void check_place(const Location& location, const fs::path& kept) {
  const std::optional<PlaceFacts> directory = place_facts(location.data_directory);
  if (!directory || !directory->directory)
    throw Error(Errc::not_found, fmt::format("{} is not there", location.data_directory.native()))
        .set_hint("Make the data directory of the server, or start and stop the server once.");
  for (const fs::path& one : {location.data_directory, location.database})
    if (is_mount_point(one))
      throw Error(Errc::unsupported, fmt::format("{} is a mount point", one.native()))
          .set_hint(
              "A database is made beside the data directory and renamed into it: configure a data "
              "directory below that one.");
  refuse_if_served(location.data_directory);
  if (!place_facts(location.database)) return;
  if (kept.empty() && !holds_nothing(location.database))
    throw Error(Errc::exists, fmt::format("{} exists and is not empty", location.database.native()))
        .set_hint(
            "Choose another name, or use --replace: what is there is then kept beside the data "
            "directory.");
  if (!kept.empty() && place_facts(kept))
    throw Error(Errc::exists, fmt::format("{} exists already", kept.native()));
}

NewDatabase::NewDatabase(const Location& location, const Announce& announce)
    : location_(location), room_(embedded::beside(location.data_directory)) {
  path_ = room_ / location.name();
  announce(fmt::format("write {}", room_.native()),
           Json::object().set("kind", "remove").set("path", room_.native()));
  if (::mkdir(room_.c_str(), 0700) != 0)
    throw system_error(errno, fmt::format("making {}", room_.native()));
}

NewDatabase::~NewDatabase() {
  if (stays_) return;
  try {
    erase_tree(room_);
  } catch (const Error& error) {
    log(LogLevel::warn, "what was not finished could not be removed", {{"why", error.message()}});
  }
}

bool NewDatabase::switch_in(const fs::path& kept, const Announce& announce) {
  check_place(location_, kept);
  const fs::path& place = location_.database;
  const std::optional<PlaceFacts> own = place_facts(path_);
  check_rule(own.has_value(), "what is switched in was made");
  const bool empty = holds_nothing(place);
  const fs::path keep = empty ? fs::path() : kept;
  sync_file_system(path_);
  // A server that comes is kept out of what makes room.
  std::optional<DatabaseLocks> old;
  if (!keep.empty()) old.emplace(place);
  announce(fmt::format("put {} in place", place.native()), undo_of(place, path_, keep, *own));
  stays_ = true;
  if (!keep.empty()) {
    const auto like = place_facts(location_.data_directory);
    make_like(keep.parent_path(), like.value_or(*own));
    fsync_directory(keep.parent_path().parent_path());
    if (exchange(path_, place)) {
      rename_entry(path_, keep);
    } else {
      rename_entry(place, keep);
      rename_entry(path_, place);
    }
    fsync_directory(keep.parent_path());
  } else {
    rename_entry(path_, place, true);
  }
  fsync_directory(location_.data_directory);
  old.reset();
  refuse_if_served(location_.data_directory);
  remove_room(room_);
  return !keep.empty();
}

void check_switch_undo(const Json& undo) {
  if (kind_of(undo) == "remove") return;
  const fs::path place = path_at(undo, "path");
  const fs::path kept = path_at(undo, "kept");
  if (is_ours(place, undo)) return refuse_if_served(place.parent_path());
  const bool kept_is_there = !kept.empty() && place_facts(kept);
  if (kept_is_there && place_facts(place))
    throw Error(Errc::exists, fmt::format("{} is neither what was restored nor what was there "
                                          "before",
                                          place.native()))
        .set_hint(fmt::format("The former database is {}; move it back by hand if it is wanted.",
                              kept.native()));
  if (kept_is_there) refuse_if_served(place.parent_path());
}

// Each step looks at what is there, so that an undo that was itself interrupted can be repeated.
void undo_switch(const Json& undo) {
  if (kind_of(undo) == "remove") return erase_tree(path_at(undo, "path"));
  check_switch_undo(undo);
  const fs::path place = path_at(undo, "path");
  const fs::path made = path_at(undo, "new");
  const fs::path kept = path_at(undo, "kept");
  if (is_ours(place, undo)) {
    if (!place_facts(made.parent_path())) make_like(made.parent_path(), *place_facts(place));
    if (!place_facts(made)) {
      rename_entry(place, made);
    } else if (!exchange(made, place)) {  // only an exchange can have put the old one there
      throw Error(Errc::exists, fmt::format("{} is in the way", made.native()));
    }
  }
  if (!kept.empty() && place_facts(kept) && !place_facts(place)) {
    rename_entry(kept, place);
    remove_room(kept.parent_path());
  }
  if (is_ours(made, undo)) erase_tree(made.parent_path());
  if (place_facts(place.parent_path())) fsync_directory(place.parent_path());
}

bool switch_stands(const Json& undo) {
  return kind_of(undo) == "switch" && is_ours(path_at(undo, "path"), undo);
}

}  // namespace holdfast::engine::typedb
