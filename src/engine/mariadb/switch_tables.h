// SPDX-License-Identifier: Apache-2.0
// Single tables on their way from a schema beside into a schema that is there, and back; under the
// rules of switch.h.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/mariadb/client.h"
#include "engine/mariadb/switch.h"

namespace holdfast::engine::mariadb {

// The tables of the copy that are put in place, and their triggers.
struct TableArrival {
  std::vector<std::string> tables;
  Arrival triggers;
};

// Looks whether they may be put there: Errc::exists. Changes nothing.
void check_tables_place(Connection& connection, const std::string& place,
                        const TableArrival& arrival, const SwitchOptions& options);

// Each takes its name; what has that name becomes name + suffix, in the same schema, and has no
// foreign keys any more. Foreign keys of other tables refer to the new one.
[[nodiscard]] Switched switch_tables(Connection& connection, const Beside& beside,
                                     const TableArrival& arrival, const SwitchOptions& options);

// As undo_change(). `was_moved`: it is known that the RENAME was made.
std::string undo_tables(Connection& connection, const Json& undo, bool was_moved);
// As check_undo().
void check_tables_undo(Connection& connection, const Json& undo, bool was_moved);

}  // namespace holdfast::engine::mariadb
