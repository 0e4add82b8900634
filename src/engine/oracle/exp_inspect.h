// SPDX-License-Identifier: Apache-2.0
// Classic dump files as `inspect` and `migrate` want them. docs/oracle.md says what of them is
// known from genuine files. `others` everywhere: further files, of which those of the same set are
// read with `file`. All throw Errc::cancelled soon after a stop request.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/file_reader.h"
#include "model/table_definition.h"
#include "model/value.h"

namespace holdfast::engine::oracle {

// Nothing: the file is no classic dump.
[[nodiscard]] std::optional<Inspection> inspect_exp(const std::filesystem::path& file,
                                                    const InspectOptions& options,
                                                    const std::stop_token& stop);

// The rows of a table over all its partitions. A name without a schema is that of the first table
// called so. Errc::not_found naming the table, corrupt where the dump is no good up to there,
// unsupported naming a column whose values cannot be read, and for rows above 256 MiB.
void exp_rows(const std::filesystem::path& file, std::span<const std::filesystem::path> others,
              const model::TableName& table, model::RowSink& into, const std::stop_token& stop);

// Those of several tables, read at one pass, in the dump's order; `tap` as in
// FileReader::inspect_tables(). Errc as of exp_rows().
void exp_tables(const std::filesystem::path& file, std::span<const std::filesystem::path> others,
                std::span<const model::TableName> tables, const model::RowTap& tap,
                const std::stop_token& stop);

// All tables, in the dump's order. Errc::corrupt if the dump is not whole. A column whose values
// cannot be read says so: ColumnDefinition::obstacle.
[[nodiscard]] std::vector<model::TableDefinition> define_exp_tables(
    const std::filesystem::path& file, std::span<const std::filesystem::path> others,
    const std::stop_token& stop);

// The statements that an import runs, in its order and in UTF-8, without those that only guide it;
// `schema` is whose session it would be. Errc::corrupt after those in front of what is no good.
void exp_statements(const std::filesystem::path& file,
                    std::span<const std::filesystem::path> others,
                    const std::function<void(std::string_view schema, std::string_view text)>& each,
                    const std::stop_token& stop);

}  // namespace holdfast::engine::oracle
