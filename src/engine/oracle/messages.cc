// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

namespace holdfast::engine::oracle {
namespace {

constexpr std::size_t messages_max = 1000;
constexpr std::size_t tables_max = 1'000'000;
constexpr std::size_t line_bytes_max = 600;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_capital(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}

// "EXP-00091" or "SP2-0640" at `at`, else nothing.
std::string_view code_at(std::string_view text, std::size_t at) noexcept {
  if (at > 0 && (is_capital(text[at - 1]) || is_digit(text[at - 1]))) return {};
  if (text.size() - at < 8 || !is_capital(text[at]) || text[at + 3] != '-') return {};
  if (!is_capital(text[at + 1]) || !(is_capital(text[at + 2]) || is_digit(text[at + 2]))) return {};
  std::size_t end = at + 4;
  while (end < text.size() && is_digit(text[end])) ++end;
  const std::size_t digits = end - at - 4;
  return digits == 4 || digits == 5 ? text.substr(at, end - at) : std::string_view();
}

struct Found {
  std::string_view code;
  std::size_t at = 0;
};

std::optional<Found> find_in(std::string_view text, std::size_t from = 0) noexcept {
  for (std::size_t at = text.find('-', from); at != std::string_view::npos;
       at = text.find('-', at + 1)) {
    if (at < 3) continue;
    if (const std::string_view code = code_at(text, at - 3); !code.empty())
      return Found{code, at - 3};
  }
  return std::nullopt;
}

std::optional<Found> find_behind(std::string_view text, const Found& found) noexcept {
  return find_in(text, found.at + found.code.size());
}

bool contains(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

LogEnd end_of(std::string_view line) noexcept {
  if (contains(line, "terminated successfully without warnings")) return LogEnd::successful;
  if (contains(line, "terminated successfully with warnings")) return LogEnd::with_warnings;
  if (contains(line, "terminated unsuccessfully")) return LogEnd::unsuccessful;
  if (!line.starts_with("Job \"")) return LogEnd::unknown;
  if (contains(line, "successfully completed")) return LogEnd::successful;
  if (contains(line, "completed with ")) return LogEnd::with_warnings;
  if (contains(line, "stopped")) return LogEnd::unsuccessful;
  return LogEnd::unknown;
}

std::string_view word(std::string_view& rest) noexcept {
  const std::size_t begin = rest.find_first_not_of(' ');
  if (begin == std::string_view::npos) return rest = {};
  rest.remove_prefix(begin);
  const bool is_quoted = rest.front() == '"';
  std::size_t end = is_quoted ? rest.find('"', 1) : rest.find(' ');
  if (is_quoted && end != std::string_view::npos) ++end;
  const std::string_view found = rest.substr(0, end);
  rest.remove_prefix(found.size());
  return found;
}

std::string unquoted(std::string_view name) {
  if (name.size() >= 2 && name.front() == '"') name = name.substr(1, name.size() - 2);
  return std::string(name);
}

// The number in front of " rows", or nothing.
std::optional<std::uint64_t> rows_in(std::string_view line) noexcept {
  const std::size_t at = line.rfind(" rows");
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  std::size_t begin = at;
  while (begin > 0 && is_digit(line[begin - 1])) --begin;
  if (begin == at || at - begin > 18) return std::nullopt;
  std::uint64_t rows = 0;
  for (const char c : line.substr(begin, at - begin))
    rows = rows * 10 + static_cast<std::uint64_t>(c - '0');
  return rows;
}

// ". . exporting table   DEPT   4 rows exported", then its partitions in lines of their own;
// `. . exported "SCOTT"."DEPT"   5.9 KB   4 rows`, `"SCOTT"."T":"P1"`.
void read_progress(std::string_view line, std::string& table, LogReport& report) {
  std::string_view rest = line;
  rest.remove_prefix(std::min<std::size_t>(rest.size(), 3));
  const std::string_view verb = word(rest);
  if (verb == "exporting" || verb == "importing") {
    std::string_view what = word(rest);
    if (what == "composite") what = word(rest);
    if (what == "table") table = unquoted(word(rest));
  } else if (verb == "exported" || verb == "imported") {
    static_cast<void>(word(rest));  // the schema
    if (!rest.starts_with('.')) return;
    rest.remove_prefix(1);
    table = unquoted(word(rest));
  } else {
    return;
  }
  if (table.empty()) return;
  if (report.rows.size() >= tables_max && !report.rows.contains(table)) {
    report.is_cut = true;
    return;
  }
  report.rows[table] += rows_in(line).value_or(0);
}

// Whether a statement that failed is a grant to somebody who is not there.
bool is_lost_grant(const LogMessage& message) noexcept {
  const bool is_statement = message.code == "IMP-00017" || message.code == "ORA-39083";
  const bool is_nobody = contains(message.line, "ORA-01917") || contains(message.line, "ORA-01919");
  return is_statement && is_nobody && contains(message.line, "GRANT");
}

// What ends the log of every failure, and does not say why.
bool is_farewell(const LogMessage& message) noexcept {
  return message.code == "EXP-00000" || message.code == "IMP-00000";
}

// Twice the verdict, so that there is room between: for the server's own words among what ended the
// program, and for a farewell, which anything that was lost explains.
int weight_of(const LogMessage& message) noexcept {
  const int weight = 2 * static_cast<int>(message.verdict);
  if (is_farewell(message)) return 2 * static_cast<int>(Verdict::incomplete) - 1;
  const std::size_t behind = message.line.find(message.code) + message.code.size();
  const bool has_cause = message.line.find("ORA-", behind) != std::string::npos;
  return message.verdict == Verdict::failed && has_cause ? weight + 1 : weight;
}

// nullptr if there is none. Before a farewell the last that was lost is what ended the program.
const LogMessage* heaviest_of(std::span<const LogMessage> messages) noexcept {
  const bool has_farewell = std::any_of(messages.begin(), messages.end(), is_farewell);
  const LogMessage* found = nullptr;
  for (const LogMessage& one : messages) {
    const int above = found == nullptr ? 1 : weight_of(one) - weight_of(*found);
    const bool is_last = has_farewell && one.verdict == Verdict::incomplete;
    if (above > 0 || (above == 0 && is_last)) found = &one;
  }
  return found;
}

Verdict verdict_of(const LogMessage& message) noexcept {
  if (is_lost_grant(message)) return Verdict::left_out;
  const KnownCode* const known = find_code(message.code);
  return known == nullptr ? Verdict::incomplete : known->verdict;
}

// A code that explains the one before it and is no event of its own.
bool explains(const LogReport& report, std::string_view code, bool follows) noexcept {
  if (!follows || report.messages.empty()) return false;
  const std::string_view before = report.messages.back().code;
  if (before == "IMP-00017" && code == "IMP-00003") return true;
  if (!code.starts_with("ORA-") && !code.starts_with("PLS-") && !code.starts_with("KUP-"))
    return false;
  if (before.starts_with("EXP-") || before.starts_with("IMP-") || before.starts_with("UD"))
    return true;
  // Those of Data Pump are 39xxx and 31xxx; the rest says why.
  return !code.starts_with("ORA-39") && !code.starts_with("ORA-31");
}

class LogReader {
 public:
  void line(std::string_view text) {
    while (text.ends_with('\r') || text.ends_with(' ')) text.remove_suffix(1);
    // What was asked for on standard input has no end of a line.
    constexpr std::string_view prompt = "Password: ";
    if (text.starts_with(prompt)) text.remove_prefix(prompt.size());
    if (text.empty()) return;
    if (const LogEnd end = end_of(text); end != LogEnd::unknown) report_.end = end;
    if (text.starts_with(". . ")) {
      follows_ = false;
      return read_progress(text, table_, report_);
    }
    const std::optional<Found> found = find_in(text);
    if (!found) return add_text(text);
    if (found->code == "ORA-01555") report_.snapshot_too_old = true;
    if (explains(report_, found->code, follows_)) return add_text(text);
    if (report_.messages.size() >= messages_max) {
      report_.is_cut = true;
      return;
    }
    report_.messages.push_back({std::string(found->code), Verdict::incomplete,
                                std::string(text.substr(0, line_bytes_max))});
    follows_ = true;
  }

  LogReport finish() {
    for (LogMessage& message : report_.messages) {
      message.verdict = verdict_of(message);
      for (const std::string_view code :
           {"EXP-00018", "EXP-00104", "EXP-00107", "EXP-00111", "EXP-00112", "EXP-00113"})
        report_.needs_datapump = report_.needs_datapump || message.code == code;
    }
    return std::move(report_);
  }

 private:
  // What is said behind a code: why, and which statement.
  void add_text(std::string_view text) {
    if (!follows_ || report_.messages.empty()) return;
    std::string& line = report_.messages.back().line;
    if (line.size() + text.size() >= line_bytes_max) {
      // A long statement hides no code: those are looked for above.
      if (const auto found = find_in(text); found && line.size() < 2 * line_bytes_max)
        line += fmt::format(" {}", found->code);
      return;
    }
    line += fmt::format(" {}", text);
  }

  LogReport report_;
  std::string table_;
  bool follows_ = false;
};

}  // namespace

std::string_view verdict_name(Verdict verdict) noexcept {
  constexpr std::array<std::string_view, 5> names{"harmless", "judged", "left out", "incomplete",
                                                  "failed"};
  return names.at(static_cast<std::size_t>(verdict));
}

const KnownCode* find_code(std::string_view code) noexcept {
  const auto codes = known_codes();
  const auto found = std::lower_bound(
      codes.begin(), codes.end(), code,
      [](const KnownCode& one, std::string_view sought) { return one.code < sought; });
  return found != codes.end() && found->code == code ? &*found : nullptr;
}

Verdict LogReport::verdict() const noexcept {
  Verdict heaviest = Verdict::harmless;
  if (end == LogEnd::unknown || end == LogEnd::unsuccessful || is_cut) heaviest = Verdict::failed;
  // Warnings that nobody has read may be of anything.
  if (end == LogEnd::with_warnings && messages.empty())
    heaviest = std::max(heaviest, Verdict::incomplete);
  for (const LogMessage& message : messages) heaviest = std::max(heaviest, message.verdict);
  return heaviest;
}

std::string LogReport::worst() const {
  const LogMessage* const found = heaviest_of(messages);
  if (found != nullptr && found->verdict > Verdict::judged) return found->line;
  if (is_cut) return "it said more than can be judged";
  if (end == LogEnd::unknown)
    return "no line says that it came to its end, as if it was killed or spoke another language";
  if (end == LogEnd::with_warnings && messages.empty())
    return "it ended with warnings, and no line says which";
  return found == nullptr ? std::string() : found->line;
}

std::string LogReport::advice() const {
  if (snapshot_too_old)
    return "The server no longer has the undo of that moment: raise UNDO_RETENTION or the undo "
           "tablespace, or copy while less is written.";
  const LogMessage* const found = heaviest_of(messages);
  if (found == nullptr) return {};
  const KnownCode* const known = find_code(found->code);
  return known == nullptr ? std::string() : std::string(known->advice);
}

LogReport read_log(std::string_view log) {
  LogReader reader;
  while (!log.empty()) {
    const std::size_t end = log.find('\n');
    reader.line(log.substr(0, end));
    log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
  }
  return reader.finish();
}

std::string first_code(std::string_view text) {
  const auto found = find_in(text);
  return found ? std::string(found->code) : std::string();
}

namespace {

// Of a session that is no more: whatever else is asked of it fails too.
constexpr std::array<std::string_view, 14> lost_sessions{
    "ORA-00028", "ORA-01012", "ORA-01089", "ORA-01092", "ORA-02396", "ORA-02399", "ORA-03113",
    "ORA-03114", "ORA-03135", "ORA-12537", "ORA-12547", "ORA-12571", "SP2-0640",  "SP2-0641"};

bool is_of_lost_session(std::string_view code) noexcept {
  return std::find(lost_sessions.begin(), lost_sessions.end(), code) != lost_sessions.end();
}

// Nothing for a code that does not say of which kind it is: "EXP-00056: ORACLE error …
// encountered".
std::optional<Errc> errc_of(std::string_view code) noexcept {
  struct Kind {
    Errc errc;
    std::initializer_list<std::string_view> codes;
  };
  static const std::array kinds{
      Kind{Errc::denied,
           {"ORA-01017", "ORA-01005", "ORA-01031", "ORA-01045", "ORA-28000", "ORA-28001",
            "ORA-01950", "ORA-01536", "ORA-27486", "ORA-39070", "ORA-29283", "ORA-29289",
            "EXP-00009", "EXP-00032"}},
      Kind{Errc::unavailable, {"ORA-12154", "ORA-12514", "ORA-12505", "ORA-12541", "ORA-12543",
                               "ORA-12545", "ORA-12170", "ORA-12560", "ORA-01033", "ORA-01034",
                               "ORA-01090", "ORA-01109", "ORA-12526", "ORA-12527", "ORA-12528",
                               "ORA-12516", "ORA-12519", "ORA-12520", "ORA-00020", "ORA-00018"}},
      Kind{Errc::not_found,
           {"ORA-00942", "ORA-01918", "ORA-04043", "ORA-01435", "ORA-23421", "ORA-27475",
            "ORA-27476"}},
      Kind{Errc::no_space,
           {"ORA-01653", "ORA-01652", "ORA-01654", "ORA-01658", "ORA-01659", "ORA-01688",
            "ORA-01691", "ORA-19502", "ORA-27072", "ORA-39095", "ORA-00257", "ORA-19809",
            "ORA-30036"}},
      Kind{Errc::not_consistent, {"ORA-01555", "ORA-08180", "ORA-08181", "ORA-01466"}},
      Kind{Errc::exists, {"ORA-27038", "ORA-00955", "ORA-01920"}}};
  if (is_of_lost_session(code)) return Errc::unavailable;
  for (const Kind& kind : kinds)
    if (std::find(kind.codes.begin(), kind.codes.end(), code) != kind.codes.end()) return kind.errc;
  return std::nullopt;
}

}  // namespace

bool tells_lost_session(std::string_view said) noexcept {
  for (auto found = find_in(said); found; found = find_behind(said, *found))
    if (is_of_lost_session(found->code)) return true;
  return false;
}

Error oracle_error(std::string_view said, std::string_view doing) {
  const auto found = find_in(said);
  std::string_view shown = said;
  if (found) shown.remove_prefix(found->at);
  std::string text;
  for (const char c : shown.substr(0, line_bytes_max)) text += c == '\n' ? ' ' : c;
  while (text.ends_with(' ')) text.pop_back();
  std::optional<Errc> errc;
  for (auto one = found; one && !errc; one = find_behind(said, *one)) {
    errc = errc_of(one->code);
    // What a statement within a program's work names is nothing that the program was told to find.
    const bool is_name = errc == Errc::not_found || errc == Errc::exists;
    if (is_name && one->at != found->at) errc.reset();
  }
  Error error(errc.value_or(Errc::failed_child),
              fmt::format("{}: {}", doing, text.empty() ? "nothing was said" : text));
  if (found && find_code(found->code) != nullptr && !find_code(found->code)->advice.empty())
    error.set_hint(find_code(found->code)->advice);
  return error;
}

}  // namespace holdfast::engine::oracle
