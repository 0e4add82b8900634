// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace holdfast {

namespace {

constexpr std::array all_codes{
    Errc::bug,        Errc::usage,          Errc::not_found,    Errc::exists,
    Errc::incomplete, Errc::unavailable,    Errc::denied,       Errc::no_space,
    Errc::io,         Errc::corrupt,        Errc::unsupported,  Errc::not_consistent,
    Errc::blocked,    Errc::differs,        Errc::failed_child, Errc::no_repository,
    Errc::locked,     Errc::wrong_password, Errc::cancelled,
};

Errc code_of(int error_number) noexcept {
  switch (error_number) {
    case ENOENT:
      return Errc::not_found;
    case EEXIST:
      return Errc::exists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Errc::denied;
    case ENOSPC:
    case EDQUOT:
      return Errc::no_space;
    default:
      return Errc::io;
  }
}

// The system's words in the grammar of our messages: "no such file or directory".
std::string reason_of(int error_number) {
  const char* words = strerrordesc_np(error_number);
  if (words == nullptr) return fmt::format("error {}", error_number);
  std::string reason(words);
  const bool is_acronym = reason.size() > 1 && reason[1] >= 'A' && reason[1] <= 'Z';
  if (!is_acronym && !reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z') {
    reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
  }
  return reason;
}

}  // namespace

std::span<const Errc> all_errc() noexcept {
  return all_codes;
}

std::string_view errc_name(Errc code) noexcept {
  switch (code) {
    case Errc::bug:
      return "bug";
    case Errc::usage:
      return "usage";
    case Errc::not_found:
      return "not_found";
    case Errc::exists:
      return "exists";
    case Errc::incomplete:
      return "incomplete";
    case Errc::unavailable:
      return "unavailable";
    case Errc::denied:
      return "denied";
    case Errc::no_space:
      return "no_space";
    case Errc::io:
      return "io";
    case Errc::corrupt:
      return "corrupt";
    case Errc::unsupported:
      return "unsupported";
    case Errc::not_consistent:
      return "not_consistent";
    case Errc::blocked:
      return "blocked";
    case Errc::differs:
      return "differs";
    case Errc::failed_child:
      return "failed_child";
    case Errc::no_repository:
      return "no_repository";
    case Errc::locked:
      return "locked";
    case Errc::wrong_password:
      return "wrong_password";
    case Errc::cancelled:
      return "cancelled";
  }
  return "bug";
}

Error::Error(Errc code, std::string message, std::source_location where)
    : state_(std::make_shared<State>()) {
  state_->code = code;
  state_->text = message;
  state_->message = std::move(message);
  state_->where = where;
}

void Error::render() {
  state_->text = state_->message;
  if (!state_->hint.empty()) {
    state_->text += "; ";
    state_->text += state_->hint;
  }
}

Error& Error::add_context(std::string_view doing) {
  state_->message += " (while ";
  state_->message += doing;
  state_->message += ')';
  render();
  return *this;
}

Error& Error::set_hint(std::string_view sentence) {
  state_->hint = sentence;
  render();
  return *this;
}

Error system_error(int error_number, std::string_view doing, std::source_location where) {
  return {code_of(error_number), fmt::format("{}: {}", doing, reason_of(error_number)), where};
}

void check_rule(bool condition, std::string_view rule, std::source_location where) {
  if (!condition) throw Error(Errc::bug, fmt::format("a rule was broken: {}", rule), where);
}

}  // namespace holdfast
