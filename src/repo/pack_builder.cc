// SPDX-License-Identifier: Apache-2.0
// Appending blobs, merging, closing.
#include "repo/pack_builder.h"

#include <cstring>
#include <limits>

#include "base/error.h"

namespace holdfast::repo {
namespace {

constexpr std::size_t entry_bytes_max = 41;
// Offsets are of 32 bits, also behind the last blob.
constexpr std::size_t content_bytes_max =
    std::numeric_limits<std::uint32_t>::max() - format::pack_header_bytes_max - 64;

}  // namespace

PackBuilder::PackBuilder(Bytes buffer) : content_(std::move(buffer)) {
  content_.clear();
}

bool PackBuilder::has_room(std::size_t sealed_bytes) const noexcept {
  return sealed_bytes <= content_bytes_max && content_.size() <= content_bytes_max - sealed_bytes &&
         header_bytes_ + entry_bytes_max + format::seal_overhead_bytes <=
             format::pack_header_bytes_max;
}

bool PackBuilder::has_room_for(const PackBuilder& other) const noexcept {
  return other.content_.size() <= content_bytes_max &&
         content_.size() <= content_bytes_max - other.content_.size() &&
         header_bytes_ + other.header_bytes_ + format::seal_overhead_bytes <=
             format::pack_header_bytes_max;
}

std::size_t PackBuilder::file_bytes() const noexcept {
  return content_.size() + header_bytes_ + format::seal_overhead_bytes + format::pack_trailer_bytes;
}

void PackBuilder::add(const format::BlobHandle& blob, ByteView sealed,
                      std::uint32_t plain_size_bytes) {
  const std::span<std::byte> room = add(blob, sealed.size(), plain_size_bytes);
  if (!sealed.empty()) std::memcpy(room.data(), sealed.data(), sealed.size());
}

std::span<std::byte> PackBuilder::add(const format::BlobHandle& blob, std::size_t sealed_bytes,
                                      std::uint32_t plain_size_bytes) {
  check_rule(has_room(sealed_bytes), "a blob is added to a pack that has room for it");
  const std::size_t before = content_.size();
  const format::PackedBlob packed{blob, static_cast<std::uint32_t>(before),
                                  static_cast<std::uint32_t>(sealed_bytes), plain_size_bytes};
  content_.resize(before + sealed_bytes);
  header_bytes_ += format::pack_entry_bytes(packed);
  blobs_.push_back(packed);
  return std::span(content_).subspan(before);
}

void PackBuilder::add_all(const PackBuilder& other) {
  check_rule(has_room_for(other), "packs are merged where one has room for the other");
  for (const format::PackedBlob& blob : other.blobs_) {
    add(blob.blob, ByteView(other.content_).subspan(blob.offset_bytes, blob.size_bytes),
        blob.plain_size_bytes);
  }
}

void PackBuilder::close(Codec& codec) {
  check_rule(!empty(), "a pack holds a blob");
  const std::size_t blobs_bytes = content_.size();
  format::append_pack_header(blobs_, codec.sealer, content_);

  const ByteView file(content_);
  const std::size_t sealed_bytes =
      format::sealed_header_bytes(file.last(format::pack_trailer_bytes), file.size());
  const ByteView sealed = file.last(sealed_bytes + format::pack_trailer_bytes).first(sealed_bytes);
  codec.sealer.open(sealed, codec.scratch);
  if (format::parse_pack_header(codec.scratch, blobs_bytes) != blobs_ ||
      file.size() != format::pack_file_bytes(blobs_)) {
    throw Error(Errc::corrupt, "a pack header does not read back as it was written")
        .set_hint("The memory or the processor of this machine may be faulty; test them.");
  }
}

format::IndexedPack PackBuilder::finish(Codec& codec) {
  close(codec);
  return {format::id_of(content()), take_blobs()};
}

}  // namespace holdfast::repo
