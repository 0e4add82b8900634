// SPDX-License-Identifier: Apache-2.0
// Hash, header, blobs; each is looked at even if one before has failed, so that the report says
// all.
#include "repo/pack_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "base/hash.h"
#include "repo/damage.h"
#include "repo/pack_reader.h"

namespace holdfast::repo {
namespace {

using format::Id;
using format::IndexedPack;
using format::PackedBlob;
using storage::FileKind;
using storage::FileRef;

constexpr std::uint64_t piece_bytes = 8U << 20U;

std::string name_of(const PackedBlob& blob) {
  return fmt::format("{} blob {}", blob_type_name(blob.blob.type), blob.blob.id.hex());
}

}  // namespace

std::vector<std::string> layout_faults(const IndexedPack& pack) {
  std::vector<std::string> faults;
  std::uint64_t end = 0;
  for (const PackedBlob& blob : pack.blobs) {
    if (blob.offset_bytes > end) {
      faults.push_back(fmt::format("the index leaves a gap before {}", name_of(blob)));
    } else if (blob.offset_bytes < end) {
      faults.push_back(fmt::format("by the index {} overlaps the blob before it", name_of(blob)));
    }
    end = std::uint64_t{blob.offset_bytes} + blob.size_bytes;
  }
  return faults;
}

template <typename Body>
void PackCheck::reporting(Body&& body) {
  try {
    body();
  } catch (const Error& error) {  // becomes a line of the report
    if (!is_damage(error)) throw;
    faults_.push_back(error.message());
  }
}

std::vector<std::string> PackCheck::read(const IndexedPack& pack, std::uint64_t file_bytes) {
  faults_.clear();
  content_.clear();
  reporting([&] { check_hash(pack, file_bytes); });
  reporting([&] { check_header(pack, file_bytes); });
  reporting([&] { check_blobs(pack); });
  return std::move(faults_);
}

bool PackCheck::is_whole(const Id& pack, std::uint64_t file_bytes) {
  faults_.clear();
  reporting([&] { check_hash({pack, {}}, file_bytes); });
  return faults_.empty();
}

void PackCheck::check_hash(const IndexedPack& pack, std::uint64_t file_bytes) {
  const FileRef file{FileKind::pack, pack.id.hex()};
  Id found;
  if (file_bytes <= whole_bytes_max_) {
    Bytes content(file_bytes);
    repository_.storage().read(file, 0, content);
    found = format::id_of(content);
    content_ = std::move(content);
  } else {
    Sha256 hash;
    Bytes piece;
    for (std::uint64_t offset = 0; offset < file_bytes; offset += piece.size()) {
      piece.resize(std::min(piece_bytes, file_bytes - offset));
      repository_.storage().read(file, offset, piece);
      hash.update(piece);
    }
    found.bytes = hash.finish();
  }
  if (found != pack.id) faults_.emplace_back("the content does not match the name");
}

void PackCheck::check_header(const IndexedPack& pack, std::uint64_t file_bytes) {
  std::vector<PackedBlob> header = read_pack_header(repository_, pack.id, file_bytes, codec_);
  std::vector<PackedBlob> index = pack.blobs;
  if (header == index) return;
  const auto order = [](const PackedBlob& a, const PackedBlob& b) {
    return std::tie(a.offset_bytes, a.blob) < std::tie(b.offset_bytes, b.blob);
  };
  std::sort(index.begin(), index.end(), order);
  std::sort(header.begin(), header.end(), order);
  const std::size_t before = faults_.size();
  for (const PackedBlob& blob : header) {
    const auto [begin, end] = std::equal_range(index.begin(), index.end(), blob, order);
    if (std::find(begin, end, blob) == end) {
      faults_.push_back(
          fmt::format("{} of the header is not in the index at its place", name_of(blob)));
    }
  }
  for (const PackedBlob& blob : index) {
    const auto [begin, end] = std::equal_range(header.begin(), header.end(), blob, order);
    if (std::find(begin, end, blob) == end) {
      faults_.push_back(
          fmt::format("{} of the index is not in the header at its place", name_of(blob)));
    }
  }
  if (faults_.size() == before) faults_.emplace_back("the index names a blob twice");
}

void PackCheck::check_blobs(const IndexedPack& pack) {
  if (content_.empty()) {
    read_pack_blobs(
        repository_, pack.id, pack.blobs, codec_, [](const PackedBlob&, Bytes&) {},
        [&](const PackedBlob&, const Error& error) { faults_.push_back(error.message()); });
    return;
  }
  for (const PackedBlob& blob : pack.blobs) {
    reporting([&] {
      if (std::uint64_t{blob.offset_bytes} + blob.size_bytes > content_.size()) {
        throw Error(Errc::corrupt, fmt::format("the file ends before {}", name_of(blob)));
      }
      open_blob(blob, ByteView(content_).subspan(blob.offset_bytes, blob.size_bytes), codec_,
                plain_);
    });
  }
}

}  // namespace holdfast::repo
