// SPDX-License-Identifier: Apache-2.0
// The compressions of dumps that others wrote, read as a stream.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/stream.h"

namespace holdfast::engine {

enum class Compression : std::uint8_t { none, gzip, lz4, zstd };
[[nodiscard]] std::string_view compression_name(Compression compression) noexcept;

// What the first bytes of a file say: gzip, lz4 frame or zstd frame; none otherwise.
[[nodiscard]] Compression compression_of(ByteView front) noexcept;

// The plain bytes of `source`. For gzip both containers are taken: gzip's and zlib's. read() throws
// Errc::corrupt for what cannot be decompressed, and where the source ends too early.
[[nodiscard]] std::unique_ptr<ByteSource> decompress(std::unique_ptr<ByteSource> source,
                                                     Compression compression);

}  // namespace holdfast::engine
