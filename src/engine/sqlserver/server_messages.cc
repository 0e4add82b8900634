// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/server_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/log.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr int percent_processed = 3211, pages_processed = 4035, done = 3014;
constexpr unsigned percent_logged = 25;  // apart

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// The first number of a text, in whatever language: a percentage, a count of pages.
std::uint64_t first_number(std::string_view text) noexcept {
  const auto from = std::find_if(text.begin(), text.end(), is_digit);
  std::uint64_t value = 0;
  std::from_chars(text.data() + (from - text.begin()), text.data() + text.size(), value);
  return value;
}

struct Meaning {
  int number;
  Errc code;
  std::string_view hint;
};

constexpr std::string_view look_at_database =
    "Run DBCC CHECKDB on the database: what it holds is damaged.";
constexpr std::string_view whole_file = "Run `holdfast check --read-data` on the repository.";
constexpr std::string_view right_to_backup =
    "Make the login a member of db_backupoperator: `holdfast grants backup` has the statements.";
constexpr std::string_view right_to_restore =
    "Make the login a member of dbcreator: `holdfast grants restore` has the statements.";
constexpr std::string_view certificate =
    "Make the certificate on that server first; the copy's RESTORE.md says how.";
constexpr std::string_view newer = "Restore it on a server of that release or a later one.";

// By number. What the operating system said counts more where there is such a thing.
constexpr std::array meanings{
    Meaning{229, Errc::denied, right_to_backup},
    Meaning{262, Errc::denied, right_to_backup},
    Meaning{300, Errc::denied, "Give the login the right that the server names."},
    Meaning{911, Errc::not_found, "Look at the name of the database."},
    Meaning{916, Errc::denied, right_to_backup},
    Meaning{924, Errc::unavailable, "Somebody has the database to himself; try again later."},
    Meaning{927, Errc::unavailable, "The database is being restored."},
    Meaning{942, Errc::unavailable, "The database is offline."},
    Meaning{945, Errc::unavailable, "The database cannot be opened; look at the server's log."},
    Meaning{948, Errc::unsupported, newer},
    Meaning{1105, Errc::no_space, "Make room on the server."},
    Meaning{1801, Errc::exists, "A database of that name is there already."},
    Meaning{1844, Errc::unsupported, "This edition does not compress backups: unset `compress`."},
    Meaning{3023, Errc::unavailable, "Another backup or a change of files runs; try again later."},
    Meaning{3041, Errc::io, ""},
    Meaning{3043, Errc::not_consistent, look_at_database},
    Meaning{3049, Errc::not_consistent, look_at_database},
    Meaning{3101, Errc::unavailable, "Somebody uses the database."},
    Meaning{3110, Errc::denied, right_to_restore},
    Meaning{3119, Errc::io, ""},
    Meaning{3132, Errc::not_consistent, "The backup was written into more files than these."},
    Meaning{3154, Errc::exists, "A database of that name is there already."},
    Meaning{3156, Errc::io, "Look at `data_directory` and `log_directory`."},
    Meaning{3169, Errc::unsupported, newer},
    Meaning{3183, Errc::corrupt, whole_file},
    Meaning{3189, Errc::corrupt, whole_file},
    Meaning{3203, Errc::io, "Look at the server's log."},
    Meaning{3231, Errc::not_consistent, "The backup was written into more files than these."},
    Meaning{3241, Errc::corrupt, whole_file},
    Meaning{3242, Errc::corrupt, whole_file},
    Meaning{3257, Errc::no_space, "Make room where the server keeps the files of databases."},
    Meaning{3266, Errc::corrupt, whole_file},
    Meaning{3271, Errc::io, "Look at the server's log."},
    Meaning{5123, Errc::io, "Look at `data_directory` and `log_directory`."},
    Meaning{5133, Errc::not_found, "Look at `data_directory` and `log_directory`."},
    Meaning{9001, Errc::unavailable, "The log of the database is not to be had."},
    Meaning{9002, Errc::no_space, "The log of the database is full."},
    Meaning{15151, Errc::denied, "Give the login the right that the server names."},
    Meaning{15247, Errc::denied, "Give the login the right that the server names."},
    Meaning{18272, Errc::io, ""},
    Meaning{33111, Errc::not_found, certificate},
    Meaning{33117, Errc::unsupported, "Use an edition with transparent data encryption."},
};
static_assert(std::ranges::is_sorted(meanings, {}, &Meaning::number));

// What says no more than that it ended.
constexpr std::array<int, 6> endings{3013, 3041, 3119, 3201, 3202, 18272};
constexpr std::array<int, 2> device_errors{3201, 3202};

const Meaning* meaning_of(int number) noexcept {
  const auto at = std::ranges::lower_bound(meanings, number, {}, &Meaning::number);
  return at != meanings.end() && at->number == number ? &*at : nullptr;
}

struct SystemMeaning {
  Errc code;
  std::string_view hint;
};

// Windows' numbers and those of Linux; the same number in both means something alike, or is not
// here.
std::optional<SystemMeaning> system_meaning(int error) noexcept {
  constexpr std::string_view no_directory =
      "Make the directory, as the server sees it, or correct `backup_directory`.";
  constexpr std::string_view no_right =
      "Give the account that SQL Server runs as the right to write and read there.";
  constexpr std::string_view no_room = "Make room there.";
  switch (error) {
    case 2:    // ENOENT, ERROR_FILE_NOT_FOUND
    case 3:    // ERROR_PATH_NOT_FOUND
    case 20:   // ENOTDIR
    case 53:   // ERROR_BAD_NETPATH
    case 67:   // ERROR_BAD_NET_NAME
    case 123:  // ERROR_INVALID_NAME
      return SystemMeaning{Errc::not_found, no_directory};
    case 1:     // EPERM
    case 5:     // ERROR_ACCESS_DENIED
    case 13:    // EACCES
    case 30:    // EROFS
    case 65:    // ERROR_NETWORK_ACCESS_DENIED
    case 1326:  // ERROR_LOGON_FAILURE
      return SystemMeaning{Errc::denied, no_right};
    case 28:   // ENOSPC
    case 39:   // ERROR_HANDLE_DISK_FULL
    case 112:  // ERROR_DISK_FULL
    case 122:  // EDQUOT
      return SystemMeaning{Errc::no_space, no_room};
    case 32:  // ERROR_SHARING_VIOLATION
      return SystemMeaning{Errc::unavailable, "Another program has the file open."};
    default:
      return std::nullopt;
  }
}

}  // namespace

void BackupProgress::hear(const Message& message) {
  ++messages_;
  if (message.number == percent_processed) {
    const auto now =
        static_cast<unsigned>(std::min<std::uint64_t>(100, first_number(message.text)));
    if (now / percent_logged > percent_ / percent_logged)
      log(LogLevel::info, "the server is at its backup or restore",
          {{"percent", std::to_string(now)}});
    percent_ = std::max(percent_, now);
  } else if (message.number == pages_processed) {
    pages_ += first_number(message.text);
  } else if (message.number == done) {
    is_done_ = true;
  }
}

std::optional<int> system_error_of(std::string_view text) noexcept {
  for (std::size_t at = text.find('('); at != std::string_view::npos; at = text.find('(', at + 1)) {
    std::size_t end = at;
    while (end > 0 && text[end - 1] == ' ') --end;
    std::size_t begin = end;
    while (begin > 0 && is_digit(text[begin - 1])) --begin;
    int value = 0;
    if (begin < end &&
        std::from_chars(text.data() + begin, text.data() + end, value).ec == std::errc())
      return value;
  }
  return std::nullopt;
}

bool is_denial(std::span<const Message> errors) noexcept {
  return std::ranges::any_of(errors, [](const Message& one) {
    return one.number == 229 || one.number == 262 || one.number == 300 || one.number == 3110 ||
           one.number == 15247;
  });
}

Error backup_error(std::span<const Message> errors, std::string_view doing, Errc otherwise) {
  check_rule(!errors.empty(), "an error has a message");
  const auto is_ending = [](const Message& one) {
    return std::ranges::find(endings, one.number) != endings.end();
  };
  const auto telling = std::ranges::find_if_not(errors, is_ending);
  const auto device = std::ranges::find_if(errors, [](const Message& one) {
    return std::ranges::find(device_errors, one.number) != device_errors.end();
  });
  const Message& first = telling != errors.end()  ? *telling
                         : device != errors.end() ? *device
                                                  : errors.front();
  Errc code = otherwise;
  std::string_view hint;
  if (const Meaning* const known = meaning_of(first.number); known != nullptr) {
    code = known->code;
    hint = known->hint;
  }
  for (const Message& one : errors) {
    const auto number = system_error_of(one.text);
    const auto of_system = number ? system_meaning(*number) : std::nullopt;
    if (!of_system) continue;
    code = of_system->code;
    hint = of_system->hint;
    break;
  }
  std::string said;
  constexpr std::size_t told_max = 4;
  for (std::size_t i = 0; i < std::min(errors.size(), told_max); ++i)
    said += (i == 0 ? "" : "; ") + errors[i].display();
  if (errors.size() > told_max) said += fmt::format("; and {} more", errors.size() - told_max);
  Error error(code, fmt::format("{}: {}", doing, said));
  if (!hint.empty()) error.set_hint(hint);
  return error;
}

}  // namespace holdfast::engine::sqlserver
