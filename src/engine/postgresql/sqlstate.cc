// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/sqlstate.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::engine::postgresql {
std::string_view hint_of(std::string_view state) {
  if (state == "53100")
    return "Make room on the server's disk, or map tablespaces to others by [restore.tablespace].";
  if (state == "53200")
    return "If the server's log says so, raise max_locks_per_transaction: each table takes a lock.";
  if (state == "53300") return "Raise max_connections, or lower limits.parallel.";
  if (state == "55P03") return "Another session holds a lock on it; see pg_locks.";
  if (state == "40001")
    return "On a standby, replay ended the query; raise max_standby_streaming_delay, or set "
           "hot_standby_feedback.";
  if (state.starts_with("28")) return "Check user, password and pg_hba.conf.";
  return "";
}

namespace {

// Source: PostgreSQL, appendix A.
Errc code_of(std::string_view state) {
  const std::string_view group = state.substr(0, std::min<std::size_t>(2, state.size()));
  if (state == "42501" || group == "28") return Errc::denied;
  if (state == "3D000" || state == "42P01" || state == "42704" || state == "3F000")
    return Errc::not_found;
  if (state == "42P04" || state == "42P06" || state == "42P07" || state == "42710")
    return Errc::exists;
  if (state == "53100") return Errc::no_space;
  if (state.empty() || group == "08" || group == "53" || group == "40" || group == "55" ||
      group == "57")
    return Errc::unavailable;
  if (group == "0A") return Errc::unsupported;
  if (group == "XX" || group == "22" || group == "23") return Errc::corrupt;
  if (group == "42" || group == "25") return Errc::usage;
  return Errc::io;
}

Error make_error(Errc code, std::string_view component, std::string_view message,
                 std::string_view state) {
  Error error(code, state.empty() ? fmt::format("{}: {}", component, message)
                                  : fmt::format("{}: {} (SQLSTATE {})", component, message, state));
  if (const auto hint = hint_of(state); !hint.empty()) error.set_hint(hint);
  return error;
}

// "LOCATION:  InitPostgres, postinit.c:885", whose first word is in the server's language.
bool is_place_in_sources(std::string_view line) {
  const std::size_t colon = line.rfind(':');
  return colon != std::string_view::npos && colon + 1 < line.size() &&
         line.find_first_not_of("0123456789", colon + 1) == std::string_view::npos &&
         line.substr(0, colon).ends_with(".c") && line.find(":  ") < line.rfind(", ");
}

// Takes the SQLSTATE out of "FATAL:  3D000: database …". Empty if there is none.
std::string take_state(std::string& line) {
  const auto is_state = [](std::string_view text) {
    return text.size() == 7 && text.ends_with(": ") &&
           std::all_of(text.begin(), text.begin() + 5,
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
  };
  for (std::size_t at = 0; (at = line.find(":  ", at)) != std::string::npos; at += 3) {
    if (!is_state(std::string_view(line).substr(at + 3, 7))) continue;
    std::string state = line.substr(at + 3, 5);
    line.erase(at + 3, 7);
    return state;
  }
  return "";
}

}  // namespace

Error refusal(std::string_view component, std::string_view message, std::string_view state) {
  return make_error(code_of(state), component, message, state);
}

Error connect_refusal(std::string_view component, std::string_view text) {
  // Of several hosts each has its lines; a host that is tried no further than it is the last.
  std::string message;
  std::string state;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || is_place_in_sources(line)) continue;
    const bool begins = line.front() != '\t' && line.front() != ' ';
    if (std::string found = take_state(line); !found.empty()) {
      state = std::move(found);
    } else if (begins && (line.starts_with("connection to server ") ||
                          line.starts_with("could not connect"))) {
      state.clear();  // libpq's own words about the next host
    }
    message += (message.empty() ? "" : " ") + line.substr(line.find_first_not_of("\t "));
  }
  Errc code = Errc::unavailable;
  if (state == "3D000") code = Errc::not_found;
  if (state == "42501" || state.starts_with("28")) code = Errc::denied;
  // What libpq says by itself has no SQLSTATE.
  if (state.empty() && (message.find("no password supplied") != std::string::npos ||
                        message.find("authentication failed") != std::string::npos))
    code = Errc::denied;
  return make_error(code, component, message, state);
}

}  // namespace holdfast::engine::postgresql
