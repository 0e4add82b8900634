// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/load.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/embedded/place.h"
#include "engine/typedb/checkpoint.h"
#include "engine/typedb/cut_wal.h"
#include "engine/typedb/directory.h"
#include "engine/typedb/facts.h"
#include "engine/typedb/rocks.h"
#include "engine/typedb/server_load.h"
#include "engine/typedb/server_probe.h"
#include "engine/typedb/switch.h"
#include "engine/typedb/tables.h"
#include "engine/typedb/target.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buffer_bytes = 1U << 20U;

// What nobody else might read is not opened to others: the database may have been less open than
// the data directory is.
unsigned narrowed(unsigned mode, const Json& engine_facts) {
  const std::string told = engine_facts.string_or("file_mode", "");
  unsigned recorded = 0;
  const auto [end, bad] = std::from_chars(told.data(), told.data() + told.size(), recorded, 8);
  if (told.empty() || bad != std::errc() || end != told.data() + told.size()) return mode;
  return mode & (recorded | 0700U);
}

// Puts the parts below a directory that is not there yet.
class Writer {
 public:
  Writer(const model::PartSource& parts, fs::path directory, const embedded::PlaceFacts& like,
         const std::stop_token& stop)
      : parts_(parts), directory_(std::move(directory)), like_(like), stop_(stop) {}

  void run() {
    const std::vector<model::PartSource::Entry> entries = parts_.list();
    if (entries.empty()) throw Error(Errc::corrupt, "the copy of a database of TypeDB is empty");
    const bool is_tree = entries.front().kind == model::PartKind::tree;
    if (is_tree) {
      if (entries.size() != 1)
        throw Error(Errc::corrupt, "the copy of a database of TypeDB has more than one tree");
      return parts_.restore_tree(entries.front().path, directory_);
    }
    make(directory_);
    for (const model::PartSource::Entry& entry : entries) {
      if (entry.kind != model::PartKind::stream)
        throw Error(Errc::corrupt, fmt::format("`{}` is a tree among streams", entry.path));
      write(entry);
    }
  }

 private:
  void give(int fd, unsigned mode, const fs::path& path) const {
    // Somebody else's only for root: else what is restored is ours, as the server must be.
    if (::geteuid() == 0 && ::fchown(fd, like_.uid, like_.gid) != 0)
      throw system_error(errno, fmt::format("giving {} away", path.native()));
    if (::fchmod(fd, mode) != 0)
      throw system_error(errno, fmt::format("setting the mode of {}", path.native()));
  }

  void make(const fs::path& directory) {
    if (::mkdir(directory.c_str(), 0700) != 0) {
      if (errno == EEXIST) return;
      throw system_error(errno, fmt::format("making {}", directory.native()));
    }
    const Fd opened = open_file(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    give(opened.get(), like_.mode & 0777U, directory);
  }

  void write(const model::PartSource::Entry& entry) {
    const fs::path relative = fs::path(entry.path);
    fs::path above = directory_;
    for (const fs::path& name : relative.parent_path()) make(above /= name);
    const fs::path path = directory_ / relative;
    const Fd file = open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    const std::unique_ptr<ByteSource> source = parts_.open(entry.path);
    Bytes buffer(buffer_bytes);
    while (const std::size_t count = source->read(buffer)) {
      if (stop_.stop_requested())
        throw Error(Errc::cancelled, fmt::format("stopped restoring {}", path.native()));
      write_all(file.get(), ByteView(buffer).first(count), path.native());
    }
    give(file.get(), like_.mode & 0666U, path);
  }

  const model::PartSource& parts_;
  fs::path directory_;
  const embedded::PlaceFacts& like_;
  const std::stop_token& stop_;
};

bool is_typedb_3(const fs::path& database) {
  return embedded::place_facts(database / "wal").has_value();
}

// Through a link what follows would cut and remove files that are somebody else's: perhaps those of
// the very database that was copied.
void refuse_links(const fs::path& made) {
  const auto facts = embedded::place_facts(made);
  if (!facts || !facts->directory)
    throw Error(Errc::corrupt, "the copy of a database of TypeDB is no directory");
  // Not even `storage`, which may be in a copy that somebody else made.
  std::optional<fs::path> link = link_below(made);
  const auto storage = embedded::place_facts(made / "storage");
  if (!link && storage && !storage->directory) link = made / "storage";
  if (link)
    throw Error(Errc::corrupt, fmt::format("{} in the copy is no directory, or a symbolic link",
                                           link->lexically_relative(made).native()))
        .set_hint("What it led to is not in the copy: restore an older one, or one made hot.");
}

// Of a tree, as somebody else may have copied it: what a server makes anew, or would take for its
// own.
void remove_what_passes(const fs::path& database) {
  if (!is_typedb_3(database)) return;
  erase_tree(database / "storage");
  for (const Checkpoint& checkpoint : list_checkpoints(database))
    if (!checkpoint.lacks.empty()) erase_tree(checkpoint.path);
}

// A server takes no checkpoint that is ahead of the log: it ends.
void cut_at(const fs::path& database, std::uint64_t last, LoadReport& report) {
  const WalCut cut = cut_wal(database / "wal", last);
  std::size_t checkpoints = 0;
  for (const Checkpoint& checkpoint : list_checkpoints(database)) {
    if (checkpoint.metadata && checkpoint.metadata->watermark <= last) continue;
    erase_tree(checkpoint.path);
    ++checkpoints;
  }
  report.notes.push_back(fmt::format(
      "{}: its log ends at record {}, as was asked for: {} bytes of newer ones were left out{}",
      database.filename().native(), last, cut.bytes,
      checkpoints > 0 ? ", and so was a checkpoint with some of them" : ""));
}

// A checkpoint only saves time: one that cannot be proven is no loss while the log is whole.
void prove_checkpoints(const fs::path& database, const std::stop_token& stop, LoadReport& report) {
  for (const Checkpoint& checkpoint : list_checkpoints(database)) {
    std::string why;
    for (const std::string_view keyspace : keyspace_names) {
      why = why_unproven(checkpoint.path / keyspace, stop);
      if (!why.empty()) break;
    }
    if (why.empty()) continue;
    erase_tree(checkpoint.path);
    report.notes.push_back(fmt::format(
        "{}: its checkpoint was left out ({}), so that the server reads all of the log when it is "
        "first started",
        database.filename().native(), why));
  }
}

// The key of the encoding too: column families tell it only as far as they differ.
void prove_rocks(const fs::path& made, const model::DatabaseFacts& expected,
                 const std::stop_token& stop) {
  for (const char* part : {"schema", "data"}) verify_rocks(made / part, stop);
  const std::string told = fmt::format("2.x/{}", encoding_number(made / "schema"));
  const auto encoding = encoding_in(expected.engine_facts);
  if (!encoding || encoding_name(*encoding) == told) return;
  throw Error(Errc::differs, fmt::format("{}: its schema is of encoding {}, its manifest says {}",
                                         expected.name, told, encoding_name(*encoding)))
      .set_hint("Run `holdfast check --read-data` on the repository.");
}

void compare(const model::DatabaseFacts& given, const model::DatabaseFacts& found,
             const std::optional<std::uint64_t>& last) {
  model::DatabaseFacts expected = given;
  if (last) {
    expected.engine_facts.set("last_sequence", *last);
    // A log that was cut may have lost all that newer releases wrote.
    if (encoding_in(given.engine_facts) == Encoding::v3_b &&
        encoding_in(found.engine_facts) == Encoding::v3_a)
      expected.engine_facts.set("encoding", encoding_name(Encoding::v3_a));
  }
  for (const char* key : {"encoding", "last_sequence"}) {
    const Json* const was = expected.engine_facts.find(key);
    const Json* const is = found.engine_facts.find(key);
    if (was == nullptr || (is != nullptr && *is == *was)) continue;
    throw Error(Errc::differs,
                fmt::format("{}: its `{}` is {}, its manifest says {}", expected.name, key,
                            is == nullptr ? "none" : is->dump(), was->dump()))
        .set_hint("Run `holdfast check --read-data` on the repository.");
  }
}

void prove(const fs::path& made, const model::DatabaseFacts& expected,
           const std::optional<std::uint64_t>& last, const std::stop_token& stop,
           LoadReport& report) {
  in_context("proving what was restored", [&] {
    if (is_typedb_3(made)) {
      if (last) cut_at(made, *last, report);
      const WalCut cut = cut_wal(made / "wal");
      if (cut.bytes > 0)
        report.notes.push_back(
            fmt::format("{}: {} bytes of a write that was broken off were cut from its log",
                        made.filename().native(), cut.bytes));
      prove_checkpoints(made, stop, report);
    } else {
      prove_rocks(made, expected, stop);
    }
    report.found.emplace();
    // Of TypeDB 2 every block was read already.
    describe_directory(made, is_typedb_3(made), *report.found, stop);
    compare(expected, *report.found, last);
  });
}

struct Loading {
  Loading(const Location& into, Announce announcer)
      : announce(std::move(announcer)), made(into, announce) {}
  Announce announce;
  NewDatabase made;
};

std::vector<std::string> switch_in(Loading& loading, const fs::path& kept) {
  if (!loading.made.switch_in(kept, loading.announce)) return {};
  return {
      fmt::format("{}; remove it with: rm -r -- {}", kept.native(), shell_quote(kept.native()))};
}

}  // namespace

LoadReport load_database(const model::PartSource& parts, const model::DatabaseFacts& facts,
                         const Location& into, const LoadOptions& options,
                         const std::stop_token& stop) {
  refuse_what_cannot_be(options);
  check_rule(!options.only_beside, "only servers are lent for a rehearsal");
  refuse_wrong_form(facts, false);
  if (!options.on_scratch)
    if (const auto mismatch = check_system(facts, into))
      throw Error(Errc::usage, mismatch->seen).set_hint(mismatch->mend);
  refuse_wrong_release(facts, into);
  if (options.sequence) {
    const std::string why = why_no_end_at(facts, *options.sequence);
    if (!why.empty()) throw Error(Errc::not_found, why);
  }
  const fs::path kept = options.replace ? kept_place(into, options.kept_suffix) : fs::path();
  check_place(into, kept);
  auto like = embedded::place_facts(into.data_directory);
  check_rule(like.has_value(), "the data directory was looked at");
  like->mode = narrowed(like->mode, facts.engine_facts);
  Announce announce = options.before_change;
  if (!announce) announce = [](std::string_view, const Json&) {};
  const auto loading = std::make_shared<Loading>(into, std::move(announce));
  const fs::path& made = loading->made.path();
  Writer(parts, made, *like, stop).run();
  refuse_links(made);
  remove_what_passes(made);
  LoadReport report;
  prove(made, facts, options.sequence, stop, report);
  if (!options.leave_beside) {
    report.kept = switch_in(*loading, kept);
    return report;
  }
  loading->made.leave();
  report.switch_in = [loading, kept] { return switch_in(*loading, kept); };
  return report;
}

}  // namespace holdfast::engine::typedb
