// SPDX-License-Identifier: Apache-2.0
// The name of everything in a repository: a SHA-256.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace holdfast::format {

struct Id {
  Sha256Digest bytes{};

  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
  // The first eight digits, as restic shows ids to people.
  [[nodiscard]] std::string short_hex() const { return hex().substr(0, 8); }
  [[nodiscard]] bool is_null() const noexcept;
  friend bool operator==(const Id&, const Id&) = default;
  friend auto operator<=>(const Id& a, const Id& b) noexcept {
    return std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) <=> 0;
  }
};

[[nodiscard]] Id id_of(ByteView content);
// The same of each, in their order, and faster than one by one.
[[nodiscard]] std::vector<Id> ids_of(std::span<const ByteView> contents);
// Appends the 64 digits of hex() without a string of their own, for trees and index files.
void append_hex(std::string& to, const Id& id);
// The id of 64 lower-case hex digits, or nothing.
[[nodiscard]] std::optional<Id> parse_id(std::string_view hex) noexcept;

// Ids are uniform already, so their first bytes are their hash.
struct IdHash {
  [[nodiscard]] std::size_t operator()(const Id& id) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};

enum class BlobType : std::uint8_t { data, tree };
[[nodiscard]] std::string_view blob_type_name(BlobType type) noexcept;  // "data", "tree"

struct BlobHandle {
  BlobType type = BlobType::data;
  Id id;
  friend bool operator==(const BlobHandle&, const BlobHandle&) = default;
  friend auto operator<=>(const BlobHandle&, const BlobHandle&) noexcept = default;
};
struct BlobHandleHash {
  [[nodiscard]] std::size_t operator()(const BlobHandle& blob) const noexcept {
    return IdHash{}(blob.id) ^ static_cast<std::size_t>(blob.type);
  }
};

}  // namespace holdfast::format
