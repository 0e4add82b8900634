// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/sqlite.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "engine/sqlite/content.h"
#include "engine/sqlite/design.h"
#include "engine/sqlite/hold.h"
#include "engine/sqlite/inspect.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/load.h"
#include "engine/sqlite/location.h"
#include "engine/sqlite/new_tables.h"
#include "engine/sqlite/probe.h"
#include "engine/sqlite/reader.h"
#include "engine/sqlite/switch.h"

namespace holdfast::engine::sqlite {
namespace {

class ScratchFile final : public Scratch {
 public:
  explicit ScratchFile(const std::filesystem::path& directory)
      : path_(beside(directory / "scratch.db")) {
    endpoint_.component = "scratch";
    endpoint_.engine = "sqlite";
    endpoint_.uri = "sqlite:" + path_.native();
  }
  ~ScratchFile() override {
    for (const auto& path : {path_, wal_of(path_), shm_of(path_), journal_of(path_)}) {
      std::error_code failure;
      std::filesystem::remove(path, failure);
      if (failure)
        log(LogLevel::warn, "a scratch database could not be removed", {{"path", path.native()}});
    }
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  [[nodiscard]] const model::Endpoint& endpoint() const override { return endpoint_; }

 private:
  std::filesystem::path path_;
  model::Endpoint endpoint_;
};

class SqliteEngine final : public Engine {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "sqlite"; }
  void check_endpoint(const model::Endpoint& endpoint) const override {
    static_cast<void>(path_of(endpoint));
  }
  [[nodiscard]] Probe probe(const model::Endpoint& endpoint, std::stop_token stop) const override {
    return probe_database(endpoint, stop);
  }
  [[nodiscard]] std::unique_ptr<Hold> hold(std::span<const model::Endpoint> endpoints,
                                           const HoldOptions& options) const override {
    return make_hold(endpoints, options);
  }

  LoadReport load(const model::PartSource& parts, const model::DatabaseFacts& facts,
                  const model::Endpoint& into, const LoadOptions& options,
                  std::stop_token stop) const override {
    return load_parts(parts, facts, path_of(into), options, stop);
  }
  [[nodiscard]] std::unique_ptr<Filling> fill(const model::Endpoint& into,
                                              std::span<const model::NewTable> tables,
                                              const LoadOptions& options,
                                              std::stop_token stop) const override {
    return make_filling(path_of(into), tables, options, stop);
  }
  std::string undo(const Json& undo, const model::Endpoint& /*into*/) const override {
    if (is_of_new_tables(undo)) {
      undo_new_tables(undo);
      return {};
    }
    if (undo.find("scratch") == nullptr) undo_switch(undo);  // of a scratch file nothing stays
    return {};
  }
  std::string mend(const model::Endpoint& endpoint, std::string_view code) const override {
    return mend_database(endpoint, code);
  }

  void describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                std::stop_token stop) const override;
  void rows(const model::Endpoint& endpoint, const model::TableName& table, model::RowSink& into,
            std::stop_token stop) const override {
    Reader reader = open_live(path_of(endpoint), {}, stop);
    read_rows(reader.connection, table, into);
  }
  [[nodiscard]] std::string query_one(const model::Endpoint& endpoint,
                                      std::string_view sql) const override;

  [[nodiscard]] std::unique_ptr<Scratch> scratch(
      const Probe& /*probe*/, const std::filesystem::path& directory) const override {
    return std::make_unique<ScratchFile>(directory);
  }
  [[nodiscard]] std::string grants(const model::Endpoint& endpoint,
                                   std::string_view purpose) const override;

  [[nodiscard]] std::optional<Inspection> inspect(const std::filesystem::path& file,
                                                  const InspectOptions& options,
                                                  std::stop_token stop) const override {
    return inspect_file(file, options.deep, stop);
  }
  [[nodiscard]] std::vector<model::TableDefinition> define_tables(
      const std::filesystem::path& file, std::span<const std::filesystem::path> /*others*/,
      std::stop_token stop) const override {
    return sqlite::define_tables(file, stop);
  }
  [[nodiscard]] DefinedTables define_database(const model::Endpoint& endpoint,
                                              std::stop_token stop) const override {
    return define_live_tables(path_of(endpoint), stop);
  }
  [[nodiscard]] std::vector<model::NewTable> design(
      const model::Endpoint& /*into*/,
      std::span<const model::TableDefinition> tables) const override {
    return sqlite::design_tables(tables);
  }
  void inspect_rows(const std::filesystem::path& file,
                    std::span<const std::filesystem::path> /*others*/,
                    const model::TableName& table, model::RowSink& into,
                    std::stop_token stop) const override {
    inspect_file_rows(file, table, into, stop);
  }
  LoadReport import_file(const std::filesystem::path& file, const model::Endpoint& into,
                         const LoadOptions& options, std::stop_token stop) const override {
    return load_foreign_file(file, path_of(into), options, stop);
  }
  [[nodiscard]] std::string restore_instructions(const model::DatabaseFacts& facts) const override;
  [[nodiscard]] std::vector<Discovered> discover(const std::filesystem::path& directory,
                                                 std::stop_token stop) const override {
    return discover_databases(directory, stop);
  }
};

void SqliteEngine::describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                            std::stop_token stop) const {
  const std::filesystem::path path = path_of(endpoint);
  const std::optional<FileFacts> file = file_facts(path);
  Reader reader = open_live(path, {}, stop);
  if (reader.connection.begin_read() != Begin::done) {
    throw Error(Errc::unavailable,
                fmt::format("{} stayed locked by another program", path.native()));
  }
  describe_content(reader.connection, file, facts);
  reader.connection.rollback();
}

std::string SqliteEngine::query_one(const model::Endpoint& endpoint, std::string_view sql) const {
  Reader reader = open_live(path_of(endpoint));
  Statement statement = reader.connection.prepare(sql, Errc::usage);
  const auto refuse = [&](std::string_view why) {
    throw Error(Errc::usage, fmt::format("{}: {}: {}", endpoint.component, why, sql));
  };
  if (statement.writes()) refuse("the query would write");
  if (statement.columns() != 1) refuse("the query has not exactly one column");
  if (!statement.step()) refuse("the query has no row");
  std::string text = statement.text(0);
  if (statement.step()) refuse("the query has more than one row");
  return text;
}

std::string SqliteEngine::grants(const model::Endpoint& endpoint, std::string_view purpose) const {
  constexpr std::array purposes{std::string_view("backup"), std::string_view("restore"),
                                std::string_view("application")};
  if (std::find(purposes.begin(), purposes.end(), purpose) == purposes.end()) {
    throw Error(Errc::usage, fmt::format("there are no grants for `{}`", purpose))
        .set_hint("Purposes are backup, restore and application.");
  }
  const std::string path = path_of(endpoint).native();
  return fmt::format(
      "-- SQLite has no users: {} needs read and write permission on {}, its -wal and -shm, and on "
      "the directory {}.\n",
      purpose, shell_quote(path), shell_quote(std::filesystem::path(path).parent_path().native()));
}

std::string SqliteEngine::restore_instructions(const model::DatabaseFacts& facts) const {
  const bool in_schema = facts.uri.starts_with("sqlite:");
  const std::string place = in_schema ? facts.uri.substr(7) : facts.uri;
  const auto at = [&](std::string_view suffix) { return shell_quote(place + std::string(suffix)); };
  const std::string data = shell_quote(facts.directory + "/data.db");
  std::string text = fmt::format(
      "{0} is the whole database, as one SQLite file. Stop the application, make sure that nothing "
      "has\n"
      "{1} open, and put the file in its place:\n\n"
      "    sqlite3 {0} 'PRAGMA integrity_check'     # must print: ok\n"
      "    mv -- {1} {2}     # if there is one\n"
      "    rm -f -- {3} {4} {5}     # these belong to the old file\n"
      "    cp -- {0} {1}\n",
      data, at(""), at(".old"), at("-wal"), at("-shm"), at("-journal"));
  if (facts.engine_facts.is_object() && facts.engine_facts.find("file_mode") != nullptr) {
    text += fmt::format("    chown {}:{} -- {}\n", facts.engine_facts.uint_or("file_uid", 0),
                        facts.engine_facts.uint_or("file_gid", 0), at(""));
    text += fmt::format("    chmod {} -- {}\n",
                        shell_quote(facts.engine_facts.string_or("file_mode", "0600")), at(""));
  }
  return text;
}

}  // namespace

const Engine& engine() noexcept {
  static const SqliteEngine the_engine;
  return the_engine;
}

}  // namespace holdfast::engine::sqlite
