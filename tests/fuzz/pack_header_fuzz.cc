// SPDX-License-Identifier: Apache-2.0
// Input: the size of the blobs in front of a header (8 bytes, little-endian), then the plain
// header.
#include "format/pack_header.h"

#include <algorithm>

#include "fuzz_target.h"

namespace format = holdfast::format;
namespace fuzz = holdfast::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  constexpr std::size_t size_field_bytes = 8;
  if (size_bytes < size_field_bytes) return 0;
  const holdfast::ByteView input = fuzz::view(data, size_bytes);
  const std::uint64_t blobs_bytes = holdfast::load_le64(input.data());
  fuzz::allow_errors([&] {
    const std::size_t sealed = format::sealed_header_bytes(input.first(4), blobs_bytes);
    fuzz::require(sealed <= format::pack_header_bytes_max && sealed < blobs_bytes,
                  "a header is longer than its pack");
  });
  fuzz::allow_errors([&] {
    const holdfast::ByteView header = input.subspan(size_field_bytes);
    const auto blobs = format::parse_pack_header(header, blobs_bytes);
    format::Sealer sealer{format::SealKey{}};
    holdfast::Bytes pack;
    format::append_pack_header(blobs, sealer, pack);
    holdfast::Bytes again;
    sealer.open(holdfast::ByteView(pack).first(pack.size() - format::pack_trailer_bytes), again);
    fuzz::require(std::equal(again.begin(), again.end(), header.begin(), header.end()),
                  "written again, it differs");
    fuzz::require(format::pack_file_bytes(blobs) == blobs_bytes + pack.size(),
                  "the size of the pack differs");
  });
  return 0;
}
