// SPDX-License-Identifier: Apache-2.0
// Where words go: results and messages to standard output, trouble to standard error, and one
// status line that stays below them on a terminal.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/stream.h"

namespace holdfast::cli {

// One of the two standard streams; tests have their own.
class TextStream {
 public:
  virtual ~TextStream() = default;
  TextStream(const TextStream&) = delete;
  TextStream& operator=(const TextStream&) = delete;
  // False if the text could not be written as a whole: a closed pipe, a full disk.
  [[nodiscard]] virtual bool write(std::string_view text) noexcept = 0;

 protected:
  TextStream() = default;
};

class FdTextStream final : public TextStream {
 public:
  explicit FdTextStream(int fd) noexcept : fd_(fd) {}  // does not own it
  [[nodiscard]] bool write(std::string_view text) noexcept override;

 private:
  int fd_;
};

struct OutputSettings {
  bool json = false;
  unsigned verbosity = 1;             // 0 quiet, 1 as usual, 2 with -v, 3 with -vv
  bool is_terminal = false;           // standard output is one
  std::function<unsigned()> columns;  // its width now; empty or 0: unknown
};

// Safe from all threads. A text that standard output does not take is remembered (lost()), and the
// run ends with an error; one that standard error does not take is lost. Texts go through
// printable_lines(); that alone does not keep names from forging a line, which is the caller's
// care.
class Output {
 public:
  Output(TextStream& output, TextStream& errors, OutputSettings settings)
      : output_(output), errors_(errors), settings_(std::move(settings)) {}

  [[nodiscard]] bool json() const noexcept { return settings_.json; }
  [[nodiscard]] unsigned verbosity() const noexcept { return settings_.verbosity; }
  [[nodiscard]] bool is_terminal() const noexcept { return settings_.is_terminal; }
  // Width to lay text out for; 0 if there is no terminal: do not fit.
  [[nodiscard]] unsigned columns() const;

  // A line of the result, whatever the verbosity.
  void line(std::string_view text);
  // Lines for people: not with --json. message(): unless --quiet; detail(): with -v; trace(): with
  // -vv.
  void message(std::string_view text);
  void detail(std::string_view text);
  void trace(std::string_view text);
  // Something is not as it should be and the run goes on: a line on standard error, as JSON with
  // --json.
  void warning(std::string_view text);
  // Something worth knowing that is no trouble; with --json it is left out.
  void note(std::string_view text);
  // A JSON value as one line, to standard output or standard error.
  void json_line(const Json& value);
  void json_error_line(const Json& value);
  // A line to standard error without more words.
  void error_line(std::string_view text);

  // Shows `text` as the status line of the terminal in place of the last one; "" takes it away. Cut
  // to the width.
  void status(std::string_view text);

  // Bytes as they are, for `dump` and `cat`. Throws Errc::io when they are not taken.
  [[nodiscard]] ByteSink& raw() noexcept { return raw_; }

  // Whether something of the result could not be written.
  [[nodiscard]] bool lost() const;

 private:
  class RawSink final : public ByteSink {
   public:
    explicit RawSink(Output& output) : output_(output) {}
    void write(ByteView bytes) override;

   private:
    Output& output_;
  };
  void put(std::string line);
  void put_error(std::string line);
  void hide_status();

  TextStream& output_;
  TextStream& errors_;
  OutputSettings settings_;
  RawSink raw_{*this};
  mutable std::mutex mutex_;  // guards all below and the order of writing
  bool status_shown_ = false;
  bool lost_ = false;
};

}  // namespace holdfast::cli
