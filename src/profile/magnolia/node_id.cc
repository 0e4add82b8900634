// SPDX-License-Identifier: Apache-2.0
// UUIDs from bytes and texts and back.
#include "profile/magnolia/node_id.h"

#include <array>

namespace holdfast::profile::magnolia {
namespace {

constexpr std::size_t text_size = 36;

constexpr bool is_dash_at(std::size_t index) noexcept {
  return index == 8 || index == 13 || index == 18 || index == 23;
}

void store_be64(std::byte* at, std::uint64_t value) noexcept {
  for (std::size_t i = 0; i < 8; ++i) at[i] = static_cast<std::byte>(value >> (56 - 8 * i));
}

}  // namespace

std::optional<NodeId> NodeId::of_bytes(ByteView bytes) noexcept {
  if (bytes.size() != 16) return std::nullopt;
  return NodeId{load_be64(bytes.data()), load_be64(bytes.data() + 8)};
}

std::optional<NodeId> NodeId::of_text(std::string_view text) noexcept {
  if (text.size() != text_size) return std::nullopt;
  std::array<char, 32> digits{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < text_size; ++i) {
    if (!is_dash_at(i)) {
      digits[at++] = text[i];
    } else if (text[i] != '-') {
      return std::nullopt;
    }
  }
  std::array<std::byte, 16> bytes{};
  if (!read_hex({digits.data(), digits.size()}, bytes)) return std::nullopt;
  return of_bytes(bytes);
}

std::string NodeId::text() const {
  std::array<std::byte, 16> bytes{};
  store(bytes);
  std::string text = to_hex(bytes);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
  return text;
}

void NodeId::store(std::span<std::byte, 16> into) const noexcept {
  store_be64(into.data(), high);
  store_be64(into.data() + 8, low);
}

bool is_of_system(const NodeId& id) noexcept {
  return id == system_id || id == node_types_id || id == version_storage_id ||
         id == activities_id || id == configurations_id;
}

}  // namespace holdfast::profile::magnolia
