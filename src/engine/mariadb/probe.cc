// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/units.h"
#include "engine/mariadb/application.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/grant_text.h"
#include "engine/mariadb/privileges.h"
#include "engine/mariadb/room.h"
#include "engine/mariadb/scratch.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

using model::MendClass;
using model::Severity;

constexpr unsigned oldest_mariadb = 100'300;
constexpr unsigned oldest_mysql = 50'700;
constexpr std::uint64_t small_packet_bytes = 1U << 20U;
constexpr std::uint64_t lag_seconds_max = 60;
constexpr std::uint64_t history_length_max = 1'000'000;
// How much a server should have room for while it keeps a moment: a part of the data, and so much
// at least.
constexpr std::uint64_t growth_part = 20;
constexpr std::uint64_t growth_bytes_min = std::uint64_t{256} << 20U;
// Longer rows no server sends. Statements make values of a quarter of that at most, so that it
// takes four such columns.
constexpr std::uint64_t row_bytes_max = std::uint64_t{4} << 30U;
constexpr unsigned widest_columns = 4;

class Prober {
 public:
  Prober(const model::Endpoint& endpoint, const std::stop_token& stop)
      : endpoint_(endpoint),
        location_(location_of(endpoint)),
        connection_(location_, endpoint.password.get(), false, stop) {}

  Probe run() {
    probe_.version = connection_.version();
    probe_.server = server_identity(connection_);
    probe_.abilities = {
        .rows = true, .fence = true, .scratch = true, .tables = true, .grants = true};
    look_at_server();
    const std::string name = spelled(connection_, location_.schema);
    probe_.exists = !name.empty();
    if (probe_.exists) location_.schema = name;
    const Privileges privileges(connection_, location_.schema);
    look_at_privileges(privileges);
    if (!probe_.exists) return std::move(probe_);
    probe_.empty = schema_is_empty(connection_, location_.schema);
    probe_.size_bytes =
        connection_.number(fmt::format("SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) FROM "
                                       "information_schema.TABLES WHERE TABLE_SCHEMA = {}",
                                       schema_text()));
    for (model::Finding& finding :
         application_findings(connection_, location_, application_user(endpoint_), privileges))
      probe_.findings.push_back(std::move(finding));
    look_at_room();
    look_at_tables();
    return std::move(probe_);
  }

 private:
  void find(std::string_view code, Severity severity, std::string seen, std::string_view why,
            std::string mend) {
    probe_.findings.push_back({std::string(code), severity, endpoint_.component, std::move(seen),
                               std::string(why), std::move(mend), MendClass::manual, false, ""});
  }

  [[nodiscard]] std::string schema_text() const { return quote_text(location_.schema); }

  void look_at_server() {
    const unsigned version = connection_.version_number();
    probe_.facts.set("flavour", connection_.is_mariadb() ? "mariadb" : "mysql");
    probe_.facts.set("server_version", connection_.version());
    probe_.facts.set("client_version", client_version());
    const std::uint64_t case_mode = connection_.number("SELECT @@lower_case_table_names");
    probe_.facts.set("lower_case_table_names", case_mode);
    const bool local = connection_.number("SELECT @@local_infile") != 0;
    probe_.facts.set("local_infile", local);
    const std::uint64_t packet = connection_.number("SELECT @@max_allowed_packet");
    probe_.facts.set("max_allowed_packet", packet);
    if (version < (connection_.is_mariadb() ? oldest_mariadb : oldest_mysql)) {
      find("mariadb-version", Severity::warning,
           fmt::format("the server is of version {}", connection_.version()),
           "versions before MariaDB 10.3 and MySQL 5.7 have not been tried",
           "rehearse a restore with `holdfast drill` before you rely on it");
    }
    if (!local) {
      find("mariadb-local-infile", Severity::note, "local_infile is OFF at the server",
           "a restore into this server then uses INSERT statements, which takes longer",
           "SET GLOBAL local_infile=ON while restoring, if that is allowed");
    }
    if (!shows_events(connection_)) {
      find("mariadb-events-unobservable", Severity::blocker, "event_scheduler is DISABLED",
           "the server then shows no events, so that they would be missing from the copy",
           "set event_scheduler=OFF instead, or accept this if there are no events");
    }
    look_at_replication();
    look_at_history();
    if (packet < small_packet_bytes) {
      find("mariadb-max-allowed-packet", Severity::warning,
           fmt::format("max_allowed_packet is {}", format_bytes(packet)),
           "longer values can be restored into this server only while local_infile is ON",
           "raise it: SET GLOBAL max_allowed_packet");
    }
  }

  // Row versions that the server has not removed yet; while a moment is held it removes none.
  void look_at_history() {
    const auto found = connection_.query("SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length'");
    const std::uint64_t length =
        found.empty() ? 0 : std::strtoull(found[0].at(1).value_or("0").c_str(), nullptr, 10);
    probe_.facts.set("history_length", length);
    if (length < history_length_max) return;
    find("mariadb-history", Severity::warning,
         fmt::format("the server keeps the former rows of {} transactions", length),
         "it removes none while a backup reads, and reading through them takes time",
         "end long transactions, and wait until innodb_history_list_length is small");
  }

  // Former row versions pile up while a moment is held.
  void look_at_room() {
    const std::optional<Room> room = undo_room(connection_);
    if (!room) return;
    probe_.facts.set("free_bytes", room->free_bytes);
    if (room->free_bytes >= std::max(probe_.size_bytes / growth_part, growth_bytes_min)) return;
    find("mariadb-disk-low", Severity::warning,
         fmt::format("{} are free in {}, the schema has {}", format_bytes(room->free_bytes),
                     room->directory, format_bytes(probe_.size_bytes)),
         "while a copy is made the server keeps the former rows of all that is changed, and a full "
         "disk stops it",
         "make room, or back up when little is written");
  }

  // A replica that lags, or has stopped, copies the past.
  void look_at_replication() {
    const unsigned version = connection_.version_number();
    const std::string show = connection_.is_mariadb() ? "SHOW ALL SLAVES STATUS"
                                                      : (version >= 80'022 ? "SHOW REPLICA STATUS"
                                                                           : "SHOW SLAVE STATUS");
    if (connection_.try_run(show)) {
      // Whether it runs MariaDB tells to all, MySQL to nobody else.
      const auto running = connection_.query("SHOW GLOBAL STATUS LIKE 'Slaves_running'");
      const bool is_one = !running.empty() && running[0].at(1).value_or("0") != "0";
      if (is_one || !connection_.is_mariadb())
        find("mariadb-replica-lag-unobservable", Severity::blocker,
             fmt::format("the server {} a replica, and does not tell our account how far it is",
                         is_one ? "is" : "may be"),
             "the copy would be as old as what the server has not yet received",
             fmt::format("GRANT {} ON *.* TO our account",
                         connection_.is_mariadb() && version >= 100'509 ? "REPLICA MONITOR"
                                                                        : "REPLICATION CLIENT"));
      return;
    }
    for (const auto& status : connection_.query_named(show)) {
      const auto lag = status.find("Seconds_Behind_Master") != status.end()
                           ? status.find("Seconds_Behind_Master")
                           : status.find("Seconds_Behind_Source");
      if (lag == status.end()) continue;
      const std::uint64_t seconds =
          lag->second ? std::strtoull(lag->second->c_str(), nullptr, 10) : 0;
      if (lag->second && seconds < lag_seconds_max) continue;
      find("mariadb-replica-lag", Severity::warning,
           lag->second ? fmt::format("the server is a replica and {} s behind", seconds)
                       : "the server is a replica that has stopped",
           "the copy is as old as what it has not yet received",
           "wait until it has caught up, or copy from another server");
    }
  }

  void look_at_privileges(const Privileges& privileges) {
    if (!privileges.can_be_told()) {
      find("mariadb-grants-unobservable", Severity::blocker, "SHOW GRANTS is refused",
           "what our account may not see would be left out of the copy",
           "accept this if the account has what `holdfast grants backup` prints");
      return;
    }
    const std::string on = quote_name(schema_pattern(location_.schema)) + ".*";
    const Needs needs = backup_needs({connection_.is_mariadb(), connection_.version_number()});
    for (const std::string& privilege : needs.local) {
      if (privileges.has(privilege)) continue;
      const bool is_optional = privilege == "LOCK TABLES";
      find("mariadb-privilege", is_optional ? Severity::warning : Severity::blocker,
           fmt::format("our account lacks {} on {}", privilege, location_.schema),
           is_optional
               ? "tables without transactions could not be kept still, and a fence of several "
                 "servers stops commits alone"
               : "the server shows only what an account has rights on, so that the copy "
                 "would lack objects without a word",
           fmt::format("GRANT {} ON {} TO {};", privilege, on, privileges.account()));
    }
    for (const std::string& privilege : needs.global) {
      if (!privileges.has_global(privilege)) find_global(privileges, privilege);
    }
    look_at_routines(privileges);
    if (connection_.try_run("SELECT User FROM mysql.db LIMIT 1")) {
      find("mariadb-accounts-hidden", Severity::warning, "our account may not read mysql.db",
           "accounts and their rights would not be in the copy",
           fmt::format("GRANT SELECT ON `mysql`.* TO {};", privileges.account()));
    }
  }

  void find_global(const Privileges& privileges, const std::string& privilege) {
    Severity severity = Severity::note;
    std::string_view why;
    if (privilege == "RELOAD") {
      // Source: dev.mysql.com/doc/refman/8.4/en/flush.html.
      if (!connection_.is_mariadb() && privileges.has_global("FLUSH_TABLES")) return;
      probe_.abilities.fence = false;
      severity = Severity::warning;
      why =
          "without it writers cannot be stopped for a moment: one session copies all, and moments "
          "of several databases may differ";
    } else if (privilege == "SHOW_ROUTINE") {
      // Who may read everything may read these too.
      if (privileges.has_global("SELECT")) return;
      severity = Severity::blocker;
      why = "bodies of routines of other accounts would not be shown";
    } else if (privilege == "REPLICATION CLIENT") {
      why = "the position in the binary log would not be in the manifest";
    } else {
      why =
          "whether a long statement is in the way of the lock is not shown; if one is, other "
          "statements may wait for it after the lock was given up";
    }
    find("mariadb-privilege", severity, fmt::format("our account lacks {}", privilege), why,
         fmt::format("GRANT {} ON *.* TO {};", privilege, privileges.account()));
  }

  // Other accounts' routines are not even listed for whoever may not see them.
  void look_at_routines(const Privileges& privileges) {
    const unsigned version = connection_.version_number();
    const bool in_table = connection_.is_mariadb() || version < 80'000;
    const bool has_other_way =
        connection_.is_mariadb() && version >= 110'300 && privileges.has("SHOW CREATE ROUTINE");
    if (in_table && !has_other_way && connection_.try_run("SELECT name FROM mysql.proc LIMIT 1")) {
      find("mariadb-privilege", Severity::blocker, "our account may not read mysql.proc",
           "routines of other accounts would be missing from the copy without a word",
           fmt::format("GRANT SELECT ON `mysql`.* TO {};", privileges.account()));
      return;
    }
    if (!connection_.is_mariadb() && !in_table && version < 80'020 &&
        !privileges.has_global("SELECT")) {
      find("mariadb-privilege", Severity::blocker, "our account lacks SELECT on everything",
           "this version shows routines of other accounts to nobody else",
           fmt::format("GRANT SELECT ON *.* TO {};", privileges.account()));
      return;
    }
    const std::uint64_t hidden = connection_.number(
        fmt::format("SELECT count(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {} "
                    "AND ROUTINE_DEFINITION IS NULL",
                    schema_text()));
    if (hidden == 0) return;
    find("mariadb-privilege", Severity::blocker,
         fmt::format("the definitions of {} routines are not shown to our account", hidden),
         "they could not be copied", "grant what `holdfast grants backup` prints");
  }

  void look_at_tables() {
    std::string others;
    std::uint64_t count = 0;
    for (const auto& line : connection_.query(
             fmt::format("SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE "
                         "TABLE_SCHEMA = {} AND TABLE_TYPE NOT IN ('VIEW', 'SEQUENCE') AND ENGINE "
                         "IS NOT NULL ORDER BY TABLE_NAME",
                         schema_text()))) {
      const std::string engine = line[1].value_or("");
      if (storage_of(engine) != Storage::without_snapshots) continue;
      ++count;
      if (count <= 5)
        others += fmt::format("{}{} ({})", count > 1 ? ", " : "", line[0].value_or(""), engine);
    }
    if (count > 0) {
      const bool refuses = location_.non_transactional == NonTransactional::refuse;
      find("mariadb-nontransactional", refuses ? Severity::blocker : Severity::warning,
           fmt::format("{} tables know no snapshots: {}{}", count, others, count > 5 ? ", …" : ""),
           refuses ? "nontransactional = \"refuse\" is set"
                   : "they are locked against writers until they are copied, for "
                     "limits.writer_stall_ms at most",
           "ALTER TABLE … ENGINE=InnoDB");
    }
    look_at_members();
    look_at_wide_rows();
    look_at_events();
    look_at_definitions();
    const std::string versioned = connection_.value(
        fmt::format("SELECT GROUP_CONCAT(TABLE_NAME) FROM information_schema.TABLES WHERE "
                    "TABLE_SCHEMA = {} AND TABLE_TYPE = 'SYSTEM VERSIONED'",
                    schema_text()));
    if (!versioned.empty()) {
      find("mariadb-row-history", Severity::warning,
           fmt::format("tables keep a history of their rows: {}", versioned),
           "the copy has their current rows, not their history",
           "dump the history with mariadb-dump --dump-history if it is needed");
    }
  }

  // What has more than three bytes in UTF-8 is shown as a question mark in members of types, and in
  // plain defaults, which are asked for by value; expressions, checks and partitions show it.
  void look_at_members() {
    const std::string columns = connection_.value(
        fmt::format("SELECT GROUP_CONCAT(CONCAT(TABLE_NAME, '.', COLUMN_NAME) SEPARATOR ', ') FROM "
                    "information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND DATA_TYPE IN ('enum', "
                    "'set') AND CHARACTER_SET_NAME IN ('utf8mb4', 'utf16', 'utf16le', 'utf32', "
                    "'gb18030') AND "
                    "COLUMN_TYPE LIKE '%?%'",
                    schema_text()));
    if (columns.empty()) return;
    find("mariadb-members-unobservable", Severity::blocker,
         fmt::format("members of ENUM or SET columns have question marks: {}", columns),
         "the server shows characters beyond three bytes so, and members that are such could not "
         "be restored",
         "accept this if they are question marks, or make the columns VARCHAR");
  }

  void look_at_wide_rows() {
    for (const auto& line : connection_.query(fmt::format(
             "SELECT t.TABLE_NAME, t.DATA_LENGTH FROM information_schema.TABLES t JOIN "
             "information_schema.COLUMNS c ON c.TABLE_NAME = t.TABLE_NAME WHERE t.TABLE_SCHEMA = "
             "{0} AND c.TABLE_SCHEMA = {0} AND t.DATA_LENGTH >= {1} AND c.DATA_TYPE IN "
             "('longblob', 'longtext', 'json') GROUP BY t.TABLE_NAME, t.DATA_LENGTH HAVING "
             "count(*) >= {2} ORDER BY t.TABLE_NAME",
             schema_text(), row_bytes_max, widest_columns)))
      find(
          "mariadb-wide-values", Severity::note,
          fmt::format("{} has {} of rows with {} wide columns or more", line[0].value_or(""),
                      format_bytes(std::strtoull(line[1].value_or("0").c_str(), nullptr, 10)),
                      widest_columns),
          "a row of more than 4 GiB cannot be sent by any server: the copy would end with an error "
          "that names the table",
          "none needed unless the values of one row have more than 4 GiB together");
  }

  // What the copy has and does not restore as it was, or has not.
  void look_at_events() {
    const std::string asleep =
        !shows_events(connection_)
            ? ""
            : connection_.value(fmt::format(
                  "SELECT GROUP_CONCAT(EVENT_NAME SEPARATOR ', ') FROM information_schema.EVENTS "
                  "WHERE EVENT_SCHEMA = {} AND STATUS IN ('SLAVESIDE_DISABLED', "
                  "'REPLICA_SIDE_DISABLED')",
                  schema_text()));
    if (!asleep.empty())
      find("mariadb-events-of-replica", Severity::warning,
           fmt::format("events are disabled because this server is a replica: {}", asleep),
           "they are disabled in the copy too, and stay so when it is restored",
           "ALTER EVENT … ENABLE after a restore, or copy from the primary");
    if (connection_.is_mariadb() || connection_.version_number() < 90'200) return;
    const std::string libraries =
        connection_.value(fmt::format("SELECT GROUP_CONCAT(LIBRARY_NAME SEPARATOR ', ') FROM "
                                      "information_schema.LIBRARIES WHERE LIBRARY_SCHEMA = {}",
                                      schema_text()));
    if (!libraries.empty())
      find("mariadb-libraries", Severity::warning,
           fmt::format("the schema has libraries of JavaScript: {}", libraries),
           "they are not copied", "keep what CREATE LIBRARY made them from");
  }

  void look_at_definitions() {
    const bool is_blind =
        std::any_of(probe_.findings.begin(), probe_.findings.end(), [](const auto& finding) {
          return finding.severity == Severity::blocker && finding.code == "mariadb-privilege";
        });
    if (is_blind) return;  // said already
    try {
      find_fragile(read_schema(connection_, location_.schema));
    } catch (const Error& error) {  // what cannot be read is a finding too
      if (error.code() == Errc::cancelled) throw;
      find("mariadb-definition-unobservable", Severity::blocker, error.message(),
           "a backup would fail in the same way",
           error.hint().empty() ? "drop what is broken, or repair it" : error.hint());
    }
  }

  void find_fragile(const SchemaDef& schema) {
    std::string elsewhere;
    std::string broken;
    const auto add = [](std::string& list, const std::string& name) {
      list += (list.empty() ? "" : ", ") + name;
    };
    std::string partitioned;
    std::string computed;
    for (const TableDef& table : schema.tables) {
      if (table.engine == "InnoDB" && table.identity.empty() &&
          table.shown.find("PARTITION BY") != std::string::npos)
        add(partitioned, table.name);
      if (!table.rows_elsewhere && table.stored().empty()) add(computed, table.name);
      if (table.rows_elsewhere) add(elsewhere, fmt::format("{} ({})", table.name, table.engine));
    }
    for (const CodeDef& code : schema.code) {
      if (code.broken) add(broken, code.name);
    }
    if (!elsewhere.empty()) {
      find("mariadb-rows-elsewhere", Severity::warning,
           fmt::format("tables lead to rows that are kept elsewhere: {}", elsewhere),
           "the copy has their definitions, not those rows",
           "back up the tables, files or servers that keep the rows");
    }
    if (!partitioned.empty()) {
      find("mariadb-partitions-unobservable", Severity::note,
           fmt::format("tables have partitions: {}", partitioned),
           "whether one is exchanged while it is copied is not shown without PROCESS",
           "GRANT PROCESS ON *.* TO our account, or exchange none during backups");
    }
    if (!computed.empty()) {
      find("mariadb-no-columns", Severity::blocker,
           fmt::format("tables have no columns but generated ones: {}", computed),
           "their rows have nothing that could be copied", "drop them, or add a column");
    }
    if (!broken.empty()) {
      find("mariadb-broken-view", Severity::warning,
           fmt::format("views refer to what is not there: {}", broken),
           "they cannot be restored before that is there again; their definitions are in the copy",
           "drop them, or make what they refer to");
    }
  }

  const model::Endpoint& endpoint_;
  Location location_;  // its schema as the server writes it
  Connection connection_;
  Probe probe_;
};

}  // namespace

Probe probe_schema(const model::Endpoint& endpoint, const std::stop_token& stop) {
  return Prober(endpoint, stop).run();
}

}  // namespace holdfast::engine::mariadb
