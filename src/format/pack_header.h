// SPDX-License-Identifier: Apache-2.0
// The header at the end of a pack file: which blobs lie in it, in file order.
//
// Pack = blob1 || … || blobN || seal(header) || le32(length of seal(header)); no magic, no padding.
// Source: restic internal/repository/pack/pack.go; docs/format.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "format/crypto.h"
#include "format/id.h"

namespace holdfast::format {

inline constexpr std::size_t pack_header_bytes_max = 16U * 1024 * 1024;
inline constexpr std::size_t pack_trailer_bytes = 4;
inline constexpr std::size_t pack_file_bytes_min = 37 + seal_overhead_bytes + pack_trailer_bytes;

// One blob as it lies in a pack.
struct PackedBlob {
  BlobHandle blob;
  std::uint32_t offset_bytes = 0;
  std::uint32_t size_bytes = 0;        // stored, with IV and MAC
  std::uint32_t plain_size_bytes = 0;  // 0: stored uncompressed

  [[nodiscard]] std::size_t plain_bytes() const noexcept {
    return plain_size_bytes != 0               ? plain_size_bytes
           : size_bytes >= seal_overhead_bytes ? size_bytes - seal_overhead_bytes
                                               : 0;
  }
  friend bool operator==(const PackedBlob&, const PackedBlob&) = default;
};

// Bytes of one entry in the plain header: 37 raw, 41 compressed.
[[nodiscard]] std::size_t pack_entry_bytes(const PackedBlob& blob) noexcept;
// The size a pack with these blobs must have.
[[nodiscard]] std::uint64_t pack_file_bytes(std::span<const PackedBlob> blobs) noexcept;

// Appends seal(header) and its length to `pack`. The blobs are in file order and contiguous from 0.
void append_pack_header(std::span<const PackedBlob> blobs, Sealer& sealer, Bytes& pack);

// How long the sealed header of a pack is, from the file's last four bytes. Errc::corrupt if that
// cannot be for a file of this size.
[[nodiscard]] std::size_t sealed_header_bytes(ByteView last_four_bytes, std::uint64_t file_bytes);
// The blobs of a plain header, offsets summed up; Errc::corrupt if the entries are malformed,
// empty, or do not add up to `blobs_bytes`, the part of the file before the header.
[[nodiscard]] std::vector<PackedBlob> parse_pack_header(ByteView plain_header,
                                                        std::uint64_t blobs_bytes);

}  // namespace holdfast::format
