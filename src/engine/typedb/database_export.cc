// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/database_export.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "engine/typedb/protocol.h"

namespace holdfast::engine::typedb {

DatabaseExport::DatabaseExport(Connection& connection, std::string database,
                               const std::stop_token& stop)
    : connection_(connection), database_(std::move(database)) {
  if (connection_.generation() != Generation::v3) {
    throw Error(Errc::unsupported,
                fmt::format("TypeDB at {} is of 2.x, which writes exports itself into files",
                            connection_.address()));
  }
  // Signs in anew if need be; and a name that is none has a clear answer.
  if (!connection_.contains(database_, stop)) {
    throw Error(Errc::not_found,
                fmt::format("there is no database {} at {}", database_, connection_.address()));
  }
  call_ = connection_.begin("database_export", stop);
  if (call_->write(export_request(database_))) call_->end_writes();
  if (!read()) refuse_order("ends the export before it has begun");
  if (message_.kind != ExportMessage::Kind::schema) refuse_order("sends no schema first");
  schema_ = message_.schema;
}

std::string DatabaseExport::doing() const {
  return fmt::format("exporting database {}", database_);
}

void DatabaseExport::refuse_order(std::string_view what) const {
  throw Error(Errc::corrupt, fmt::format("TypeDB at {} {}", connection_.address(), what))
      .add_context(doing());
}

bool DatabaseExport::read() {
  std::optional<Bytes> message = in_context(doing(), [&] { return call_->read(); });
  if (message) {
    bytes_ = std::move(*message);
    in_context(doing(), [&] { parse_export_message(bytes_, message_); });
    return true;
  }
  const RpcStatus status = call_->finish();
  if (!status.ok()) connection_.refuse(status, doing());
  return false;
}

const std::vector<ByteView>& DatabaseExport::next() {
  message_.items.clear();
  while (!done_) {
    if (!read()) refuse_order("ends the export before it is done");
    if (message_.kind == ExportMessage::Kind::schema) refuse_order("sends a second schema");
    if (message_.kind == ExportMessage::Kind::items) {
      if (!message_.items.empty()) return message_.items;
      continue;
    }
    done_ = true;
    message_.items.clear();
    if (read()) refuse_order("goes on after the export is done");
  }
  return message_.items;
}

void write_item(ByteSink& into, ByteView item) {
  WireWriter length;
  length.bare(item.size());
  into.write(length.message());
  into.write(item);
}

}  // namespace holdfast::engine::typedb
