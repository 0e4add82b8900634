// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/server_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/sqlserver/server_numbers.h"

namespace holdfast::engine::sqlserver {
namespace {

std::optional<Errc> code_of(const Message& error) {
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
      if (const auto of_system = system_meaning_of(error.text)) return of_system->code;
      break;
    default:
      break;
  }
  // That something failed, everybody knows already.
  if (const NumberMeaning* const known = meaning_of(error.number);
      known != nullptr && known->code != Errc::io)
    return known->code;
  if (error.text.find("Can't open lib") != std::string::npos || error.state == "IM002" ||
      error.state == "IM003" || error.state == "IM004")
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
    const auto meaning = code_of(one);
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

Message unexplained() {
  return {0, "HY000", "the driver says that it failed, and not why"};
}

bool is_unexplained(std::span<const Message> errors) noexcept {
  return std::ranges::all_of(
      errors, [](const Message& one) { return one.number == 0 && one.state == "HY000"; });
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
        return code_of(one) == Errc::not_consistent || code_of(one) == Errc::no_space;
    }
  });
}

std::string words_of(std::span<const Message> errors) {
  std::string words;
  for (const Message& one : errors) words += (words.empty() ? "" : "; ") + one.display();
  return words;
}

std::string connecting_hint(std::span<const Message> errors, const Location& location) {
  // Whose database is not there has not logged in either (18456).
  if (has_number(errors, 4060) || has_number(errors, 911))
    return "Check the name of the database, and that the login has a user in it.";
  if (has_number(errors, 18456) || has_number(errors, 18452))
    return "Check `user` and the password, and that the server lets logins in by password; its "
           "own log says which of them it is.";
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
