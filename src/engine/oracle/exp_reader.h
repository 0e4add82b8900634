// SPDX-License-Identifier: Apache-2.0
// Walks a classic dump from its first byte to its last, in memory that does not grow with it:
// header, descriptors, statements, and the rows between them.
//
// Source: the layout was measured in genuine exp files of 8.1 to 23. Two forms of values above
// 65,279 bytes and sets of several files are read as others describe them, and marked as such.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "engine/oracle/exp_columns.h"
#include "engine/oracle/exp_header.h"
#include "engine/oracle/exp_window.h"
#include "model/value.h"

namespace holdfast::engine::oracle {

struct ExpStatement {
  std::uint64_t offset = 0;  // of its line
  std::string_view line;     // without the line feed; in the client's character set
  std::string_view payload;  // the text that follows with lengths of its own; empty: none
  bool is_long = false;      // its pieces had lengths of their own
};

// The rows of a table or of one of its partitions.
struct ExpSection {
  std::uint64_t offset = 0;  // of its INSERT
  std::string table;         // in the client's character set, like all names
  std::string partition;     // empty: of the table itself
  std::vector<ExpColumn> columns;
  bool is_direct = false;
  std::uint64_t rows = 0;         // so far; all of them in section_end()
  std::uint64_t long_values = 0;  // in a form that is known by description only
  std::uint64_t large_rows = 0;   // that row() did not get
};

// Takes what a dump holds, in its order. What it throws ends the walk.
class ExpVisitor {
 public:
  virtual ~ExpVisitor() = default;
  ExpVisitor(const ExpVisitor&) = delete;
  ExpVisitor& operator=(const ExpVisitor&) = delete;

  // False: it has seen enough.
  virtual bool statement(const ExpStatement& statement) = 0;
  // Whether the rows' values are wanted; else they are only counted.
  virtual bool section(const ExpSection& section) = 0;
  virtual void row(const ExpSection& section, model::Row& row) = 0;
  virtual void section_end(const ExpSection& section) = 0;

 protected:
  ExpVisitor() = default;
};

// Of the two records in front of the statements.
struct ExpDescriptors {
  bool are_read = false;  // else they are none that is known
  bool agree = false;     // in all but the character sets
  std::uint16_t database = 0, national = 0, client = 0;
  std::string zone;  // DBTIMEZONE: "+00:00"; empty before 10.2
};

// One thread.
class ExpReader {
 public:
  struct Options {
    std::uint64_t row_bytes_max = 8U << 20U;  // of values that row() gets
    bool refuses_large_rows = false;          // Errc::unsupported, instead of leaving them out
  };

  ExpReader(ByteSource& source, const Options& options, const std::stop_token& stop)
      : options_(options), window_(source, stop) {}

  // In this order, each once: the first bytes, the header, the descriptors. Errc::corrupt if they
  // are no good.
  [[nodiscard]] ByteView front() { return window_.peek(exp_front_bytes); }
  const ExpHeader& read_header();
  const ExpDescriptors& read_descriptors();
  // From there on.
  [[nodiscard]] ExpDecoder& decoder() noexcept { return *decoder_; }

  // Then all statements and rows up to the end. Errc::corrupt telling the first byte that is no
  // good, after what is before it was given; is_cut() if it is because the file ends there.
  void walk(ExpVisitor& visitor);
  [[nodiscard]] bool is_cut() const noexcept { return window_.is_cut(); }
  [[nodiscard]] std::uint64_t offset() const noexcept { return window_.offset(); }

  // After walk() to the end: the zeros behind the last statement, and whether other bytes follow.
  [[nodiscard]] std::uint64_t padding_bytes() const noexcept { return padding_bytes_; }
  [[nodiscard]] bool has_more() const noexcept { return has_more_; }

 private:
  class Rows;  // of one section

  void read_payload(ExpStatement& statement);
  void read_pieces();
  void check_payload() const;
  void read_end();
  void read_columns(ExpSection& section);
  [[nodiscard]] ExpSection section_of(const ExpStatement& statement);

  Options options_;
  ExpWindow window_;
  ExpHeader header_;
  ExpDescriptors descriptors_;
  std::optional<ExpDecoder> decoder_;
  std::string payload_;
  std::string partition_;
  std::uint64_t padding_bytes_ = 0;
  bool has_more_ = false;
};

// The names of `INSERT … INTO "T" ("A", "B") VALUES`; false if it is none.
[[nodiscard]] bool parse_insert(std::string_view line, std::string& table,
                                std::vector<std::string>& columns);

}  // namespace holdfast::engine::oracle
