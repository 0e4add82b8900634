// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/server_numbers.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast::engine::sqlserver {
namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

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

// Hints are for whoever backs up or restores.
constexpr std::array meanings{
    NumberMeaning{208, Errc::not_found, ""},  // an object
    NumberMeaning{211, Errc::not_consistent, look_at_database},
    NumberMeaning{229, Errc::denied, right_to_backup},
    NumberMeaning{230, Errc::denied, ""},  // on a column
    NumberMeaning{262, Errc::denied, right_to_backup},
    NumberMeaning{297, Errc::denied, ""},  // to do this
    NumberMeaning{300, Errc::denied, "Give the login the right that the server names."},
    NumberMeaning{371, Errc::denied, ""},
    NumberMeaning{596, Errc::unavailable,
                  "Somebody ended the session, or the server did; its log says which."},
    NumberMeaning{605, Errc::not_consistent, look_at_database},
    NumberMeaning{701, Errc::unavailable, ""},  // no memory
    NumberMeaning{824, Errc::not_consistent, look_at_database},
    NumberMeaning{911, Errc::not_found, "Look at the name of the database."},
    NumberMeaning{916, Errc::denied, right_to_backup},
    NumberMeaning{921, Errc::unavailable, ""},  // not yet recovered
    NumberMeaning{922, Errc::unavailable, ""},  // being recovered
    NumberMeaning{924, Errc::unavailable, "Somebody has the database to himself; try again later."},
    NumberMeaning{926, Errc::unavailable, "The database is suspect; look at the server's log."},
    NumberMeaning{927, Errc::unavailable, "The database is being restored."},
    NumberMeaning{942, Errc::unavailable, "The database is offline."},
    NumberMeaning{945, Errc::unavailable,
                  "The database cannot be opened; look at the server's log."},
    NumberMeaning{948, Errc::unsupported, newer},
    NumberMeaning{1101, Errc::no_space, ""},
    NumberMeaning{1105, Errc::no_space, "Make room on the server."},
    NumberMeaning{1204, Errc::unavailable, ""},  // no locks left
    NumberMeaning{1205, Errc::unavailable, ""},  // deadlock
    NumberMeaning{1222, Errc::unavailable, ""},  // lock time-out
    NumberMeaning{1801, Errc::exists, "A database of that name is there already."},
    NumberMeaning{1823, Errc::unavailable, ""},  // no snapshot, which DBCC CHECKDB reads
    NumberMeaning{1844, Errc::unsupported,
                  "This edition does not compress backups: unset `compress`."},
    NumberMeaning{2571, Errc::denied, ""},     // a DBCC statement
    NumberMeaning{2714, Errc::exists, ""},     // an object
    NumberMeaning{2812, Errc::not_found, ""},  // a procedure
    NumberMeaning{3023, Errc::unavailable,
                  "Another backup or a change of files runs; try again later."},
    NumberMeaning{3043, Errc::not_consistent, look_at_database},
    NumberMeaning{3049, Errc::not_consistent, look_at_database},
    NumberMeaning{3101, Errc::unavailable, "Somebody uses the database."},
    NumberMeaning{3110, Errc::denied, right_to_restore},
    NumberMeaning{3132, Errc::not_consistent, "The backup was written into more files than these."},
    NumberMeaning{3154, Errc::exists, "A database of that name is there already."},
    NumberMeaning{3156, Errc::io, "Look at `data_directory` and `log_directory`."},
    NumberMeaning{3159, Errc::exists, ""},       // log that is not backed up
    NumberMeaning{3168, Errc::unsupported, ""},  // another release's system database
    NumberMeaning{3169, Errc::unsupported, newer},
    NumberMeaning{3183, Errc::corrupt, whole_file},
    NumberMeaning{3189, Errc::corrupt, whole_file},
    NumberMeaning{3203, Errc::io, "Look at the server's log."},
    NumberMeaning{3231, Errc::not_consistent, "The backup was written into more files than these."},
    NumberMeaning{3241, Errc::corrupt, whole_file},
    NumberMeaning{3242, Errc::corrupt, whole_file},
    NumberMeaning{3243, Errc::corrupt, ""},
    NumberMeaning{3257, Errc::no_space, "Make room where the server keeps the files of databases."},
    NumberMeaning{3266, Errc::corrupt, whole_file},
    NumberMeaning{3271, Errc::io, "Look at the server's log."},
    NumberMeaning{3701, Errc::not_found, ""},    // what is to be dropped
    NumberMeaning{3702, Errc::unavailable, ""},  // in use
    NumberMeaning{3906, Errc::denied, ""},       // read-only
    NumberMeaning{3952, Errc::unsupported, ""},  // snapshot isolation is off
    NumberMeaning{3957, Errc::not_consistent, ""},
    NumberMeaning{3958, Errc::not_consistent, ""},  // row versions are gone
    NumberMeaning{3960, Errc::not_consistent, ""},  // somebody else changed it meanwhile
    NumberMeaning{3961, Errc::not_consistent, ""},  // definitions changed meanwhile
    NumberMeaning{3966, Errc::not_consistent, ""},
    NumberMeaning{4060, Errc::not_found, ""},    // the database of a login
    NumberMeaning{5061, Errc::unavailable, ""},  // in use
    NumberMeaning{5064, Errc::unavailable, ""},
    NumberMeaning{5123, Errc::io, "Look at `data_directory` and `log_directory`."},
    NumberMeaning{5128, Errc::no_space, "Make room for the sparse files of database snapshots."},
    NumberMeaning{5133, Errc::not_found, "Look at `data_directory` and `log_directory`."},
    NumberMeaning{5170, Errc::exists, ""},       // a file
    NumberMeaning{6005, Errc::unavailable, ""},  // shutting down
    NumberMeaning{7105, Errc::not_consistent, look_at_database},
    NumberMeaning{7926, Errc::unavailable, ""},  // neither a snapshot nor a lock for DBCC CHECKDB
    NumberMeaning{7928, Errc::unavailable, ""},  // no snapshot
    NumberMeaning{7983, Errc::denied, ""},       // DBCC CHECKDB
    NumberMeaning{8646, Errc::not_consistent, look_at_database},
    NumberMeaning{9001, Errc::unavailable, "The log of the database is not to be had."},
    NumberMeaning{9002, Errc::no_space, "The log of the database is full."},
    NumberMeaning{15151, Errc::denied, "Give the login the right that the server names."},
    NumberMeaning{15247, Errc::denied, "Give the login the right that the server names."},
    NumberMeaning{15406, Errc::denied, ""},
    NumberMeaning{17142, Errc::unavailable, ""},  // paused
    NumberMeaning{17187, Errc::unavailable, ""},  // not ready yet
    NumberMeaning{17803, Errc::unavailable, ""},  // no memory
    NumberMeaning{18401, Errc::unavailable, ""},  // in script upgrade
    NumberMeaning{18450, Errc::denied, ""},
    NumberMeaning{18452, Errc::denied, ""},
    NumberMeaning{18456, Errc::denied, ""},
    NumberMeaning{18461, Errc::unavailable, ""},  // single user
    NumberMeaning{18486, Errc::denied, ""},       // locked out
    NumberMeaning{18487, Errc::denied, ""},       // password expired
    NumberMeaning{18488, Errc::denied, ""},
    NumberMeaning{20002, Errc::unavailable, ""},  // FreeTDS: no connection
    NumberMeaning{20003, Errc::unavailable, ""},  // time-out
    NumberMeaning{20004, Errc::unavailable, ""},  // reading
    NumberMeaning{20006, Errc::unavailable, ""},  // writing
    NumberMeaning{20009, Errc::unavailable, ""},  // nobody there
    NumberMeaning{20017, Errc::unavailable, ""},  // end of file
    NumberMeaning{20047, Errc::unavailable, ""},  // dead
    NumberMeaning{21050, Errc::denied, ""},       // sysadmin alone
    NumberMeaning{33111, Errc::not_found, certificate},
    NumberMeaning{33117, Errc::unsupported, "Use an edition with transparent data encryption."},
};
static_assert(std::ranges::is_sorted(meanings, {}, &NumberMeaning::number));

// Windows' numbers and those of Linux; the same number in both means something alike, or is not
// here.
std::optional<SystemMeaning> meaning_of_system(int error) noexcept {
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

const NumberMeaning* meaning_of(int number) noexcept {
  const auto* const at = std::ranges::lower_bound(meanings, number, {}, &NumberMeaning::number);
  return at != meanings.end() && at->number == number ? at : nullptr;
}

bool is_damage(int number) noexcept {
  switch (number) {
    case 211:   // the catalogue
    case 605:   // a page of another object
    case 824:   // a page that is not what it says
    case 5180:  // a file that is not there
    case 7105:  // a value that is not there
    case 8646:  // an index
      return true;
    case 2501:  // no such object
    case 2520:  // no such database
    case 2571:  // no right to it
    case 5238:  // ended
    case 5239:  // a statement that was left out
    case 5245:  // a lock was not to be had
    case 5269:  // the snapshot that is read was lost
    case 7926:  // neither a snapshot nor a lock was to be had
    case 7928:  // no snapshot was to be had
    case 7929:  // transactions that wait for a file
    case 7983:  // no right to it
    case 8921:  // ended; why was said before
      return false;
    default:
      return (number >= 2500 && number <= 2599) || (number >= 5228 && number <= 5274) ||
             (number >= 7900 && number <= 7999) || (number >= 8900 && number <= 8999);
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

std::optional<SystemMeaning> system_meaning_of(std::string_view text) noexcept {
  const auto number = system_error_of(text);
  return number ? meaning_of_system(*number) : std::nullopt;
}

}  // namespace holdfast::engine::sqlserver
