// SPDX-License-Identifier: Apache-2.0
// Looking at a database and its server without changing anything, and the way it is copied.
//
// Sources: Transact-SQL Reference, BACKUP and RESTORE (permissions), sys.databases,
// sys.certificates, sys.dm_os_volume_stats, HAS_PERMS_BY_NAME.
#pragma once

#include <stop_token>
#include <string>

#include "engine/engine.h"
#include "engine/sqlserver/location.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// Errc::cancelled soon after a stop request; all else that is wrong is a finding.
[[nodiscard]] Probe probe_database(const model::Endpoint& endpoint, std::stop_token stop);

// What the location says, or for `auto` what this server and it allow: physical where it is a SQL
// Server whose backups come to us, through `backup_directory` and `exchange_directory` or, from
// release 16 (2022) on, through `receiver`; else logical. Never automatic.
[[nodiscard]] Method method_for(Session& session, const Location& location);

// Lets sessions read a moment: ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON. What was done.
std::string mend_snapshot_isolation(const model::Endpoint& endpoint);

}  // namespace holdfast::engine::sqlserver
