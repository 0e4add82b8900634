// SPDX-License-Identifier: Apache-2.0
#include "format/index_file.h"

#include <span>
#include <string>
#include <vector>

#include "format/tree.h"
#include "fuzz_target.h"

namespace format = holdfast::format;
namespace fuzz = holdfast::fuzz;

namespace {

std::vector<format::IndexedPack> read_packs(holdfast::ByteView input) {
  holdfast::Bytes json(input.begin(), input.end());
  std::vector<format::IndexedPack> packs;
  format::read_index_json(format::padded(json),
                          [&](format::IndexedPack&& pack) { packs.push_back(std::move(pack)); });
  return packs;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  fuzz::round_trip(
      fuzz::view(data, size_bytes),
      [](const auto& bytes) { return read_packs(std::as_bytes(std::span(bytes))); },
      [](const std::vector<format::IndexedPack>& packs) {
        std::string json;
        format::append_index_json(json, packs);
        return json;
      });
  return 0;
}
