// SPDX-License-Identifier: Apache-2.0
// A database of a server of 3.4 or later as a stream: its schema and its items, from one snapshot
// that the server keeps while the stream lives.
//
// Source: typedb/typedb, server/service/grpc/migration/export_service.rs of 3.4.0 and 3.12.3: first
// the schema, then items in messages of 250 at most (header, entities, relations, attributes,
// checksums), then done; the transaction may last a day. Flow control is HTTP/2's.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/stream.h"
#include "engine/typedb/connection.h"

namespace holdfast::engine::typedb {

// One thread at a time. Memory: two messages. All throw Errc::cancelled soon after a stop request.
class DatabaseExport {
 public:
  // Returns once the server has opened its snapshot and sent the schema. Errc::not_found if there
  // is no such database; else as Connection::refuse(); corrupt if the server breaks the protocol.
  // The connection outlives it.
  DatabaseExport(Connection& connection, std::string database, const std::stop_token& stop);

  [[nodiscard]] const std::string& schema() const noexcept { return schema_; }
  // The next items, at least one, valid until the next call; none after the last, when the server
  // has said that this was all. Errc::corrupt if it ends the call before.
  [[nodiscard]] const std::vector<ByteView>& next();

 private:
  [[nodiscard]] bool read();  // false at the end of the call
  [[noreturn]] void refuse_order(std::string_view what) const;
  [[nodiscard]] std::string doing() const;

  Connection& connection_;
  std::string database_;
  std::unique_ptr<RpcCall> call_;
  Bytes bytes_;
  ExportMessage message_;
  std::string schema_;
  bool done_ = false;
};

// An item as a `.typedb` file has it: its length before it.
void write_item(ByteSink& into, ByteView item);

}  // namespace holdfast::engine::typedb
