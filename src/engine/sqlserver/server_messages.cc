// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/server_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/log.h"
#include "engine/sqlserver/server_numbers.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr int percent_processed = 3211, pages_processed = 4035, done = 3014;
constexpr unsigned percent_logged = 25;  // apart

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// The first number of a text, in whatever language: a percentage, a count of pages.
std::uint64_t first_number(std::string_view text) noexcept {
  const auto from = std::find_if(text.begin(), text.end(), is_digit);
  std::uint64_t value = 0;
  std::from_chars(text.data() + (from - text.begin()), text.data() + text.size(), value);
  return value;
}

// What says no more than that it ended.
constexpr std::array<int, 6> endings{3013, 3041, 3119, 3201, 3202, 18272};
constexpr std::array<int, 2> device_errors{3201, 3202};

}  // namespace

void BackupProgress::hear(const Message& message) {
  ++messages_;
  if (message.number == percent_processed) {
    const auto now =
        static_cast<unsigned>(std::min<std::uint64_t>(100, first_number(message.text)));
    if (now / percent_logged > percent_ / percent_logged)
      log(LogLevel::info, "the server is at its backup or restore",
          {{"percent", std::to_string(now)}});
    percent_ = std::max(percent_, now);
  } else if (message.number == pages_processed) {
    pages_ += first_number(message.text);
  } else if (message.number == done) {
    is_done_ = true;
  }
}

bool is_denial(std::span<const Message> errors) noexcept {
  return std::ranges::any_of(errors, [](const Message& one) {
    return one.number == 229 || one.number == 262 || one.number == 300 || one.number == 3110 ||
           one.number == 15247;
  });
}

Error backup_error(std::span<const Message> errors, std::string_view doing, Errc otherwise) {
  check_rule(!errors.empty(), "an error has a message");
  const auto is_ending = [](const Message& one) {
    return std::ranges::find(endings, one.number) != endings.end();
  };
  const auto telling = std::ranges::find_if_not(errors, is_ending);
  const auto device = std::ranges::find_if(errors, [](const Message& one) {
    return std::ranges::find(device_errors, one.number) != device_errors.end();
  });
  const Message& first = telling != errors.end()  ? *telling
                         : device != errors.end() ? *device
                                                  : errors.front();
  Errc code = otherwise;
  std::string_view hint;
  if (const NumberMeaning* const known = meaning_of(first.number); known != nullptr) {
    code = known->code;
    hint = known->hint;
  }
  for (const Message& one : errors) {
    const auto of_system = system_meaning_of(one.text);
    if (!of_system) continue;
    code = of_system->code;
    hint = of_system->hint;
    break;
  }
  std::string said;
  constexpr std::size_t told_max = 4;
  for (std::size_t i = 0; i < std::min(errors.size(), told_max); ++i)
    said += (i == 0 ? "" : "; ") + errors[i].display();
  if (errors.size() > told_max) said += fmt::format("; and {} more", errors.size() - told_max);
  Error error(code, fmt::format("{}: {}", doing, said));
  if (!hint.empty()) error.set_hint(hint);
  return error;
}

}  // namespace holdfast::engine::sqlserver
