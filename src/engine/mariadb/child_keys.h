// SPDX-License-Identifier: Apache-2.0
// Foreign keys around tables that are replaced: a key follows a table that is renamed, but belongs
// to the table's name.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/mariadb/client.h"

namespace holdfast::engine::mariadb {

struct ChildKey {
  std::string schema, table, name;
  std::string line;                           // its definition, naming the schema it refers to
  [[nodiscard]] std::string display() const;  // "foreign key fk of shop.orders"
};

// Keys that refer to a table of the schema which is one of `replaced`, but those of tables of the
// schema that move along. Errc::denied if there are such that are not shown to us.
[[nodiscard]] std::vector<ChildKey> keys_to(
    Connection& connection, const std::string& schema, const std::vector<std::string>& replaced,
    const std::function<bool(const std::string& table)>& moves_along);
// All of a table's own.
[[nodiscard]] std::vector<ChildKey> keys_of(Connection& connection, const std::string& schema,
                                            const std::string& table);
// Whether keys of other schemas may be hidden from us.
[[nodiscard]] bool may_hide_keys(Connection& connection);

[[nodiscard]] std::optional<Failure> try_drop_key(Connection& connection, const ChildKey& key);
// Makes each what it was, where it is another now. Returns what could not be made, with the
// statement that makes it; what has lost its table is not told.
[[nodiscard]] std::vector<std::string> refer_again(Connection& connection,
                                                   const std::vector<ChildKey>& keys);

[[nodiscard]] Json keys_to_json(const std::vector<ChildKey>& keys);
[[nodiscard]] std::vector<ChildKey> keys_from_json(const Json& list);

}  // namespace holdfast::engine::mariadb
