// SPDX-License-Identifier: Apache-2.0
// Scripts of SQL, statement by statement, as the servers' own client reads them: quotes, comments,
// DELIMITER. Reads our own scripts and those of mariadb-dump, in bounded memory. Those of mydumper
// end statements with a semicolon at the end of a line.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/stream.h"

namespace holdfast::engine::mariadb {

struct Statement {
  std::string text;    // without delimiter; comments before it are left out, those within stay
  std::string marked;  // the last "-- holdfast: …" comment before it, without the lead
  std::uint64_t offset_bytes = 0;  // where it begins
};

class Script {
 public:
  // `statement_bytes_max`: Errc::corrupt for anything longer.
  explicit Script(ByteSource& source, std::size_t statement_bytes_max = std::size_t{1} << 30U,
                  std::string_view delimiter = ";");
  // The next statement; nothing at the end. Errc::corrupt for a quote or comment that never ends.
  [[nodiscard]] std::optional<Statement> next();
  // Text after the last statement that lacks its delimiter.
  [[nodiscard]] bool ended_within() const noexcept { return ended_within_; }
  // Whether a backslash escapes in texts, from here on: as servers without NO_BACKSLASH_ESCAPES.
  void reads_backslashes(bool escapes) noexcept { backslash_escapes_ = escapes; }
  // Told every "-- " comment line.
  void on_comment(std::function<void(std::string_view line)> watcher);

 private:
  [[nodiscard]] std::optional<Statement> read();  // may be empty
  [[nodiscard]] bool fill();                      // false at the end of the source
  [[nodiscard]] char at(std::size_t index);
  [[nodiscard]] bool has(std::size_t index);
  void drop(std::size_t count);
  [[nodiscard]] std::string take_line();

  ByteSource& source_;
  const std::size_t statement_bytes_max_;
  std::function<void(std::string_view)> watcher_;
  Bytes chunk_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is unread in the buffer
  std::uint64_t offset_ = 0;
  bool at_end_ = false;
  bool ended_within_ = false;
  std::string delimiter_;
  bool backslash_escapes_ = true;
  std::string marked_;
};

}  // namespace holdfast::engine::mariadb
