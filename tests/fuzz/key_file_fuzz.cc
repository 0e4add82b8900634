// SPDX-License-Identifier: Apache-2.0
// Key files, and the master key that is sealed in one.
#include "format/key_file.h"

#include <span>
#include <string>

#include "format/crypto.h"
#include "fuzz_target.h"

namespace format = holdfast::format;
namespace fuzz = holdfast::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView input = fuzz::view(data, size_bytes);
  const auto text = [](auto bytes) {
    return holdfast::as_text(holdfast::ByteView(std::as_bytes(std::span(bytes))));
  };
  fuzz::round_trip(
      input, [&](const auto& bytes) { return format::parse_key_file(text(std::span(bytes))); },
      [](const format::KeyFile& file) { return format::to_json(file); });
  fuzz::round_trip(
      input, [&](const auto& bytes) { return format::parse_master_key(text(std::span(bytes))); },
      [](const format::SealKey& key) { return format::master_key_json(key); });
  return 0;
}
