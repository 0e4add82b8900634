// SPDX-License-Identifier: Apache-2.0
// Which namespaces a repository knows: ns_reg.properties and ns_idx.properties of its directory
// "namespaces". Source: class NamespaceRegistryImpl of jackrabbit-core, read at tag
// jackrabbit-2.18.6.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace holdfast::profile::magnolia {

class Namespaces {
 public:
  // Of ns_reg.properties: prefix = URI, where the key ".empty.key" is the empty prefix.
  // Errc::corrupt naming `file` and the line or the prefix; a file that no longer has the prefix
  // jcr, which every repository writes, is cut off and so is corrupt.
  [[nodiscard]] static Namespaces parse(std::string_view text, std::string_view file);

  [[nodiscard]] bool has_uri(std::string_view uri) const noexcept;
  [[nodiscard]] std::set<std::string> uris() const;
  // nullptr: no such prefix.
  [[nodiscard]] const std::string* uri_of(std::string_view prefix) const noexcept;

 private:
  std::map<std::string, std::string, std::less<>> uris_;      // by prefix
  std::map<std::string, std::string, std::less<>> prefixes_;  // by URI
};

// Checks ns_idx.properties: URI = number, no number twice. What it says only matters to bundles of
// formats 1 and 2. Errc::corrupt as above.
void check_namespace_numbers(std::string_view text, std::string_view file);

}  // namespace holdfast::profile::magnolia
