// SPDX-License-Identifier: Apache-2.0
// What a `.typedb` file, the directory of a database, or a data directory with several is.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string_view>

#include "engine/engine.h"
#include "engine/typedb/type_names.h"

namespace holdfast::engine::typedb {

// The kind of a directory with several databases, beside which there may be other files.
inline constexpr std::string_view data_directory_kind = "TypeDB data directory";

// As Engine::inspect. Of an export the tables are its labels, their schema `entity`, `relation` or
// `attribute`; it is always read to its end and counted, and with `deep` identities are compared.
// Of a database with `deep` the records of a log are unpacked, and the keys of TypeDB 2 read.
// `schema` may be null: the labels of an export must be in it, and its facts then say that they
// were compared.
[[nodiscard]] std::optional<Inspection> inspect_place(const std::filesystem::path& place, bool deep,
                                                      const std::stop_token& stop,
                                                      const TypeNames* schema = nullptr);

}  // namespace holdfast::engine::typedb
