// SPDX-License-Identifier: Apache-2.0
// Packed records of SQL Server's backups: they are unpacked to the size that is told, or not at
// all, and the same again by a decoder that was used before. The first two bytes are the size.
#include <algorithm>
#include <memory>
#include <vector>

#include "engine/sqlserver/bak/xca.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace sqlserver = holdfast::engine::sqlserver;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  if (size_bytes < 2) return 0;
  const std::size_t wanted = 1 + (data[0] | std::size_t{data[1]} << 8U);
  const holdfast::ByteView chunk = fuzz::view(data + 2, size_bytes - 2);
  static sqlserver::XcaDecoder used;
  const auto fresh = std::make_unique<sqlserver::XcaDecoder>();
  std::vector<std::byte> first(wanted), second(wanted);
  const auto one = fresh->unpack(chunk, first);
  const auto other = used.unpack(chunk, second);
  fuzz::require(one.size_bytes == other.size_bytes, "it is unpacked to two sizes");
  fuzz::require((one.damage == nullptr) == (one.size_bytes == wanted), "it is not of its size");
  fuzz::require(one.used_bytes <= chunk.size(), "it takes more than there is");
  fuzz::require(
      std::equal(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(one.size_bytes),
                 second.begin()),
      "it is unpacked to two contents");
  fuzz::require(one.damage != nullptr || sqlserver::is_xca_table(chunk),
                "it is unpacked by codes that are none");
  return 0;
}
