// SPDX-License-Identifier: Apache-2.0
// Makes a database on a server of 3.4 or later out of a schema and items, all or nothing.
//
// Sources: typedb/typedb, server/service/grpc/migration/import_service.rs and
// database/migration/database_importer.rs of 3.4.0 and 3.12.3: the name must be free; the server
// compares the counts of the checksums item and puts the database in its place when the client says
// that it is done; a call that ends before leaves nothing. typedb/typedb, release notes of 3.10.1:
// a message may have 4 MiB before, 1 GiB from then on.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "engine/typedb/connection.h"

namespace holdfast::engine::typedb {

// As many items go into one message; and a message that has as many bytes gets no more.
inline constexpr std::size_t import_items_max = 250;
inline constexpr std::size_t import_message_bytes = 1U << 20U;

// One thread at a time. The destructor ends an import that is not finished: the server removes what
// it has. Memory: three messages, or three times the largest item.
class DatabaseImport {
 public:
  // Returns when the schema is sent, not when it is taken: what the server refuses is thrown by
  // what comes next. Errc::exists if there is such a database. The connection outlives it.
  DatabaseImport(Connection& connection, std::string database, std::string_view schema,
                 const std::stop_token& stop);

  // Waits while the server takes no more.
  void add(ByteView item);
  // The server checks what it has, which may take as long as `patience`, and puts it in its place.
  void finish(std::chrono::milliseconds patience = std::chrono::hours(24));

 private:
  void send(const Bytes& message);
  [[noreturn]] void refuse();
  [[nodiscard]] std::string doing() const;

  Connection& connection_;
  std::string database_;
  std::unique_ptr<RpcCall> call_;
  ImportPart part_;
};

}  // namespace holdfast::engine::typedb
