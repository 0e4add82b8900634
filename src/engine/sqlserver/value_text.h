// SPDX-License-Identifier: Apache-2.0
// Values as Transact-SQL has them in its statements, each the same again for the server that reads
// it. Pure.
//
// Source: Transact-SQL Reference, "Constants", "CAST and CONVERT", "Table Value Constructor" (of
// several rows the values of a column become one type) and "Backslash (Line Continuation)".
#pragma once

#include <string>

#include "engine/sqlserver/columns.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

// Throws Errc::unsupported, with the column's type, for a value that such a column would not keep
// as it is: one of another kind, with digits that it has not, a text that is too long for it. What
// it passes the server takes, or refuses itself. Any column takes null.
void check_fits(const SqlColumn& column, const model::Value& value);

// Appends a value that fits, as an expression of the column's type, or of one that becomes it
// without loss; null is NULL.
void append_value(std::string& sql, const SqlColumn& column, const model::Value& value);

}  // namespace holdfast::engine::sqlserver
