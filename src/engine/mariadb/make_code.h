// SPDX-License-Identifier: Apache-2.0
// What has code in it (views, routines, triggers, events): made, dropped, and remembered as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/client.h"

namespace holdfast::engine::mariadb {

// Whose definers: what comes from a copy has those that the location maps to, what was there before
// its own.
enum class Definers : std::uint8_t { mapped, kept };

struct NotMade {
  CodeDef code;
  Failure failure;
  [[nodiscard]] std::string display() const;  // "view cheap: 1146 (42S02): …"
};
// Makes it in the connection's default schema, as it was defined in schema `from`. Views that read
// from views yet to come are tried again. Returns what could not be made.
[[nodiscard]] std::vector<NotMade> try_make_code(Connection& connection,
                                                 const std::vector<CodeDef>& code,
                                                 const std::string& from, Definers definers);
// The same; only what is broken may fail. Returns what did, with the reason.
[[nodiscard]] std::vector<std::string> make_code(Connection& connection,
                                                 const std::vector<CodeDef>& code,
                                                 const std::string& from, Definers definers);
void drop_code(Connection& connection, const std::string& schema, const std::vector<CodeDef>& code);
// The same, up to what cannot be dropped.
[[nodiscard]] std::optional<Failure> try_drop_code(Connection& connection,
                                                   const std::string& schema,
                                                   const std::vector<CodeDef>& code);

// "DEFINER=`ann`@`%` ", as the definition has it; empty if it has none.
[[nodiscard]] std::string definer_clause(std::string_view create);
// Of those kinds, in their order.
[[nodiscard]] std::vector<CodeDef> of_kinds(const std::vector<CodeDef>& code,
                                            std::initializer_list<CodeKind> kinds);
[[nodiscard]] std::vector<CodeDef> without_kinds(const std::vector<CodeDef>& code,
                                                 std::initializer_list<CodeKind> kinds);
// Those that are not among `there`.
[[nodiscard]] std::vector<CodeDef> missing_code(const std::vector<CodeDef>& wanted,
                                                const std::vector<CodeDef>& there);
// With its events disabled.
[[nodiscard]] std::vector<CodeDef> asleep(std::vector<CodeDef> code);

[[nodiscard]] Json code_to_json(const std::vector<CodeDef>& code);
[[nodiscard]] std::vector<CodeDef> code_from_json(const Json& list);

}  // namespace holdfast::engine::mariadb
