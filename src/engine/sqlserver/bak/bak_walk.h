// SPDX-License-Identifier: Apache-2.0
// One walk along the blocks of a backup file: bak_reader.h, which makes findings of what it meets.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "engine/sqlserver/bak/bak_input.h"
#include "engine/sqlserver/bak/bak_reader.h"
#include "engine/sqlserver/bak/mtf.h"
#include "engine/sqlserver/checks.h"

namespace holdfast::engine::sqlserver {

// Where and why a walk ended.
struct WalkEnd {
  enum class Kind : std::uint8_t {
    closed,    // behind the filemark of a set that has all
    cut,       // the file ends before that
    damaged,   // what stands there can be no block or stream
    packing,   // BakInput::trouble()
    too_many,  // sets and files: bak_told_bytes_max
  };
  Kind kind = Kind::cut;
  std::uint64_t at = 0;                        // byte of the file
  std::string what;                            // "stream MQDA of block MSDA"
  Trouble::Kind trouble = Trouble::Kind::cut;  // of packing
};

// Pages of one set, as they pass.
class PageCheck {
 public:
  explicit PageCheck(PageCounts& counts) : counts_(counts) {}
  // The next page is the first one of a stream, which has whole extents of eight.
  void begin_stream() noexcept {
    ++stream_;
    in_stream_ = 0;
  }
  // `place`: its byte in the file, or that of the record it was packed in.
  void page(const std::byte* page, std::uint64_t place);
  // Pages that stay wrong to the end of the set.
  void finish();

 private:
  struct Wrong {
    std::uint64_t place = 0;
    std::uint64_t stream = 0;
    bool is_encrypted = false;
  };
  static constexpr std::size_t kept_max = 10'000;

  PageCounts& counts_;
  std::uint64_t encrypted_right_ = 0;
  std::uint64_t wrong_beyond_ = 0;                                  // of those that are not kept
  std::map<std::pair<std::uint16_t, std::uint32_t>, Wrong> wrong_;  // by file and number
  std::uint64_t stream_ = 0, in_stream_ = 0;
  std::uint32_t next_page_ = 0;  // behind the last one
  std::uint16_t file_ = 0;       // of the last one
};

class BakWalk {
 public:
  BakWalk(BakInput& input, bool deep, BakReport& report)
      : input_(input), deep_(deep), report_(report) {}

  // To the end, or as far as it is good.
  [[nodiscard]] WalkEnd run();

 private:
  [[nodiscard]] bool block();
  [[nodiscard]] bool filemark();
  [[nodiscard]] bool take(const BlockHead& head, ByteView block);
  [[nodiscard]] bool streams();
  [[nodiscard]] bool stream(const StreamHead& head);
  [[nodiscard]] bool content(const StreamHead& head);
  [[nodiscard]] bool data(std::uint64_t size_bytes);
  [[nodiscard]] bool configuration(std::uint64_t size_bytes, SetConfiguration& into);
  [[nodiscard]] bool pass(std::uint64_t size_bytes);
  [[nodiscard]] bool checksum(std::uint64_t size_bytes);
  [[nodiscard]] bool record(ByteView bytes, SetConfiguration& into);
  [[nodiscard]] bool may_tell(std::size_t bytes);
  bool stop(WalkEnd::Kind kind, std::string what);
  bool missing(std::string what);
  [[nodiscard]] BakSet* set() noexcept {
    return report_.sets.empty() || report_.sets.back().is_closed ? nullptr : &report_.sets.back();
  }

  BakInput& input_;
  bool deep_;
  BakReport& report_;
  WalkEnd end_;
  Tag block_{};  // whose streams are read
  Xor32 xor_;    // of the stream before
  TurningXor turning_;
  bool is_summed_ = false;
  std::optional<PageCheck> pages_;
  std::size_t told_bytes_ = 0;
};

}  // namespace holdfast::engine::sqlserver
