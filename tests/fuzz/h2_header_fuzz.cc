// SPDX-License-Identifier: Apache-2.0
// H2 stores: headers, chunks, and the list of chunks in its pages.
#include <algorithm>

#include "engine/h2/pages.h"
#include "engine/h2/store.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace h2 = holdfast::engine::h2;

namespace {

class MemoryFile final : public holdfast::model::RandomSource {
 public:
  explicit MemoryFile(holdfast::ByteView bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return bytes_.size(); }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    fuzz::require(offset_bytes <= bytes_.size() && into.size() <= bytes_.size() - offset_bytes,
                  "read past the end");
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset_bytes), into.size(),
                into.begin());
  }

 private:
  holdfast::ByteView bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView bytes = fuzz::view(data, size_bytes);
  for (const bool whole : {false, true}) {
    fuzz::allow_errors([&] {
      MemoryFile file(bytes);
      static_cast<void>(h2::read_store(file, whole, {}));
    });
  }
  static_cast<void>(h2::parse_header(bytes));
  static_cast<void>(h2::parse_chunk_header(bytes));
  static_cast<void>(h2::parse_footer(bytes));
  for (const bool numbered : {false, true})
    fuzz::allow_errors([&] { static_cast<void>(h2::parse_text_page(bytes, numbered)); });
  return 0;
}
