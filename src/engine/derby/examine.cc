// SPDX-License-Identifier: Apache-2.0
#include "engine/derby/examine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "engine/derby/control.h"
#include "engine/embedded/place.h"

namespace holdfast::engine::derby {
namespace {

namespace fs = std::filesystem;
using embedded::Depth;
using embedded::Examination;
using model::MendClass;
using model::Severity;

constexpr std::size_t properties_bytes_max = 1U << 20U;
constexpr std::size_t step_bytes = 256U << 10U;  // the largest page
constexpr std::uint32_t newest_major = 10, newest_minor = 17;
// A checkpoint ends in a record, its group's checksum and the end of its transaction. If nothing
// comes after these, nothing was done since: tried with 10.14.2.
constexpr unsigned records_of_checkpoint = 3;
constexpr std::size_t log_window_bytes = 64U << 10U;
constexpr std::size_t problems_max = 10;
constexpr std::string_view restore_mend =
    "restore it from a backup, or look at it with SYSCS_UTIL.SYSCS_CHECK_TABLE";

// The number in "log12.dat".
std::optional<std::uint64_t> log_number(const std::string& name) {
  if (!name.starts_with("log") || !name.ends_with(".dat")) return std::nullopt;
  std::uint64_t number = 0;
  const char* const begin = name.data() + 3;
  const char* const end = name.data() + name.size() - 4;
  if (begin >= end) return std::nullopt;
  const auto [after, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || after != end) return std::nullopt;
  return number;
}

std::vector<fs::path> files_in(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code failure;
  fs::directory_iterator entries(directory, failure);
  for (; !failure && entries != fs::directory_iterator(); entries.increment(failure)) {
    const auto facts = embedded::place_facts(entries->path());
    if (facts && facts->regular) files.push_back(entries->path());
  }
  if (failure) throw system_error(failure.value(), fmt::format("reading {}", directory.native()));
  std::sort(files.begin(), files.end());
  return files;
}

// 0 for what has gone meanwhile.
std::uint64_t size_of(const fs::path& file) {
  const auto facts = embedded::place_facts(file);
  return facts ? facts->size_bytes : 0;
}

// Up to `count` bytes from there.
Bytes read_piece(const fs::path& file, std::uint64_t offset, std::size_t count) {
  const Fd opened = open_file(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  Bytes bytes(count);
  std::size_t have = 0;
  while (have < count) {
    const ssize_t got =
        ::pread(opened.get(), bytes.data() + have, count - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error(errno, fmt::format("reading {}", file.native()));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

class Examiner {
 public:
  Examiner(const fs::path& place, Depth depth, const std::stop_token& stop)
      : place_(place), depth_(depth), stop_(stop) {}

  Examination run() {
    if (!look_at_properties()) return std::move(found_);
    if (!look_at_log()) return std::move(found_);
    look_at_containers();
    found_.facts.set("containers", containers_).set("pages", pages_);
    const bool all = depth_ == Depth::whole && !encrypted_;
    found_.facts.set("checked", all ? "all pages" : "headers");
    return std::move(found_);
  }

 private:
  void find(std::string code, Severity severity, std::string seen, std::string_view why,
            std::string_view mend, MendClass mend_class = MendClass::manual) {
    found_.findings.push_back(embedded::finding(std::move(code), severity, std::move(seen),
                                                std::string(why), std::string(mend), mend_class));
  }
  void damaged(std::string seen) {
    if (++problems_ > problems_max) return;
    find("derby-damaged", Severity::blocker, std::move(seen),
         "a damaged database cannot be copied soundly", restore_mend);
  }
  void check_stop() const {
    if (stop_.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped looking at {}", place_.native()));
  }

  bool look_at_properties() {
    const fs::path file = place_ / "service.properties";
    const auto facts = embedded::place_facts(file);
    const auto properties = facts && facts->regular
                                ? parse_properties(read_text_file(file, properties_bytes_max))
                                : std::optional<Properties>();
    const auto seg0 = embedded::place_facts(place_ / "seg0");
    if (!properties || !names_database(*properties) || !seg0 || !seg0->directory) {
      find("derby-not-a-database", Severity::blocker,
           fmt::format("{} is no directory with service.properties and seg0 as Derby makes them",
                       place_.native()),
           "what is no database cannot be copied as one", "correct the path");
      return false;
    }
    found_.known = true;
    encrypted_ = is_encrypted(*properties);
    found_.facts.set("encrypted", encrypted_);
    const auto locale = properties->find("derby.serviceLocale");
    if (locale != properties->end() && is_utf8(locale->second))
      found_.facts.set("locale", locale->second);
    const auto elsewhere = properties->find("logDevice");
    if (elsewhere != properties->end()) {
      find("derby-log-elsewhere", Severity::blocker,
           fmt::format("the log of {} is in {}", place_.native(), elsewhere->second),
           "the copy of the directory would be without it, and of no use",
           "copy database and log together while the application is stopped, or move the log back");
      return false;
    }
    if (encrypted_) {
      find("derby-encrypted", Severity::note, fmt::format("{} is encrypted", place_.native()),
           "it is copied as it is; its pages cannot be checked, and it opens only with its key",
           "keep the boot password or key where it is not lost with this machine",
           MendClass::manual);
    }
    return true;
  }

  bool look_at_log() {
    const fs::path directory = place_ / "log";
    const auto control = control_at(directory / "log.ctrl");
    const auto mirror = control_at(directory / "logmirror.ctrl");
    if (!control && !mirror) {
      damaged(fmt::format("{} has neither a good log/log.ctrl nor a good log/logmirror.ctrl",
                          place_.native()));
      return false;
    }
    if ((!control || !mirror) && depth_ != Depth::front) {
      find("derby-control-damaged", Severity::warning,
           fmt::format("one of the two control files in {} is damaged", directory.native()),
           "Derby goes on with the other one, which may be older",
           "open the database once with its application, which writes both anew");
    }
    const LogControl& valid = control ? *control : *mirror;
    found_.version = fmt::format("{}.{}", valid.major, valid.minor);
    found_.position = fmt::format("{}:{}", valid.checkpoint_file, valid.checkpoint_position);
    found_.facts.set("version", found_.version);
    if (valid.major > newest_major || (valid.major == newest_major && valid.minor > newest_minor))
      find("derby-version-unknown", Severity::warning,
           fmt::format("{} is of Derby {}", place_.native(), found_.version),
           "it is newer than what was written for; its files may mean something else",
           "look whether a newer Holdfast knows it");
    if (valid.not_synced)
      find("derby-not-synced", Severity::warning,
           fmt::format("{} ran with derby.system.durability=test", place_.native()),
           "Derby does not promise that such a database is whole after a crash",
           "export its content into a new database");
    look_at_log_files(directory, valid);
    return true;
  }

  std::optional<LogControl> control_at(const fs::path& file) {
    const auto facts = embedded::place_facts(file);
    if (!facts || !facts->regular || facts->size_bytes > 4096) return std::nullopt;
    return parse_log_control(read_piece(file, 0, 4096));
  }

  void look_at_log_files(const fs::path& directory, const LogControl& control) {
    std::uint64_t newest = 0;
    std::set<std::uint64_t> numbers;
    for (const fs::path& file : files_in(directory)) {
      if (const auto number = log_number(file.filename().native())) {
        numbers.insert(*number);
        newest = std::max(newest, *number);
        found_.size_bytes += size_of(file);
      }
    }
    const std::uint64_t wanted = control.checkpoint_file == 0 ? 1 : control.checkpoint_file;
    if (depth_ == Depth::front) return;  // it may be moving on just now
    for (std::uint64_t number = wanted; number <= std::max(wanted, newest); ++number) {
      const fs::path file = directory / fmt::format("log{}.dat", number);
      const auto header = numbers.contains(number)
                              ? parse_log_header(read_piece(file, 0, log_header_bytes))
                              : std::nullopt;
      // The next file may have been made just before a crash, and nothing written to it.
      const bool begun = number == newest && number > wanted;
      if (!begun && (!header || header->number != number))
        return damaged(
            fmt::format("{} is missing or damaged, and recovery would need it", file.native()));
      if (number - wanted > numbers.size()) break;
    }
    if (control.checkpoint_file != 0) {
      const fs::path file = directory / fmt::format("log{}.dat", wanted);
      const auto records = count_records(
          read_piece(file, control.checkpoint_position, log_window_bytes),
          control.checkpoint_file << 32U | control.checkpoint_position, records_of_checkpoint + 1);
      if (!records)
        return damaged(fmt::format("{} has no checkpoint at byte {}, where the control file says",
                                   file.native(), control.checkpoint_position));
      closed_ = newest == wanted && *records <= records_of_checkpoint;
    }
    found_.facts.set("closed", closed_);
    if (!closed_)
      find("derby-not-closed", Severity::note,
           fmt::format("{} was not shut down by its last application", place_.native()),
           "its log belongs to it; whoever opens the copy recovers from that", "none needed",
           MendClass::none);
  }

  void look_at_containers() {
    for (const fs::path& file : files_in(place_ / "seg0")) {
      check_stop();
      const std::string name = file.filename().native();
      found_.size_bytes += size_of(file);
      if (!name.ends_with(".dat") || !name.starts_with("c")) continue;
      ++containers_;
      if (depth_ != Depth::front) look_at_container(file);
    }
    if (containers_ == 0) damaged(fmt::format("{} has no container", (place_ / "seg0").native()));
  }

  void look_at_container(const fs::path& path) {
    const Fd file = open_file(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    // One for all containers: there are many, and most are small.
    if (buffer_.empty())
      buffer_.resize(depth_ == Depth::whole ? step_bytes : container_front_bytes);
    const std::span<std::byte> buffer(buffer_);
    std::size_t have = 0;
    const auto fill = [&] {
      while (have < buffer.size()) {
        const std::size_t got = read_some(file.get(), buffer.subspan(have), path.native());
        if (got == 0) break;
        have += got;
      }
    };
    fill();
    const auto container = parse_container(ByteView(buffer).first(have));
    if (!container) {
      // What a crash cut off while it was made is made again from the log.
      if (closed_ || have >= container_front_bytes)
        damaged(fmt::format("{} does not begin with a good container header", path.native()));
      return;
    }
    if (container->dropped) return;
    const std::size_t page_bytes = container->page_bytes;
    if (size_of(path) % page_bytes != 0 && closed_)
      return damaged(fmt::format("{} ends within a page", path.native()));
    if (depth_ != Depth::whole) return;
    std::uint64_t number = 0;
    while (have >= page_bytes) {
      check_stop();
      std::size_t at = 0;
      for (; have - at >= page_bytes; at += page_bytes, ++number) {
        ++pages_;
        if (encrypted_ || is_good_page(ByteView(buffer).subspan(at, page_bytes), number == 0))
          continue;
        return damaged(fmt::format("page {} of {} has a wrong checksum", number, path.native()));
      }
      std::memmove(buffer.data(), buffer.data() + at, have - at);
      have -= at;
      fill();
    }
  }

  const fs::path& place_;
  const Depth depth_;
  const std::stop_token& stop_;
  bool encrypted_ = false, closed_ = false;
  std::uint64_t containers_ = 0, pages_ = 0;
  std::size_t problems_ = 0;
  Bytes buffer_;
  Examination found_;
};

}  // namespace

Examination examine_database(const fs::path& place, Depth depth, const std::stop_token& stop) {
  return Examiner(place, depth, stop).run();
}

}  // namespace holdfast::engine::derby
