// SPDX-License-Identifier: Apache-2.0
// Copies of SQL Server's databases by the server's own BACKUP: into a file of a directory that both
// see, fetched and removed, or to an S3 receiver of ours, straight into the repository.
//
// A backup's state is that of its end (MomentKind::at_release). It is copy-only: chains of others
// stay as they are. The file is read natively while it passes and compared with what the server
// says of it before it is believed. Nobody waits for it; each database has a moment of its own.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/engine.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// Announced by HoldOptions::before_change: {"sqlserver":"physical","kind":"files",…} and
// {"sqlserver":"physical","kind":"credential",…}; undo_physical() removes them. Errc::unsupported
// for a server that makes no backups, usage without a place for them.
[[nodiscard]] std::unique_ptr<Hold> make_physical_hold(std::span<const model::Endpoint> endpoints,
                                                       const HoldOptions& options);

}  // namespace holdfast::engine::sqlserver
