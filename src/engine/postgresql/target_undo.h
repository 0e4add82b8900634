// SPDX-License-Identifier: Apache-2.0
// Undoing what a load announced before it did it: a database that was made, filled or put in place,
// and tables that were. What bore a public name is never dropped.
#pragma once

#include <string>

#include "base/json.h"
#include "engine/postgresql/location.h"

namespace holdfast::engine::postgresql {

// Undoes one announced change; no error if nothing is left to do. Returns what is left for somebody
// to look at.
std::string undo_change(const Json& undo, const Location& into);
// As Engine::stands and Engine::check_undo.
[[nodiscard]] bool change_stands(const Json& undo, const Location& into);
void check_change_undo(const Json& undo, const Location& into);

}  // namespace holdfast::engine::postgresql
