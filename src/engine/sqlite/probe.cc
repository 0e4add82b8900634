// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/probe.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "base/error.h"
#include "base/units.h"
#include "engine/sqlite/content.h"
#include "engine/sqlite/header.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/location.h"
#include "engine/sqlite/reader.h"

namespace holdfast::engine::sqlite {
namespace {

using namespace std::chrono_literals;
using model::MendClass;
using model::Severity;

constexpr auto lock_wait = 2s;
// Above this a copy under a lock is unlikely to end within a second on a slow disk.
constexpr std::uint64_t rollback_comfortable_bytes = 32U << 20U;

class Prober {
 public:
  Prober(const model::Endpoint& endpoint, const std::stop_token& stop)
      : endpoint_(endpoint), stop_(stop), path_(path_of(endpoint)) {}

  Probe run() {
    probe_.version = library_version();
    probe_.server = "sqlite";
    probe_.own_files = {path_, wal_of(path_), shm_of(path_), journal_of(path_)};
    probe_.abilities = {
        .rows = true, .fence = true, .scratch = true, .tables = true, .grants = true};
    const std::optional<FileFacts> file = file_facts(path_);
    if (!file) {
      look_for_orphans();
      return std::move(probe_);
    }
    probe_.exists = true;
    if (!file->regular) {
      find("sqlite-not-a-file", Severity::blocker,
           fmt::format("{} is no regular file", path_.native()),
           "only regular files hold SQLite databases", "correct the path in the instance file",
           MendClass::manual);
      probe_.empty = false;
      return std::move(probe_);
    }
    // Probing answers whatever state the database is in, and so do the probes of all others.
    try {
      check_stop();
      look_at_file(*file);
    } catch (const Error& error) {
      check_stop();
      probe_.empty = false;
      find_unobservable(error);
    }
    return std::move(probe_);
  }

 private:
  void find(std::string_view code, Severity severity, std::string seen, std::string_view why,
            std::string_view mend, MendClass mend_class) {
    probe_.findings.push_back({std::string(code), severity, endpoint_.component, std::move(seen),
                               std::string(why), std::string(mend), mend_class, false, ""});
  }

  void find_unobservable(const Error& error) {
    find("sqlite-content-unobservable", Severity::blocker, error.message(),
         "what cannot be opened now cannot be copied either",
         error.hint().empty() ? "see the message; run as the application's user" : error.hint(),
         MendClass::manual);
  }

  void look_for_orphans() {
    const Siblings siblings = siblings_of(path_);
    if (siblings.wal_bytes == 0 && siblings.journal_bytes == 0) return;
    find("sqlite-orphaned-siblings", Severity::warning,
         fmt::format("{} is not there, but its {} is", path_.native(),
                     siblings.wal_bytes > 0 ? "-wal" : "-journal"),
         "they would damage another database that takes this name",
         "move them to where their database went, or remove them if it is gone for good",
         MendClass::manual);
  }

  void look_at_file(const FileFacts& file) {
    siblings_ = siblings_of(path_);
    probe_.size_bytes = file.size_bytes + siblings_.wal_bytes;
    probe_.scratch_bytes = probe_.size_bytes + siblings_.journal_bytes;
    add_ownership(probe_.facts, file);
    look_at_place(file);
    if (!may_read(path_)) {
      find("sqlite-unreadable", Severity::blocker,
           fmt::format("{} may not be read by us", path_.native()),
           "what cannot be read cannot be copied",
           "run as a user who may read it, or change its mode", MendClass::manual);
      probe_.empty = false;
      return;
    }
    Connection look(path_, Access::read_only);
    std::array<std::byte, header_bytes> front{};
    const std::size_t count = look.read_front(front);
    probe_.empty = count == 0 && siblings_.wal_bytes == 0;
    if (count == 0) return;
    const std::optional<Header> header = parse_header(ByteView(front).first(count));
    if (!header) {
      find("sqlite-not-a-database", Severity::blocker,
           fmt::format("{} does not begin as an SQLite database does", path_.native()),
           "it is another kind of file, damaged, or encrypted by an extension; none of these can "
           "be copied soundly",
           "correct the path, or copy an encrypted database with its own tools", MendClass::manual);
      return;
    }
    const bool writer = look.writer_is_active();
    if (const auto shortfall = find_shortfall(look, path_)) {
      find("sqlite-truncated", Severity::blocker,
           fmt::format("{} has {} bytes, its header says {}", path_.native(),
                       shortfall->found_bytes, shortfall->expected_bytes),
           "its end is missing, and with it data",
           "restore it from a backup, or save what is left with `.recover`", MendClass::manual);
    }
    look_at_header(file, *header, writer);
    if (model::has_blocker(probe_.findings)) return;
    look_inside();
  }

  void look_at_place(const FileFacts& file) {
    const std::optional<std::string> network = network_filesystem(path_);
    if (!network) {
      find("sqlite-network-filesystem-unobservable", Severity::blocker,
           fmt::format("the file system of {} does not say what it is", path_.native()),
           "on a network file system locks may not hold, and a copy may be torn",
           "accept this code if the file system is a local one", MendClass::manual);
    } else if (!network->empty()) {
      find("sqlite-network-filesystem", Severity::warning,
           fmt::format("{} lies on {}", path_.native(), *network),
           "SQLite's locks do not hold reliably there, and WAL does not work between hosts",
           "run the backup on the host that runs the application, or move the database to a local "
           "disk",
           MendClass::manual);
    }
    if (file.links > 1) {
      find("sqlite-several-names", Severity::warning,
           fmt::format("{} has {} names (hard links)", path_.native(), file.links),
           "each name gets its own -wal and -journal; a crash under one is not recovered under the "
           "other",
           "keep one name; use a symbolic link for others", MendClass::manual);
    }
  }

  void look_at_header(const FileFacts& file, const Header& header, bool writer) {
    probe_.facts.set("page_size", header.page_size);
    probe_.facts.set("journal_mode", header.wal ? "wal" : "rollback");
    probe_.facts.set("encoding", encoding_name(header.encoding));
    probe_.facts.set("application_id", header.application_id);
    probe_.facts.set("user_version", header.user_version);
    probe_.facts.set("written_by", version_text(header.writer_version));
    probe_.empty = false;
    const bool hot = siblings_.journal_live && !writer;
    if (hot) {
      find("sqlite-hot-journal", Severity::warning,
           fmt::format("{}-journal holds {} bytes of a transaction whose writer is gone",
                       path_.native(), siblings_.journal_bytes),
           "the application died while writing; the backup rolls it back in the copy and leaves "
           "the source alone",
           "none needed: the application does the same at its next start", MendClass::none);
    }
    if (header.wal && siblings_.wal_bytes > 0 && !siblings_.shm) {
      find("sqlite-leftover-wal", Severity::note,
           fmt::format("{}-wal holds {} bytes and nobody has the database open", path_.native(),
                       siblings_.wal_bytes),
           "the application ended without tidying up; what is in the log is part of the copy",
           "none needed", MendClass::none);
    }
    if (!header.wal) warn_of_rollback(file);
    look_at_permissions(header.wal);
  }

  void warn_of_rollback(const FileFacts& file) {
    const bool small = file.size_bytes <= rollback_comfortable_bytes;
    find("sqlite-rollback-journal", small ? Severity::note : Severity::warning,
         fmt::format("{} ({}) uses a rollback journal", path_.native(),
                     format_bytes(file.size_bytes)),
         "while it is copied its writers wait, at most limits.writer_stall_ms; if that is too "
         "short the backup refuses",
         "switch it to WAL with: PRAGMA journal_mode=WAL", MendClass::writes_source);
  }

  void look_at_permissions(bool wal) {
    const bool file = may_write(path_);
    const bool directory = may_write(path_.parent_path());
    if (file && (!wal || directory)) return;
    probe_.abilities.fence = false;
    find("sqlite-not-writable", Severity::warning,
         fmt::format("{} may not be written by us",
                     file ? path_.parent_path().native() : path_.native()),
         "a fence takes a writer's lock, so that without it the moments of several databases may "
         "differ",
         "give the backup's user write permission, or run as the application's user",
         MendClass::manual);
    if (wal && siblings_.shm && !may_write(shm_of(path_)) && !may_read(shm_of(path_))) {
      find("sqlite-wal-unreadable", Severity::blocker,
           fmt::format("{}-shm may not be read by us", path_.native()),
           "a database in WAL mode is read through it", "run as the application's user",
           MendClass::manual);
    }
  }

  // A check that fails becomes a finding.
  void look_inside() {
    try {
      probe_.empty = !holds_objects();
    } catch (const Error& error) {
      check_stop();
      const bool damaged = error.code() == Errc::corrupt || error.code() == Errc::not_consistent;
      if (damaged) {
        find("sqlite-damaged", Severity::blocker, error.message(),
             "a damaged database cannot be copied soundly",
             "restore it from a backup, or save what is left with `sqlite3 FILE .recover`",
             MendClass::manual);
      } else {
        find_unobservable(error);
      }
    }
  }

  [[nodiscard]] bool holds_objects() {
    Reader reader = open_live(path_, {}, stop_);
    reader.connection.wait_for(lock_wait);
    if (reader.connection.begin_read() != Begin::done) {
      // No blocker by itself: once the application is stopped, the copy can be made.
      probe_.needs_stop = true;
      find("sqlite-held-exclusively", Severity::warning,
           fmt::format("{} stayed locked for {} s", path_.native(), lock_wait.count()),
           "another program keeps everybody out, so no copy can be made before it is stopped",
           "end its transaction or its exclusive locking mode, or set [quiesce]",
           MendClass::manual);
      return true;
    }
    const bool found = !is_empty(reader.connection);
    reader.connection.rollback();
    return found;
  }

  // An Error of somebody who was told to stop says nothing of the database.
  void check_stop() const {
    if (stop_.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped looking at {}", path_.native()));
  }

  const model::Endpoint& endpoint_;
  const std::stop_token& stop_;
  const std::filesystem::path path_;
  Siblings siblings_;
  Probe probe_;
};

}  // namespace

Probe probe_database(const model::Endpoint& endpoint, const std::stop_token& stop) {
  return Prober(endpoint, stop).run();
}

std::string mend_database(const model::Endpoint& endpoint, std::string_view code) {
  if (code != "sqlite-rollback-journal") {
    throw Error(Errc::unsupported,
                fmt::format("{}: nothing here mends `{}`", endpoint.component, code));
  }
  const std::filesystem::path path = path_of(endpoint);
  Connection connection(path, Access::read_write);
  connection.tidy_on_close(true);
  connection.wait_for(lock_wait);
  if (connection.text("PRAGMA journal_mode=WAL") != "wal") {
    throw Error(Errc::unavailable, fmt::format("{} could not be switched to WAL", path.native()))
        .set_hint("It is open in another program, or its file system cannot share memory.");
  }
  return fmt::format("switched {} to WAL", path.native());
}

}  // namespace holdfast::engine::sqlite
