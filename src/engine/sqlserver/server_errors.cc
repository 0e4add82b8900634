// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/server_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace holdfast::engine::sqlserver {
namespace {

struct Meaning {
  int number;
  Errc code;
};
constexpr std::array meanings{
    Meaning{208, Errc::not_found},  // an object
    Meaning{229, Errc::denied},     // a right on an object
    Meaning{230, Errc::denied},     // on a column
    Meaning{262, Errc::denied},     // in a database
    Meaning{297, Errc::denied},     // to do this
    Meaning{300, Errc::denied},     // VIEW SERVER STATE and the like
    Meaning{371, Errc::denied},
    Meaning{701, Errc::unavailable},  // no memory
    Meaning{911, Errc::not_found},    // a database
    Meaning{916, Errc::denied},       // no user in it
    Meaning{921, Errc::unavailable},  // not yet recovered
    Meaning{922, Errc::unavailable},  // being recovered
    Meaning{924, Errc::unavailable},  // somebody else's alone
    Meaning{927, Errc::unavailable},  // being restored
    Meaning{942, Errc::unavailable},  // offline
    Meaning{945, Errc::unavailable},  // files missing
    Meaning{1101, Errc::no_space},
    Meaning{1105, Errc::no_space},
    Meaning{1204, Errc::unavailable},  // no locks left
    Meaning{1205, Errc::unavailable},  // deadlock
    Meaning{1222, Errc::unavailable},  // lock time-out
    Meaning{1801, Errc::exists},       // a database
    Meaning{2714, Errc::exists},       // an object
    Meaning{2812, Errc::not_found},    // a procedure
    Meaning{3101, Errc::unavailable},  // in use
    Meaning{3110, Errc::denied},       // RESTORE
    Meaning{3154, Errc::exists},       // a backup of another one
    Meaning{3159, Errc::exists},       // log that is not backed up
    Meaning{3168, Errc::unsupported},  // another release's system database
    Meaning{3169, Errc::unsupported},  // a newer release's
    Meaning{3189, Errc::corrupt},
    Meaning{3241, Errc::corrupt},
    Meaning{3242, Errc::corrupt},
    Meaning{3243, Errc::corrupt},
    Meaning{3257, Errc::no_space},
    Meaning{3701, Errc::not_found},    // what is to be dropped
    Meaning{3702, Errc::unavailable},  // in use
    Meaning{3906, Errc::denied},       // read-only
    Meaning{3952, Errc::unsupported},  // snapshot isolation is off
    Meaning{3957, Errc::not_consistent},
    Meaning{3958, Errc::not_consistent},  // row versions are gone
    Meaning{3960, Errc::not_consistent},  // somebody else changed it meanwhile
    Meaning{3961, Errc::not_consistent},  // definitions changed meanwhile
    Meaning{3966, Errc::not_consistent},
    Meaning{4060, Errc::not_found},    // the database of a login
    Meaning{5061, Errc::unavailable},  // in use
    Meaning{5064, Errc::unavailable},
    Meaning{5170, Errc::exists},       // a file
    Meaning{6005, Errc::unavailable},  // shutting down
    Meaning{9002, Errc::no_space},     // the log is full
    Meaning{15151, Errc::denied},
    Meaning{15247, Errc::denied},
    Meaning{15406, Errc::denied},
    Meaning{17142, Errc::unavailable},  // paused
    Meaning{17187, Errc::unavailable},  // not ready yet
    Meaning{17803, Errc::unavailable},  // no memory
    Meaning{18401, Errc::unavailable},  // in script upgrade
    Meaning{18450, Errc::denied},
    Meaning{18452, Errc::denied},
    Meaning{18456, Errc::denied},
    Meaning{18461, Errc::unavailable},  // single user
    Meaning{18486, Errc::denied},       // locked out
    Meaning{18487, Errc::denied},       // password expired
    Meaning{18488, Errc::denied},
    Meaning{20002, Errc::unavailable},  // FreeTDS: no connection
    Meaning{20003, Errc::unavailable},  // time-out
    Meaning{20004, Errc::unavailable},  // reading
    Meaning{20006, Errc::unavailable},  // writing
    Meaning{20009, Errc::unavailable},  // nobody there
    Meaning{20017, Errc::unavailable},  // end of file
    Meaning{20047, Errc::unavailable},  // dead
    Meaning{21050, Errc::denied},       // sysadmin alone
    Meaning{33111, Errc::not_found},    // a certificate
};
static_assert(std::ranges::is_sorted(meanings, {}, &Meaning::number));

// A file of the server's: its system's own number stands in the text, "error 5(Access is denied.)"
// of Windows, "error 13(Permission denied)" of Linux.
std::optional<Errc> of_system_error(std::string_view text) {
  const auto has = [&](std::string_view number) {
    return text.find(fmt::format(" {}(", number)) != std::string_view::npos;
  };
  if (has("112") || has("28") || has("39")) return Errc::no_space;
  if (has("5") || has("13")) return Errc::denied;
  if (has("2") || has("3")) return Errc::not_found;
  return std::nullopt;
}

std::optional<Errc> meaning_of(const Message& error) {
  const auto* const known = std::ranges::lower_bound(meanings, error.number, {}, &Meaning::number);
  if (known != meanings.end() && known->number == error.number) return known->code;
  switch (error.number) {
    case 1802:  // CREATE DATABASE
    case 3201:  // opening a backup
    case 3202:  // writing one
    case 3271:
    case 3634:
    case 5110:
    case 5123:  // making a file of a database
    case 5133:
    case 5149:  // growing one
      return of_system_error(error.text);
    default:
      break;
  }
  if (error.text.find("Can't open lib") != std::string::npos || error.state == "IM002" ||
      error.state == "IM003")
    return Errc::not_found;
  if (error.state.starts_with("08") || error.state.starts_with("HYT")) return Errc::unavailable;
  return std::nullopt;
}

bool has_number(std::span<const Message> errors, int number) {
  return std::ranges::find(errors, number, &Message::number) != errors.end();
}

}  // namespace

std::string without_names(std::string text) {
  for (int names = 0; names < 3 && text.starts_with('['); ++names) {
    const std::size_t end = text.find(']');
    if (end == std::string::npos) break;
    const bool is_last = text.compare(0, end + 1, "[SQL Server]") == 0 ||
                         text.compare(0, end + 1, "[Driver Manager]") == 0;
    text.erase(0, end + 1);
    if (is_last) break;
  }
  while (text.ends_with('\n') || text.ends_with('\r') || text.ends_with(' ')) text.pop_back();
  return text;
}

bool is_information(const Message& message) noexcept {
  return message.state.starts_with("01") || message.state.starts_with("00");
}

Errc errc_of(std::span<const Message> errors, Errc otherwise) noexcept {
  std::optional<Errc> found;
  for (const Message& one : errors) {
    const auto meaning = meaning_of(one);
    // That there is no connection is told behind the reason.
    if (meaning && (!found || *found == Errc::unavailable)) found = meaning;
  }
  return found.value_or(otherwise);
}

bool is_lost(std::span<const Message> errors) noexcept {
  return std::ranges::any_of(errors, [](const Message& one) {
    switch (one.number) {
      case 596:  // killed
      case 6005:
      case 20002:
      case 20003:
      case 20004:
      case 20006:
      case 20009:
      case 20017:
      case 20047:
        return true;
      default:
        // 08004 says that the server does not want to, as of a database that is not there.
        return one.state.starts_with("08") && one.state != "08004";
    }
  });
}

bool is_unanswered(std::span<const Message> errors) noexcept {
  if (errors.empty() || is_lost(errors)) return false;
  return std::ranges::none_of(errors, [](const Message& one) {
    switch (one.number) {
      case 701:
      case 1204:
      case 1205:
      case 1222:
        return true;
      default:
        return meaning_of(one) == Errc::not_consistent || meaning_of(one) == Errc::no_space;
    }
  });
}

std::string words_of(std::span<const Message> errors) {
  std::string words;
  for (const Message& one : errors) words += (words.empty() ? "" : "; ") + one.display();
  return words;
}

std::string connecting_hint(std::span<const Message> errors, const Location& location) {
  if (has_number(errors, 18456) || has_number(errors, 18452))
    return "Check `user` and the password, and that the server lets logins in by password; its "
           "own log says which of them it is.";
  if (has_number(errors, 4060) || has_number(errors, 911))
    return "Check the name of the database, and that the login has a user in it.";
  const Errc code = errc_of(errors, Errc::unavailable);
  if (code == Errc::not_found)
    return "Name the library of an ODBC driver by `driver`; FreeTDS's is in Debian's package "
           "tdsodbc.";
  if (code != Errc::unavailable) return {};
  if (has_number(errors, 20009) || has_number(errors, 20003))
    return "Check host and port, and that the server listens there on TCP.";
  std::string hint = "Likely causes: nobody listens there on TCP, or no server of this kind";
  if (location.tls == Tls::verified)
    hint +=
        "; its certificate is of no authority in `tls_ca` (else the machine's), is of another "
        "name or has expired; it has no TLS (`tls = \"off\"`)";
  if (location.tls == Tls::required) hint += "; it has no TLS (`tls = \"off\"`)";
  if (location.tls == Tls::off) hint += "; it demands TLS";
  return hint + "; it demands TDS 8 (Force Strict), which takes Microsoft's driver.";
}

}  // namespace holdfast::engine::sqlserver
