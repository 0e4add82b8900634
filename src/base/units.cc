// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"

namespace holdfast {

namespace {

constexpr bool is_digit(char character) noexcept {
  return character >= '0' && character <= '9';
}

char upper(char letter) noexcept {
  return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

// Takes the digits off the front of `text`; nothing if the number does not fit.
std::optional<std::uint64_t> take_number(std::string_view& text) noexcept {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::optional<std::uint64_t> size_of(std::string_view text) noexcept {
  constexpr std::string_view units = "KMGT";
  const auto value = take_number(text);
  if (!value) return std::nullopt;
  unsigned shift = 0;
  if (!text.empty()) {
    const std::size_t unit = units.find(upper(text.front()));
    if (unit != std::string_view::npos) {
      shift = 10 * (static_cast<unsigned>(unit) + 1);
      text.remove_prefix(1);
      if (!text.empty() && upper(text.front()) == 'I') text.remove_prefix(1);
    }
  }
  if (!text.empty() && upper(text.front()) == 'B') text.remove_prefix(1);
  if (!text.empty() || *value > std::numeric_limits<std::uint64_t>::max() >> shift) {
    return std::nullopt;
  }
  return *value << shift;
}

// Takes the name of a unit off the front of `text` and returns its nanoseconds.
std::optional<double> take_unit(std::string_view& text) noexcept {
  struct Unit {
    std::string_view name;
    double nanoseconds;
  };
  // "ms" stands before "m", which is its beginning. The micro sign has two code points.
  constexpr std::array<Unit, 8> units{{{"ns", 1},
                                       {"us", 1e3},
                                       {"\xc2\xb5s", 1e3},
                                       {"\xce\xbcs", 1e3},
                                       {"ms", 1e6},
                                       {"s", 1e9},
                                       {"m", 60e9},
                                       {"h", 3600e9}}};
  for (const Unit& unit : units) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.nanoseconds;
  }
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> duration_of(std::string_view text) noexcept {
  constexpr double nanoseconds_max = 9.2e18;  // Go's limit, about 292 years
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::milliseconds(0);
  if (text.empty()) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    const auto last =
        std::find_if_not(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
    const auto length = static_cast<std::size_t>(last - text.begin());
    const std::string_view number = text.substr(0, length);
    if (std::count(number.begin(), number.end(), '.') > 1 || number == "." || number.empty()) {
      return std::nullopt;
    }
    double value = 0;
    const auto end = number.data() + number.size();
    if (std::from_chars(number.data(), end, value, std::chars_format::fixed).ptr != end) {
      return std::nullopt;
    }
    text.remove_prefix(length);
    const auto unit = take_unit(text);
    if (!unit) return std::nullopt;
    sum += value * *unit;
    if (!(sum <= nanoseconds_max)) return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(sum / 1e6)));
}

}  // namespace

std::string format_bytes(std::uint64_t size_bytes) {
  constexpr std::array<const char*, 4> units{"KiB", "MiB", "GiB", "TiB"};
  for (std::size_t i = units.size(); i > 0; --i) {
    const std::uint64_t unit_bytes = std::uint64_t{1} << (10 * i);
    if (size_bytes < unit_bytes) continue;
    return fmt::format("{:.3f} {}",
                       static_cast<double>(size_bytes) / static_cast<double>(unit_bytes),
                       units[i - 1]);
  }
  return fmt::format("{} B", size_bytes);
}

std::string format_duration(std::chrono::seconds duration) {
  const std::int64_t seconds = std::max<std::int64_t>(duration.count(), 0);
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::uint64_t parse_size_bytes(std::string_view text) {
  if (const auto size = size_of(text)) return *size;
  throw Error(Errc::usage, fmt::format("\"{}\" is not a size", text))
      .set_hint("Give a number with an optional unit, such as 512, 10K, 5M or 1G.");
}

std::chrono::milliseconds parse_duration(std::string_view text) {
  if (const auto duration = duration_of(text)) return *duration;
  throw Error(Errc::usage, fmt::format("\"{}\" is not a duration", text))
      .set_hint("Give numbers with units, such as 90s, 5m, 2h30m or 1.5h.");
}

}  // namespace holdfast
