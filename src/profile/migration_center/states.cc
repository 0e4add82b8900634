// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/states.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <regex>

#include "base/ascii.h"
#include "profile/migration_center/finding.h"
#include "profile/migration_center/text.h"

namespace holdfast::profile::migration_center {
namespace {

using model::QueriedRows;
using model::QuietAnswer;
using model::Severity;

// What runs, and what says that it runs.
constexpr std::string_view running_tables =
    "SCHEDUL|RUN|JOB|SCAN|IMPORT|TRANSFORM|VALIDAT|MIGSET|MIG_SET";
// Of a column with more values, or longer ones, nobody lists them: it tells no state.
constexpr std::size_t codes_max = 40, code_size_max = 60;

// The matcher goes deeper with each byte; what is long is no name and no code.
bool matches(std::string_view name, const std::regex& pattern) {
  return name.size() <= 128 && std::regex_match(ascii_upper(name), pattern);
}

bool is_time(std::string_view type) {
  const std::string name = ascii_upper(type);
  return name == "DATE" || name.starts_with("TIMESTAMP");
}

const std::string* mapping_of(const model::MigrationCenterSettings& settings, const Table& table,
                              std::string_view column) {
  for (const auto& [name, codes] : settings.status)
    if (equal_but_for_case(name, table.name + "." + std::string(column))) return &codes;
  return nullptr;
}

QuietAnswer judge_values(const Asked& asked, const Table& table, const std::string& column,
                         StatesMet& met, const QueriedRows& rows) {
  const std::string* const mapping = mapping_of(asked.settings, table, column);
  const auto mapped = mapping == nullptr ? std::nullopt : std::optional<MappedCodes>(*mapping);
  QuietAnswer answer;
  std::vector<std::string> working, all;
  StatesMet::Column met_here{asked.component, table.name + "." + column, {}, {}};
  for (const auto& row : rows) {
    if (row.size() < 2) continue;
    const std::string& value = row[0];
    const std::string one = fmt::format("{} '{}'", row[1], value.substr(0, 128));
    all.push_back(one);
    const bool works = mapped ? mapped->is_at_work(value) : is_word_of_work(value);
    if (works) working.push_back(one);
    if (mapped || works || value.empty()) continue;
    (is_word_of_rest(value, table.name) ? met_here.at_rest : met_here.unknown)
        .emplace_back(value, row[1]);
  }
  answer.seen.push_back(display(table, column) + ": " + joined(all, "no rows"));
  if (!met_here.unknown.empty()) met.add(std::move(met_here));
  if (working.empty()) return answer;
  answer.findings.push_back(finding_of(
      "migration-center-job-running", Severity::blocker, asked.component,
      fmt::format("{} is at work: {}", display(table, column), joined(working)),
      "what runs changes the rows and the staged files while they are copied",
      "Wait for its end, or stop it in the WebClient; if the rows are left over from a crash, "
      "set them right there. If the value means rest, correct [migration_center.status]."));
  return answer;
}

QuietAnswer judge_open(const Asked& asked, const Table& table, const std::string& ended,
                       const QueriedRows& rows) {
  QuietAnswer answer;
  const std::string count = rows.empty() || rows[0].empty() ? "0" : rows[0][0];
  answer.seen.push_back(fmt::format("{}: {} begun and not ended", display(table, ended), count));
  if (count == "0") return answer;
  answer.findings.push_back(
      finding_of("migration-center-run-open", Severity::blocker, asked.component,
                 fmt::format("{} of {} have begun and have no {}", count, display(table), ended),
                 "a run that has not ended may be at work, and its log and its files are growing",
                 "Wait for its end; if it is left over from a crash, accept this."));
  return answer;
}

// Of a scheduler an end is when it shall cease.
bool is_of_runs(const Table& table) {
  static const std::regex pattern(".*(RUN|HIST|JOB).*");
  return matches(table.name, pattern);
}

QuietAnswer judge_columns(const AskedPtr& asked, const std::shared_ptr<StatesMet>& met,
                          const QueriedRows& rows) {
  QuietAnswer answer;
  met->components.insert(asked->component);
  for (const TableColumns& one : tables_of(rows)) {
    const Table& table = one.table;
    std::string begun, ended;
    for (const auto& column : one.columns) {
      if (is_time(column.type) && is_begin_column(column.name)) begun = column.name;
      if (is_time(column.type) && is_end_column(column.name)) ended = column.name;
      const bool is_mapped = mapping_of(asked->settings, table, column.name) != nullptr;
      if (is_mapped) met->mapped.insert(ascii_upper(table.name + "." + column.name));
      if (!is_mapped && !is_state_column(column.name)) continue;
      answer.next.push_back(
          asked->query("runs", count_values(table, column.name), runs_unobservable(*asked),
                       [asked, table, name = column.name, met](const QueriedRows& values) {
                         return judge_values(*asked, table, name, *met, values);
                       }));
    }
    if (begun.empty() || ended.empty() || !is_of_runs(table)) continue;
    answer.next.push_back(asked->query("runs", count_open(table, begun, ended),
                                       runs_unobservable(*asked),
                                       [asked, table, ended](const QueriedRows& counts) {
                                         return judge_open(*asked, table, ended, counts);
                                       }));
  }
  if (answer.next.empty())
    answer.findings.push_back(runs_unobservable(
        *asked, "no column of a table that is named like a run, a job or a scanner tells a state"));
  return answer;
}

// Whether the instance file can say it: in a list with commas, in quotes.
bool can_be_listed(const std::string& value) {
  return value.size() <= code_size_max && !value.starts_with(' ') && !value.ends_with(' ') &&
         std::none_of(value.begin(), value.end(), [](char c) {
           return c == ',' || c == '"' || c == '\\' || (c >= '\0' && c < ' ') || c == '\x7f';
         });
}

// "SCHEDULER_RUNS.STATUS" = "not 3, 4"  # rows: 12 '3', 1 '4'
std::string line_of(const StatesMet::Column& column) {
  std::vector<std::string> codes, rows;
  bool can_be = column.unknown.size() + column.at_rest.size() <= codes_max;
  for (const auto* values : {&column.unknown, &column.at_rest}) {
    for (const auto& [value, count] : *values) {
      can_be = can_be && can_be_listed(value);
      codes.push_back(value);
      rows.push_back(fmt::format("{} '{}'", count, value));
    }
  }
  if (!can_be)
    return fmt::format("\"{}\" = \"not *\"  # {} different values: no state, as it seems",
                       column.name, codes.size());
  return fmt::format("\"{}\" = \"not {}\"  # rows: {}", column.name, joined(codes), joined(rows));
}

model::Finding unknown_states(const std::string& component,
                              const std::vector<const StatesMet::Column*>& columns,
                              bool has_table) {
  std::vector<std::string> seen;
  std::string lines = has_table ? "" : "\n    [migration_center.status]";
  for (const StatesMet::Column* column : columns) {
    std::vector<std::string> values;
    for (const auto& [value, count] : column->unknown)
      values.push_back(fmt::format("{} '{}'", count, value.substr(0, 128)));
    seen.push_back(fmt::format("{} has {}", column->name, joined(values)));
    lines += "\n    " + line_of(*column);
  }
  return finding_of(
      "migration-center-status-unobservable", Severity::blocker, component, joined(seen, {}, "; "),
      "whether something runs cannot be told: the vendor does not publish what these codes mean",
      fmt::format("See that nothing runs now, and add {} to the instance file; whatever is not "
                  "named there counts as work from then on:{}",
                  has_table ? "below [migration_center.status]" : "this", lines));
}

}  // namespace

MappedCodes::MappedCodes(std::string_view text) {
  constexpr std::string_view negation = "not ";
  is_of_rest_ = text.starts_with(negation);
  if (is_of_rest_) text.remove_prefix(negation.size());
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::size_t first = std::min(text.find_first_not_of(' ', at), end);
    std::string code(text.substr(first, end - first));
    while (code.ends_with(' ')) code.pop_back();
    if (!code.empty()) codes_.insert(std::move(code));
    at = end + 1;
  }
  is_all_ = codes_.contains("*");
}

bool MappedCodes::is_at_work(const std::string& value) const {
  return !value.empty() && (is_all_ || codes_.contains(value)) != is_of_rest_;
}

void StatesMet::add(Column column) {
  for (Column& other : columns) {
    if (other.component != column.component || !equal_but_for_case(other.name, column.name))
      continue;
    other.unknown.insert(other.unknown.end(), column.unknown.begin(), column.unknown.end());
    other.at_rest.insert(other.at_rest.end(), column.at_rest.begin(), column.at_rest.end());
    return;
  }
  columns.push_back(std::move(column));
}

bool is_state_column(std::string_view name) {
  static const std::regex pattern("(.*_)?(STATUS|STATE)(_?(ID|CODE))?");
  return matches(name, pattern);
}

bool is_end_column(std::string_view name) {
  static const std::regex pattern(
      "(.*_)?(END|ENDED|FINISH|FINISHED|COMPLETED)(_?(DATE|TIME|AT|ON))?");
  return matches(name, pattern);
}

bool is_begin_column(std::string_view name) {
  static const std::regex pattern("(.*_)?(START|STARTED|BEGIN|BEGUN)(_?(DATE|TIME|AT|ON))?");
  return matches(name, pattern);
}

bool is_word_of_work(std::string_view value) {
  static const std::regex pattern(
      "RUNNING|STARTED|STARTING|STOPPING|EXECUTING|PROCESSING|IN[ _-]?PROGRESS|SCANNING|IMPORTING|"
      "TRANSFORMING|VALIDATING|WORKING|BUSY");
  return matches(value, pattern);
}

bool is_word_of_rest(std::string_view value, std::string_view table) {
  static const std::regex pattern(
      "FINISHED|DONE|COMPLETE|COMPLETED|SUCCESS|SUCCESSFUL|SUCCEEDED|OK|FAILED|ERROR|ERRORS|"
      "WARNING|ABORTED|CANCELLED|CANCELED|STOPPED|IDLE|INACTIVE|ENABLED|DISABLED|NEW|CREATED|READY|"
      "SCANNED|IMPORTED|TRANSFORMED|VALIDATED|CLOSED|NONE");
  static const std::regex schedulers("(.*_)?SCHEDULERS?");
  return matches(value, pattern) ||
         (equal_but_for_case(value, "ACTIVE") && matches(table, schedulers));
}

model::ProfileQuery question_of_states(const AskedPtr& asked,
                                       const std::vector<std::string>& schemas,
                                       const std::shared_ptr<StatesMet>& met) {
  std::string family(running_tables);
  for (const auto& [column, codes] : asked->settings.status)
    family += "|" + exactly(column.substr(0, column.find('.')));
  return asked->query(
      "runs", find_columns(schemas, family, asked->is_owner), runs_unobservable(*asked),
      [asked, met](const QueriedRows& rows) { return judge_columns(asked, met, rows); });
}

std::vector<model::Finding> findings_of(const StatesMet& met,
                                        const model::MigrationCenterSettings& settings) {
  std::vector<model::Finding> findings;
  for (const std::string& component : met.components) {
    std::vector<const StatesMet::Column*> unknown;
    for (const StatesMet::Column& column : met.columns)
      if (column.component == component) unknown.push_back(&column);
    if (!unknown.empty())
      findings.push_back(unknown_states(component, unknown, !settings.status.empty()));
  }
  std::vector<std::string> lost;
  for (const auto& [column, codes] : settings.status)
    if (!met.mapped.contains(ascii_upper(column))) lost.push_back(column);
  // Of a database that could not be asked it is said already.
  if (lost.empty() || met.components.empty()) return findings;
  Asked all;
  findings.push_back(runs_unobservable(
      all, "[migration_center.status] names what no table there has: " + joined(lost)));
  return findings;
}

}  // namespace holdfast::profile::migration_center
