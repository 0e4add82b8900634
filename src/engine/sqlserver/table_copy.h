// SPDX-License-Identifier: Apache-2.0
// Rows of tables on their way out of a server: stored, shown to whoever asks, and made into a
// digest, all while they are read once.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "base/stream.h"
#include "engine/sqlserver/columns.h"
#include "engine/sqlserver/session_pool.h"
#include "model/manifest.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

// `into` (as BcpReader reads them) and `shown_to` may be nullptr.
[[nodiscard]] model::TableDigest copy_rows(Session& session, const SqlTable& table, ByteSink* into,
                                           model::RowSink* shown_to, const std::stop_token& stop);

struct DigestTask {
  const SqlTable* table;
  model::TableDigest* digest;
  std::function<std::unique_ptr<model::RowSink>()> tap = {};
};
// Of several tables, by so many sessions of the pool at once.
void digest_tables(SessionPool& pool, std::span<const DigestTask> tasks, unsigned parallel,
                   const std::stop_token& stop);

}  // namespace holdfast::engine::sqlserver
