// SPDX-License-Identifier: Apache-2.0
// `.typedb` files: whatever is in them ends in items, or in one Error that tells where.
#include "engine/typedb/export_file.h"
#include "engine/typedb/item.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace typedb = holdfast::engine::typedb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  class Within final : public typedb::ReferenceSink {
   public:
    explicit Within(holdfast::ByteView message) : message_(message) {}
    void owned(std::string_view id) override { look(id); }
    void role(std::string_view label) override { look(label); }
    void player(std::string_view id) override { look(id); }

   private:
    void look(std::string_view text) const {
      fuzz::require(!text.empty() && text.size() <= message_.size(), "a reference is too long");
      fuzz::require(holdfast::is_utf8(text), "a reference is no text");
    }
    holdfast::ByteView message_;
  };
  holdfast::BytesSource source(fuzz::view(data, size_bytes));
  typedb::ExportReader reader(source, "fuzz.typedb");
  std::uint64_t expected = 0;
  fuzz::allow_errors([&] {
    while (const auto piece = reader.next()) {
      fuzz::require(piece->offset == expected, "an item does not follow the one before");
      expected = reader.offset();
      fuzz::allow_errors([&] {
        Within within(piece->message);
        static_cast<void>(typedb::parse_item(piece->message, within));
      });
    }
    fuzz::require(reader.offset() == size_bytes, "the end is not the end");
  });
  if (reader.truncation())
    fuzz::require(reader.truncation()->end_offset == size_bytes, "a cut is not at the end");
  return 0;
}
