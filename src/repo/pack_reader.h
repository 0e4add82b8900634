// SPDX-License-Identifier: Apache-2.0
// Reading many blobs of one pack with few requests.
#pragma once

#include <functional>
#include <span>

#include "repo/repository.h"

namespace holdfast::repo {

// Opens one blob that was read from a pack: MAC, decompression to exactly the size the index names,
// SHA-256. Errc::corrupt if any of them fails. One thread's codec.
void open_blob(const format::PackedBlob& blob, ByteView sealed, Codec& codec, Bytes& plain);
// The same without its SHA-256; and what says whether that is right, for callers who hash several
// at once.
void unseal_blob(const format::PackedBlob& blob, ByteView sealed, Codec& codec, Bytes& plain);
void check_id(const format::PackedBlob& blob, const format::Id& found);

// Blobs that claim to be larger are refused as Errc::corrupt before memory is taken for them.
inline constexpr std::size_t blob_bytes_max = 1U << 30U;

// Reads the given blobs of `pack` (any order; sorted by offset inside), coalescing gaps below 1 MiB
// and runs up to 32 MiB, and hands each, decrypted, decompressed and its hash verified, to `visit`,
// in offset order, on the calling thread; or its failure (Errc::corrupt; Errc::io and not_found of
// the storage) to `failed`. `plain` may be moved from. What fails is read once more before it is
// given up. One thread's codec, which neither of the two uses for another such run.
void read_pack_blobs(Repository& repository, const format::Id& pack,
                     std::span<const format::PackedBlob> blobs, Codec& codec,
                     const std::function<void(const format::PackedBlob&, Bytes& plain)>& visit,
                     const std::function<void(const format::PackedBlob&, const Error&)>& failed);

// The blobs a pack's own header lists. Errc::corrupt if it cannot be read.
[[nodiscard]] std::vector<format::PackedBlob> read_pack_header(Repository& repository,
                                                               const format::Id& pack,
                                                               std::uint64_t file_bytes,
                                                               Codec& codec);

}  // namespace holdfast::repo
