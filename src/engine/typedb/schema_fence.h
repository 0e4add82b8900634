// SPDX-License-Identifier: Apache-2.0
// Keeping the writers of a server of 2.x from several of its databases for a moment: a schema
// session on each, behind which transactions that write to data wait.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/typedb/connection.h"
#include "engine/typedb/migrator.h"

namespace holdfast::engine::typedb {

// One thread at a time.
class SchemaFence {
 public:
  // Waits for writers until `deadline`, less a share for what is to be captured. False, with
  // nothing held, if it was not had by then. Errc as of SchemaSession; then too nothing is held.
  [[nodiscard]] bool take(const ServerAccess& access, std::span<const std::string> databases,
                          std::chrono::steady_clock::time_point deadline,
                          const std::stop_token& stop);
  // Lets all go. Errc::not_consistent if one had not lasted.
  void release();
  void let_go() noexcept { sessions_.clear(); }

 private:
  std::vector<std::unique_ptr<SchemaSession>> sessions_;
};

// The server that has the directory of a database open, if it can be asked to keep writers from it:
// a process that we see, in our network, that answers as 2.x and has a database of that name.
// Errc::cancelled.
[[nodiscard]] std::optional<ServerAccess> find_fencing_server(
    const std::filesystem::path& database, const std::stop_token& stop,
    const std::filesystem::path& proc = "/proc");

// Where a process takes connections, "127.0.0.1:1729": at TypeDB's own port, or else at the only
// one it has. Nothing if that cannot be told, or if its network is not ours.
//
// Source: proc(5), /proc/pid/fd and /proc/pid/net/tcp: addresses as the words of the kernel in hex.
[[nodiscard]] std::optional<std::string> listens_at(pid_t pid,
                                                    const std::filesystem::path& proc = "/proc");

}  // namespace holdfast::engine::typedb
