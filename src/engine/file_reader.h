// SPDX-License-Identifier: Apache-2.0
// What looks into files that a vendor's tools or other programs made: every engine, and what knows
// files of databases that no engine of this build reaches.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/copy_check.h"
#include "model/finding.h"
#include "model/manifest.h"
#include "model/table_definition.h"
#include "model/value.h"

namespace holdfast::engine {

struct InspectOptions {
  bool deep = false;  // read the content too, not only the outline
  // With `deep`: false where nobody asks for those of tables; an engine may leave them out then.
  bool digests = true;
  // A file with a schema, which must define what the file names; empty: none. check_schema() has
  // passed it.
  std::filesystem::path schema = {};
  // Other files that were named with this one, some of which may belong to one set with it.
  std::span<const std::filesystem::path> others = {};
};

// What a file is, for `inspect`.
struct Inspection {
  std::string kind;                // "SQLite database", "PostgreSQL custom dump", …
  bool whole = false;              // complete and sound as far as was looked
  bool deep = false;               // content was read, not only headers
  bool rows_counted = false;       // those of `tables`, though it was no deep look
  bool objects_comparable = true;  // they are what describe() would list after an import
  bool has_files_beside = false;   // a directory that is known may hold files of another kind too
  // Of InspectOptions::others, those that are one thing with it, and told of here.
  std::vector<std::filesystem::path> members;
  Json facts = Json::object();
  // What check_load() asks of an import: the release it is of, and of describe()'s engine_facts
  // what the file tells.
  std::string version = {};
  Json engine_facts = Json::object();
  std::vector<model::Finding> findings;
  std::vector<model::TableFacts> tables;
  std::vector<model::ObjectFacts> objects;
};

class FileReader {
 public:
  virtual ~FileReader() = default;
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;  // of the engine: "sqlite"

  // Looks at a foreign file; nothing if it is not of this engine. Errc::cancelled soon after a stop
  // request.
  [[nodiscard]] virtual std::optional<Inspection> inspect(const std::filesystem::path& file,
                                                          const InspectOptions& options,
                                                          std::stop_token stop = {}) const = 0;
  // Whether a file is a schema in the language of this engine. Errc::corrupt if it is none,
  // Errc::unsupported unless this engine compares files with schemas.
  virtual void check_schema(const std::filesystem::path& file, std::stop_token stop = {}) const;
  // The tables of such a file, as what another database needs to make them; kinds are those of the
  // values that inspect_rows() gives. `others` as in InspectOptions. Errc::unsupported, naming the
  // column, where values of a table cannot be read; unless an engine reads rows of foreign files.
  [[nodiscard]] virtual std::vector<model::TableDefinition> define_tables(
      const std::filesystem::path& file, std::span<const std::filesystem::path> others,
      std::stop_token stop = {}) const;
  // The rows of a table in such a file, or in the set that it is of. Errc::not_found naming the
  // table, cancelled.
  virtual void inspect_rows(const std::filesystem::path& file,
                            std::span<const std::filesystem::path> others,
                            const model::TableName& table, model::RowSink& into,
                            std::stop_token stop = {}) const = 0;
  // The rows of several tables. `tap` is asked for each once, without a component, by up to
  // `parallel` threads at once; a sink is told of its last row by being destroyed. In this order,
  // by inspect_rows(), unless there is a shorter way.
  virtual void inspect_tables(const std::filesystem::path& file,
                              std::span<const std::filesystem::path> others,
                              std::span<const model::TableName> tables, const model::RowTap& tap,
                              unsigned parallel, std::stop_token stop = {}) const;

 protected:
  FileReader() = default;
};

}  // namespace holdfast::engine
