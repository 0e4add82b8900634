// SPDX-License-Identifier: Apache-2.0
// Names and lists as texts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::profile::migration_center {

[[nodiscard]] inline bool contains(const std::vector<std::string>& texts, std::string_view text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

// "a, b and 3 more"; `none` where there are none.
[[nodiscard]] inline std::string joined(const std::vector<std::string>& texts,
                                        std::string_view none = {},
                                        std::string_view between = ", ") {
  constexpr std::size_t named_max = 50;
  std::string text;
  for (std::size_t i = 0; i < texts.size() && i < named_max; ++i)
    text.append(i == 0 ? "" : between).append(texts[i]);
  if (texts.size() > named_max)
    text += " and " + std::to_string(texts.size() - named_max) + " more";
  return texts.empty() ? std::string(none) : text;
}

}  // namespace holdfast::profile::migration_center
