// SPDX-License-Identifier: Apache-2.0
// What a `.typedb` file, the directory of a database, or a data directory with several is.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>

#include "engine/engine.h"
#include "engine/typedb/type_names.h"

namespace holdfast::engine::typedb {

// As Engine::inspect. Of an export the tables are its labels, their schema `entity`, `relation` or
// `attribute`; it is always read to its end and counted, and with `deep` identities are compared.
// If a schema is given the labels must be in it, and the facts say that they were compared.
// Of a database with `deep` the records of a log are unpacked, and the keys of TypeDB 2 read.
[[nodiscard]] std::optional<Inspection> inspect_place(const std::filesystem::path& place,
                                                      const InspectOptions& options,
                                                      const std::stop_token& stop);

// The types that a file in TypeQL defines; Errc::corrupt naming the file if it is none.
[[nodiscard]] TypeNames read_schema(const std::filesystem::path& file, const std::stop_token& stop);

}  // namespace holdfast::engine::typedb
