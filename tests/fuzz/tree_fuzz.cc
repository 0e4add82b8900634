// SPDX-License-Identifier: Apache-2.0
#include "format/tree.h"

#include <span>
#include <string>
#include <vector>

#include "fuzz_target.h"

namespace format = holdfast::format;
namespace fuzz = holdfast::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  fuzz::round_trip(
      fuzz::view(data, size_bytes),
      [](const auto& bytes) { return format::parse_tree(std::as_bytes(std::span(bytes))); },
      [](const std::vector<format::Node>& nodes) {
        format::TreeWriter writer;
        for (const format::Node& node : nodes) {
          fuzz::require(node.name.find_first_of(std::string_view("/\0", 2)) == std::string::npos &&
                            !node.name.empty() && node.name != "." && node.name != "..",
                        "a name leads elsewhere");
          writer.add(node);
        }
        return std::string(holdfast::as_text(writer.finish()));
      });
  return 0;
}
