// SPDX-License-Identifier: Apache-2.0
// Files outside packs (index, snapshot, lock): JSON, in version 2 compressed behind a byte 0x02.
// Source: restic internal/repository/repository.go; docs/format.md.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/bytes.h"
#include "format/compression.h"

namespace holdfast::format {

inline constexpr std::size_t unpacked_bytes_max = 512U * 1024 * 1024;

// What to seal for this JSON in a repository of this version.
[[nodiscard]] Bytes encode_unpacked(std::string_view json, unsigned repository_version,
                                    Compressor& compressor);
// Replaces `json` by the JSON of an opened file: raw if it begins with `{` or `[`, zstd behind
// 0x02. Errc::corrupt otherwise, or if it is larger than `size_bytes_max`.
void decode_unpacked(ByteView plain, Decompressor& decompressor, Bytes& json,
                     std::size_t size_bytes_max = unpacked_bytes_max);

}  // namespace holdfast::format
