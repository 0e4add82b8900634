// SPDX-License-Identifier: Apache-2.0
// Rows of a Jackrabbit table of one engine as the same table of another has them: key halves joined
// or split, columns in the target's order. Content stays as it is, byte for byte: bundles do not
// depend on the engine.
#pragma once

#include <memory>

#include "model/value.h"
#include "profile/magnolia/table_definitions.h"

namespace holdfast::profile::magnolia {

// Takes rows as any engine gives them and hands them to `target` (which outlives it) as those of
// table_definition(to, kind, …); column names are in lower case for PostgreSQL, which folds them
// so, else in upper case. Values are those that the target gives back. Errc::unsupported where `to`
// has no such table; Errc::corrupt from columns() if a column is missing, and from row() for a key
// that is none.
[[nodiscard]] std::unique_ptr<model::RowSink> map_rows(TableKind kind, Dialect to,
                                                       model::RowSink& target);

}  // namespace holdfast::profile::magnolia
