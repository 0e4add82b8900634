// SPDX-License-Identifier: Apache-2.0
// One pack in the making: sealed blobs end to end in one buffer, closed by the header. Not for
// several threads at once, and not concerned with where packs go.
#pragma once

#include <span>
#include <vector>

#include "format/index_file.h"
#include "format/pack_header.h"
#include "repo/repository.h"

namespace holdfast::repo {

class PackBuilder {
 public:
  // Takes over a buffer, whose content is dropped and whose memory is used.
  explicit PackBuilder(Bytes buffer);

  // Whether a blob of so many stored bytes can be added: offsets and the header have their limits.
  [[nodiscard]] bool has_room(std::size_t sealed_bytes) const noexcept;
  // Errc::bug without room.
  void add(const format::BlobHandle& blob, ByteView sealed, std::uint32_t plain_size_bytes);
  // The same of a blob that the caller seals into what is returned, before close(). It stays where
  // it is as long as the buffer has room for what is added.
  [[nodiscard]] std::span<std::byte> add(const format::BlobHandle& blob, std::size_t sealed_bytes,
                                         std::uint32_t plain_size_bytes);
  // Adds all blobs of another builder that is not finished. Errc::bug without room.
  void add_all(const PackBuilder& other);
  [[nodiscard]] bool has_room_for(const PackBuilder& other) const noexcept;

  [[nodiscard]] bool empty() const noexcept { return blobs_.empty(); }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return content_.size(); }
  // What the pack file would have if the header were written now.
  [[nodiscard]] std::size_t file_bytes() const noexcept;
  [[nodiscard]] const std::vector<format::PackedBlob>& blobs() const noexcept { return blobs_; }

  // Writes the header and reads it back as a stranger would. Errc::corrupt if that fails: the
  // machine's memory is at fault.
  void close(Codec& codec);
  // The same, and names the pack by its SHA-256.
  [[nodiscard]] format::IndexedPack finish(Codec& codec);
  // The whole pack file, once closed.
  [[nodiscard]] ByteView content() const noexcept { return content_; }
  // What is in it, once closed.
  [[nodiscard]] std::vector<format::PackedBlob> take_blobs() noexcept { return std::move(blobs_); }
  // The buffer, for the next pack.
  [[nodiscard]] Bytes take_buffer() noexcept { return std::move(content_); }

 private:
  Bytes content_;
  std::vector<format::PackedBlob> blobs_;
  std::size_t header_bytes_ = 0;
};

}  // namespace holdfast::repo
