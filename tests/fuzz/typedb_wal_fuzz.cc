// SPDX-License-Identifier: Apache-2.0
// Segments of a TypeDB 3 log: records up to the first that is not whole.
#include <algorithm>

#include "engine/typedb/wal.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace typedb = holdfast::engine::typedb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  class Segment final : public holdfast::model::RandomSource {
   public:
    explicit Segment(holdfast::ByteView bytes) : bytes_(bytes) {}
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
  if (const auto told = typedb::parse_wal_statistics(fuzz::view(data, size_bytes)))
    fuzz::require(size_bytes >= typedb::wal_statistics_bytes, "it is too short for that");
  Segment segment(fuzz::view(data, size_bytes));
  for (const bool with_payloads : {false, true}) {
    typedb::SegmentReader reader(segment, with_payloads);
    std::uint64_t expected = 0;
    while (const auto record = reader.next()) {
      fuzz::require(record->offset == expected, "a record does not follow the one before");
      expected += typedb::wal_header_bytes + record->payload_bytes;
    }
    if (reader.end()) {
      fuzz::require(reader.end()->offset == expected && expected < size_bytes, "a wrong end");
      static_cast<void>(typedb::display(*reader.end()));
    } else {
      fuzz::require(expected == size_bytes, "the end is not the end");
    }
  }
  return 0;
}
