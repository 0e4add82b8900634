// SPDX-License-Identifier: Apache-2.0
#include "model/manifest.h"

#include <span>
#include <string>

#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace model = holdfast::model;

// Twice: `engine_facts` may hold numbers as other programs write them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  fuzz::round_trip(
      fuzz::view(data, size_bytes),
      [](const auto& bytes) {
        return model::parse_manifest(holdfast::as_text(std::as_bytes(std::span(bytes))));
      },
      [](const model::Manifest& manifest) { return model::to_json(manifest).dump(); }, 2);
  return 0;
}
