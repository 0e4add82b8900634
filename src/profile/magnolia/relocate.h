// SPDX-License-Identifier: Apache-2.0
// What of Magnolia's configuration has to be other than it was when it is restored elsewhere. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/profile.h"

namespace holdfast::profile::magnolia {

// Where in a file a value stands.
struct ValuePlace {
  std::string_view element;    // XML: of the value; empty in property files
  std::string_view attribute;  // XML: empty for an element's own text; else the property's key
  // XML: which element it is, counted by start tags from 1, and in which; 0: none.
  std::size_t number = 0, parent = 0;
};

// Gives every value of a configuration file to `map`, and writes what it returns in its place;
// everything else stays as it is, byte by byte. XML if the text begins with `<`, else Java
// properties. Comments are passed over. Nothing is changed in what is neither.
using MapValue =
    std::function<std::optional<std::string>(const ValuePlace& place, const std::string& value)>;
[[nodiscard]] std::string map_values(std::string_view text, const MapValue& map);

// A JDBC URL with the host, port and database, or the path, of one of our URIs, and with everything
// else as it was; nothing for what no driver of Java's reaches (a server's socket) and for forms
// that parse_jdbc_url() does not understand.
[[nodiscard]] std::optional<std::string> redirected_url(std::string_view jdbc_url,
                                                        std::string_view uri);

// Profile::adapt(). `facts`: `configuration_files` (paths), `other_files` (those not in force, of
// which nothing is missed), `remove` (paths that must not be there when the application starts:
// search indexes, locks), `clusters` (`file` and `id` of this node in each), `links` (`link` and
// its `target`, out of the instance). Where a database is elsewhere, the user and the password of
// its
// [[database]] take the place of those that stand beside its URL.
[[nodiscard]] model::Adaptation adapt_instance(const model::RestoredInstance& restored);

}  // namespace holdfast::profile::magnolia
