// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>

#include "engine/postgresql/archive_file.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace pg = holdfast::engine::postgresql;

namespace {

class Memory final : public holdfast::model::RandomSource {
 public:
  explicit Memory(holdfast::ByteView bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return bytes_.size(); }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    if (offset_bytes > bytes_.size() || into.size() > bytes_.size() - offset_bytes)
      throw holdfast::Error(holdfast::Errc::corrupt, "past the end");
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset_bytes), into.size(),
                into.begin());
  }

 private:
  holdfast::ByteView bytes_;
};

// Some of a stream: a bomb of a few bytes may be endless.
void drain(holdfast::ByteSource& source) {
  holdfast::Bytes buffer(64U << 10U);
  for (int i = 0; i < 64 && source.read(buffer) > 0; ++i) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  fuzz::allow_errors([&] {
    const auto archive = pg::open_archive(std::make_shared<Memory>(fuzz::view(data, size_bytes)));
    if (!archive) return;
    static_cast<void>(archive->find_missing());
    for (const pg::ArchiveEntry& entry : archive->head().entries) {
      fuzz::allow_errors([&] {
        if (entry.description == "BLOBS") {
          archive->large_objects(entry,
                                 [](std::uint32_t, holdfast::ByteSource& one) { drain(one); });
        } else if (const auto source = archive->data(entry)) {
          drain(*source);
        }
      });
    }
  });
  return 0;
}
