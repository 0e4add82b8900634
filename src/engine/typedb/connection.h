// SPDX-License-Identifier: Apache-2.0
// A signed-in connection to a TypeDB server of any release that exports, and its databases.
//
// Sources: typedb/typedb-protocol, typedb_service.proto of 3.4.0 to 3.12.0-rc0,
// typedb-service.proto and core_service.proto of 2.x, version.proto of all; typedb/typedb,
// server/service/grpc/error.rs of 3.4.0 and 3.12.3 (a wrong version is FAILED_PRECONDITION),
// server/TypeDBService.java of 2.29.1 (there it is INTERNAL; no other call needs connection_open,
// nor a user).
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/typedb/protocol.h"
#include "engine/typedb/rpc.h"

namespace holdfast::engine::typedb {

enum class Generation : std::uint8_t {
  grakn,  // 2.0.x
  v2,     // 2.1.0 and later
  v3,     // 3.4.0 and later
};

struct ServerAccess {
  RpcTarget target;
  std::string user;                        // 2.x has none
  std::shared_ptr<const Secret> password;  // the same; may be null
};

// One thread at a time; calls that were begun are their owners'. It outlives them.
class Connection {
 public:
  // Finds out what the server speaks, and signs in. Errc::unavailable if nobody answers; denied;
  // unsupported for 3.0 to 3.3, which do not export, and as open_channel(); usage for servers that
  // are none of TypeDB's.
  explicit Connection(ServerAccess access, std::stop_token stop = {});

  [[nodiscard]] Generation generation() const noexcept { return generation_; }
  // "3.11.5"; empty before 3.11, where servers do not tell.
  [[nodiscard]] const std::string& version() const noexcept { return version_; }
  // That, or as much as its protocol tells: "3.4.0 to 3.10.4"; empty for 2.x.
  [[nodiscard]] std::string release() const;
  [[nodiscard]] const std::string& address() const noexcept { return channel_->target().address; }

  // All five: Errc as of refuse(), and Errc::corrupt for an answer that cannot be read.
  [[nodiscard]] std::vector<std::string> databases(const std::stop_token& stop = {});
  [[nodiscard]] bool contains(std::string_view database, const std::stop_token& stop = {});
  void create(std::string_view database, const std::stop_token& stop = {});
  void remove(std::string_view database, const std::stop_token& stop = {});
  // Everything that a new database is defined by.
  [[nodiscard]] std::string schema(std::string_view database, const std::stop_token& stop = {});

  // A call of the server's own service: "database_export".
  [[nodiscard]] std::unique_ptr<RpcCall> begin(std::string_view method,
                                               const std::stop_token& stop);
  [[nodiscard]] RpcAnswer call(std::string_view method, ByteView request,
                               const std::stop_token& stop);
  // A call of 2.x's migrator: "ExportDatabase".
  [[nodiscard]] std::unique_ptr<RpcCall> begin_job(std::string_view method,
                                                   const std::stop_token& stop);

  // The Error for a call that failed: `doing` is "exporting database shop".
  [[noreturn]] void refuse(const RpcStatus& status, std::string_view doing) const;

 private:
  [[nodiscard]] std::string path(std::string_view method) const;
  // The message of an answer, or refuse().
  [[nodiscard]] Bytes ask(std::string_view method, ByteView request, std::string_view doing,
                          const std::stop_token& stop);
  [[nodiscard]] RpcStatus sign_in(std::uint32_t version, const std::stop_token& stop);
  void find_generation(const std::stop_token& stop);

  ServerAccess access_;
  std::unique_ptr<RpcChannel> channel_;
  Generation generation_ = Generation::v3;
  std::uint32_t protocol_version_ = 0;  // 3.x
  std::string version_;
};

}  // namespace holdfast::engine::typedb
