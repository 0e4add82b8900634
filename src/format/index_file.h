// SPDX-License-Identifier: Apache-2.0
// A file below index/: which blobs lie in which packs.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "format/pack_header.h"

namespace holdfast::format {

struct IndexedPack {
  Id id;
  std::vector<PackedBlob> blobs;
};

// Appends {"packs":[…]} and a newline, as restic writes it.
void append_index_json(std::string& to, const std::vector<IndexedPack>& packs);
// Calls `visit` for each pack, in file order, without holding the whole file as objects. Unknown
// keys (rustic's packs_to_delete among them) are passed over. Errc::corrupt for anything malformed,
// possibly after some visits. A bare array of packs, as restic wrote it before 0.1, is read too.
// `json` is followed by `json_padding_bytes` of zeros (see padded() in tree.h).
void read_index_json(ByteView json, const std::function<void(IndexedPack&&)>& visit);

}  // namespace holdfast::format
