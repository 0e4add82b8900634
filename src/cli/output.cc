// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <cerrno>

#include <unistd.h>

#include "base/error.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {
// Back to the start of the line and clear it: understood by every terminal since the VT100.
constexpr std::string_view clear_line = "\r\x1b[2K";
}  // namespace

bool FdTextStream::write(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

unsigned Output::columns() const {
  if (!settings_.is_terminal || !settings_.columns) return 0;
  return settings_.columns();
}

void Output::hide_status() {
  if (!status_shown_) return;
  static_cast<void>(output_.write(clear_line));
  status_shown_ = false;
}

void Output::put(std::string line) {
  line += '\n';
  const std::lock_guard lock(mutex_);
  hide_status();
  if (!output_.write(line)) lost_ = true;
}

void Output::put_error(std::string line) {
  line += '\n';
  const std::lock_guard lock(mutex_);
  hide_status();
  static_cast<void>(errors_.write(line));
}

void Output::line(std::string_view text) {
  put(printable_lines(text));
}

void Output::message(std::string_view text) {
  if (settings_.verbosity >= 1 && !settings_.json) put(printable_lines(text));
}

void Output::detail(std::string_view text) {
  if (settings_.verbosity >= 2 && !settings_.json) put(printable_lines(text));
}

void Output::trace(std::string_view text) {
  if (settings_.verbosity >= 3 && !settings_.json) put(printable_lines(text));
}

void Output::warning(std::string_view text) {
  if (settings_.json) {
    put_error(Json::object().set("message_type", "warning").set("message", text).dump());
  } else {
    put_error("warning: " + printable_lines(text));
  }
}

void Output::note(std::string_view text) {
  if (settings_.verbosity >= 1 && !settings_.json) put_error("note: " + printable_lines(text));
}

void Output::json_line(const Json& value) {
  put(value.dump());
}

void Output::json_error_line(const Json& value) {
  put_error(value.dump());
}

void Output::error_line(std::string_view text) {
  put_error(printable_lines(text));
}

void Output::status(std::string_view text) {
  if (!settings_.is_terminal) return;
  const unsigned width = columns();
  const std::lock_guard lock(mutex_);
  if (text.empty()) {
    hide_status();
    return;
  }
  std::string drawn(clear_line);
  // The last cell stays free: terminals differ in what they do once it is filled.
  drawn += fitting_front(printable(text), width > 1 ? width - 1 : 79);
  status_shown_ = true;
  static_cast<void>(output_.write(drawn));
}

void Output::RawSink::write(ByteView bytes) {
  const std::lock_guard lock(output_.mutex_);
  output_.hide_status();
  if (output_.output_.write(as_text(bytes))) return;
  output_.lost_ = true;
  throw Error(Errc::io, "cannot write to standard output");
}

bool Output::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace holdfast::cli
