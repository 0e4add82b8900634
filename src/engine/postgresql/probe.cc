// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>

#include "base/error.h"
#include "base/units.h"
#include "engine/postgresql/catalog.h"
#include "engine/postgresql/client_programs.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/fence.h"
#include "engine/postgresql/privileges.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/scratch_server.h"
#include "engine/postgresql/server_checks.h"
#include "engine/postgresql/target.h"

namespace holdfast::engine::postgresql {
namespace {

using namespace std::chrono_literals;
using model::MendClass;
using model::Severity;

// A check that waits longer is a finding.
constexpr auto answer_wait = 60s;
// More missing grants than this are one finding.
constexpr std::size_t grants_apart_max = 40;
// From this much out-of-line data on, single values may be near what a row can be as text.
constexpr std::uint64_t wide_bytes = 512U << 20U;

class Prober {
 public:
  Prober(const Location& location, const Application& application, const std::stop_token& stop)
      : location_(location), application_(application), stop_(stop) {}

  Probe run() {
    probe_.abilities = {.rows = true,
                        .fence = false,
                        .scratch = has_server_binaries(),
                        .tables = true,
                        .grants = true,
                        .statements = true};
    probe_.server = location_.display();
    std::optional<Connection> connection = connect();
    if (!connection) return std::move(probe_);
    connection->time_out_after(answer_wait);
    look_at_server(*connection);
    look_at_programs(*connection);
    if (!probe_.exists) return std::move(probe_);
    look_at_database(*connection);
    look_at_privileges(*connection);
    look_at_application(*connection);
    look_at_roles(*connection);
    look_at_tables(*connection);
    look_at_locks(*connection);
    for (model::Finding& finding : find_source_risks(*connection, probe_.size_bytes))
      probe_.findings.push_back(std::move(finding));
    if (probe_.facts.bool_or("standby", false)) look_at_standby(*connection);
    return std::move(probe_);
  }

 private:
  void find(std::string_view code, Severity severity, std::string seen, std::string_view why,
            std::string mend, MendClass mend_class = MendClass::manual) {
    probe_.findings.push_back({std::string(code), severity, location_.component, std::move(seen),
                               std::string(why), std::move(mend), mend_class, false, ""});
  }

  // To the database; if it is not there, to the one from which it would be made. Nothing if what
  // answers cannot be worked with, which is then a finding.
  std::optional<Connection> connect() {
    try {
      std::optional<Connection> connection(std::in_place, location_, stop_);
      probe_.exists = true;
      return connection;
    } catch (const Error& error) {
      if (error.code() == Errc::unsupported) {
        probe_.exists = true;
        probe_.empty = false;
        find("postgresql-unsupported", Severity::blocker, error.message(),
             "what answers there cannot hold a moment still",
             error.hint().empty() ? "upgrade the server, or name another one" : error.hint());
        return std::nullopt;
      }
      if (error.code() != Errc::not_found) throw;
    }
    return std::make_optional<Connection>(connect_admin(location_, stop_));
  }

  void look_at_server(Connection& connection) {
    probe_.version = connection.server_version_text();
    probe_.facts = database_facts(connection);
    // A standby shares its primary's identifier; when it was started it does not share.
    probe_.server =
        fmt::format("{} {}", probe_.facts.string_or("system_identifier", ""),
                    connection.value("SELECT extract(epoch FROM pg_postmaster_start_time())"));
    if (!probe_.exists) {
      Json facts = Json::object();
      for (const char* key : {"server_version", "server_version_num", "system_identifier"})
        facts.set(key, probe_.facts.at(key));
      probe_.facts = std::move(facts);
    }
  }

  void look_at_programs(Connection& connection) {
    try {
      probe_.facts.set("client_programs", programs_for(location_, connection.server_major()).major);
    } catch (const Error& error) {
      if (error.code() != Errc::unsupported) throw;
      find("postgresql-programs-missing", Severity::blocker, error.message(),
           "definitions are read and restored by PostgreSQL's own programs, which must not be "
           "older than the server",
           error.hint());
    }
  }

  void look_at_database(Connection& connection) {
    probe_.size_bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(
        0,
        connection.query("SELECT pg_catalog.pg_database_size(current_database())").integer(0, 0)));
    probe_.empty =
        connection.value(fmt::format("SELECT NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n"
                                     "  ON n.oid = c.relnamespace WHERE {0})"
                                     " AND NOT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n"
                                     "  ON n.oid = p.pronamespace WHERE {0})"
                                     " AND NOT EXISTS (SELECT FROM pg_type t JOIN pg_namespace n"
                                     "  ON n.oid = t.typnamespace WHERE {0})"
                                     " AND NOT EXISTS (SELECT FROM pg_namespace n WHERE {0}"
                                     "  AND n.nspname <> 'public')"
                                     " AND NOT EXISTS (SELECT FROM pg_largeobject_metadata)",
                                     user_schemas)) == "t";
    if (connection.encoding() == "SQL_ASCII") {
      find("postgresql-encoding-unknown", Severity::warning,
           fmt::format("database {} has the encoding SQL_ASCII", location_.database),
           "the server does not know what its texts mean; they are copied byte by byte, and fit "
           "only into such a database again",
           "move it to UTF8 when you can");
    }
    if (connection.server_major() >= 15) look_at_collation(connection);
    const std::string prepared = connection.value(
        "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()");
    if (prepared != "0") {
      find("postgresql-prepared-transactions", Severity::warning,
           fmt::format("{} prepared transactions wait to be committed", prepared),
           "they are not in the copy, and their locks may keep a fence from being had",
           "end them: see pg_prepared_xacts");
    }
  }

  void look_at_collation(Connection& connection) {
    const Rows rows = connection.query(
        "SELECT d.datcollversion, pg_catalog.pg_database_collation_actual_version(d.oid)"
        " FROM pg_database d WHERE d.datname = current_database()");
    if (rows.is_null(0, 0) || rows.is_null(0, 1) || rows.view(0, 0) == rows.view(0, 1)) return;
    find("postgresql-collation-version", Severity::warning,
         fmt::format("the database was made with version {} of its collation, the system has {}",
                     rows.view(0, 0), rows.view(0, 1)),
         "indexes on texts may be in the wrong order; a unique one may then refuse to be restored",
         "REINDEX the database, then ALTER DATABASE … REFRESH COLLATION VERSION");
  }

  void look_at_privileges(Connection& connection) {
    const std::vector<MissingGrant> missing = missing_grants(connection);
    constexpr std::string_view why = "what may not be read cannot be copied";
    if (missing.size() <= grants_apart_max) {
      for (const MissingGrant& grant : missing) {
        find("postgresql-privilege-missing", Severity::blocker,
             fmt::format("{} may not be read", grant.object), why, grant.statement);
      }
    } else {
      std::string statements;
      for (const MissingGrant& grant : missing) statements += grant.statement + "\n";
      statements.pop_back();
      find("postgresql-privilege-missing", Severity::blocker,
           fmt::format("{} objects may not be read, the first: {}", missing.size(),
                       missing.front().object),
           why, statements);
    }
    const std::string role = quote_name(connection.value("SELECT current_user"));
    for (const std::string& table : tables_with_hidden_rows(connection)) {
      find("postgresql-row-security", Severity::blocker,
           fmt::format("policies apply to us when we read {}", table),
           "a copy that lacks the rows they hide would not be one; the server refuses such reading",
           fmt::format("ALTER ROLE {} BYPASSRLS;", role));
    }
    probe_.abilities.fence = find_fence_means(connection) != FenceMeans::none;
    if (!probe_.abilities.fence && !probe_.facts.bool_or("standby", false)) {
      find("postgresql-no-fence", Severity::note, "we may not lock the tables against writers",
           "several databases then have several moments; one alone has one anyway",
           missing_fence_grants(connection, role));
    }
  }

  // What it lacks shows only when it is used: Jackrabbit then even tries to write a new root node.
  void look_at_application(Connection& connection) {
    const std::string& role = application_.user;
    if (role.empty()) return;
    const std::vector<MissingGrant> missing = missing_application_grants(connection, application_);
    if (missing.empty()) return;
    const bool is_there =
        !connection.query("SELECT 1 FROM pg_roles WHERE rolname = $1", {role}).empty();
    std::string lacks;
    std::string statements = is_there ? "" : fmt::format("CREATE ROLE {} LOGIN;", quote_name(role));
    for (const MissingGrant& grant : missing) {
      lacks += (lacks.empty() ? "" : "; ") + grant.object;
      statements += (statements.empty() ? "" : "\n") + grant.statement;
    }
    find("postgresql-application-grants", Severity::warning,
         is_there ? fmt::format("the application's role {} lacks {}", quote_name(role), lacks)
                  : fmt::format("there is no role {}, as which the application connects",
                                quote_name(role)),
         "the application would fail at its first use of what it may not use", statements);
  }

  void look_at_roles(Connection& connection) {
    const bool superuser =
        connection.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "t";
    probe_.facts.set("superuser", superuser);
    if (superuser) return;
    find("postgresql-role-passwords", Severity::note,
         "passwords of roles are read by superusers only",
         "a restore into a new server makes the roles without them",
         "keep the passwords elsewhere, or back up as a superuser", MendClass::none);
    const std::string subscriptions = connection.value(
        "SELECT count(*) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid"
        " WHERE d.datname = current_database()");
    if (subscriptions != "0") {
      find("postgresql-subscriptions-left-out", Severity::blocker,
           fmt::format("{} subscriptions are there", subscriptions),
           "only superusers read how they connect, so they would not be in the copy",
           "back up as a superuser, or note how they are made and accept that they are missing");
    }
    // As pg_user_mappings decides whether to show options.
    const std::string mappings = connection.value(
        "SELECT count(*) FROM pg_user_mappings m JOIN pg_foreign_server s ON s.oid = m.srvid"
        " WHERE m.umoptions IS NULL AND NOT CASE WHEN m.umuser = 0"
        " THEN pg_catalog.pg_has_role(s.srvowner, 'USAGE') ELSE m.usename = current_user"
        "  AND (pg_catalog.pg_has_role(s.srvowner, 'USAGE')"
        "   OR pg_catalog.has_server_privilege(s.oid, 'USAGE')) END");
    if (mappings == "0") return;
    find("postgresql-user-mappings-left-out", Severity::blocker,
         fmt::format("the options of {} user mappings are hidden from us", mappings),
         "users and passwords for foreign servers would not be in the copy",
         "back up as a superuser, or note them and accept that they are missing");
  }

  void look_at_tables(Connection& connection) {
    const bool standby = probe_.facts.bool_or("standby", false);
    std::uint64_t unlogged = 0;
    for (const Table& table : list_tables(connection, false)) unlogged += table.unlogged ? 1 : 0;
    if (unlogged > 0) {
      const std::string seen = fmt::format("{} tables are unlogged", unlogged);
      if (standby) {
        find("postgresql-unlogged-left-out", Severity::blocker, seen,
             "a standby has no content of theirs, so it would not be in the copy",
             "back up from the primary, or accept that they come back empty");
      } else {
        find("postgresql-unlogged", Severity::note, seen,
             "a crash of the server empties them; their content is in the copy", "none needed",
             MendClass::none);
      }
    }
    const std::string foreign = connection.value(
        fmt::format("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                    " WHERE c.relkind = 'f' AND {}",
                    user_schemas));
    if (foreign != "0") {
      find("postgresql-foreign-tables", Severity::note,
           fmt::format("{} foreign tables are there", foreign),
           "their definitions are copied; their rows are another server's",
           "back up that server too", MendClass::none);
    }
    look_at_names(connection);
    look_at_indexes(connection);
    look_at_oids(connection);
    look_at_wide_values(connection);
  }

  // Where the server does not know what its texts mean, names may be of any encoding; those of
  // roles and tablespaces may everywhere, as they are kept as some other database wrote them.
  void look_at_names(Connection& connection) {
    for (const auto& [kind, key] : {std::pair{"role", "roles"}, {"tablespace", "tablespaces"}}) {
      for (const Json& name : probe_.facts.at(key).as_array()) {
        if (!is_utf8(name.as_string())) return refuse_name(kind);
      }
    }
    if (connection.encoding() != "SQL_ASCII" && connection.encoding() != "MULE_INTERNAL") return;
    std::string sql;
    for (const auto& [kind, catalog, name] : std::initializer_list<std::array<std::string_view, 3>>{
             {"schema", "pg_namespace", "nspname"},
             {"table, view, sequence or index", "pg_class", "relname"},
             {"column", "pg_attribute", "attname"},
             {"function", "pg_proc", "proname"},
             {"type", "pg_type", "typname"},
             {"constraint", "pg_constraint", "conname"},
             {"trigger", "pg_trigger", "tgname"},
             {"rule", "pg_rewrite", "rulename"},
             {"policy", "pg_policy", "polname"},
             {"operator", "pg_operator", "oprname"},
             {"collation", "pg_collation", "collname"},
             {"event trigger", "pg_event_trigger", "evtname"},
             {"publication", "pg_publication", "pubname"},
             {"foreign server", "pg_foreign_server", "srvname"},
             {"statistics object", "pg_statistic_ext", "stxname"}}) {
      sql += fmt::format("{}SELECT DISTINCT '{}', c.{} FROM {} c WHERE c.{} !~ '^[ -~]*$'",
                         sql.empty() ? "" : " UNION ALL ", kind, name, catalog, name);
    }
    const Rows rows = connection.query(sql);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!is_utf8(rows.view(i, 1))) return refuse_name(rows.view(i, 0));
    }
  }
  void refuse_name(std::string_view kind) {
    find("postgresql-name-not-utf8", Severity::blocker,
         fmt::format("the name of a {} is not UTF-8", kind), "the manifest could not say it",
         "rename it");
  }

  // Up to version 11 rows could have oids of their own, which were no column.
  void look_at_oids(Connection& connection) {
    if (connection.server_major() >= 12) return;
    const std::string tables = connection.value(
        fmt::format("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                    " WHERE c.relhasoids AND c.relkind = 'r' AND {}",
                    user_schemas));
    if (tables == "0") return;
    find("postgresql-oids-left-out", Severity::blocker,
         fmt::format("{} tables are WITH OIDS", tables),
         "the oids of their rows would not be in the copy, and no newer server has such tables",
         "ALTER TABLE … SET WITHOUT OIDS, keeping them in a column if something refers to them");
  }

  void look_at_indexes(Connection& connection) {
    const Rows rows = connection.query(fmt::format(
        "SELECT n.nspname, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " JOIN pg_class r ON r.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE NOT (i.indisready AND (i.indisvalid OR r.relkind = 'p'))"
        " AND c.relpersistence <> 't' AND {} ORDER BY 1, 2",
        user_schemas));
    if (rows.empty()) return;
    find("postgresql-index-invalid", Severity::note,
         fmt::format("{} indexes are invalid, the first: {}", rows.size(),
                     model::TableName{rows.text(0, 0), rows.text(0, 1)}.display()),
         "a failed CREATE INDEX CONCURRENTLY leaves such; no query uses them, and they are not in "
         "the copy",
         "DROP INDEX or REINDEX INDEX it");
  }

  void look_at_wide_values(Connection& connection) {
    const Rows rows = connection.query(fmt::format(
        "SELECT n.nspname, c.relname, t.relpages::int8"
        "  * pg_catalog.current_setting('block_size')::int8"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_class t ON t.oid = c.reltoastrelid"
        " WHERE c.relkind = 'r' AND {} AND t.relpages::int8"
        "  * pg_catalog.current_setting('block_size')::int8 >= {} AND EXISTS (SELECT FROM"
        "  pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped"
        "  AND a.atttypid = 'pg_catalog.bytea'::pg_catalog.regtype) ORDER BY 1, 2",
        user_schemas, wide_bytes));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      find(
          "postgresql-wide-values", Severity::note,
          fmt::format("{} has {} of wide values",
                      model::TableName{rows.text(i, 0), rows.text(i, 1)}.display(),
                      format_bytes(static_cast<std::uint64_t>(rows.integer(i, 2)))),
          "a row of more than 1 GiB as text (bytea doubles) cannot be sent by any server: the copy "
          "would end with an error that names the table",
          "none needed unless a single value has more than 500 MB", MendClass::none);
    }
  }

  void look_at_locks(Connection& connection) {
    const Rows rows = connection.query(fmt::format(
        "SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        "  WHERE c.relkind IN ('r', 'p') AND {}),"
        " pg_catalog.current_setting('max_locks_per_transaction')::int8"
        "  * (pg_catalog.current_setting('max_connections')::int8"
        "     + pg_catalog.current_setting('max_prepared_transactions')::int8)",
        user_schemas));
    // The hold, the fence and two runs of pg_dump lock each table.
    if (rows.integer(0, 0) * 4 <= rows.integer(0, 1)) return;
    find(
        "postgresql-lock-table-small", Severity::warning,
        fmt::format("{} tables are locked by up to four sessions, the server has room for {} locks",
                    rows.integer(0, 0), rows.integer(0, 1)),
        "the backup, or the application beside it, may run out of them",
        "raise max_locks_per_transaction (takes a restart of the server)");
  }

  void look_at_standby(Connection& connection) {
    const Rows rows = connection.query(
        "SELECT pg_catalog.current_setting('hot_standby_feedback')::bool,"
        " pg_catalog.current_setting('max_standby_streaming_delay'),"
        " coalesce(pg_catalog.round(extract(epoch FROM pg_catalog.now()"
        "  - pg_catalog.pg_last_xact_replay_timestamp())::numeric, 1)::text, 'an unknown count "
        "of')");
    find("postgresql-standby", Severity::note,
         fmt::format("the server is a standby; the last transaction it has replayed is {} s old",
                     rows.view(0, 2)),
         "the copy is of the moment the standby has reached; writers cannot be fenced from here",
         "back up from the primary if that matters", MendClass::none);
    if (rows.boolean(0, 0) || rows.view(0, 1) == "-1") return;
    find("postgresql-recovery-conflicts", Severity::warning,
         fmt::format("hot_standby_feedback is off and max_standby_streaming_delay is {}",
                     rows.view(0, 1)),
         "a vacuum on the primary may end the reading of a table here, and with it the backup",
         "set hot_standby_feedback = on, or max_standby_streaming_delay = -1");
  }

  const Location location_;
  const Application application_;
  const std::stop_token stop_;
  Probe probe_;
};

}  // namespace

Probe probe_database(const Location& location, const Application& application,
                     const std::stop_token& stop) {
  if (stop.stop_requested())
    throw Error(Errc::cancelled, fmt::format("{}: stopped", location.component));
  return Prober(location, application, stop).run();
}

}  // namespace holdfast::engine::postgresql
