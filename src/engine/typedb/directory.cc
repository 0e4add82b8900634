// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "engine/finding.h"
#include "engine/typedb/location.h"
#include "engine/typedb/rocks_content.h"
#include "engine/typedb/stored_file.h"
#include "engine/typedb/vertex_keys.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
using model::Severity;

constexpr int tries_max = 3;
constexpr std::size_t tables_told_max = 5;
constexpr std::size_t current_bytes_max = 4096;
// In the schema of TypeDB 2: the system's prefix and the number of the encoding, 4 bytes,
// little-endian; absent: 0 (graph/common/Encoding.java of 2.6.0, database/CoreDatabase.java of
// 2.29.1).
constexpr std::string_view encoding_key("\0\0", 2);

bool has_directory(const fs::path& directory, const char* name) {
  std::error_code ignored;
  return fs::is_directory(directory / name, ignored);
}

bool is_typedb_2(const fs::path& directory) {
  std::error_code ignored;
  return has_directory(directory, "schema") && has_directory(directory, "data") &&
         (fs::exists(directory / "schema" / "CURRENT", ignored) ||
          fs::exists(directory / "data" / "CURRENT", ignored));
}

bool is_typedb_3(const fs::path& directory) {
  for (const std::string_view keyspace : keyspace_names)
    if (has_directory(directory / "storage", keyspace.data())) return true;
  std::error_code failure;
  fs::directory_iterator entries(directory / "wal", failure);
  for (; !failure && entries != fs::directory_iterator(); entries.increment(failure))
    if (segment_number(entries->path().filename().native())) return true;
  return false;
}

// What is left of one, beside others.
bool is_half_lost(const fs::path& directory) {
  const std::string name = directory.filename().native();
  if (name == import_directory || name.starts_with('.')) return false;
  std::error_code failure;
  if (!fs::is_directory(directory, failure)) return bool(failure);
  const fs::directory_iterator entries(directory, failure);
  return failure || has_directory(directory, "schema") || has_directory(directory, "data");
}

// A server replaces both files now and then, and removes the old MANIFEST.
RocksManifest read_manifest(const fs::path& rocks, const std::stop_token& stop) {
  for (int tries = 1;; ++tries) {
    const std::string name =
        parse_rocks_current(StoredFile(rocks / "CURRENT", stop).text(current_bytes_max));
    try {
      StoredFile file(rocks / name, stop);
      return parse_rocks_manifest(file);
    } catch (const Error& error) {
      if (error.code() != Errc::not_found || tries == tries_max) throw;
    }
  }
}

// What column families `data` has in each encoding, beside the default one.
std::optional<Encoding> encoding_of(const RocksManifest& data) {
  using namespace std::string_literals;
  static const std::set<std::string> text{"VARIABLE_START_EDGE", "FIXED_START_EDGE",
                                          "OPTIMISATION_EDGE", "STATISTICS"};
  static const std::set<std::string> bytes{"\1"s, "\2"s, "\3"s, "\4"s};
  std::set<std::string> found;
  for (const auto& [number, name] : data.column_families)
    if (number != 0) found.insert(name);
  if (found.empty()) return Encoding::v2_0;
  if (found == text) return Encoding::v2_1;
  if (found == bytes) return Encoding::v2_2;
  return std::nullopt;
}

std::string family_names(const RocksManifest& manifest) {
  std::string all;
  for (const auto& [number, name] : manifest.column_families) {
    const bool plain =
        std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
    all += (all.empty() ? "" : ", ") + (plain ? name : "0x" + to_hex(as_bytes(name)));
  }
  return all;
}

class Examination {
 public:
  Examination(const fs::path& directory, bool deep, const std::stop_token& stop, bool is_ours)
      : deep_(deep), is_ours_(is_ours), stop_(stop) {
    report_.path = directory;
  }

  DatabaseReport run() {
    observe([&] { report_.size_bytes = size_below(report_.path); });
    if (is_typedb_3(report_.path)) {
      for (const std::string_view keyspace : keyspace_names)
        look_for_lock(report_.path / "storage" / keyspace / "LOCK");
      observe([&] { look_at_log(); });
    } else {
      for (const char* part : {"schema", "data"}) look_for_lock(report_.path / part / "LOCK");
      observe([&] { look_at_rocks(); });
    }
    if (report_.lock)
      add("typedb-in-use", Severity::note,
          fmt::format("{} is locked by {}", report_.lock->file.native(),
                      embedded::display(report_.lock->holder)),
          "what was read is of this moment, and newer commits may follow", "");
    return std::move(report_);
  }

 private:
  void add(std::string code, Severity severity, std::string seen, std::string why,
           std::string mend) {
    report_.findings.push_back(
        finding(std::move(code), severity, std::move(seen), std::move(why), std::move(mend)));
  }

  // What the system refuses to show of one part is told, and the rest is looked at all the same.
  template <typename Look>
  void observe(const Look& look) {
    try {
      look();
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      add("typedb-database-unobservable", Severity::blocker,
          fmt::format("{}: {}", report_.path.filename().native(), error.message()),
          "whether the database is whole cannot be told",
          "Look again as root, or see what is wrong with that file.");
    }
  }

  void look_for_lock(const fs::path& file) {
    if (live_ || is_ours_) return;
    try {
      if (auto holder = embedded::who_locks(file)) report_.lock = {file, std::move(*holder)};
      live_ = report_.lock.has_value();
    } catch (const Error& error) {
      live_ = true;
      add("typedb-lock-unobservable", Severity::blocker, error.message(),
          "a server may have the database open, and what it is writing looks like damage",
          "Run as the user of the server, or as root.");
    }
  }

  void look_for_tables(const char* part, const RocksManifest& manifest) {
    std::string wrong;
    std::size_t count = 0;
    for (const auto& [number, table] : manifest.tables) {
      const std::string name = fmt::format("{:06}.sst", number);
      std::error_code failure;
      const std::uintmax_t size_bytes = fs::file_size(report_.path / part / name, failure);
      if (!failure && size_bytes == table.size_bytes) continue;
      if (++count > tables_told_max) continue;
      wrong += fmt::format(
          "{}{} {}", wrong.empty() ? "" : ", ", name,
          failure ? "is missing"
                  : fmt::format("has {} bytes instead of {}", size_bytes, table.size_bytes));
    }
    if (count > tables_told_max) wrong += fmt::format(" and {} more", count - tables_told_max);
    if (count > 0)
      add("typedb-tables-differ", Severity::blocker,
          fmt::format("{} of {}: {}", part, report_.path.filename().native(), wrong),
          "its MANIFEST says otherwise, and a server does not open the database", "Restore it.");
  }

  // The newest log has what was written last, and a server makes one before it names it.
  void look_for_log(const char* part, const RocksManifest& manifest) {
    const std::vector<RocksLogFile> logs = rocks_logs(report_.path / part);
    if (manifest.log_number == 0 || (!logs.empty() && logs.back().number >= manifest.log_number))
      return;
    add("typedb-log-missing", Severity::blocker,
        fmt::format("{} of {} has no log {:06} and none that is newer", part,
                    report_.path.filename().native(), manifest.log_number),
        "what was written last is in it, and a server begins without that and says nothing",
        "Find the log, or restore the database.");
  }

  // RocksDB tells no place in a log, and passes over what is torn without a word.
  void check_logs(const char* part) {
    const std::vector<RocksLogFile> logs = rocks_logs(report_.path / part);
    for (const RocksLogFile& log : logs) {
      RocksLogEnd end;
      try {
        StoredFile file(log.path, stop_);
        end = check_rocks_log(file, log.path.native());
      } catch (const Error& error) {
        if (error.code() != Errc::not_found) throw;
        continue;  // gone since
      }
      if (!end.torn && !end.followed) continue;
      const std::string seen = fmt::format("{} ends in what is no whole record, at byte {}",
                                           log.path.native(), end.whole_bytes);
      if (end.followed || &log != &logs.back())
        throw Error(Errc::corrupt, seen + ", and others follow");
      if (!live_)
        add("typedb-log-torn", Severity::warning, seen,
            "a server was ended while it wrote, and leaves that out at its next start", "");
    }
  }

  std::optional<RocksManifest> manifest_of(const char* part) {
    try {
      RocksManifest manifest = read_manifest(report_.path / part, stop_);
      if (manifest.torn && !live_)
        add("typedb-manifest-torn", Severity::warning,
            fmt::format("the MANIFEST of {} ends in an edit that is not whole, at byte {}", part,
                        manifest.whole_bytes),
            "a server was ended while it wrote, and leaves that out at its next start", "");
      // A live server removes tables and logs once others hold what was in them.
      if (!live_) look_for_tables(part, manifest);
      if (!live_) look_for_log(part, manifest);
      return manifest;
    } catch (const Error& error) {
      if (error.code() != Errc::corrupt && error.code() != Errc::not_found &&
          error.code() != Errc::unsupported)
        throw;
      add("typedb-manifest-damaged", Severity::blocker,
          fmt::format("{} of {}: {}", part, report_.path.filename().native(), error.message()),
          "a server does not open the database", "Restore it.");
      return std::nullopt;
    }
  }

  void look_at_rocks() {
    observe([&] { report_.schema = manifest_of("schema"); });
    observe([&] { report_.data = manifest_of("data"); });
    if (!report_.data) return;
    report_.encoding = encoding_of(*report_.data);
    if (!report_.encoding)
      add("typedb-encoding-unknown", Severity::blocker,
          fmt::format("{} has the column families {}", report_.path.filename().native(),
                      family_names(*report_.data)),
          "no known release writes these, so that no server can be named that opens it",
          "Ask the server that wrote it for an export.");
    if (deep_ && report_.schema && report_.encoding) count_things();
  }

  // The schema says it too, from 2.6.0 on.
  void compare_encoding(std::uint64_t told) {
    if (told == static_cast<std::uint64_t>(*report_.encoding)) return;
    add("typedb-encoding-contradicted", Severity::blocker,
        fmt::format("the schema of {} says encoding {}, its data has the column families of {}",
                    report_.path.filename().native(), told, encoding_name(*report_.encoding)),
        "no server opens it: schema and data are not of one database, or one is damaged",
        "Restore it.");
  }

  // A live server removes files that RocksDB has just been told of.
  ThingCounts counted_keys() {
    std::vector<std::string> families;
    for (const auto& [number, name] : report_.data->column_families) families.push_back(name);
    for (int tries = 1;; ++tries) {
      ThingCounts counts;
      std::uint64_t told = 0;
      try {
        read_rocks_keys(
            report_.path / "schema", {"default"},
            [&](ByteView key, ByteView value) {
              if (as_text(key) == encoding_key && value.size() == 4) told = load_le32(value.data());
            },
            stop_);
        read_rocks_keys(
            report_.path / "data", families,
            [&](ByteView key, ByteView) { count_key(*report_.encoding, key, counts); }, stop_);
        compare_encoding(told);
        return counts;
      } catch (const Error& error) {
        if (error.code() != Errc::not_found || !live_ || tries == tries_max) throw;
      }
    }
  }

  void count_things() {
    try {
      check_logs("schema");
      check_logs("data");
      report_.things = counted_keys();
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      const bool missing = error.code() == Errc::not_found && !live_;
      if (error.code() == Errc::corrupt || missing) {
        add("typedb-content-damaged", Severity::blocker, error.message(),
            "a server does not open the database, or fails where it reads that", "Restore it.");
      } else {
        // What RocksDB is not given may be sound.
        add("typedb-content-unobservable",
            error.code() == Errc::unsupported ? Severity::warning : Severity::blocker,
            error.message(),
            "things were not counted, and whether what is stored is sound was not looked at",
            "Look again while no server runs.");
      }
    }
  }

  void look_at_log() {
    if (!has_directory(report_.path, "wal")) {
      add("typedb-wal-missing", Severity::blocker,
          fmt::format("{} has no log", report_.path.filename().native()),
          "all commits are in the log, and only some of them elsewhere",
          "Find the directory `wal`, or restore it.");
      return;
    }
    // First: the log that is read afterwards has all that is in them, also beside a live server.
    observe([&] { report_.checkpoints = list_checkpoints(report_.path); });
    report_.wal = examine_wal(report_.path / "wal", deep_, stop_);
    const WalSummary& wal = *report_.wal;
    if (wal.records > 0) report_.encoding = wal.has_new_commits() ? Encoding::v3_b : Encoding::v3_a;
    for (const std::string& what : wal.damage)
      add("typedb-wal-damaged", Severity::blocker, what,
          "a server does not open the database, or passes over commits without a word",
          "Restore it.");
    if (wal.torn && !live_)
      add("typedb-wal-torn", Severity::warning,
          fmt::format("{}: {}", wal.newest.filename().native(), display(*wal.torn)),
          "a server was ended while it wrote: from 3.4.1 on it cuts that off, older ones do not "
          "start",
          "Start it with TypeDB 3.4.1 or later.");
    if (wal.statistics) {
      report_.things = wal.statistics->things;
      report_.things_as_of = wal.statistics->as_of;
    }
    if (wal.records == 0 && !wal.torn && wal.damage.empty())
      add("typedb-wal-empty", Severity::warning,
          fmt::format("the log of {} holds no record", report_.path.filename().native()),
          "either the database is new, or its log was lost: a server then begins with nothing",
          "If it was used, restore it.");
    look_at_types();
    look_at_checkpoints();
  }

  void look_at_types() {
    std::string types;
    for (std::size_t type = 0; type < report_.wal->records_of_type.size(); ++type)
      if (report_.wal->records_of_type[type] > 0 &&
          !is_known_wal_type(static_cast<std::uint8_t>(type)))
        types += fmt::format("{}{}", types.empty() ? "" : ", ", type);
    if (types.empty()) return;
    report_.encoding.reset();
    add("typedb-wal-types-unknown", Severity::blocker,
        fmt::format("the log has records of type {}", types),
        "they are damage, or a release newer than 3.12 wrote them, of which others lose the rest",
        "Ask the server that wrote it for an export.");
  }

  void look_at_checkpoints() {
    const std::uint64_t last = report_.wal->last_sequence.value_or(0);
    const Checkpoint* newest = nullptr;
    for (const Checkpoint& checkpoint : report_.checkpoints) {
      if (checkpoint.lacks.empty()) newest = &checkpoint;
    }
    const bool finished =
        !report_.checkpoints.empty() && report_.checkpoints.back().path.extension() != ".tmp";
    if (finished && !live_ && !report_.checkpoints.back().lacks.empty())
      add("typedb-checkpoint-incomplete", Severity::warning,
          fmt::format("the newest checkpoint, {}, lacks {}",
                      report_.checkpoints.back().path.filename().native(),
                      report_.checkpoints.back().lacks),
          "servers up to 3.8.1 take it and do not start",
          "Remove it while no server runs: the log suffices.");
    const std::uint64_t watermark = newest == nullptr ? 0 : newest->metadata->watermark;
    if (newest != nullptr && watermark > last && report_.wal->damage.empty())
      add("typedb-checkpoint-ahead", Severity::blocker,
          fmt::format("the checkpoint {} holds records up to {}, the log ends at {}",
                      newest->path.filename().native(), watermark, last),
          "a server ends at its start, and commits behind the log's end are lost",
          "Restore it, or find the rest of the log.");
    const std::uint64_t first = report_.wal->first_sequence.value_or(1);
    if (first <= 1) return;
    const bool covered = newest != nullptr && watermark + 1 >= first;
    add("typedb-wal-begins-late", covered ? Severity::warning : Severity::blocker,
        fmt::format("the log begins at record {}", first),
        covered ? fmt::format("what was before is only in the checkpoint {}",
                              newest->path.filename().native())
                : std::string("no checkpoint holds what was before"),
        "Find the older part of the log.");
  }

  bool deep_, is_ours_;
  const std::stop_token& stop_;
  bool live_ = false;  // a server has it open, or may have
  DatabaseReport report_;
};

}  // namespace

bool is_database(const fs::path& directory) {
  return is_typedb_2(directory) || is_typedb_3(directory);
}

std::vector<fs::path> databases_in(const fs::path& data_directory) {
  std::vector<fs::path> found, lost;
  std::error_code failure;
  fs::directory_iterator entries(data_directory, failure);
  for (; !failure && entries != fs::directory_iterator(); entries.increment(failure)) {
    if (entries->path().filename() == import_directory) continue;
    if (is_database(entries->path())) {
      found.push_back(entries->path());
    } else if (is_half_lost(entries->path())) {
      lost.push_back(entries->path());
    }
  }
  if (failure)
    throw system_error(failure.value(), fmt::format("listing {}", data_directory.native()));
  if (!found.empty()) found.insert(found.end(), lost.begin(), lost.end());
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<fs::path> link_below(const fs::path& database) {
  std::error_code failure;
  fs::recursive_directory_iterator entries(database, failure);
  for (; !failure && entries != fs::recursive_directory_iterator(); entries.increment(failure)) {
    if (entries->path() == database / "storage") {
      entries.disable_recursion_pending();
      continue;
    }
    if (entries->is_symlink(failure)) return entries->path();
    if (failure) break;
  }
  if (failure) throw system_error(failure.value(), fmt::format("listing {}", database.native()));
  return std::nullopt;
}

DatabaseReport examine_database(const fs::path& directory, bool deep, const std::stop_token& stop,
                                bool is_ours) {
  return Examination(directory, deep, stop, is_ours).run();
}

}  // namespace holdfast::engine::typedb
