// SPDX-License-Identifier: Apache-2.0
// A `.typedb` file as a stream of items: each a varint, how many bytes it has, and a message.
//
// Source: typedb/typedb, migrator/DataExporter.java of 2.0.0 (writeDelimitedTo of Java's protobuf)
// and the official drivers' export_to_file of 3.4.0 and later.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/stream.h"

namespace holdfast::engine::typedb {

// No item may be larger. A relation of a million players has about a third of that.
inline constexpr std::size_t item_bytes_max = 64U << 20U;

// Where a file ends too early.
struct Truncation {
  std::uint64_t item_offset = 0;    // of the item that is cut: where its length begins
  std::uint64_t end_offset = 0;     // how many bytes there are
  std::uint64_t missing_bytes = 0;  // of the item; 0 if its length itself is cut
};

// Memory: what the largest item has, at most item_bytes_max, twice while it grows. One thread.
class ExportReader {
 public:
  // `name` is what errors call it. The source outlives the reader.
  ExportReader(ByteSource& source, std::string name);

  struct Piece {
    ByteView message;          // valid until the next call
    std::uint64_t offset = 0;  // in the file, of its length
  };
  // The next item; nothing at the end. Errc::corrupt where the file is cut, which truncation() then
  // tells, or where no length of an item stands. No call after an error.
  [[nodiscard]] std::optional<Piece> next();

  [[nodiscard]] const std::optional<Truncation>& truncation() const noexcept { return truncation_; }
  // How many bytes the items so far have.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

 private:
  bool fill(std::size_t wanted);
  [[noreturn]] void refuse_end(std::uint64_t missing_bytes);

  ByteSource& source_;
  std::string name_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t room_, begin_ = 0, end_ = 0;
  std::uint64_t offset_ = 0;
  bool at_end_ = false;
  std::optional<Truncation> truncation_;
};

}  // namespace holdfast::engine::typedb
