// SPDX-License-Identifier: Apache-2.0
// What profile `migration-center` asks databases, in the languages of Oracle and PostgreSQL. All of
// it only reads, but for what switches schedulers.
//
// The vendor does not publish the schema's definition: tables and columns are found in the catalog.
// On Oracle the schema's owner is asked for what is its own, USER_…, everybody else for DBA_…,
// which refuses whom it does not show all; ALL_… would hide in silence what may not be seen.
// Sources: Oracle Database Reference 11.2 to 23 (USER_ and DBA_TABLES, _TAB_COLUMNS, _JOBS,
// _SCHEDULER_JOBS, _SCHEDULER_RUNNING_JOBS, DBA_2PC_PENDING, GV$SESSION, GV$LOCKED_OBJECT), PL/SQL
// Packages and Types Reference (DBMS_SCHEDULER, DBMS_JOB), SQL Language Reference (SYS_CONTEXT);
// PostgreSQL manual, "System Catalogs" and "The Cumulative Statistics System"; README of pg_cron
// (cron.job, cron.job_run_details, cron.alter_job).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::profile::migration_center {

// By name of engine.
using Sql = std::map<std::string, std::string>;

// `"name"`; 'text'.
[[nodiscard]] std::string quote_name(std::string_view name);
[[nodiscard]] std::string quote_text(std::string_view text);

struct Table {
  std::string schema, name;
};

// (schema, owner, who we are) of the schema that is named, in whatever case; else, on PostgreSQL,
// of those with a table SCHEDULERS, on Oracle of our own if it has one. A row for each role that
// owns something in it.
[[nodiscard]] Sql find_schemas(const std::string& named);
// (id, user, program, from, state, has a transaction) of sessions of these owners, on PostgreSQL of
// those too who write to their schemas, and of transactions that were prepared; ours are none.
// States: "active", "idle", "hidden".
[[nodiscard]] Sql find_sessions(const std::vector<std::string>& schemas,
                                const std::vector<std::string>& owners);
// The same of whoever else has locked objects of these schemas to write, and of transactions in
// doubt; of Oracle.
[[nodiscard]] Sql find_oracle_writers(const std::vector<std::string>& schemas, bool is_owner);
// (schema, table, column, type) of tables whose names are of that family, by regular expression in
// capitals, in their order.
[[nodiscard]] Sql find_columns(const std::vector<std::string>& schemas, std::string_view family,
                               bool is_owner);
// (value, rows), the most frequent first; without the spaces at the end of values on Oracle, which
// fills up columns of type CHAR with them.
[[nodiscard]] Sql count_values(const Table& table, const std::string& column);
// (rows) that have begun and not ended.
[[nodiscard]] Sql count_open(const Table& table, const std::string& begun,
                             const std::string& ended);
[[nodiscard]] Sql count_rows(const Table& table);
// (key, value) of all rows.
[[nodiscard]] Sql list_values(const Table& table, const std::string& key,
                              const std::string& column);
// (kind, name, state or time of the next run) of enabled jobs of the database's own schedulers:
// kind "scheduler" with `"owner"."name"` and a state, "job" with a number and a time. From 19c on
// each job of DBMS_JOB is one of DBMS_SCHEDULER too: it is told as the former.
[[nodiscard]] Sql find_oracle_jobs(const std::vector<std::string>& owners, bool is_owner);
// (kind, name) of those that run.
[[nodiscard]] Sql find_oracle_running(const std::vector<std::string>& owners, bool is_owner);
// (here, database, told, ours alone): whether pg_cron's table of jobs is here, and of runs; the
// other database that has them; whether we are shown no jobs but our own.
[[nodiscard]] Sql find_cron();
[[nodiscard]] Sql find_cron_jobs();     // (id) of those that are active
[[nodiscard]] Sql find_cron_running();  // (id, status)

// Sets a row's column to a value where it has one of these. An empty schema: the session's own. An
// empty key: all rows.
struct ColumnChange {
  Table table;
  std::string column;
  std::vector<std::string> from;
  std::string to;
  std::string key_column = {}, key = {};
};
[[nodiscard]] std::string set_column(const ColumnChange& change, std::string_view engine);

[[nodiscard]] std::string stop_oracle_job(const std::string& kind, const std::string& name);
// Of one that was stopped so; nothing where somebody has dropped it since. `next`: "2026-11-22
// 01:00:00" in the server's time; a job of DBMS_JOB that goes on without it runs at once.
[[nodiscard]] std::string let_oracle_job_go_on(const std::string& kind, const std::string& name,
                                               const std::string& next);
[[nodiscard]] std::string switch_cron_job(const std::string& id, bool on);

// Of a schema that was loaded, as the session's current one: none of its jobs may fire. Those of
// DBMS_JOB are stopped by their owner alone: where we are not, one of them is an error of Oracle.
[[nodiscard]] std::string stop_oracle_jobs();
// A job goes on if it is there; of DBMS_JOB, if it is ours. `name`: without owner.
[[nodiscard]] std::string start_oracle_job(const std::string& kind, const std::string& name,
                                           const std::string& next);
// All of them; nothing where there are none.
[[nodiscard]] std::string stop_cron_jobs();
// That job, if it is there.
[[nodiscard]] std::string start_cron_job(const std::string& id);

}  // namespace holdfast::profile::migration_center
