// SPDX-License-Identifier: Apache-2.0
#include "format/snapshot_file.h"

#include <span>
#include <string>

#include "fuzz_target.h"

namespace format = holdfast::format;
namespace fuzz = holdfast::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  fuzz::round_trip(
      fuzz::view(data, size_bytes),
      [](const auto& bytes) {
        return format::parse_snapshot_file(holdfast::as_text(std::as_bytes(std::span(bytes))));
      },
      [](const format::SnapshotFile& file) { return format::to_json(file); }, 2);
  return 0;
}
