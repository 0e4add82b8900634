// SPDX-License-Identifier: Apache-2.0
// Reading that may meet somebody's lock: it is waited for in slices, with word of whom for, and not
// for ever. Within a transaction, which a lock that is not had does not end.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/postgresql/connection.h"

namespace holdfast::engine::postgresql {

// How long REFRESH MATERIALIZED VIEW, REINDEX and people who left their session open are waited
// for, all that time keeping vacuum from removing what the snapshot sees.
constexpr std::chrono::minutes patience_max{30};
struct Patience {
  // Of all questions together to which it is given.
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::now() + patience_max;
  // Shorter than the server's deadlock time, or it may end whom we meet, or us.
  std::chrono::milliseconds slice{800};
  std::chrono::milliseconds between_words = std::chrono::seconds(30);
};

// Like Connection::query(). Errc::unavailable, naming who holds the lock, once `patience.until` is
// over, or if that session waits for what this transaction has: it is never kept waiting for its
// deadlock time. The transaction's lock_timeout is 0 afterwards.
Rows query_patiently(Connection& connection, std::string_view sql, const Patience& patience = {});
// The same, but another refusal than the lock's is an answer: its SQLSTATE.
[[nodiscard]] std::optional<Rows> attempt_patiently(Connection& connection, std::string_view sql,
                                                    std::string& state, std::string& message,
                                                    const Patience& patience = {});

// Who holds, or is the first to wait for, an exclusive lock on one of the relations (oids with
// commas between; empty: on any of the database's): "public.orders is locked by session 4711 of app
// (psql)". Empty if there is nobody.
[[nodiscard]] std::string who_locks(Connection& connection, std::string_view oids = {});
// What is thrown then.
[[nodiscard]] Error lock_refusal(const Connection& connection, std::string_view who);

}  // namespace holdfast::engine::postgresql
