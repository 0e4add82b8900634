// SPDX-License-Identifier: Apache-2.0
// What a configuration file of TypeDB says: one value each, found without reading the rest. Pure
// functions.
//
// Sources: typedb/typedb, server/conf/typedb.properties of 2.0.0 to 2.5.0 (Java properties),
// server/conf/typedb.yml of 2.6.0, server/parameters/config/config_release.yml of 2.29.1,
// server/config.yml of 3.4.0 to 3.12.3 (YAML: mappings in blocks, plain or quoted scalars).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::engine::typedb {

// The scalar at `section`, `key` of two nested block mappings; nothing if it is not there or is
// empty. Errc::unsupported for a value whose end this cannot tell: a flow mapping, an anchor, a
// block scalar, or a variable of the environment.
[[nodiscard]] std::optional<std::string> yaml_value(std::string_view yaml, std::string_view section,
                                                    std::string_view key);

// The value of a key in Java properties, the last one if there are several.
[[nodiscard]] std::optional<std::string> property_value(std::string_view properties,
                                                        std::string_view key);

}  // namespace holdfast::engine::typedb
