// SPDX-License-Identifier: Apache-2.0
// Pack headers: writing one behind a pack's blobs, and reading one that may be hostile.
#include "format/pack_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace holdfast::format {

namespace {

constexpr std::size_t id_bytes = 32;
constexpr std::size_t raw_entry_bytes = 1 + 4 + id_bytes;
constexpr std::size_t compressed_entry_bytes = raw_entry_bytes + 4;
constexpr unsigned tree_bit = 1;
constexpr unsigned compressed_bit = 2;

[[noreturn]] void throw_corrupt(std::string_view reason) {
  throw Error(Errc::corrupt, fmt::format("pack header is damaged: {}", reason));
}

void append_le32(Bytes& to, std::uint32_t value) {
  std::array<std::byte, 4> bytes;
  store_le32(bytes.data(), value);
  append(to, ByteView(bytes));
}

}  // namespace

std::size_t pack_entry_bytes(const PackedBlob& blob) noexcept {
  return blob.plain_size_bytes != 0 ? compressed_entry_bytes : raw_entry_bytes;
}

std::uint64_t pack_file_bytes(std::span<const PackedBlob> blobs) noexcept {
  std::uint64_t sum = seal_overhead_bytes + pack_trailer_bytes;
  for (const PackedBlob& blob : blobs) sum += blob.size_bytes + pack_entry_bytes(blob);
  return sum;
}

void append_pack_header(std::span<const PackedBlob> blobs, Sealer& sealer, Bytes& pack) {
  check_rule(!blobs.empty(), "a pack holds at least one blob");
  Bytes header;
  header.reserve(blobs.size() * compressed_entry_bytes);
  std::uint64_t offset_bytes = 0;
  for (const PackedBlob& blob : blobs) {
    check_rule(blob.offset_bytes == offset_bytes, "the blobs of a pack are contiguous");
    offset_bytes += blob.size_bytes;
    const unsigned kind = (blob.blob.type == BlobType::tree ? tree_bit : 0) |
                          (blob.plain_size_bytes != 0 ? compressed_bit : 0);
    header.push_back(static_cast<std::byte>(kind));
    append_le32(header, blob.size_bytes);
    if (blob.plain_size_bytes != 0) append_le32(header, blob.plain_size_bytes);
    append(header, ByteView(blob.blob.id.bytes));
  }
  const std::size_t sealed_bytes = header.size() + seal_overhead_bytes;
  check_rule(sealed_bytes <= pack_header_bytes_max, "a pack header is at most 16 MiB");
  sealer.seal(header, pack);
  append_le32(pack, static_cast<std::uint32_t>(sealed_bytes));
}

std::size_t sealed_header_bytes(ByteView last_four_bytes, std::uint64_t file_bytes) {
  check_rule(last_four_bytes.size() == pack_trailer_bytes, "a pack's trailer has four bytes");
  if (file_bytes < pack_file_bytes_min) {
    throw_corrupt(fmt::format("a pack of {} bytes is too short to have one", file_bytes));
  }
  const std::size_t sealed_bytes = load_le32(last_four_bytes.data());
  if (sealed_bytes < seal_overhead_bytes + raw_entry_bytes ||
      sealed_bytes > pack_header_bytes_max || sealed_bytes > file_bytes - pack_trailer_bytes) {
    throw_corrupt(fmt::format("a length of {} bytes in a pack of {}", sealed_bytes, file_bytes));
  }
  return sealed_bytes;
}

std::vector<PackedBlob> parse_pack_header(ByteView plain_header, std::uint64_t blobs_bytes) {
  if (plain_header.empty()) throw_corrupt("it is empty");
  std::vector<PackedBlob> blobs;
  blobs.reserve(plain_header.size() / raw_entry_bytes);
  std::uint64_t offset_bytes = 0;
  ByteView rest = plain_header;
  while (!rest.empty()) {
    const auto kind = std::to_integer<unsigned>(rest.front());
    if (kind > (tree_bit | compressed_bit)) {
      throw_corrupt(fmt::format("entry {} is of unknown kind {}", blobs.size(), kind));
    }
    const bool is_compressed = (kind & compressed_bit) != 0;
    const std::size_t entry_bytes = is_compressed ? compressed_entry_bytes : raw_entry_bytes;
    if (rest.size() < entry_bytes) {
      throw_corrupt(fmt::format("entry {} is cut off", blobs.size()));
    }
    PackedBlob blob;
    blob.blob.type = (kind & tree_bit) != 0 ? BlobType::tree : BlobType::data;
    blob.size_bytes = load_le32(rest.data() + 1);
    if (is_compressed) blob.plain_size_bytes = load_le32(rest.data() + 5);
    const ByteView id = rest.subspan(entry_bytes - id_bytes, id_bytes);
    std::copy(id.begin(), id.end(), blob.blob.id.bytes.begin());
    if (blob.size_bytes < seal_overhead_bytes || (is_compressed && blob.plain_size_bytes == 0)) {
      throw_corrupt(fmt::format("entry {} has an impossible length", blobs.size()));
    }
    if (offset_bytes > std::numeric_limits<std::uint32_t>::max()) {
      throw_corrupt(fmt::format("entry {} begins above 4 GiB", blobs.size()));
    }
    blob.offset_bytes = static_cast<std::uint32_t>(offset_bytes);
    offset_bytes += blob.size_bytes;
    blobs.push_back(blob);
    rest = rest.subspan(entry_bytes);
  }
  if (offset_bytes != blobs_bytes) {
    throw_corrupt(
        fmt::format("its entries add up to {} bytes instead of {}", offset_bytes, blobs_bytes));
  }
  return blobs;
}

}  // namespace holdfast::format
