// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/server_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "base/units.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

using model::MendClass;
using model::Severity;

// Less than this part of a database, and than this, is little room for what a backup keeps.
constexpr std::uint64_t growth_part = 20;
constexpr std::uint64_t growth_bytes_min = std::uint64_t{256} << 20U;
// From this age on a standby's state is worth a warning, if there is newer.
constexpr int lag_max_s = 300;

model::Finding finding_of(const Connection& connection, std::string code, Severity severity,
                          std::string seen, std::string why, std::string mend,
                          MendClass mend_class = MendClass::manual) {
  return {std::move(code), severity,       connection.location().component,
          std::move(seen), std::move(why), std::move(mend),
          mend_class,      false,          ""};
}

// Whatever the role or the database sets for sessions: what RESET would make of ours.
void find_time_outs(Connection& connection, std::vector<model::Finding>& findings) {
  const Rows rows = connection.query(
      "SELECT s.name || ' = ' || s.reset_val || coalesce(' ' || s.unit, '') FROM pg_settings s"
      " WHERE s.name IN ('statement_timeout', 'lock_timeout',"
      "  'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')"
      " AND s.reset_val <> '0' ORDER BY 1");
  if (rows.empty()) return;
  std::string seen;
  for (std::size_t i = 0; i < rows.size(); ++i) seen += (i == 0 ? "" : ", ") + rows.text(i, 0);
  findings.push_back(finding_of(connection, "postgresql-timeouts", Severity::note, seen,
                                "they would end a backup; its sessions do without them",
                                "none needed, unless a pooler in between sets them again",
                                MendClass::none));
}

void find_lag(Connection& connection, std::vector<model::Finding>& findings) {
  if (connection.value("SELECT pg_catalog.pg_is_in_recovery()") != "t") return;
  const Rows rows = connection.query(
      "SELECT pg_catalog.pg_is_wal_replay_paused(), coalesce(pg_catalog.round(extract(epoch FROM"
      "  pg_catalog.now() - pg_catalog.pg_last_xact_replay_timestamp())::numeric)::int8, 0),"
      " coalesce(pg_catalog.pg_last_wal_receive_lsn() > pg_catalog.pg_last_wal_replay_lsn(), "
      "false),"
      " EXISTS (SELECT FROM pg_stat_wal_receiver),"
      // Shown to superusers and the members of pg_read_all_settings, from version 12 on.
      " coalesce((SELECT s.setting = '' FROM pg_settings s WHERE s.name = 'primary_conninfo'),"
      "  false)");
  const bool paused = rows.boolean(0, 0);
  const bool receives = rows.boolean(0, 3);
  if (!paused && !((rows.boolean(0, 2) || !receives) && rows.integer(0, 1) > lag_max_s)) return;
  // One that lives on archived files alone has nothing to replay while its primary is idle.
  const bool may_be_idle = !paused && !receives && rows.boolean(0, 4);
  findings.push_back(finding_of(
      connection, "postgresql-standby-lag", may_be_idle ? Severity::note : Severity::warning,
      paused     ? "the standby's replay is paused"
      : receives ? fmt::format("the standby lags: what it shows is {} s old", rows.view(0, 1))
                 : fmt::format("the standby has replayed nothing for {} s, and is not connected to "
                               "its primary: whether there is newer is not to be seen here",
                               rows.view(0, 1)),
      "the copy would be as old", "SELECT pg_wal_replay_resume(), or back up from the primary"));
}

}  // namespace

std::optional<std::uint64_t> free_bytes(Connection& connection) {
  const Location& location = connection.location();
  const bool local = location.host.empty() || location.host.starts_with('/') ||
                     location.host == "localhost" || location.host == "127.0.0.1" ||
                     location.host == "::1";
  if (!local) return std::nullopt;
  // Shown to superusers and the members of pg_read_all_settings.
  const Rows place =
      connection.query("SELECT setting FROM pg_settings WHERE name = 'data_directory'");
  if (place.empty() || place.view(0, 0).empty()) return std::nullopt;
  std::error_code failure;
  const std::filesystem::space_info space = std::filesystem::space(place.text(0, 0), failure);
  if (failure) return std::nullopt;
  return space.available;
}

std::vector<model::Finding> find_source_risks(Connection& connection, std::uint64_t size_bytes) {
  std::vector<model::Finding> findings;
  find_time_outs(connection, findings);
  find_lag(connection, findings);
  const std::optional<std::uint64_t> free = free_bytes(connection);
  if (free && *free < std::max(size_bytes / growth_part, growth_bytes_min)) {
    findings.push_back(
        finding_of(connection, "postgresql-disk-low", Severity::warning,
                   fmt::format("{} are free on the server's disk, the database has {}",
                               format_bytes(*free), format_bytes(size_bytes)),
                   "while a copy is made, vacuum keeps all dead rows; tables grow with each "
                   "update, and a full "
                   "disk stops the server",
                   "make room, or back up when little is written"));
  }
  return findings;
}

std::vector<model::Finding> find_target_risks(Connection& admin) {
  std::vector<model::Finding> findings;
  if (admin.value("SELECT pg_catalog.pg_is_in_recovery()") == "t") {
    findings.push_back(finding_of(admin, "postgresql-target-standby", Severity::blocker,
                                  "the server is a standby", "nothing can be written there",
                                  "name the primary in the URI"));
    return findings;
  }
  const Rows slots = admin.query(
      "SELECT s.slot_name FROM pg_replication_slots s WHERE NOT s.active"
      " AND s.restart_lsn IS NOT NULL ORDER BY 1");
  if (!slots.empty()) {
    findings.push_back(finding_of(
        admin, "postgresql-target-wal", Severity::warning,
        fmt::format("nobody reads from replication slot {}{}", quote_name(slots.view(0, 0)),
                    slots.size() > 1 ? fmt::format(" and {} more", slots.size() - 1) : ""),
        "the log of everything that a restore writes is kept for it, about as much as the data, "
        "and "
        "a full disk stops the server",
        fmt::format("SELECT pg_drop_replication_slot({}); if it is of no use, or let its reader "
                    "come back",
                    quote_text(slots.view(0, 0)))));
  }
  const Rows archiver = admin.query(
      "SELECT a.last_failed_wal FROM pg_stat_archiver a WHERE a.last_failed_time >"
      " coalesce(a.last_archived_time, '-infinity') AND pg_catalog.current_setting('archive_mode')"
      " <> 'off'");
  if (!archiver.empty()) {
    findings.push_back(
        finding_of(admin, "postgresql-target-wal", Severity::warning,
                   fmt::format("archiving of the log fails, last of {}", archiver.view(0, 0)),
                   "the log of everything that a restore writes is kept until it is archived, "
                   "about as much as "
                   "the data, and a full disk stops the server",
                   "look at archive_command, and at the server's log"));
  }
  const std::string replicas = admin.value(
      "SELECT CASE WHEN pg_catalog.current_setting('synchronous_standby_names') <> ''"
      " AND NOT EXISTS (SELECT FROM pg_stat_replication r WHERE r.sync_state IN ('sync', 'quorum'))"
      " THEN pg_catalog.current_setting('synchronous_standby_names') ELSE '' END");
  if (!replicas.empty()) {
    findings.push_back(finding_of(
        admin, "postgresql-target-replicas", Severity::warning,
        fmt::format("synchronous_standby_names is {}, and no such standby is there", replicas),
        "each commit waits for one of them, the restore's too",
        "start the standby, or ALTER SYSTEM SET synchronous_standby_names = ''"));
  }
  return findings;
}

}  // namespace holdfast::engine::postgresql
