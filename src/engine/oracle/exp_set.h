// SPDX-License-Identifier: Apache-2.0
// The files of one classic export (FILE and FILESIZE), read one behind the other.
//
// Source: Oracle's Utilities manual says that an export may have several files, which an import
// takes in their order. That each begins with a block like the first one's, numbered from 1, and
// that the rest of them follows as one stream, was not seen in a genuine set.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/fd.h"
#include "base/stream.h"
#include "engine/oracle/exp_header.h"

namespace holdfast::engine::oracle {

struct ExpSet {
  std::vector<std::filesystem::path> files;    // in their order
  std::vector<std::filesystem::path> members;  // of `others`
  std::vector<std::uint16_t> numbers;          // what the files say of themselves
  std::optional<ExpHeader> header;             // of `file`; nothing: it is no good
  bool is_complete = true;                     // as far as can be told: none is missing between
};

// The set that `file` is of, with those of `others` that are of it. Nothing if `file` does not
// begin as exp's do, or is no regular file.
[[nodiscard]] std::optional<ExpSet> find_exp_set(const std::filesystem::path& file,
                                                 std::span<const std::filesystem::path> others);

// One stream of a set's files: of all but the first without their first blocks.
class ExpSetSource final : public ByteSource {
 public:
  ExpSetSource(const std::vector<std::filesystem::path>& files, const std::stop_token& stop);
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override;

 private:
  void open_next();

  const std::vector<std::filesystem::path>& files_;
  const std::stop_token& stop_;
  std::size_t next_ = 0;
  Fd file_;
};

}  // namespace holdfast::engine::oracle
