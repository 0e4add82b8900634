// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/sql.h"

#include <fmt/format.h>

namespace holdfast::profile::migration_center {
namespace {

std::string quoted(std::string_view text, char quote) {
  std::string result(1, quote);
  for (const char c : text) {
    if (c == quote) result += quote;
    result += c;
  }
  return result + quote;
}

std::string list(const std::vector<std::string>& texts) {
  std::string result;
  for (const std::string& text : texts) result += (result.empty() ? "" : ", ") + quote_text(text);
  return result.empty() ? "NULL" : result;
}

std::string quoted(const Table& table) {
  const std::string name = quote_name(table.name);
  return table.schema.empty() ? name : quote_name(table.schema) + "." + name;
}

// A column as text, in either language. PostgreSQL leaves out what fills up a CHAR by itself.
std::string text_of(const std::string& column, std::string_view engine) {
  return engine == "oracle" ? fmt::format("RTRIM(TO_CHAR({}))", quote_name(column))
                            : fmt::format("CAST({} AS text)", quote_name(column));
}

}  // namespace

std::string quote_name(std::string_view name) {
  return quoted(name, '"');
}

// Backslashes mean themselves in Oracle, and in sessions of ours on PostgreSQL.
std::string quote_text(std::string_view text) {
  return quoted(text, '\'');
}

Sql find_schemas(const std::string& named) {
  Sql sql;
  const std::string of_postgresql =
      named.empty() ? "EXISTS (SELECT 1 FROM pg_catalog.pg_class s WHERE s.relnamespace = n.oid"
                      " AND s.relkind IN ('r', 'p') AND lower(s.relname) = 'schedulers')"
                      " AND n.nspname !~ '^pg_'"
                    : fmt::format("lower(n.nspname) = lower({})", quote_text(named));
  sql["postgresql"] = fmt::format(
      "SELECT n.nspname, pg_catalog.pg_get_userbyid(n.nspowner), session_user"
      " FROM pg_catalog.pg_namespace n"
      " WHERE {0} UNION SELECT n.nspname, pg_catalog.pg_get_userbyid(c.relowner), session_user"
      " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
      " WHERE c.relkind IN ('r', 'p') AND {0} ORDER BY 1, 2",
      of_postgresql);
  const std::string of_oracle =
      named.empty() ? std::string(
                          "u.username = SYS_CONTEXT('USERENV', 'SESSION_USER') AND EXISTS"
                          " (SELECT 1 FROM user_tables t WHERE t.table_name = 'SCHEDULERS')")
                    : fmt::format("u.username = UPPER({})", quote_text(named));
  sql["oracle"] = fmt::format(
      "SELECT u.username, u.username, SYS_CONTEXT('USERENV', 'SESSION_USER') FROM all_users u"
      " WHERE {}",
      of_oracle);
  return sql;
}

namespace {

// Of PostgreSQL: locks on relations of these schemas that who writes has, of `whose`.
std::string locks_to_write(const std::vector<std::string>& schemas, std::string_view whose) {
  return fmt::format(
      "EXISTS (SELECT 1 FROM pg_catalog.pg_locks l"
      " JOIN pg_catalog.pg_class c ON c.oid = l.relation"
      " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE {}"
      " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d"
      " WHERE d.datname = pg_catalog.current_database()) AND n.nspname IN ({})"
      " AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',"
      " 'AccessExclusiveLock'))",
      whose, list(schemas));
}

// Of Oracle's own tools on this machine: those that we run for the copy, which have no module that
// we could set, and Data Pump's workers.
constexpr std::string_view not_ours =
    "s.type = 'USER' AND s.audsid <> SYS_CONTEXT('USERENV', 'SESSIONID')"
    " AND NVL(s.module, ' ') NOT LIKE 'holdfast%'"
    " AND NOT (NVL(s.machine, ' ') = SYS_CONTEXT('USERENV', 'HOST')"
    " AND REGEXP_LIKE(NVL(s.program, ' '), '^(exp|expdp|ude)(@|$)'))"
    " AND NOT REGEXP_LIKE(NVL(s.program, ' '), '\\((DM|DW)[0-9A-Z]+\\)$')";

}  // namespace

Sql find_sessions(const std::vector<std::string>& schemas, const std::vector<std::string>& owners) {
  Sql sql;
  sql["postgresql"] = fmt::format(
      "SELECT a.pid::text, a.usename, coalesce(a.application_name, ''),"
      " coalesce(pg_catalog.host(a.client_addr), 'this machine'),"
      " CASE WHEN a.state IS NULL THEN 'hidden' WHEN a.state LIKE 'idle%' THEN 'idle'"
      " ELSE 'active' END, CASE WHEN a.xact_start IS NULL THEN '' ELSE 't' END"
      " FROM pg_catalog.pg_stat_activity a WHERE a.datname = pg_catalog.current_database()"
      " AND a.pid <> pg_catalog.pg_backend_pid() AND a.usename IS NOT NULL"
      // What belongs to the server or to another session; what pg_cron and the like run is at work
      // as a client is. Of a session that is not shown to us it is null, as its state is.
      " AND coalesce(a.backend_type, '') NOT IN ('walsender', 'parallel worker',"
      " 'autovacuum worker') AND coalesce(a.backend_type, '') NOT LIKE '%launcher'"
      // Ours, and the program that a hold of ours runs.
      " AND NOT (a.usename = session_user AND coalesce(a.application_name, '') IN"
      " ('holdfast', 'pg_dump', pg_catalog.current_setting('application_name')))"
      " AND (a.usename IN ({0}) OR {1})"
      " UNION ALL SELECT 'prepared ' || p.gid, p.owner, '', '', 'idle', 't'"
      " FROM pg_catalog.pg_prepared_xacts p WHERE p.database = pg_catalog.current_database()"
      " AND (p.owner IN ({0}) OR {2}) ORDER BY 1",
      list(owners), locks_to_write(schemas, "l.pid = a.pid"),
      locks_to_write(schemas,
                     "l.pid IS NULL AND l.virtualtransaction = '-1/' || p.transaction::text"));
  sql["oracle"] = fmt::format(
      "SELECT s.sid || ',' || s.serial#, s.username, s.program, s.machine,"
      " CASE s.status WHEN 'ACTIVE' THEN 'active' ELSE 'idle' END, NVL2(s.taddr, 't', '')"
      " FROM gv$session s WHERE s.username IN ({}) AND {} ORDER BY 1",
      list(owners), not_ours);
  return sql;
}

Sql find_oracle_writers(const std::vector<std::string>& schemas, bool is_owner) {
  // Modes from 3 on are those of who writes: row exclusive, share, share row exclusive, exclusive.
  const std::string objects =
      is_owner ? std::string("user_objects o ON o.object_id = l.object_id")
               : fmt::format("dba_objects o ON o.object_id = l.object_id AND o.owner IN ({})",
                             list(schemas));
  return {
      {"oracle",
       fmt::format(
           "SELECT DISTINCT s.sid || ',' || s.serial#, s.username, s.program, s.machine, 'idle',"
           " 't' FROM gv$locked_object l JOIN {} JOIN gv$session s ON s.sid = l.session_id"
           " AND s.inst_id = l.inst_id WHERE l.locked_mode >= 3 AND s.username NOT IN ({})"
           " AND {} UNION ALL SELECT 'in doubt ' || p.local_tran_id, p.db_user, '', p.host,"
           " 'idle', 't' FROM dba_2pc_pending p WHERE p.state = 'prepared'",
           objects, list(schemas), not_ours)}};
}

Sql find_columns(const std::vector<std::string>& schemas, std::string_view family, bool is_owner) {
  Sql sql;
  sql["postgresql"] = fmt::format(
      "SELECT n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, NULL)"
      " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
      " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
      " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0"
      " AND NOT a.attisdropped AND n.nspname IN ({}) AND upper(c.relname) ~ {}"
      " ORDER BY 1, 2, a.attnum",
      list(schemas), quote_text(family));
  // What is in the recycle bin is a table too.
  const std::string of_tables =
      is_owner ? std::string(
                     "SELECT SYS_CONTEXT('USERENV', 'SESSION_USER'), c.table_name, c.column_name,"
                     " c.data_type FROM user_tab_columns c JOIN user_tables t"
                     " ON t.table_name = c.table_name WHERE")
               : fmt::format(
                     "SELECT c.owner, c.table_name, c.column_name, c.data_type"
                     " FROM dba_tab_columns c JOIN dba_tables t ON t.owner = c.owner"
                     " AND t.table_name = c.table_name WHERE c.owner IN ({}) AND",
                     list(schemas));
  sql["oracle"] = fmt::format(
      "{} NVL(t.dropped, 'NO') = 'NO' AND REGEXP_LIKE(UPPER(c.table_name), {}) ORDER BY 1, 2, "
      "c.column_id",
      of_tables, quote_text(family));
  return sql;
}

Sql count_values(const Table& table, const std::string& column) {
  const auto values = [&](std::string_view engine) {
    return fmt::format("SELECT {0} v, COUNT(*) n FROM {1} GROUP BY {0}", text_of(column, engine),
                       quoted(table));
  };
  return {{"postgresql", fmt::format("SELECT v, n::text FROM ({}) counted ORDER BY n DESC, v",
                                     values("postgresql"))},
          {"oracle",
           fmt::format("SELECT v, TO_CHAR(n) FROM ({}) ORDER BY n DESC, v", values("oracle"))}};
}

Sql count_rows(const Table& table) {
  return {{"postgresql", "SELECT count(*)::text FROM " + quoted(table)},
          {"oracle", "SELECT TO_CHAR(COUNT(*)) FROM " + quoted(table)}};
}

Sql count_open(const Table& table, const std::string& begun, const std::string& ended) {
  const std::string rest = fmt::format("FROM {} WHERE {} IS NULL AND {} IS NOT NULL", quoted(table),
                                       quote_name(ended), quote_name(begun));
  return {{"postgresql", "SELECT count(*)::text " + rest},
          {"oracle", "SELECT TO_CHAR(COUNT(*)) " + rest}};
}

Sql list_values(const Table& table, const std::string& key, const std::string& column) {
  Sql sql;
  for (const char* engine : {"postgresql", "oracle"}) {
    sql[engine] = fmt::format("SELECT {}, {} FROM {} ORDER BY 1", text_of(key, engine),
                              text_of(column, engine), quoted(table));
  }
  return sql;
}

namespace {

// Jobs of DBMS_JOB that are theirs, by whoever submitted them or in whose schema they run.
std::string of_their_jobs(const std::vector<std::string>& owners, bool is_owner) {
  return is_owner
             ? std::string("user_jobs j WHERE")
             : fmt::format("dba_jobs j WHERE (j.priv_user IN ({0}) OR j.schema_user IN ({0})) AND",
                           list(owners));
}

std::string of_their_scheduler(const std::vector<std::string>& owners, bool is_owner,
                               std::string_view view) {
  return is_owner ? fmt::format("user_scheduler_{} s WHERE", view)
                  : fmt::format("dba_scheduler_{} s WHERE s.owner IN ({}) AND", view, list(owners));
}

std::string owner_of(bool is_owner) {
  return is_owner ? "SYS_CONTEXT('USERENV', 'SESSION_USER')" : "s.owner";
}

// Whether a job of DBMS_SCHEDULER is not the other face of one of DBMS_JOB.
std::string is_no_old_job(bool is_owner) {
  return fmt::format(
      "NOT EXISTS (SELECT 1 FROM {} o WHERE s.job_name = 'DBMS_JOB$_' || TO_CHAR(o.job))",
      is_owner ? "user_jobs" : "dba_jobs");
}

}  // namespace

Sql find_oracle_jobs(const std::vector<std::string>& owners, bool is_owner) {
  return {{"oracle",
           fmt::format("SELECT 'scheduler', '\"' || {} || '\".\"' || s.job_name || '\"', s.state"
                       " FROM {} s.enabled = 'TRUE' AND {} UNION ALL SELECT 'job', TO_CHAR(j.job),"
                       " TO_CHAR(j.next_date, 'YYYY-MM-DD HH24:MI:SS') FROM {} j.broken = 'N'"
                       " ORDER BY 1, 2",
                       owner_of(is_owner), of_their_scheduler(owners, is_owner, "jobs"),
                       is_no_old_job(is_owner), of_their_jobs(owners, is_owner))}};
}

Sql find_oracle_running(const std::vector<std::string>& owners, bool is_owner) {
  // What runs of DBMS_JOB has a time at which it began.
  return {{"oracle",
           fmt::format("SELECT 'scheduler', {} || '.' || s.job_name FROM {} {} UNION ALL"
                       " SELECT 'job', TO_CHAR(j.job) FROM {} j.this_date IS NOT NULL"
                       " ORDER BY 1, 2",
                       owner_of(is_owner), of_their_scheduler(owners, is_owner, "running_jobs"),
                       is_no_old_job(is_owner), of_their_jobs(owners, is_owner))}};
}

Sql find_cron() {
  return {{"postgresql",
           "SELECT CASE WHEN pg_catalog.to_regclass('cron.job') IS NULL THEN '' ELSE 't' END,"
           " CASE WHEN pg_catalog.current_setting('cron.database_name', true)"
           " <> pg_catalog.current_database()"
           " THEN pg_catalog.current_setting('cron.database_name', true) ELSE '' END,"
           " CASE WHEN pg_catalog.to_regclass('cron.job_run_details') IS NULL THEN '' ELSE 't' END,"
           " CASE WHEN pg_catalog.row_security_active(pg_catalog.to_regclass('cron.job')) THEN 't'"
           " ELSE '' END"}};
}

Sql find_cron_jobs() {
  return {{"postgresql",
           "SELECT jobid::text FROM cron.job WHERE active"
           " AND database = pg_catalog.current_database() ORDER BY jobid"}};
}

Sql find_cron_running() {
  return {{"postgresql",
           "SELECT d.jobid::text, d.status FROM cron.job_run_details d"
           " WHERE d.database = pg_catalog.current_database()"
           " AND d.status IN ('starting', 'connecting', 'sending', 'running') ORDER BY d.jobid"}};
}

std::string set_column(const ColumnChange& change, std::string_view engine) {
  std::string sql = fmt::format("UPDATE {} SET {} = {} WHERE {} IN ({})", quoted(change.table),
                                quote_name(change.column), quote_text(change.to),
                                text_of(change.column, engine), list(change.from));
  if (!change.key_column.empty())
    sql += fmt::format(" AND {} = {}", text_of(change.key_column, engine), quote_text(change.key));
  return sql;
}

namespace {

// The statement that lets job `number`, an expression, go on at its time.
std::string go_on(std::string_view number, const std::string& next) {
  return fmt::format("DBMS_JOB.BROKEN({}, FALSE, TO_DATE({}, 'YYYY-MM-DD HH24:MI:SS'));", number,
                     quote_text(next));
}

}  // namespace

std::string stop_oracle_job(const std::string& kind, const std::string& name) {
  return kind == "job"
             ? fmt::format("BEGIN DBMS_JOB.BROKEN({}, TRUE); COMMIT; END;", name)
             : fmt::format("BEGIN DBMS_SCHEDULER.DISABLE({}, TRUE); END;", quote_text(name));
}

// What is not there is said by ORA-23421 of DBMS_JOB, of DBMS_SCHEDULER by either code.
std::string let_oracle_job_go_on(const std::string& kind, const std::string& name,
                                 const std::string& next) {
  const bool is_old = kind == "job";
  return fmt::format(
      "BEGIN {} EXCEPTION WHEN OTHERS THEN IF SQLCODE NOT IN ({}) THEN RAISE; END IF; END;",
      is_old ? go_on(name, next) + " COMMIT;"
             : fmt::format("DBMS_SCHEDULER.ENABLE({});", quote_text(name)),
      is_old ? "-23421" : "-27475, -27476");
}

std::string switch_cron_job(const std::string& id, bool on) {
  return fmt::format("SELECT cron.alter_job({}, active := {})", id, on ? "true" : "false");
}

// What only a DBA may see is asked for dynamically: who may not would not get the block compiled.
std::string stop_oracle_jobs() {
  return "DECLARE schema_name VARCHAR2(128) := SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA');"
         " found SYS_REFCURSOR; name VARCHAR2(128); left_over NUMBER;"
         " BEGIN"
         " IF schema_name = SYS_CONTEXT('USERENV', 'SESSION_USER') THEN"
         " FOR j IN (SELECT s.job_name FROM user_scheduler_jobs s WHERE s.enabled = 'TRUE' AND"
         " NOT EXISTS (SELECT 1 FROM user_jobs o"
         " WHERE s.job_name = 'DBMS_JOB$_' || TO_CHAR(o.job))) LOOP"
         " DBMS_SCHEDULER.DISABLE('\"' || schema_name || '\".\"' || j.job_name || '\"', TRUE);"
         " END LOOP;"
         " FOR j IN (SELECT job FROM user_jobs WHERE broken = 'N') LOOP"
         " DBMS_JOB.BROKEN(j.job, TRUE);"
         " END LOOP;"
         " COMMIT;"
         " ELSE"
         " OPEN found FOR 'SELECT s.job_name FROM dba_scheduler_jobs s WHERE s.enabled = ''TRUE''"
         " AND s.owner = :1 AND NOT EXISTS (SELECT 1 FROM dba_jobs o"
         " WHERE s.job_name = ''DBMS_JOB$_'' || TO_CHAR(o.job))' USING schema_name;"
         " LOOP FETCH found INTO name; EXIT WHEN found%NOTFOUND;"
         " DBMS_SCHEDULER.DISABLE('\"' || schema_name || '\".\"' || name || '\"', TRUE);"
         " END LOOP;"
         " CLOSE found;"
         " EXECUTE IMMEDIATE 'SELECT COUNT(*) FROM dba_jobs WHERE broken = ''N'' AND"
         " (priv_user = :1 OR schema_user = :2)' INTO left_over USING schema_name, schema_name;"
         " IF left_over > 0 THEN RAISE_APPLICATION_ERROR(-20001, left_over ||"
         " ' jobs of DBMS_JOB may fire, which only ' || schema_name || ' can stop');"
         " END IF;"
         " END IF;"
         " END;";
}

std::string start_oracle_job(const std::string& kind, const std::string& name,
                             const std::string& next) {
  if (kind == "job") {
    return fmt::format(
        "BEGIN IF SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') = SYS_CONTEXT('USERENV', 'SESSION_USER')"
        " THEN FOR j IN (SELECT job FROM user_jobs WHERE job = {}) LOOP {} END LOOP; COMMIT; END "
        "IF;"
        " END;",
        name, go_on("j.job", next));
  }
  return fmt::format(
      "BEGIN FOR j IN (SELECT owner, job_name FROM all_scheduler_jobs WHERE owner ="
      " SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND job_name = {}) LOOP"
      " DBMS_SCHEDULER.ENABLE('\"' || j.owner || '\".\"' || j.job_name || '\"'); END LOOP; END;",
      quote_text(name));
}

std::string stop_cron_jobs() {
  return "DO 'BEGIN IF pg_catalog.to_regclass(''cron.job'') IS NOT NULL THEN"
         " UPDATE cron.job SET active = false WHERE active; END IF; END'";
}

std::string start_cron_job(const std::string& id) {
  return fmt::format(
      "DO 'BEGIN IF pg_catalog.to_regclass(''cron.job'') IS NOT NULL THEN"
      " UPDATE cron.job SET active = true WHERE jobid = {}; END IF; END'",
      id);
}

}  // namespace holdfast::profile::migration_center
