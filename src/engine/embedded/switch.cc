// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/switch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/embedded/hold.h"

namespace holdfast::engine::embedded {
namespace {

namespace fs = std::filesystem;

// Errc::exists if `to` is there but where the file system cannot promise that.
void rename_entry(const fs::path& from, const fs::path& to) {
  int result = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
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

bool is_ours(const fs::path& path, const Json& undo) {
  const std::optional<PlaceFacts> facts = place_facts(path);
  return facts && facts->device == undo.at("device").as_uint() &&
         facts->inode == undo.at("inode").as_uint() &&
         facts->born_ns == undo.at("born_ns").as_int();
}

std::string_view kind_of(const Json& undo) {
  const std::string_view kind = undo.at("kind").as_string();
  if (kind != "remove" && kind != "switch")
    throw Error(Errc::corrupt, fmt::format("unknown kind of undo `{}`", kind));
  return kind;
}

void refuse_if_open(const Kind& kind, const fs::path& place) {
  const std::optional<LockHolder> holder = who_locks(kind.lock_of(place).path);
  if (!holder) return;
  throw Error(Errc::unavailable,
              fmt::format("{} is in use by {}", place.native(), display(*holder)))
      .set_hint("Stop the application first; what was there before can be put back then.");
}

void put_back_empty(const Kind& kind, const fs::path& place, const Json& was) {
  if (kind.is_directory()) {
    if (::mkdir(place.c_str(), 0700) != 0)
      throw system_error(errno, fmt::format("making {}", place.native()));
  } else {
    static_cast<void>(open_file(place, O_WRONLY | O_CREAT | O_EXCL, 0600));
  }
  const auto uid = static_cast<uid_t>(was.uint_or("uid", 0));
  const auto gid = static_cast<gid_t>(was.uint_or("gid", 0));
  static_cast<void>(::lchown(place.c_str(), uid, gid) == 0);  // need not be permitted
  static_cast<void>(
      ::chmod(place.c_str(), static_cast<mode_t>(was.uint_or("mode", 0600) & 07777)) == 0);
}

Json undo_of(const fs::path& place, const fs::path& made, const fs::path& kept,
             const PlaceFacts& own, const std::optional<PlaceFacts>& old) {
  Json undo = Json::object();
  undo.set("kind", "switch").set("path", place.native()).set("new", made.native());
  undo.set("kept", old ? kept.native() : "");
  undo.set("device", own.device).set("inode", own.inode).set("born_ns", own.born_ns);
  undo.set("was_empty", Json(nullptr));
  if (old && kept.empty())
    undo.set("was_empty",
             Json::object().set("mode", old->mode).set("uid", old->uid).set("gid", old->gid));
  return undo;
}

}  // namespace

void check_place(const fs::path& place, const fs::path& kept) {
  if (!place_facts(place.parent_path()))
    throw Error(Errc::not_found, fmt::format("{} is not there", place.parent_path().native()))
        .set_hint("Make the directory in which the database shall be.");
  if (!place_facts(place)) return;
  if (kept.empty() && !holds_nothing(place))
    throw Error(Errc::exists, fmt::format("{} exists and is not empty", place.native()))
        .set_hint(
            "Choose another path, or use --replace: what is there is then kept under another "
            "name.");
  if (!kept.empty() && place_facts(kept))
    throw Error(Errc::exists, fmt::format("{} exists already", kept.native()));
}

NewTree::NewTree(const Kind& kind, const fs::path& place, const Announce& announce)
    : kind_(kind), place_(place), path_(beside(place)) {
  announce(fmt::format("write {}", path_.native()),
           Json::object().set("kind", "remove").set("path", path_.native()));
}

NewTree::~NewTree() {
  if (stays_) return;
  try {
    erase_tree(path_);
  } catch (const Error& error) {
    log(LogLevel::warn, "what was not finished could not be removed", {{"why", error.message()}});
  }
}

void NewTree::put_in_place(const std::optional<PlaceFacts>& old, const fs::path& kept) {
  if (!old) return rename_entry(path_, place_);
  if (kept.empty()) {  // an empty one makes room by being replaced
    if (::rename(path_.c_str(), place_.c_str()) != 0)
      throw system_error(errno, fmt::format("renaming {} to {}", path_.native(), place_.native()));
    return;
  }
  if (!exchange(path_, place_)) {
    rename_entry(place_, kept);
    return rename_entry(path_, place_);
  }
  try {
    rename_entry(path_, kept);
  } catch (const Error&) {
    static_cast<void>(exchange(path_, place_));
    throw;
  }
}

bool NewTree::switch_in(const fs::path& kept, const Announce& announce) {
  check_place(place_, kept);
  const std::optional<PlaceFacts> own = place_facts(path_);
  check_rule(own.has_value(), "what is switched in was made");
  const bool empty = holds_nothing(place_);
  const std::optional<PlaceFacts> old = place_facts(place_);
  const fs::path keep = old && !empty ? kept : fs::path();
  sync_file_system(path_);
  // Whoever comes is kept out of the new one as of the old one until all is done.
  FileLock own_lock = take_lock(kind_, path_);
  std::optional<FileLock> old_lock;
  if (!keep.empty()) old_lock.emplace(take_lock(kind_, place_));
  announce(fmt::format("put {} in place", place_.native()),
           undo_of(place_, path_, keep, *own, old));
  put_in_place(old, keep);
  stays_ = true;
  own_lock.renamed(kind_.lock_of(place_).path);
  if (old_lock) old_lock->renamed(kind_.lock_of(keep).path);
  fsync_directory(place_.parent_path());
  return !keep.empty();
}

void check_switch_undo(const Kind& kind, const Json& undo) {
  if (kind_of(undo) == "remove") return;
  const fs::path place = path_at(undo, "path");
  const fs::path kept = path_at(undo, "kept");
  if (is_ours(place, undo)) return refuse_if_open(kind, place);
  const bool kept_is_there = !kept.empty() && place_facts(kept) && !is_ours(kept, undo);
  if (kept_is_there && place_facts(place))
    throw Error(Errc::exists, fmt::format("{} is neither what was restored nor what was there "
                                          "before",
                                          place.native()))
        .set_hint(fmt::format("The former database is {}; move it back by hand if it is wanted.",
                              kept.native()));
}

// Each step looks at what is there, so that an undo that was itself interrupted can be repeated.
void undo_switch(const Kind& kind, const Json& undo) {
  if (kind_of(undo) == "remove") return erase_tree(path_at(undo, "path"));
  check_switch_undo(kind, undo);
  const fs::path place = path_at(undo, "path");
  const fs::path made = path_at(undo, "new");
  const fs::path kept = path_at(undo, "kept");
  if (is_ours(place, undo)) {
    FileLock lock = take_lock(kind, place);
    if (!place_facts(made)) {
      rename_entry(place, made);
    } else if (!exchange(made, place)) {  // only an exchange can have put the old one there
      throw Error(Errc::exists, fmt::format("{} is in the way", made.native()));
    }
    lock.renamed(kind.lock_of(made).path);
  }
  if (!kept.empty() && place_facts(kept) && !place_facts(place)) rename_entry(kept, place);
  const Json& was_empty = undo.at("was_empty");
  if (was_empty.is_object() && !place_facts(place)) put_back_empty(kind, place, was_empty);
  if (is_ours(made, undo)) erase_tree(made);
  if (place_facts(place.parent_path())) fsync_directory(place.parent_path());
}

bool switch_stands(const Json& undo) {
  return kind_of(undo) == "switch" && is_ours(path_at(undo, "path"), undo);
}

}  // namespace holdfast::engine::embedded
