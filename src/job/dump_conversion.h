// SPDX-License-Identifier: Apache-2.0
// A foreign file as the source of a conversion: its tables and their rows on the way into a
// database of another kind.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/file_reader.h"
#include "job/instance_source.h"
#include "model/conversion.h"
#include "model/instance.h"
#include "model/table_definition.h"

namespace holdfast::job {

// What is moved: some tables of a file, or of several that are one set.
struct Dump {
  std::filesystem::path file;                // the first
  std::vector<std::filesystem::path> files;  // all of them
  const engine::FileReader* reader = nullptr;
  std::vector<model::TableDefinition> tables;
  std::vector<model::TableFacts> counted;  // what a look at the whole file found
};

// The target's tables, in the order of dump.tables. A value of another kind than its column's, or
// one that the column does not take, is Errc::unsupported naming table, column and row, counted
// from 1 as they come.
[[nodiscard]] std::shared_ptr<const model::Conversion> convert_dump(
    const Dump& dump, const model::DatabaseSettings& target, std::vector<model::NewTable> tables);

// Its rows; nothing else of it can be asked for. The dump outlives it.
[[nodiscard]] std::unique_ptr<InstanceSource> open_dump(const Dump& dump, unsigned parallel);

}  // namespace holdfast::job
