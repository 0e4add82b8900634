// SPDX-License-Identifier: Apache-2.0
// What stands in the way of a backup by the server, or is no part of it, told before it is made.
//
// Whether the account that the server runs as may write into a directory, no server tells: a backup
// does. Whether it sees one, it tells by a function (sys.dm_os_file_exists, from 2017 on), else by
// a procedure (xp_fileexist), which tells an account that is no sysadmin of nothing: zeros. Both
// may be taken away from our account, or from everybody.
//
// Sources: Ola Hallengren's SQL Server Maintenance Solution, issue 771 and pull request 931
// (answers of both for accounts that are no sysadmin); Transact-SQL Reference, IS_SRVROLEMEMBER.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/sqlserver/location.h"
#include "engine/sqlserver/session.h"
#include "model/finding.h"

namespace holdfast::engine::sqlserver {

// Of a session in the database, whose `size_bytes` are in use.
[[nodiscard]] std::vector<model::Finding> physical_findings(Session& session,
                                                            std::uint64_t size_bytes);

// Of the directory that both see, at either end of it. Nothing if the location names none.
[[nodiscard]] std::vector<model::Finding> directory_findings(Session& session,
                                                             const Location& location);

}  // namespace holdfast::engine::sqlserver
