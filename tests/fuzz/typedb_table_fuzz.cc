// SPDX-License-Identifier: Apache-2.0
// Tables of RocksDB: whatever is in them is read to its end, or ends in one Error.
#include <algorithm>

#include "engine/typedb/table_file.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace typedb = holdfast::engine::typedb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  class Table final : public holdfast::model::RandomSource {
   public:
    explicit Table(holdfast::ByteView bytes) : bytes_(bytes) {}
    [[nodiscard]] std::uint64_t size_bytes() const override { return bytes_.size(); }
    void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
      fuzz::require(offset_bytes <= bytes_.size() && into.size() <= bytes_.size() - offset_bytes,
                    "it is read past its end");
      const holdfast::ByteView from = bytes_.subspan(offset_bytes, into.size());
      std::copy(from.begin(), from.end(), into.begin());
    }

   private:
    holdfast::ByteView bytes_;
  };
  const holdfast::ByteView bytes = fuzz::view(data, size_bytes);
  Table table(bytes);
  fuzz::allow_errors([&] { static_cast<void>(typedb::verify_table(table, {})); });
  fuzz::allow_errors([&] {
    const std::size_t plain_bytes = size_bytes * 2;
    fuzz::require(typedb::unpack_lz4_block(bytes, plain_bytes).size() == plain_bytes,
                  "a block gives another size than was asked for");
  });
  return 0;
}
