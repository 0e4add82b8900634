// SPDX-License-Identifier: Apache-2.0
// Rows as CSV or as JSON lines.
#pragma once

#include <string>
#include <vector>

#include "base/stream.h"
#include "model/value.h"

namespace holdfast::cli {

// CSV as of RFC 4180 with a heading: null is an empty field, an empty text is "", bytes are \x and
// hex digits.
class CsvPrinter final : public model::RowSink {
 public:
  explicit CsvPrinter(ByteSink& output) : output_(output) {}
  void columns(const std::vector<model::Column>& columns) override;
  void row(const model::Row& row) override;

 private:
  ByteSink& output_;
};

// A JSON object a row, a member a column: numbers of 64 bits and reals as numbers, other numbers
// and everything else as text, bytes as {"base64": …}. A text that is not UTF-8 is {"base64": …}
// too.
class JsonRowPrinter final : public model::RowSink {
 public:
  explicit JsonRowPrinter(ByteSink& output) : output_(output) {}
  void columns(const std::vector<model::Column>& columns) override;
  void row(const model::Row& row) override;

 private:
  ByteSink& output_;
  std::vector<std::string> names_;
};

}  // namespace holdfast::cli
