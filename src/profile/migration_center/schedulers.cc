// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/schedulers.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <set>

#include "base/ascii.h"
#include "profile/migration_center/finding.h"
#include "profile/migration_center/sql.h"
#include "profile/migration_center/text.h"

namespace holdfast::profile::migration_center {
namespace {

using model::ProfileQuery;
using model::QueriedRows;
using model::QuietAnswer;
using model::Severity;

struct Scheduler {
  std::string name;  // for people
  std::string disable, enable;
};

QuietAnswer answer_of(const Asked& asked, const std::vector<Scheduler>& found,
                      const std::string& kind) {
  QuietAnswer answer;
  std::vector<std::string> names;
  for (const Scheduler& one : found) names.push_back(one.name);
  answer.seen.push_back(kind + ": enabled: " + joined(names, "none"));
  if (found.empty()) return answer;
  const bool disables = asked.settings.disables_schedulers;
  if (disables && is_untouched(asked.moment)) {
    for (const Scheduler& one : found)
      answer.steps.push_back({asked.component, "disabled " + one.name, one.disable, one.enable});
    return answer;
  }
  // Those that we have disabled and that are enabled all the same may fire at any time.
  answer.findings.push_back(finding_of(
      "migration-center-scheduler-enabled", disables ? Severity::blocker : Severity::warning,
      asked.component, "enabled: " + joined(names),
      "they may begin a job while the copy is made; then there is no copy",
      "Write schedulers = \"disable\" in [migration_center], or disable them in the "
      "WebClient."));
  return answer;
}

Json fact_of(const Asked& asked, std::string_view kind) {
  Json fact;
  fact.set("component", asked.component).set("engine", asked.engine);
  fact.set("kind", std::string(kind)).set("disabled", asked.settings.disables_schedulers);
  return fact;
}

// A place that tells which schedulers are enabled, as it should or as it did.
Json place_of(const Asked& asked, const std::string& place) {
  return Json::array().push(Json().set("component", asked.component).set("place", place));
}

// What is known of a table SCHEDULERS.
struct Switch {
  Table table;
  std::string column, key, on, off;
};

Json fact_of_column(const Asked& asked, const Switch& by, Json enabled_keys) {
  Json fact = fact_of(asked, "column");
  fact.set("schema", by.table.schema).set("table", by.table.name).set("column", by.column);
  fact.set("key", by.key).set("on", by.on).set("off", by.off);
  fact.set("enabled", std::move(enabled_keys));
  return fact;
}

QuietAnswer judge_column(const Asked& asked, const Switch& by, const QueriedRows& rows) {
  std::vector<Scheduler> found;
  std::set<std::string> keys;
  std::vector<std::string> unknown;
  bool has_doubles = false;
  Json enabled_keys = Json::array();
  for (const auto& row : rows) {
    if (row.size() < 2) continue;
    has_doubles = !keys.insert(row[0]).second || has_doubles;
    if (row[1] != by.on && row[1] != by.off && !row[1].empty())
      unknown.push_back(fmt::format("'{}' of {}", row[1].substr(0, 128), row[0]));
    if (row[1] != by.on) continue;
    enabled_keys.push(row[0]);
    // The undo asks for either value, so that it waits for who has changed the row and has not
    // committed yet, which may be our own statement after its process died.
    found.push_back(
        {fmt::format("scheduler {} of {}", row[0], display(by.table)),
         set_column({by.table, by.column, {by.on}, by.off, by.key, row[0]}, asked.engine),
         set_column({by.table, by.column, {by.off, by.on}, by.on, by.key, row[0]}, asked.engine)});
  }
  if (has_doubles) {
    QuietAnswer answer;
    answer.findings.push_back(schedulers_unobservable(
        asked, display(by.table, by.key) + " does not tell its rows apart"));
    return answer;
  }
  QuietAnswer answer = answer_of(asked, found, display(by.table));
  if (unknown.empty()) {
    answer.facts.set("schedulers_seen", place_of(asked, display(by.table)));
  } else {
    answer.findings.push_back(schedulers_unobservable(
        asked, fmt::format("{} is neither '{}' nor '{}': {}", display(by.table, by.column), by.on,
                           by.off, joined(unknown))));
  }
  answer.facts.set("schedulers",
                   Json::array().push(fact_of_column(asked, by, std::move(enabled_keys))));
  return answer;
}

QuietAnswer judge_rows_without_switch(const Asked& asked, const Table& table,
                                      const QueriedRows& rows) {
  QuietAnswer answer;
  const bool has_rows = !rows.empty() && !rows[0].empty() && rows[0][0] != "0";
  answer.seen.push_back(display(table) + (has_rows ? ": has rows" : ": is empty"));
  if (has_rows) {
    answer.findings.push_back(schedulers_unobservable(
        asked, display(table) + " has rows, and no column of it is known to enable them"));
  } else {
    answer.facts.set("schedulers_seen", place_of(asked, display(table)));
  }
  return answer;
}

// The first of these columns that the table has; empty: none.
std::string first_column(const TableColumns& table, std::initializer_list<std::string_view> names,
                         bool only_boolean) {
  for (const std::string_view name : names)
    for (const auto& column : table.columns)
      if (equal_but_for_case(column.name, name) &&
          (!only_boolean || equal_but_for_case(column.type, "boolean")))
        return column.name;
  return {};
}

void ask_table(const AskedPtr& asked, const TableColumns& one, QuietAnswer& answer) {
  const std::string& named = asked->settings.scheduler_column;
  Switch by{one.table, {}, {}, asked->settings.scheduler_on, asked->settings.scheduler_off};
  by.key = first_column(one, {"ID", "SCHEDULER_ID", "NAME", "SCHEDULER_NAME"}, false);
  if (named.empty()) {
    by.column = first_column(one, {"ENABLED", "IS_ENABLED", "ACTIVE", "IS_ACTIVE"}, true);
    by.on = asked->engine == "oracle" ? "TRUE" : "true";
    by.off = asked->engine == "oracle" ? "FALSE" : "false";
  } else {
    by.column = first_column(one, {std::string_view(named).substr(named.find('.') + 1)}, false);
  }
  if (!by.column.empty() && !by.key.empty()) {
    answer.next.push_back(asked->query(
        "schedulers", list_values(by.table, by.key, by.column), schedulers_unobservable(*asked),
        [asked, by](const QueriedRows& values) { return judge_column(*asked, by, values); }));
  } else if (!named.empty()) {
    answer.findings.push_back(schedulers_unobservable(
        *asked, by.column.empty()
                    ? fmt::format("{} has no such column: {}", display(by.table), named)
                    : display(by.table) + " has no column ID or NAME"));
  } else if (asked->engine == "oracle") {
    // Its own jobs tell.
    answer.facts.set("schedulers_seen", place_of(*asked, display(by.table)));
  } else {
    answer.next.push_back(asked->query("schedulers", count_rows(by.table),
                                       schedulers_unobservable(*asked),
                                       [asked, table = by.table](const QueriedRows& counts) {
                                         return judge_rows_without_switch(*asked, table, counts);
                                       }));
  }
}

QuietAnswer judge_scheduler_columns(const AskedPtr& asked, const std::string& wanted,
                                    const QueriedRows& rows) {
  QuietAnswer answer;
  Json places = Json::array();
  for (const TableColumns& one : tables_of(rows)) {
    places.push(place_of(*asked, display(one.table)).as_array().front());
    ask_table(asked, one, answer);
  }
  if (places.as_array().empty()) {
    places = place_of(*asked, wanted);
    if (asked->settings.scheduler_column.empty() && asked->engine == "oracle") {
      answer.facts.set("schedulers_seen", places);
    } else {
      answer.findings.push_back(schedulers_unobservable(*asked, "there is no table " + wanted));
    }
  }
  answer.facts.set("schedulers_asked", std::move(places));
  return answer;
}

QuietAnswer judge_running(const Asked& asked, const std::string& kind, const QueriedRows& rows) {
  QuietAnswer answer;
  std::vector<std::string> names;
  for (const auto& row : rows)
    if (row.size() >= 2) names.push_back(row[0] + " " + row[1]);
  answer.seen.push_back(kind + ": running: " + joined(names, "none"));
  if (names.empty()) return answer;
  answer.findings.push_back(
      finding_of("migration-center-scheduler-running", Severity::blocker, asked.component,
                 "a scheduled job runs: " + kind + " " + joined(names),
                 "it changes rows and staged files while they are copied", "Wait for its end."));
  return answer;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

QuietAnswer judge_cron_jobs(const Asked& asked, const QueriedRows& rows) {
  std::vector<Scheduler> found;
  Json facts = Json::array();
  for (const auto& row : rows) {
    if (row.empty() || !is_number(row[0])) continue;
    found.push_back(
        {"pg_cron's job " + row[0], switch_cron_job(row[0], false), switch_cron_job(row[0], true)});
    facts.push(fact_of(asked, "cron").set("name", row[0]));
  }
  QuietAnswer answer = answer_of(asked, found, "pg_cron");
  answer.facts.set("schedulers", std::move(facts));
  return answer;
}

QuietAnswer judge_cron(const AskedPtr& asked, const QueriedRows& rows) {
  QuietAnswer answer;
  if (rows.empty() || rows[0].size() < 4) return answer;
  if (!rows[0][1].empty()) {
    answer.findings.push_back(schedulers_unobservable(
        *asked, fmt::format("pg_cron keeps its jobs in the database {}", rows[0][1])));
  }
  if (rows[0][0].empty()) return answer;
  if (!rows[0][3].empty()) {
    answer.findings.push_back(schedulers_unobservable(
        *asked, "row security shows us no jobs of pg_cron but our own; grant BYPASSRLS"));
  }
  answer.next.push_back(
      asked->query("schedulers", find_cron_jobs(), schedulers_unobservable(*asked),
                   [asked](const QueriedRows& found) { return judge_cron_jobs(*asked, found); }));
  if (!rows[0][2].empty()) {
    answer.next.push_back(asked->query(
        "schedulers", find_cron_running(), schedulers_unobservable(*asked),
        [asked](const QueriedRows& found) { return judge_running(*asked, "pg_cron", found); }));
  }
  return answer;
}

// Jobs of DBMS_JOB are broken by their owner alone (ORA-23421).
model::Finding not_ours(const Asked& asked, const std::vector<std::string>& jobs) {
  return finding_of("migration-center-scheduler-not-ours", Severity::blocker, asked.component,
                    "enabled, and to be disabled by their owner alone: " + joined(jobs),
                    "they may begin a job while the copy is made; then there is no copy",
                    "Connect as the schema's owner, or have the owner disable them.");
}

QuietAnswer judge_oracle_jobs(const Asked& asked, const QueriedRows& rows) {
  std::vector<Scheduler> found;
  std::vector<std::string> others;
  Json facts = Json::array();
  for (const auto& row : rows) {
    if (row.size() < 3) continue;
    const std::string &kind = row[0], &name = row[1];
    if (kind == "job" && !is_number(name)) continue;
    if (kind == "job" && asked.settings.disables_schedulers && !asked.is_owner) {
      others.push_back(kind + " " + name);
      continue;
    }
    found.push_back(
        {kind + " " + name, stop_oracle_job(kind, name), let_oracle_job_go_on(kind, name, row[2])});
    facts.push(fact_of(asked, kind).set("name", name).set("next", row[2]));
  }
  QuietAnswer answer = answer_of(asked, found, "the database's jobs");
  answer.facts.set("schedulers", std::move(facts));
  if (!others.empty()) answer.findings.push_back(not_ours(asked, others));
  return answer;
}

}  // namespace

std::vector<ProfileQuery> questions_of_schedulers(const AskedPtr& asked,
                                                  const std::vector<std::string>& schemas,
                                                  const std::vector<std::string>& owners) {
  std::vector<ProfileQuery> queries;
  const auto ask = [&](Sql sql, Judge judge) {
    queries.push_back(asked->query("schedulers", std::move(sql), schedulers_unobservable(*asked),
                                   std::move(judge)));
  };
  const std::string& named = asked->settings.scheduler_column;
  const std::string table =
      named.empty() ? "SCHEDULERS" : ascii_upper(named.substr(0, named.find('.')));
  ask(find_columns(schemas, exactly(table), asked->is_owner),
      [asked, table](const QueriedRows& rows) {
        return judge_scheduler_columns(asked, table, rows);
      });
  if (asked->engine == "postgresql") {
    ask(find_cron(), [asked](const QueriedRows& rows) { return judge_cron(asked, rows); });
    return queries;
  }
  ask(find_oracle_jobs(owners, asked->is_owner),
      [asked](const QueriedRows& rows) { return judge_oracle_jobs(*asked, rows); });
  ask(find_oracle_running(owners, asked->is_owner),
      [asked](const QueriedRows& rows) { return judge_running(*asked, "of the database", rows); });
  return queries;
}

namespace {

// Those of a component in a list of the facts.
template <typename Use>
void for_each_of(const Json& facts, std::string_view list, std::string_view component,
                 const Use& use) {
  const Json* const all = facts.find(list);
  if (all == nullptr) return;
  for (const Json& one : all->as_array())
    if (one.at("component").as_string() == component) use(one);
}

void add_column_statements(const Json& fact, bool is_clone, const model::NameMappings& names,
                           std::vector<std::string>& statements) {
  const std::string& engine = fact.at("engine").as_string();
  std::string schema = fact.at("schema").as_string();
  if (const auto mapped = names.schemas.find(schema); mapped != names.schemas.end())
    schema = mapped->second;
  // Oracle's own tools load into the schema that is then the session's.
  ColumnChange change{{engine == "oracle" ? "" : schema, fact.at("table").as_string()},
                      fact.at("column").as_string(),
                      {},
                      {}};
  const std::string &on = fact.at("on").as_string(), &off = fact.at("off").as_string();
  if (is_clone) {
    change.from = {on};
    change.to = off;
    statements.push_back(set_column(change, engine));
    return;
  }
  change.from = {off};
  change.to = on;
  change.key_column = fact.at("key").as_string();
  for (const Json& key : fact.at("enabled").as_array()) {
    change.key = key.as_string();
    statements.push_back(set_column(change, engine));
  }
}

// `"owner"."name"` without its owner.
std::string name_of_job(const std::string& quoted) {
  const std::size_t dot = quoted.find("\".\"");
  return dot == std::string::npos ? quoted : quoted.substr(dot + 3, quoted.size() - dot - 4);
}

bool is_of_oracle_jobs(const Json& fact) {
  const std::string& kind = fact.at("kind").as_string();
  return kind == "scheduler" || kind == "job";
}

}  // namespace

std::vector<std::string> statements_after_restore(const Json& facts, std::string_view component,
                                                  bool is_clone, const model::NameMappings& names) {
  std::vector<std::string> statements;
  for_each_of(facts, "schedulers", component, [&](const Json& one) {
    const std::string& kind = one.at("kind").as_string();
    if (!is_clone && !one.bool_or("disabled", false)) return;
    if (kind == "column") return add_column_statements(one, is_clone, names, statements);
    if (is_clone) return;
    const std::string& name = one.at("name").as_string();
    statements.push_back(
        kind == "cron" ? start_cron_job(name)
                       : start_oracle_job(kind, name_of_job(name), one.at("next").as_string()));
  });
  if (!is_clone) return statements;
  for_each_of(facts, "migration_center", component, [&](const Json& one) {
    statements.push_back(one.at("engine").as_string() == "oracle" ? stop_oracle_jobs()
                                                                  : stop_cron_jobs());
  });
  return statements;
}

std::vector<std::string> left_by_statements(const Json& facts, std::string_view component,
                                            bool is_clone) {
  std::vector<std::string> left;
  if (!is_clone) {
    std::vector<std::string> jobs;
    for_each_of(facts, "schedulers", component, [&](const Json& one) {
      if (is_of_oracle_jobs(one) && one.bool_or("disabled", false))
        jobs.push_back(one.at("kind").as_string() + " " + one.at("name").as_string());
    });
    if (!jobs.empty())
      left.push_back(fmt::format(
          "{}: these were disabled for the copy, and go on if they are in it and, of DBMS_JOB, if "
          "it was loaded by their owner: see that they do: {}",
          component, joined(jobs)));
    return left;
  }
  std::vector<std::string> seen;
  for_each_of(facts, "schedulers_seen", component,
              [&](const Json& one) { seen.push_back(one.at("place").as_string()); });
  bool was_asked = false;
  std::vector<std::string> unseen;
  for_each_of(facts, "schedulers_asked", component, [&](const Json& one) {
    was_asked = true;
    const std::string& place = one.at("place").as_string();
    if (!contains(seen, place)) unseen.push_back(place);
  });
  if (!was_asked) unseen.emplace_back("its schema");
  if (!unseen.empty())
    left.push_back(fmt::format(
        "{}: which schedulers are enabled was not seen in {} when it was copied: disable them "
        "before anything starts",
        component, joined(unseen)));
  return left;
}

}  // namespace holdfast::profile::migration_center
