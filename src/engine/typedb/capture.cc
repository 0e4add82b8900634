// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/capture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "engine/typedb/checkpoint.h"
#include "engine/typedb/rocks.h"
#include "engine/typedb/stored_file.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr int checkpoint_tries_max = 100;
constexpr int rocks_tries_max = 20;
constexpr std::size_t descriptors_for_others = 256;

std::uint64_t size_of(int fd, const fs::path& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0)
    throw system_error(errno, fmt::format("looking at {}", path.native()));
  return static_cast<std::uint64_t>(status.st_size);
}

// The newest that is complete; nothing if there is none.
std::optional<Checkpoint> newest_of(std::vector<Checkpoint> all) {
  const auto newest = std::find_if(all.rbegin(), all.rend(),
                                   [](const Checkpoint& one) { return one.lacks.empty(); });
  if (newest == all.rend()) return std::nullopt;
  return std::move(*newest);
}

// A text that differs once one has come, gone, or become complete.
std::string names_of(const std::vector<Checkpoint>& all) {
  std::string names;
  for (const Checkpoint& one : all)
    names += fmt::format("{} {}\n", one.path.filename().native(), one.lacks);
  return names;
}

class LogCapture {
 public:
  LogCapture(const fs::path& database, const CaptureOptions& options)
      : database_(database), options_(options) {}

  Capture run() {
    take_checkpoint();
    take_log();
    if (!capture_.last_sequence)
      throw Error(Errc::not_consistent,
                  fmt::format("the log of {} holds no record", database_.native()))
          .set_hint("Make the backup again if it was just made; else its log was lost.");
    if (capture_.watermark && capture_.watermark > capture_.last_sequence)
      throw Error(Errc::not_consistent,
                  fmt::format("the log of {} ends at record {}, and its checkpoint has records up "
                              "to {}",
                              database_.native(), *capture_.last_sequence, *capture_.watermark))
          .set_hint("Look at it with `holdfast inspect`: commits may be lost.");
    for (const CapturedFile& file : capture_.files) capture_.size_bytes += file.size_bytes;
    return std::move(capture_);
  }

 private:
  void step(std::string_view name) {
    if (options_.stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped capturing {}", database_.native()));
    if (options_.before) options_.before(name);
  }

  // A server removes a checkpoint only once a newer one is complete: as long as it is the newest,
  // nothing of it was gone when it was listed.
  void take_checkpoint() {
    std::optional<std::string> before;
    for (int tries = 0; tries < checkpoint_tries_max; ++tries) {
      step("checkpoint");
      std::vector<Checkpoint> all = list_checkpoints(database_);
      const std::string names = names_of(all);
      const std::optional<Checkpoint> found = newest_of(std::move(all));
      if (!found) {
        // While one takes the place of another, a listing may show neither.
        const bool settled = before == names;
        before = names;
        if (!settled) continue;
        capture_.checkpoint_left_out = "there is none that is complete";
        return;
      }
      step("opening");
      std::optional<std::vector<CapturedFile>> files = open_all(found->path);
      if (!files) continue;
      const std::optional<Checkpoint> still = newest_of(list_checkpoints(database_));
      if (!still || still->path != found->path) continue;
      if (files->empty()) {
        capture_.checkpoint_left_out = "it has more files than this process may open";
        return;
      }
      capture_.watermark = found->metadata->watermark;
      capture_.files = std::move(*files);
      return;
    }
    throw Error(Errc::not_consistent,
                fmt::format("checkpoints of {} were replaced faster than they could be opened",
                            database_.native()))
        .set_hint("Make the backup again.");
  }

  // Nothing if one vanishes; none if there are too many.
  std::optional<std::vector<CapturedFile>> open_all(const fs::path& checkpoint) {
    std::vector<CapturedFile> files;
    std::error_code failure;
    fs::recursive_directory_iterator entries(checkpoint, failure);
    for (; !failure && entries != fs::recursive_directory_iterator(); entries.increment(failure)) {
      std::error_code gone;
      const fs::file_status status = entries->symlink_status(gone);
      if (gone) return std::nullopt;
      if (!fs::is_regular_file(status)) continue;
      if (files.size() == options_.descriptors_max) return std::vector<CapturedFile>();
      std::optional<Fd> file = try_open_file(entries->path(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      if (!file) return std::nullopt;
      const std::uint64_t size_bytes = size_of(file->get(), entries->path());
      files.push_back(
          {entries->path().lexically_relative(database_).native(), size_bytes, std::move(*file)});
    }
    if (failure) return std::nullopt;
    // The same database yields the same parts in the same order.
    std::sort(files.begin(), files.end(),
              [](const CapturedFile& a, const CapturedFile& b) { return a.path < b.path; });
    return files;
  }

  // One listing may miss what is made meanwhile, and still have what was made after that. A second
  // one has all that is not newer than the first one's newest.
  std::vector<WalSegment> list_log() {
    const fs::path directory = database_ / "wal";
    capture_.log_directory = open_file(directory, O_RDONLY | O_DIRECTORY);
    const std::vector<WalSegment> first = list_segments(directory);
    step("listing");
    if (first.empty()) return {};
    std::vector<WalSegment> segments = list_segments(directory);
    std::erase_if(segments,
                  [&](const WalSegment& one) { return one.number > first.back().number; });
    return segments;
  }

  void take_log() {
    std::vector<WalSegment> segments = list_log();
    step("log");
    // What a server has only begun is left out: it would take an empty segment for an empty log.
    bool newest = true;
    while (!segments.empty() && !end_at(segments.back(), newest)) {
      segments.pop_back();
      newest = false;
    }
    for (const WalSegment& segment : segments) {
      const fs::path path = fs::path("wal") / segment.path.filename();
      CapturedFile captured{path.native(), capture_.limit.bytes, Fd()};
      if (segment.number != capture_.limit.segment) {
        std::error_code failure;
        captured.size_bytes = fs::file_size(segment.path, failure);
        if (failure)
          throw system_error(failure.value(), fmt::format("looking at {}", segment.path.native()));
      }
      capture_.files.push_back(std::move(captured));
    }
  }

  // False if it has no whole record. Only the newest one is still written to.
  bool end_at(const WalSegment& segment, bool newest) {
    StoredFile file(segment.path, options_.stop);
    SegmentReader reader(file, false);
    WalLimit limit{segment.number, 0};
    while (const auto record = reader.next()) {
      capture_.last_sequence = record->sequence;
      limit.bytes = record->offset + wal_header_bytes + record->payload_bytes;
    }
    if (reader.end()) check_end(segment, *reader.end(), newest);
    if (limit.bytes == 0) return false;
    capture_.limit = limit;
    return true;
  }

  // What is being written has the number that comes next, or repeats the last one; a damaged header
  // would have us cut off what follows it.
  void check_end(const WalSegment& segment, const WalEnd& end, bool newest) const {
    const bool known = end.why == WalEnd::Why::short_payload && capture_.last_sequence;
    const std::uint64_t last = capture_.last_sequence.value_or(0);
    const bool is_next = !known || end.sequence == last || end.sequence == last + 1;
    if (newest && end.at_tail && is_next && end.why != WalEnd::Why::empty_payload) return;
    throw Error(Errc::not_consistent,
                fmt::format("{}: {}", segment.path.native(), typedb::display(end)))
        .set_hint("Look at it with `holdfast inspect`: commits behind that are lost.");
  }

  const fs::path& database_;
  const CaptureOptions& options_;
  Capture capture_;
};

class RocksCapture {
 public:
  RocksCapture(const fs::path& database, const CaptureOptions& options)
      : database_(database), options_(options) {}

  // Types are written to `schema`: if that is as it was once `data` is held, both are of one mind.
  Capture run() {
    for (int tries = 0; tries < rocks_tries_max; ++tries) {
      Capture capture;
      capture.schema_sequence = take("schema", capture.files);
      capture.data_sequence = take("data", capture.files);
      step("schema");
      if (!sequence_is(capture.schema_sequence)) continue;
      for (const CapturedFile& file : capture.files) capture.size_bytes += file.size_bytes;
      return capture;
    }
    refuse();
  }

 private:
  [[noreturn]] void refuse() const {
    throw Error(Errc::not_consistent,
                fmt::format("{} changed faster than it could be read", database_.native()))
        .set_hint("Make the backup again while fewer changes are made.");
  }
  void step(std::string_view name) {
    if (options_.stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped capturing {}", database_.native()));
    if (options_.before) options_.before(name);
  }

  bool sequence_is(std::uint64_t expected) const {
    bool same = false;
    return undisturbed(
               "schema",
               [&] { same = read_rocks(database_ / "schema").last_sequence == expected; }) &&
           same;
  }

  // Whether no file came or went while `look` looked at them: RocksDB takes one that a server has
  // removed for damage.
  template <typename Look>
  bool undisturbed(const char* part, Look&& look) const {
    std::string state;
    try {
      state = rocks_state(database_ / part);
      look();
      return rocks_state(database_ / part) == state;
    } catch (const Error& error) {
      const bool is_gone = error.code() == Errc::not_found && still_there(part);
      if (!is_gone && (error.code() != Errc::corrupt || is_still(part, state))) throw;
    }
    return false;
  }
  [[nodiscard]] bool still_there(const char* part) const {
    std::error_code ignored;
    return fs::exists(database_ / part / "CURRENT", ignored);
  }
  [[nodiscard]] bool is_still(const char* part, const std::string& state) const {
    try {
      return rocks_state(database_ / part) == state;
    } catch (const Error&) {
      return false;
    }
  }

  // Adds the files of a moment; the number of its newest write.
  std::uint64_t take(const char* part, std::vector<CapturedFile>& files) {
    const fs::path rocks = database_ / part;
    for (int tries = 0; tries < rocks_tries_max; ++tries) {
      step(part);
      RocksMoment moment;
      std::vector<CapturedFile> taken;
      const auto look = [&] {
        moment = read_rocks(rocks);
        taken = open_all(rocks, moment, files.size());
        step("opening");
      };
      if (!undisturbed(part, look)) continue;
      std::move(taken.begin(), taken.end(), std::back_inserter(files));
      return moment.last_sequence;
    }
    refuse();
  }

  std::vector<CapturedFile> open_all(const fs::path& rocks, const RocksMoment& moment,
                                     std::size_t others) const {
    if (moment.files.size() + others > options_.descriptors_max)
      throw Error(Errc::unsupported,
                  fmt::format("{} has more files than this process may open", database_.native()))
          .set_hint("Raise the limit of open files (`ulimit -n`), or stop the server.");
    std::vector<CapturedFile> files;
    for (const RocksFile& one : moment.files) {
      CapturedFile file{(fs::path(rocks.filename()) / one.name).native(), one.size_bytes, Fd(),
                        one.content};
      if (!one.content) {
        file.file = open_file(rocks / one.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (size_of(file.file.get(), rocks / one.name) < one.size_bytes)
          throw Error(Errc::not_found, fmt::format("{} is shorter than it was", one.name));
      }
      files.push_back(std::move(file));
    }
    return files;
  }

  const fs::path& database_;
  const CaptureOptions& options_;
};

}  // namespace

Capture capture_rocks(const fs::path& database, const CaptureOptions& options) {
  return RocksCapture(database, options).run();
}

Capture capture_log(const fs::path& database, const CaptureOptions& options) {
  return LogCapture(database, options).run();
}

Fd open_captured(const Capture& capture, const CapturedFile& captured) {
  Fd file;
  if (captured.file) {
    file = Fd(::fcntl(captured.file.get(), F_DUPFD_CLOEXEC, 0));
  } else {
    // By the directory that was captured: another database of that name has another one.
    const fs::path name = fs::path(captured.path).filename();
    file = Fd(::openat(capture.log_directory.get(), name.c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  }
  if (!file && errno != ENOENT) throw system_error(errno, fmt::format("opening {}", captured.path));
  if (!file || size_of(file.get(), captured.path) < captured.size_bytes)
    throw Error(Errc::not_consistent,
                fmt::format("{} is gone or was cut while the database was copied", captured.path))
        .set_hint("Make the backup again: the database was removed or replaced.");
  return file;
}

std::size_t spare_descriptors() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw system_error(errno, "asking for limits");
  if (limit.rlim_cur < limit.rlim_max) {
    // What services are started with is a guard against select(2), which nothing here uses.
    struct rlimit raised {
      limit.rlim_max, limit.rlim_max
    };
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  const auto most = static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1U << 20U));
  return most > 2 * descriptors_for_others ? most - descriptors_for_others : 0;
}

}  // namespace holdfast::engine::typedb
