// SPDX-License-Identifier: Apache-2.0
// Everything a database defines, each with a hash of its definition as the server says it, so that
// a drill notices what is missing or changed: tables, indexes, constraints, functions, grants,
// values of sequences, extensions, comments …
#pragma once

#include <vector>

#include "engine/postgresql/catalog.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/patience.h"
#include "model/manifest.h"

namespace holdfast::engine::postgresql {

// Without what extensions brought. In order of kind and name.
[[nodiscard]] std::vector<model::ObjectFacts> list_objects(
    Connection& connection, const std::vector<SequenceValue>& sequences,
    const Patience& patience = {});

}  // namespace holdfast::engine::postgresql
