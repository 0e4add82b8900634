// SPDX-License-Identifier: Apache-2.0
// Names of items and node types: a namespace URI and a local part.
#pragma once

#include <compare>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace holdfast::profile::magnolia {

inline constexpr std::string_view jcr_uri = "http://www.jcp.org/jcr/1.0";
inline constexpr std::string_view nt_uri = "http://www.jcp.org/jcr/nt/1.0";
inline constexpr std::string_view mix_uri = "http://www.jcp.org/jcr/mix/1.0";
inline constexpr std::string_view rep_uri = "internal";

// A view: lives as long as the bytes it was read from.
struct Name {
  std::string_view uri;
  std::string_view local;

  // "jcr:data" for the four namespaces that every repository has, "title" for the empty one,
  // "{http://…}page" for every other.
  [[nodiscard]] std::string display() const;
  friend auto operator<=>(const Name&, const Name&) = default;
};

// The names that a bundle of format 3 writes as one byte 0…125, by that number. Fixed by the
// format: class BundleNames of Jackrabbit 2.2 and later.
[[nodiscard]] std::span<const Name> common_names() noexcept;

// Whether `uri` is one of the namespaces whose names Jackrabbit itself defines (jcr, nt, mix,
// internal) or the empty one: no file has to register them.
[[nodiscard]] bool is_built_in_namespace(std::string_view uri) noexcept;

}  // namespace holdfast::profile::magnolia
