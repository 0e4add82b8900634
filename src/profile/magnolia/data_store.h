// SPDX-License-Identifier: Apache-2.0
// Records of a data store: binaries that are named by the hash of their content, as files (class
// FileDataStore) or as rows (class DbDataStore; both of jackrabbit-data, read at tag
// jackrabbit-2.18.6).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::profile::magnolia {

// What names a record: the SHA-256 (since 2.14.2 and 2.16) or the SHA-1 (before) of its content;
// an instance that was upgraded has both.
struct RecordId {
  std::array<std::byte, 32> bytes{};  // SHA-1: 20, then zeros
  std::uint8_t size_bytes = 0;        // 32 or 20

  // 64 or 40 digits of lower-case hex, and nothing else.
  [[nodiscard]] static std::optional<RecordId> of_text(std::string_view text) noexcept;
  [[nodiscard]] std::string text() const;
  friend auto operator<=>(const RecordId&, const RecordId&) = default;
};

// What a bundle has in the place of a binary: "dataStore:<id>"; what follows a `#`, as other stores
// write it, is passed over.
[[nodiscard]] std::optional<RecordId> parse_record_reference(std::string_view text) noexcept;

// The record that lies at `path` below a data store's directory, as "ab/cd/ef/abcdef…"; nothing if
// it is none: an upload that was under way ("tmp…"), or something else.
[[nodiscard]] std::optional<RecordId> record_at(std::string_view path) noexcept;
[[nodiscard]] std::string path_of_record(const RecordId& id);

// Hashes content as the record's name says. One thread at a time.
class RecordHash {
 public:
  explicit RecordHash(const RecordId& id);
  ~RecordHash();
  RecordHash(const RecordHash&) = delete;
  RecordHash& operator=(const RecordHash&) = delete;
  void update(ByteView bytes);
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  // Whether the bytes so far are the record's; call it once.
  [[nodiscard]] bool is_right();

 private:
  struct State;
  RecordId id_;
  std::uint64_t size_bytes_ = 0;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::profile::magnolia
