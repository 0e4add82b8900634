// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/vertex_keys.h"

#include <array>
#include <cstdint>

namespace holdfast::engine::typedb {
namespace {

constexpr std::size_t type_end = 4;  // prefix and type
constexpr std::size_t object_bytes = 12;
constexpr std::uint8_t has_forward = 70;

std::uint8_t byte_at(ByteView key, std::size_t at) noexcept {
  return at < key.size() ? std::to_integer<std::uint8_t>(key[at]) : 0;
}

// How many bytes of the key are its attribute; 0 if it is none.
std::size_t attribute_bytes(ByteView key) noexcept {
  constexpr std::size_t value = type_end + 1;
  switch (byte_at(key, type_end)) {
    case 10:
      return value + 1;
    case 20:
    case 30:
    case 50:
      return value + 8;
    case 40:
      return value + 2 + (std::size_t{byte_at(key, value)} << 8U | byte_at(key, value + 1));
    default:
      return 0;
  }
}

}  // namespace

void count_key(Encoding encoding, ByteView key, ThingCounts& counts) noexcept {
  const bool old = encoding == Encoding::v2_0;
  const std::array<std::uint8_t, 4> prefixes =
      old ? std::array<std::uint8_t, 4>{150, 160, 170, 180}
          : std::array<std::uint8_t, 4>{130, 131, 132, 133};
  const std::array<std::int64_t*, 4> kinds{&counts.entities, &counts.attributes, &counts.relations,
                                           &counts.players};
  const std::uint8_t prefix = byte_at(key, 0);
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    if (prefix != prefixes[i]) continue;
    const std::size_t size = kinds[i] == &counts.attributes ? attribute_bytes(key) : object_bytes;
    if (size == 0 || key.size() < size) return;
    if (key.size() == size) ++*kinds[i];
    if (byte_at(key, size) == has_forward) ++counts.ownerships;
  }
}

}  // namespace holdfast::engine::typedb
