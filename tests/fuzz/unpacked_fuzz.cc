// SPDX-License-Identifier: Apache-2.0
#include "format/unpacked.h"

#include <algorithm>

#include "fuzz_target.h"

namespace format = holdfast::format;
namespace fuzz = holdfast::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  static format::Decompressor decompressor;
  static format::Compressor compressor(format::Compression::fastest);
  fuzz::allow_errors([&] {
    holdfast::Bytes json;
    format::decode_unpacked(fuzz::view(data, size_bytes), decompressor, json);
    if (json.empty()) return;
    const holdfast::Bytes plain = format::encode_unpacked(holdfast::as_text(json), 2, compressor);
    holdfast::Bytes again;
    format::decode_unpacked(plain, decompressor, again);
    fuzz::require(again == json, "encoded again, it differs");
  });
  return 0;
}
