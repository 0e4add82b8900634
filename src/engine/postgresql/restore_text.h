// SPDX-License-Identifier: Apache-2.0
// How a copy is restored without Holdfast: the psql script beside the parts, and the words for
// RESTORE.md.
#pragma once

#include <string>

#include "engine/postgresql/held_database.h"
#include "model/manifest.h"

namespace holdfast::engine::postgresql {

// restore.sql: everything into a new, empty database, by psql alone.
[[nodiscard]] std::string restore_script(const HeldDatabase& database);

[[nodiscard]] std::string restore_paragraphs(const model::DatabaseFacts& facts);

}  // namespace holdfast::engine::postgresql
