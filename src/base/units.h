// SPDX-License-Identifier: Apache-2.0
// Sizes, rates and durations as people write and read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

// "1.234 GiB", "12 B": restic's form.
[[nodiscard]] std::string format_bytes(std::uint64_t size_bytes);
// "1:02:03" or "2:03".
[[nodiscard]] std::string format_duration(std::chrono::seconds duration);
// "512", "10K", "5M", "1G", "2T" with an optional i and B, in either case: powers of 1024.
// Errc::usage otherwise.
[[nodiscard]] std::uint64_t parse_size_bytes(std::string_view text);
// "90s", "5m", "2h30m", "1.5h" as Go reads durations, but none below zero; what is left of a
// millisecond is rounded up, so that nothing becomes zero. Errc::usage otherwise.
[[nodiscard]] std::chrono::milliseconds parse_duration(std::string_view text);

}  // namespace holdfast
