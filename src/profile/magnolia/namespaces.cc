// SPDX-License-Identifier: Apache-2.0
// The two files of registered namespaces.
#include "profile/magnolia/namespaces.h"

#include <fmt/format.h>

#include <charconv>
#include <set>

#include "base/error.h"
#include "profile/magnolia/java_properties.h"
#include "profile/magnolia/name.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::string_view empty_key = ".empty.key";

}  // namespace

Namespaces Namespaces::parse(std::string_view text, std::string_view file) {
  Namespaces namespaces;
  for (const JavaProperty& property : parse_java_properties(text, file)) {
    const std::string prefix = property.key == empty_key ? "" : property.key;
    namespaces.uris_[prefix] = property.value;
  }
  for (const auto& [prefix, uri] : namespaces.uris_) {
    const auto [found, is_new] = namespaces.prefixes_.emplace(uri, prefix);
    if (!is_new) {
      throw Error(Errc::corrupt, fmt::format("{}: prefixes `{}` and `{}` have the same URI", file,
                                             found->second, prefix));
    }
  }
  if (!namespaces.has_uri(jcr_uri)) {
    throw Error(Errc::corrupt, fmt::format("{}: the namespace jcr is missing", file));
  }
  return namespaces;
}

std::set<std::string> Namespaces::uris() const {
  std::set<std::string> uris;
  for (const auto& [uri, prefix] : prefixes_) uris.insert(uri);
  return uris;
}

bool Namespaces::has_uri(std::string_view uri) const noexcept {
  return prefixes_.find(uri) != prefixes_.end();
}

const std::string* Namespaces::uri_of(std::string_view prefix) const noexcept {
  const auto found = uris_.find(prefix);
  return found == uris_.end() ? nullptr : &found->second;
}

void check_namespace_numbers(std::string_view text, std::string_view file) {
  std::set<int> numbers;
  for (const JavaProperty& property : parse_java_properties(text, file)) {
    int number = 0;
    const char* const end = property.value.data() + property.value.size();
    const auto [rest, error] = std::from_chars(property.value.data(), end, number);
    if (error != std::errc() || rest != end || !numbers.insert(number).second) {
      throw Error(Errc::corrupt, fmt::format("{}:{}: `{}` is no number of its own", file,
                                             property.line, property.value.substr(0, 60)));
    }
  }
}

}  // namespace holdfast::profile::magnolia
