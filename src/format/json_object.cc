// SPDX-License-Identifier: Apache-2.0
// Two checks that every small JSON file needs.
#include "format/json_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace holdfast::format {

Json parse_object(std::string_view text, std::string_view what) {
  if (text.empty()) throw Error(Errc::corrupt, fmt::format("{} is empty", what));
  Json json = Json::parse(text, what);
  if (!json.is_object()) throw Error(Errc::corrupt, fmt::format("{} is not a JSON object", what));
  return json;
}

std::uint32_t number32_or_zero(const Json& object, std::string_view key) {
  const std::uint64_t number = object.uint_or(key, 0);
  if (number > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(Errc::corrupt, fmt::format("{} is out of range: {}", key, number));
  }
  return static_cast<std::uint32_t>(number);
}

void append_members(Json& to, const Json& members) {
  Json::Object& object = to.as_object();
  const std::size_t own = object.size();  // few; keys of `members` are unique among themselves
  for (const auto& [key, value] : members.as_object()) {
    const auto end = object.begin() + static_cast<std::ptrdiff_t>(own);
    const auto same = std::find_if(
        object.begin(), end, [&name = key](const Json::Member& one) { return one.first == name; });
    if (same != end) {
      same->second = value;
    } else {
      object.emplace_back(key, value);
    }
  }
}

}  // namespace holdfast::format
