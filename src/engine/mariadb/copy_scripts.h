// SPDX-License-Identifier: Apache-2.0
// What the scripts and facts of a copy say: its tables, its code, each checked to be what it says
// it is. Talks to no server.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/insert_batches.h"
#include "engine/mariadb/privileges.h"
#include "model/part.h"

namespace holdfast::engine::mariadb {

// "table: orders", the name's control characters as %XX.
struct Mark {
  std::string kind, name;
};
[[nodiscard]] Mark parse_mark(std::string_view marked);

void each_statement(const model::PartSource& parts, std::string_view part,
                    const std::function<void(const Mark& mark, const std::string& sql)>& take);

[[nodiscard]] std::vector<CopiedTable> copied_tables(const Json& engine_facts);
// A definition that comes from a copy, as this server may run it. Errc::corrupt if it is not what
// it says it is.
[[nodiscard]] std::string checked_statement(const Mark& mark, const std::string& sql,
                                            std::string_view sql_mode, const ServerKind& server);
// Routines, views, triggers and events; what was broken too.
[[nodiscard]] std::vector<CodeDef> copied_code(const model::PartSource& parts,
                                               const ServerKind& server);

}  // namespace holdfast::engine::mariadb
