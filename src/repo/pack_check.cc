// SPDX-License-Identifier: Apache-2.0
// Header, blobs and hash; each is looked at even if one before has failed, so that the report says
// all.
#include "repo/pack_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "base/hash.h"
#include "base/sha256_lanes.h"
#include "repo/damage.h"
#include "repo/pack_reader.h"

namespace holdfast::repo {
namespace {

using format::Id;
using format::IndexedPack;
using format::PackedBlob;
using storage::FileKind;

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
  reporting([&] { check_header(pack, file_bytes); });
  bool is_here = false;
  if (file_bytes <= whole_bytes_max_) {
    reporting([&] {
      read_content(pack.id, file_bytes);
      is_here = true;
    });
  } else {
    reporting([&] { check_name(pack.id, hash_pieces(pack.id, file_bytes)); });
  }
  if (is_here) {
    check_content(pack);
  } else {
    reporting([&] { check_blobs(pack); });
  }
  return std::move(faults_);
}

bool PackCheck::is_whole(const Id& pack, std::uint64_t file_bytes) {
  faults_.clear();
  reporting([&] {
    if (file_bytes <= whole_bytes_max_) {
      read_content(pack, file_bytes);
      check_name(pack, format::id_of(content_));
    } else {
      check_name(pack, hash_pieces(pack, file_bytes));
    }
  });
  return faults_.empty();
}

void PackCheck::read_content(const Id& pack, std::uint64_t file_bytes) {
  content_.resize(file_bytes);
  repository_.storage().read({FileKind::pack, pack.hex()}, 0, content_);
}

Id PackCheck::hash_pieces(const Id& pack, std::uint64_t file_bytes) {
  Sha256 hash;
  for (std::uint64_t offset = 0; offset < file_bytes; offset += content_.size()) {
    content_.resize(std::min(piece_bytes, file_bytes - offset));
    repository_.storage().read({FileKind::pack, pack.hex()}, offset, content_);
    hash.update(content_);
  }
  return {hash.finish()};
}

void PackCheck::check_name(const Id& pack, const Id& found) {
  if (found != pack) faults_.emplace_back("the content does not match the name");
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

// Each blob, and beside their SHA-256 that of the whole pack.
void PackCheck::check_content(const IndexedPack& pack) {
  Sha256Beside hash(content_);
  for (const PackedBlob& blob : pack.blobs) {
    reporting([&] {
      if (std::uint64_t{blob.offset_bytes} + blob.size_bytes > content_.size()) {
        throw Error(Errc::corrupt, fmt::format("the file ends before {}", name_of(blob)));
      }
      unseal_blob(blob, ByteView(content_).subspan(blob.offset_bytes, blob.size_bytes), codec_,
                  plain_);
      check_id(blob, {hash.other(plain_)});
    });
  }
  check_name(pack.id, {hash.finish()});
}

void PackCheck::check_blobs(const IndexedPack& pack) {
  read_pack_blobs(
      repository_, pack.id, pack.blobs, codec_, [](const PackedBlob&, Bytes&) {},
      [&](const PackedBlob&, const Error& error) { faults_.push_back(error.message()); });
}

}  // namespace holdfast::repo
