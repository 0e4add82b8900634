// SPDX-License-Identifier: Apache-2.0
// Contents of large objects on their way into a database that has the objects already.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "engine/postgresql/connection.h"

namespace holdfast::engine::postgresql {

// Takes rows of (number, offset, bytes) as COPY text has them, and writes them batch by batch. The
// connection is its alone from construction to finish().
class LargeObjectWriter {
 public:
  explicit LargeObjectWriter(Connection& connection);
  void line(ByteView line);  // with its line end
  void content(std::uint32_t number, std::uint64_t offset, ByteView bytes);
  void finish();

 private:
  void flush();
  Connection& connection_;
  Bytes batch_;
};

}  // namespace holdfast::engine::postgresql
