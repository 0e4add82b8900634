// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/database_import.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "engine/typedb/protocol.h"

namespace holdfast::engine::typedb {

DatabaseImport::DatabaseImport(Connection& connection, std::string database,
                               std::string_view schema, const std::stop_token& stop)
    : connection_(connection), database_(std::move(database)) {
  if (connection_.generation() != Generation::v3) {
    throw Error(Errc::unsupported,
                fmt::format("TypeDB at {} is of 2.x, which reads exports itself out of files",
                            connection_.address()));
  }
  if (connection_.contains(database_, stop)) {
    throw Error(Errc::exists, fmt::format("there is a database {} at {} already", database_,
                                          connection_.address()));
  }
  call_ = connection_.begin("databases_import", stop);
  send(import_begin(database_, schema));
}

std::string DatabaseImport::doing() const {
  return fmt::format("importing into database {}", database_);
}

void DatabaseImport::refuse() {
  const RpcStatus status = in_context(doing(), [&] { return call_->finish(); });
  if (!status.ok()) connection_.refuse(status, doing());
  throw Error(Errc::corrupt,
              fmt::format("TypeDB at {} ends the import before it is done", connection_.address()))
      .add_context(doing());
}

void DatabaseImport::send(const Bytes& message) {
  if (!in_context(doing(), [&] { return call_->write(message); })) refuse();
}

void DatabaseImport::add(ByteView item) {
  if (part_.count() > 0 && part_.size_bytes() + item.size() > import_message_bytes) {
    send(part_.take());
  }
  part_.add(item);
  if (part_.count() >= import_items_max) send(part_.take());
}

void DatabaseImport::finish(std::chrono::milliseconds patience) {
  if (part_.count() > 0) send(part_.take());
  send(import_done());
  in_context(doing(), [&] { call_->end_writes(); });
  const std::optional<Bytes> answer = in_context(doing(), [&] { return call_->read(patience); });
  if (!answer) refuse();
  in_context(doing(), [&] { check_import_done(*answer); });
  if (in_context(doing(), [&] { return call_->read(patience); })) {
    throw Error(Errc::corrupt,
                fmt::format("TypeDB at {} goes on after the import is done", connection_.address()))
        .add_context(doing());
  }
  const RpcStatus status = in_context(doing(), [&] { return call_->finish(); });
  if (!status.ok()) connection_.refuse(status, doing());
}

}  // namespace holdfast::engine::typedb
