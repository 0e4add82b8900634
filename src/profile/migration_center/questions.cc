// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "profile/migration_center/finding.h"
#include "profile/migration_center/machine.h"
#include "profile/migration_center/schedulers.h"
#include "profile/migration_center/text.h"

namespace holdfast::profile::migration_center {
namespace {

using model::ProfileQuery;
using model::QueriedRows;
using model::QuietAnswer;
using model::Severity;

constexpr std::string_view jobserver_tables = "JOB_?SERVER";

QuietAnswer judge_sessions(const Asked& asked, const QueriedRows& rows) {
  QuietAnswer answer;
  std::size_t idle = 0;
  std::vector<std::string> active, open, hidden;
  for (const auto& row : rows) {
    if (row.size() < 6) continue;
    const std::string one =
        fmt::format("{} ({}{}{}, {})", row[0], row[1], row[2].empty() ? "" : ", ", row[2],
                    row[3].empty() ? "this machine" : row[3]);
    if (row[4] == "hidden") {
      hidden.push_back(one);
    } else if (row[4] == "active") {
      active.push_back(one);
    } else if (!row[5].empty()) {
      open.push_back(one);
    } else {
      ++idle;
    }
  }
  answer.seen.push_back(fmt::format("{} idle, at work: {}, with a transaction: {}", idle,
                                    joined(active, "none", "; "), joined(open, "none", "; ")));
  if (!active.empty()) {
    answer.findings.push_back(
        finding_of("migration-center-session-active", Severity::blocker, asked.component,
                   "at work in the database: " + joined(active, {}, "; "),
                   "a transformation, a validation or a scheduled job is such a session",
                   "Wait for its end, or stop what runs in the WebClient."));
  }
  if (!open.empty()) {
    answer.findings.push_back(finding_of(
        "migration-center-transaction-open", Severity::blocker, asked.component,
        "a transaction is open: " + joined(open, {}, "; "),
        "what it has not committed is not in the copy, and the files it goes with may be",
        "Let it commit or roll back; end the session if it was left over."));
  }
  if (!hidden.empty())
    answer.findings.push_back(sessions_unobservable(
        asked, "what these do is not shown to us: " + joined(hidden, {}, "; ")));
  return answer;
}

// The host of "host:port" or of a URL; empty for a port, a path and whatever else is no host.
std::string host_of(std::string_view value) {
  if (const std::size_t scheme = value.find("://"); scheme != std::string_view::npos) {
    value.remove_prefix(scheme + 3);
    value = value.substr(0, value.find_first_of("/?#"));
  }
  const auto found = split_address(value, 1);
  if (!found || found->host.find_first_not_of("0123456789") == std::string::npos) return {};
  return found->host;
}

bool is_named(const std::vector<std::string>& jobservers, const std::string& host) {
  return std::any_of(jobservers.begin(), jobservers.end(), [&](const std::string& one) {
    return equal_but_for_case(host_of(one), host);
  });
}

QuietAnswer judge_addresses(const Asked& asked, const Table& table, const std::string& column,
                            const QueriedRows& rows) {
  QuietAnswer answer;
  Json addresses = Json::array();
  std::vector<std::string> elsewhere;
  for (const auto& row : rows) {
    if (row.empty() || row[0].empty()) continue;
    addresses.push(Json()
                       .set("component", asked.component)
                       .set("where", display(table, column))
                       .set("value", row[0]));
    const std::string host = host_of(row[0]);
    if (!host.empty() && !is_here(host) && !is_named(asked.settings.jobservers, host))
      elsewhere.push_back(row[0]);
  }
  if (!elsewhere.empty()) {
    answer.findings.push_back(jobservers_unobservable(
        asked.component, fmt::format("{} names Jobservers that cannot be seen from here: {}",
                                     display(table, column), joined(elsewhere))));
  }
  answer.facts.set("jobserver_addresses", std::move(addresses));
  return answer;
}

// Where the Jobservers are by the rows: seen from here or not, and for whoever restores a clone.
QuietAnswer judge_jobserver_columns(const AskedPtr& asked, const QueriedRows& rows) {
  QuietAnswer answer;
  for (const TableColumns& one : tables_of(rows)) {
    for (const auto& column : one.columns) {
      if (!is_address_column(one.table.name, column.name)) continue;
      answer.next.push_back(
          asked->query("jobservers", count_values(one.table, column.name),
                       jobservers_unobservable(asked->component),
                       [asked, table = one.table, name = column.name](const QueriedRows& values) {
                         return judge_addresses(*asked, table, name, values);
                       }));
    }
  }
  return answer;
}

// Whether the schema that is looked at is the one that the engine copies.
bool is_what_is_copied(const model::DatabaseSettings& database, const std::string& schema,
                       const std::string& we) {
  if (database.engine != "oracle") return true;
  const auto named = database.options.find("schema");
  return equal_but_for_case(schema, named == database.options.end() ? we : named->second);
}

QuietAnswer schema_missing(const Asked& asked, std::string seen) {
  QuietAnswer answer;
  answer.findings.push_back(finding_of(
      "migration-center-schema-missing", Severity::blocker, asked.component, std::move(seen),
      "this may not be the database of migration-center, or we see nothing of it",
      "Correct `uri`, or `schema` in [[database]] (Oracle) or [migration_center]; let the backup's "
      "user see it."));
  answer.findings.push_back(sessions_unobservable(asked, "there is no schema to ask about"));
  answer.findings.push_back(runs_unobservable(asked, "there is no schema to ask about"));
  answer.findings.push_back(schedulers_unobservable(asked, "there is no schema to ask about"));
  return answer;
}

std::vector<ProfileQuery> questions_about(const AskedPtr& asked,
                                          const std::vector<std::string>& schemas,
                                          const std::vector<std::string>& owners,
                                          const std::shared_ptr<StatesMet>& met) {
  const Judge of_sessions = [asked](const QueriedRows& found) {
    return judge_sessions(*asked, found);
  };
  std::vector<ProfileQuery> queries;
  queries.push_back(asked->query("sessions", find_sessions(schemas, owners),
                                 sessions_unobservable(*asked), of_sessions));
  if (asked->engine == "oracle")
    queries.push_back(asked->query("writers", find_oracle_writers(schemas, asked->is_owner),
                                   sessions_unobservable(*asked), of_sessions));
  queries.push_back(question_of_states(asked, schemas, met));
  for (ProfileQuery& query : questions_of_schedulers(asked, schemas, owners))
    queries.push_back(std::move(query));
  if (asked->moment != model::QuietMoment::before) return queries;
  queries.push_back(asked->query(
      "jobservers", find_columns(schemas, jobserver_tables, asked->is_owner),
      jobservers_unobservable(asked->component),
      [asked](const QueriedRows& found) { return judge_jobserver_columns(asked, found); }));
  return queries;
}

QuietAnswer judge_schemas(const Asked& given, const model::DatabaseSettings& database,
                          const std::string& named, const std::shared_ptr<StatesMet>& met,
                          const QueriedRows& rows) {
  std::vector<std::string> schemas, owners;
  std::string we;
  for (const auto& row : rows) {
    if (row.size() < 3) continue;
    if (!contains(schemas, row[0])) schemas.push_back(row[0]);
    if (!contains(owners, row[1])) owners.push_back(row[1]);
    we = row[2];
  }
  if (schemas.empty())
    return schema_missing(given, !named.empty() ? "there is no schema " + named
                                 : given.engine == "oracle"
                                     ? "the schema of the user has no table SCHEDULERS"
                                     : "no schema there has a table SCHEDULERS");
  if (!is_what_is_copied(database, schemas[0], we))
    return schema_missing(given, schemas[0] +
                                     " of [migration_center] is not the schema that "
                                     "[[database]] has copied");
  const auto asked = std::make_shared<Asked>(given);
  asked->is_owner = owners.size() == 1 && owners[0] == we;
  QuietAnswer answer;
  answer.next = questions_about(asked, schemas, owners, met);
  return answer;
}

}  // namespace

bool is_address_column(std::string_view table, std::string_view column) {
  static const std::regex of_jobservers(".*JOB_?SERVER.*");
  static const std::regex address("(.*_)?(HOST|HOSTNAME|ADDRESS|LOCATION|URL|PORT|IP)(_NAME)?");
  return table.size() <= 128 && column.size() <= 128 &&
         std::regex_match(ascii_upper(table), of_jobservers) &&
         std::regex_match(ascii_upper(column), address);
}

ProfileQuery question_to(const model::DatabaseSettings& database,
                         const model::MigrationCenterSettings& settings, model::QuietMoment moment,
                         std::shared_ptr<StatesMet> met) {
  const Asked asked{database.name, database.engine, false, settings, moment};
  const auto copied = database.options.find("schema");
  std::string named = settings.schema;
  if (named.empty() && copied != database.options.end()) named = copied->second;
  ProfileQuery query =
      asked.query("schema", find_schemas(named), sessions_unobservable(asked),
                  [asked, database, named, met = std::move(met)](const QueriedRows& rows) {
                    return judge_schemas(asked, database, named, met, rows);
                  });
  query.unobservable.push_back(runs_unobservable(asked));
  query.unobservable.push_back(schedulers_unobservable(asked));
  return query;
}

}  // namespace holdfast::profile::migration_center
