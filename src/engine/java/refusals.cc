// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "engine/java/protocol.h"

namespace holdfast::engine::java {
namespace {

// By how they begin, the more special ones first. H2's SQLState is mostly its own error number.
constexpr std::array<std::pair<std::string_view, Errc>, 38> meanings{{
    {"XSDB6", Errc::unavailable},                           // another JVM has the database
    {"XSDB7", Errc::unavailable},                           // the same, where Derby cannot be sure
    {"90020", Errc::unavailable},                           // the same of H2
    {"40XL", Errc::unavailable},                            // lock not had in time
    {"40001", Errc::unavailable},                           // deadlock
    {"HYT00", Errc::unavailable},                           // H2: lock not had in time
    {"50200", Errc::unavailable}, {"08004", Errc::denied},  // Derby: user or password
    {"28", Errc::denied},         {"4250", Errc::denied},   // Derby: a right is missing
    {"42501", Errc::denied},      {"90096", Errc::denied},  // H2: a right is missing
    {"90040", Errc::denied},      {"90049", Errc::denied},  // H2: the file's own password
    {"90097", Errc::usage},                                 // H2: opened to be read only
    {"25502", Errc::usage},                                 // Derby: the same
    {"25503", Errc::usage},       {"25505", Errc::usage},
    {"90002", Errc::usage},      // H2: no query
    {"X0Y78", Errc::usage},      // Derby: no query
    {"XJ004", Errc::not_found},  // Derby: no such database
    {"90013", Errc::not_found},  // H2: the same
    {"90146", Errc::not_found},   {"90149", Errc::not_found},
    {"90124", Errc::not_found},   {"42X05", Errc::not_found},  // Derby: no such table
    {"42Y07", Errc::not_found},                                // and schema
    {"42S02", Errc::not_found},                                // H2: no such table
    {"42102", Errc::not_found},   {"42104", Errc::not_found},
    {"90079", Errc::not_found},   {"XSLAN", Errc::unsupported},  // Derby: written by a newer one
    {"XSLAP", Errc::unsupported}, {"90048", Errc::unsupported},  // H2: the file's format
    {"XSDG", Errc::corrupt},                                     // Derby: a page
    {"90030", Errc::corrupt},                                    // H2: the file
    {"XSLA4", Errc::no_space},    {"90100", Errc::no_space},
}};

Errc meaning_of(const Refusal& refusal) {
  switch (refusal.kind) {
    case Refusal::Kind::usage:
      return Errc::usage;
    case Refusal::Kind::unsupported:
    case Refusal::Kind::memory:
      return Errc::unsupported;
    case Refusal::Kind::protocol:
      return Errc::bug;
    case Refusal::Kind::not_found:
      return Errc::not_found;
    case Refusal::Kind::sql:
      break;
  }
  for (const auto& [state, code] : meanings) {
    const bool is_said =
        std::any_of(refusal.chain.begin(), refusal.chain.end(),
                    [&](const Refusal::Link& link) { return link.sqlstate.starts_with(state); });
    if (is_said) return code;
  }
  // What is left of class 42 are statements that are none.
  return refusal.chain.front().sqlstate.starts_with("42") ? Errc::usage : Errc::failed_child;
}

std::string on_one_line(std::string_view text) {
  constexpr std::size_t line_bytes_max = 800;
  std::string line;
  for (std::string_view rest = text; !rest.empty() && line.size() < line_bytes_max;) {
    const Utf8Rune rune = decode_utf8(rest);
    const std::size_t size_bytes = std::max<std::size_t>(rune.size_bytes, 1);
    const bool is_plain = rune.size_bytes > 0 && rune.rune >= 0x20 && rune.rune != 0x7f;
    if (is_plain) {
      line += rest.substr(0, size_bytes);
    } else if (!line.ends_with(' ')) {
      line += ' ';
    }
    rest.remove_prefix(size_bytes);
  }
  while (line.ends_with('.') || line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace

Error to_error(const Refusal& refusal, std::string_view what) {
  std::string text = on_one_line(refusal.chain.front().message);
  const std::string cause = on_one_line(refusal.chain.back().message);
  if (text.find(cause) == std::string::npos) text += ": " + cause;
  const std::string& state = refusal.chain.front().sqlstate;
  if (!state.empty()) text += fmt::format(" (SQLState {})", state);
  Error error(meaning_of(refusal), fmt::format("{}: {}", what, text));
  if (error.code() == Errc::unavailable)
    error.set_hint("Another program has the database open; stop it, or try again later.");
  if (refusal.kind == Refusal::Kind::memory)
    error.set_hint("The driver holds such a value in memory as a whole.");
  return error;
}

}  // namespace holdfast::engine::java
