// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/large_objects.h"

#include <fmt/format.h>

namespace holdfast::engine::postgresql {

namespace {

constexpr std::size_t batch_bytes = 8U << 20U;

}  // namespace

LargeObjectWriter::LargeObjectWriter(Connection& connection) : connection_(connection) {
  connection_.run(
      "CREATE TEMPORARY TABLE holdfast_large_objects (loid pg_catalog.oid, at pg_catalog.int8,"
      " data pg_catalog.bytea) ON COMMIT DELETE ROWS");
}

void LargeObjectWriter::line(ByteView line) {
  append(batch_, line);
  if (batch_.size() >= batch_bytes) flush();
}

void LargeObjectWriter::content(std::uint32_t number, std::uint64_t offset, ByteView bytes) {
  append(batch_, fmt::format("{}\t{}\t\\\\x{}\n", number, offset, to_hex(bytes)));
  if (batch_.size() >= batch_bytes) flush();
}

void LargeObjectWriter::finish() {
  flush();
  connection_.run("DROP TABLE pg_temp.holdfast_large_objects");
}

void LargeObjectWriter::flush() {
  if (batch_.empty()) return;
  connection_.run("BEGIN");
  {
    Connection::CopyIn copy(connection_, "COPY pg_temp.holdfast_large_objects FROM STDIN");
    copy.write(batch_);
    static_cast<void>(copy.end());
  }
  static_cast<void>(
      connection_.query("SELECT pg_catalog.count(pg_catalog.lo_put(loid, at, data))"
                        " FROM pg_temp.holdfast_large_objects"));
  connection_.run("COMMIT");
  batch_.clear();
}

}  // namespace holdfast::engine::postgresql
