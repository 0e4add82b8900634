// SPDX-License-Identifier: Apache-2.0
// The one byte that says how the JSON of an unpacked file is stored.
#include "format/unpacked.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::format {

namespace {

constexpr std::byte compressed_mark{2};

}  // namespace

Bytes encode_unpacked(std::string_view json, unsigned repository_version, Compressor& compressor) {
  check_rule(!json.empty(), "an unpacked file holds JSON");
  Bytes plain;
  if (repository_version < 2) {
    append(plain, json);
    return plain;
  }
  plain.push_back(compressed_mark);
  check_rule(compressor.compress(as_bytes(json), plain, true), "unpacked files are compressed");
  return plain;
}

void decode_unpacked(ByteView plain, Decompressor& decompressor, Bytes& json,
                     std::size_t size_bytes_max) {
  json.clear();
  if (plain.empty()) throw Error(Errc::corrupt, "unpacked file is empty");
  if (plain.front() == compressed_mark) {
    decompressor.decompress_at_most(plain.subspan(1), size_bytes_max, json);
    return;
  }
  if (plain.front() != std::byte{'{'} && plain.front() != std::byte{'['}) {
    throw Error(Errc::corrupt,
                fmt::format("unpacked file begins with byte 0x{:02x}, neither JSON nor compressed",
                            std::to_integer<unsigned>(plain.front())));
  }
  if (plain.size() > size_bytes_max) {
    throw Error(Errc::corrupt, fmt::format("unpacked file has {} bytes, more than {}", plain.size(),
                                           size_bytes_max));
  }
  json.assign(plain.begin(), plain.end());
}

}  // namespace holdfast::format
