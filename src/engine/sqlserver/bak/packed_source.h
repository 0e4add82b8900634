// SPDX-License-Identifier: Apache-2.0
// The chain of blocks of a compressed backup.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/sqlserver/bak/bak_input.h"
#include "engine/sqlserver/bak/file_window.h"
#include "engine/sqlserver/bak/xca.h"

namespace holdfast::engine::sqlserver {

class PackedSource final : public BakSource {
 public:
  PackedSource(model::RandomSource& file, bool use_index, Growth growth = {});

  [[nodiscard]] std::size_t read(std::span<std::byte> into) override;
  [[nodiscard]] std::uint64_t skip(std::uint64_t count) override;
  [[nodiscard]] std::uint64_t piece_at() const noexcept override { return piece_at_; }
  [[nodiscard]] const std::optional<Trouble>& trouble() const noexcept override { return trouble_; }
  [[nodiscard]] RecordCounts counts() const noexcept override { return counts_; }
  [[nodiscard]] std::uint64_t at() const noexcept override { return at_; }

 private:
  // What stands in front of a record's content differs by version.
  struct Layout {
    std::size_t head_bytes;  // of every record; behind that of a packed one stand 4 of a checksum
    bool has_known_check;    // what the checksum is was seen
  };
  struct Record {
    std::uint8_t kind = 0;
    std::size_t packed_bytes = 0, unpacked_bytes = 0;
  };
  struct Mark {
    std::uint64_t offset = 0;  // from the region's beginning, in the chain
    std::uint64_t at = 0;      // byte of the file
  };

  [[nodiscard]] bool find_first_record();
  [[nodiscard]] bool is_first_record(std::uint64_t at, const Layout& layout);
  [[nodiscard]] std::optional<Record> head();
  [[nodiscard]] std::size_t take_record(const Record& record, std::span<std::byte> into);
  [[nodiscard]] std::size_t take_filemark(std::span<std::byte> into);
  [[nodiscard]] std::size_t take_stored(const Record& record, std::span<std::byte> into);
  [[nodiscard]] bool pass_index();
  void learn_filemark_size(ByteView tape) noexcept;
  void load_marks();
  [[nodiscard]] std::uint64_t region_end();
  [[nodiscard]] std::size_t fail(Trouble::Kind kind, std::uint64_t at, std::string what);

  FileWindow file_;
  bool use_index_;
  Layout layout_{};
  XcaDecoder decoder_;
  std::uint64_t at_ = 0;  // of the next record or filemark
  std::uint64_t piece_at_ = 0;
  std::uint64_t in_region_ = 0;  // of the chain, before at_
  bool at_region_begin_ = true;
  bool marks_loaded_ = false;  // of this region
  std::vector<Mark> marks_;
  std::size_t filemark_bytes_ = 0;  // 0: TAPE was not read yet
  RecordCounts counts_;
  std::optional<Trouble> trouble_;
};

}  // namespace holdfast::engine::sqlserver
