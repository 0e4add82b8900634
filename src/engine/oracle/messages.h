// SPDX-License-Identifier: Apache-2.0
// What Oracle's programs say, and what that means for a copy. Their exit codes prove nothing: exp
// and imp end with 0 on UNIX when tables were skipped ("with warnings").
//
// Codes are the same in every language; the texts of the end and of the rows are those of
// AMERICAN, which we set. Source: Oracle Database Error Messages (EXP, IMP, UDE, UDI, ORA),
// Oracle Database Utilities 12.1, "Warning, Error, and Completion Messages" and "Exit Codes".
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::engine::oracle {

// In order of weight.
enum class Verdict : std::uint8_t {
  harmless,    // nothing is lost
  judged,      // what it speaks of is looked at by us afterwards: invalid objects
  left_out,    // a grant to somebody who is not there: told, and compared
  incomplete,  // something is not in the copy, or not in the database
  failed,      // the program ended there
};
[[nodiscard]] std::string_view verdict_name(Verdict verdict) noexcept;

struct KnownCode {
  std::string_view code;  // "EXP-00091"
  Verdict verdict;
  std::string_view meaning;
  std::string_view advice;  // a sentence; may be empty
};
// All that are classified, ordered by code. What is not among them is Verdict::incomplete.
[[nodiscard]] std::span<const KnownCode> known_codes() noexcept;
[[nodiscard]] const KnownCode* find_code(std::string_view code) noexcept;

struct LogMessage {
  std::string code;
  Verdict verdict = Verdict::incomplete;
  std::string line;  // as it was said, with what followed it
};

enum class LogEnd : std::uint8_t {
  unknown,  // no line says so: killed, or in another language
  successful,
  with_warnings,
  unsuccessful,
};

struct LogReport {
  LogEnd end = LogEnd::unknown;
  std::vector<LogMessage> messages;           // of all kinds, in their order
  std::map<std::string, std::uint64_t> rows;  // by table, partitions added up
  bool snapshot_too_old = false;              // ORA-01555, ORA-08180, ORA-01466
  bool needs_datapump = false;                // what exp skips, and says so
  bool is_cut = false;                        // more was said than is kept

  // The heaviest; an end that is not told is Verdict::failed.
  [[nodiscard]] Verdict verdict() const noexcept;
  // The heaviest for an error's text: "EXP-00107: Feature (…)". Of what ended the program the first
  // that has the server's own words, else what was lost last before EXP-00000 or IMP-00000, which
  // tell no cause; else the first.
  [[nodiscard]] std::string worst() const;
  [[nodiscard]] std::string advice() const;  // of the same
};

// Any of the four programs' logs. Bounded: 1,000 messages, 1,000,000 tables.
[[nodiscard]] LogReport read_log(std::string_view log);

// The first code ("ORA-01017", "SP2-0640") of a text, or nothing.
[[nodiscard]] std::string first_code(std::string_view text);
// Whether it has a code of a session that is no more: killed, timed out, its server gone.
[[nodiscard]] bool tells_lost_session(std::string_view said) noexcept;
// An Error for what the server or a client said: its Errc follows from the first code that has one.
[[nodiscard]] Error oracle_error(std::string_view said, std::string_view doing);

}  // namespace holdfast::engine::oracle
