// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/switch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "engine/sqlite/content.h"
#include "engine/sqlite/header.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/location.h"
#include "engine/sqlite/locks.h"
#include "engine/sqlite/reader.h"

namespace holdfast::engine::sqlite {
namespace {

using namespace std::chrono_literals;

void remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    throw system_error(errno, fmt::format("removing {}", path.native()));
  }
}

void rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    throw system_error(errno, fmt::format("renaming {} to {}", from.native(), to.native()));
  }
}

bool is_there(const std::filesystem::path& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

bool is_database(const std::filesystem::path& path) {
  Connection look(path, Access::read_only);
  std::array<std::byte, header_bytes> front{};
  return parse_header(ByteView(front).first(look.read_front(front))).has_value();
}

// What is damaged is not nothing.
bool holds_nothing(const std::filesystem::path& path) {
  try {
    Reader reader = open_live(path);
    return is_empty(reader.connection);
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt && error.code() != Errc::not_consistent) throw;
    return false;
  }
}

[[noreturn]] void refuse_open(const std::filesystem::path& path, std::string_view who) {
  throw Error(Errc::unavailable, fmt::format("{} is in use by {}", path.native(), who))
      .set_hint(
          "Stop the application first; a database that is replaced under it would be lost to it.");
}

void refuse_if_open(const std::filesystem::path& path, const FileFacts& facts) {
  const std::vector<std::string> users = who_has_open(facts.device, facts.inode);
  if (!users.empty()) refuse_open(path, users.front());
}

// Brings what is in the log or journal of an old database into its file, so that the file alone is
// all of it.
void settle_old(const std::filesystem::path& place) {
  Connection old(place, Access::read_write);
  old.wait_for(2s);
  old.tidy_on_close(true);
  old.run("PRAGMA locking_mode=EXCLUSIVE");
  if (old.begin_immediate() != Begin::done) refuse_open(place, "another program");
  old.run("COMMIT");
  Statement checkpoint = old.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  if (checkpoint.step() && checkpoint.integer(0) != 0) refuse_open(place, "another program");
}

// A damaged database cannot be settled; where it is kept, it is kept as it is, siblings and all.
void settle_unless_damaged(const std::filesystem::path& place, bool keep) {
  try {
    settle_old(place);
  } catch (const Error& error) {
    if (!keep || (error.code() != Errc::corrupt && error.code() != Errc::not_consistent)) throw;
  }
}

// Makes `kept` another name of the file at `place`; the place itself stays taken, so that nobody
// finds it missing.
void keep_old(const std::filesystem::path& place, const std::filesystem::path& kept) {
  if (::link(place.c_str(), kept.c_str()) == 0) return;
  const bool without_links =
      errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK;
  if (!without_links)
    throw system_error(errno, fmt::format("keeping {} as {}", place.native(), kept.native()));
  rename_file(place, kept);
}

// What is no readable database may still be wanted: it is kept with its siblings as they are.
void move_siblings(const std::filesystem::path& place, const std::filesystem::path& kept) {
  if (is_there(wal_of(place))) rename_file(wal_of(place), wal_of(kept));
  if (is_there(journal_of(place))) rename_file(journal_of(place), journal_of(kept));
  remove_file(shm_of(place));
}

std::filesystem::path path_at(const Json& undo, std::string_view key) {
  std::filesystem::path path = undo.at(key).as_string();
  if (!path.empty() && !path.is_absolute())
    throw Error(Errc::corrupt, fmt::format("`{}` is no absolute path", key));
  return path;
}

bool is_our_file(const std::filesystem::path& path, const Json& undo) {
  const std::optional<FileFacts> facts = file_facts(path);
  return facts && facts->device == undo.at("device").as_uint() &&
         facts->inode == undo.at("inode").as_uint() &&
         facts->born_ns == undo.at("born_ns").as_int();
}

void put_siblings_back(const std::filesystem::path& kept, const std::filesystem::path& place) {
  if (is_there(wal_of(kept))) rename_file(wal_of(kept), wal_of(place));
  if (is_there(journal_of(kept))) rename_file(journal_of(kept), journal_of(place));
}

void put_back_kept(const std::filesystem::path& place, const std::filesystem::path& kept,
                   bool ours_is_there) {
  const std::optional<FileFacts> now = file_facts(place);
  const std::optional<FileFacts> old = file_facts(kept);
  if (!old) return;  // put back already
  if (now && now->device == old->device && now->inode == old->inode) {
    put_siblings_back(kept, place);
    remove_file(kept);  // the place never changed hands
    return;
  }
  if (now && !ours_is_there) {
    throw Error(
        Errc::exists,
        fmt::format("{} is neither what was restored nor what was there before", place.native()))
        .set_hint(fmt::format("The former database is {}; move it back by hand if it is wanted.",
                              kept.native()));
  }
  if (ours_is_there) remove_siblings(place);
  rename_file(kept, place);
  put_siblings_back(kept, place);
}

void put_back_empty(const std::filesystem::path& place, const Json& facts) {
  const Fd file = open_file(place, O_WRONLY | O_CREAT | O_EXCL, 0600);
  apply_ownership(file.get(), facts, std::nullopt);
}

}  // namespace

NewFile::NewFile(const std::filesystem::path& place, const Announce& announce)
    : place_(place), path_(beside(place)) {
  Json undo = Json::object();
  undo.set("kind", "remove").set("path", path_.native());
  announce(fmt::format("write {}", path_.native()), undo);
  Fd file = open_file(path_, O_RDWR | O_CREAT | O_EXCL, 0600);
  file.close(path_.native());
}

NewFile::~NewFile() {
  if (switched_) return;
  for (const auto& path : {path_, wal_of(path_), shm_of(path_), journal_of(path_)}) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      log(LogLevel::warn, "a file that was not finished could not be removed",
          {{"path", path.native()}});
    }
  }
}

void check_place(const std::filesystem::path& place, bool replace,
                 const std::filesystem::path& kept) {
  if (!is_there(place)) {
    for (const auto& sibling : {wal_of(place), journal_of(place)}) {
      if (!is_there(sibling)) continue;
      throw Error(Errc::exists, fmt::format("{} is there without its database", sibling.native()))
          .set_hint("It would damage the restored database. Move it away if nobody needs it.");
    }
    return;
  }
  const std::optional<FileFacts> facts = file_facts(place);
  if (!facts || !facts->regular)
    throw Error(Errc::exists, fmt::format("{} is no regular file", place.native()));
  if (!replace) {
    const Siblings siblings = siblings_of(place);
    const bool bare =
        facts->size_bytes == 0 && siblings.wal_bytes == 0 && siblings.journal_bytes == 0;
    if (!bare && !(is_database(place) && holds_nothing(place))) {
      throw Error(Errc::exists, fmt::format("{} exists and is not empty", place.native()))
          .set_hint(
              "Choose another path, or use --replace: what is there is then kept under another "
              "name.");
    }
  } else if (is_there(kept)) {
    throw Error(Errc::exists, fmt::format("{} exists already", kept.native()));
  }
}

bool NewFile::switch_in(const Json& facts, const std::filesystem::path& kept,
                        const Announce& announce) {
  check_place(place_, !kept.empty(), kept);
  const std::optional<FileFacts> old = file_facts(place_);
  Fd file = open_file(path_, O_RDWR);
  apply_ownership(file.get(), facts, old);
  fsync_file(file.get(), path_.native());
  const std::optional<FileFacts> own = file_facts(path_);
  check_rule(own.has_value(), "the new file is there");

  const bool keep = old && !kept.empty();
  Json undo = Json::object();
  undo.set("kind", "switch").set("path", place_.native()).set("new", path_.native());
  undo.set("kept", keep ? kept.native() : "").set("device", own->device);
  undo.set("inode", own->inode).set("born_ns", own->born_ns);
  undo.set("was_empty", Json(nullptr));
  if (old && !keep) {
    Json ownership = Json::object();
    add_ownership(ownership, *old);
    undo.set("was_empty", std::move(ownership));
  }
  announce(fmt::format("put {} in place", place_.native()), undo);

  Fd old_file;
  if (old) {
    refuse_if_open(place_, *old);
    const bool readable = old->size_bytes > 0 && is_database(place_);
    if (readable) settle_unless_damaged(place_, keep);
    old_file = open_file(place_, O_RDWR);
    if (!try_lock_exclusive(old_file.get())) refuse_open(place_, "another program");
    refuse_if_open(place_, *old);  // who came between
    if (keep) {
      keep_old(place_, kept);
      move_siblings(place_, kept);
    } else {
      remove_siblings(place_);
    }
  }
  rename_file(path_, place_);
  switched_ = true;
  fsync_directory(place_.parent_path());
  file.close(place_.native());
  return keep;
}

// Each step looks at what is there, so that an undo that was itself interrupted can be repeated.
void undo_switch(const Json& undo) {
  const std::string& kind = undo.at("kind").as_string();
  if (kind == "none") return;  // a transaction, which undid itself
  const std::filesystem::path path = path_at(undo, "path");
  if (kind == "remove") {
    remove_file(path);
    remove_siblings(path);
    return;
  }
  if (kind != "switch") throw Error(Errc::corrupt, fmt::format("unknown kind of undo `{}`", kind));
  const std::filesystem::path kept = path_at(undo, "kept");
  const bool ours_is_there = is_our_file(path, undo);
  if (!kept.empty()) {
    put_back_kept(path, kept, ours_is_there);
  } else if (ours_is_there) {
    remove_siblings(path);
    remove_file(path);
  }
  const Json& was_empty = undo.at("was_empty");
  if (kept.empty() && was_empty.is_object() && !is_there(path)) put_back_empty(path, was_empty);
  remove_file(path_at(undo, "new"));
  if (is_there(path.parent_path())) fsync_directory(path.parent_path());
}

}  // namespace holdfast::engine::sqlite
