// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/conversion.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"
#include "base/uri.h"
#include "profile/instance_file.h"
#include "profile/magnolia/binary_files.h"
#include "profile/magnolia/conversion_plan.h"
#include "profile/magnolia/relocate.h"
#include "profile/magnolia/row_map.h"
#include "profile/magnolia/row_reader.h"

namespace holdfast::profile::magnolia {
namespace {

using model::Row;
using PlaceOf = std::function<std::string(const std::string&)>;

// Rows that do not move as they are: uploads that were under way stay behind, and a number that
// Derby may give again is refused.
class CheckedRows final : public model::RowSink {
 public:
  CheckedRows(TableKind kind, Dialect to, model::RowSink& into)
      : kind_(kind), to_(to), mapped_(map_rows(kind, to, into)) {}

  void columns(const std::vector<model::Column>& columns) override {
    id_ = find_column(columns, "ID").value_or(columns.size());
    mapped_->columns(columns);
  }
  void row(const Row& row) override {
    if (kind_ == TableKind::datastore && is_upload(row.at(id_))) return;
    if (kind_ == TableKind::names && to_ == Dialect::derby &&
        integer_of(row.at(id_), "the number of a name") >= derby_numbers_begin) {
      throw Error(Errc::unsupported,
                  fmt::format("a name has the number {}, and Derby begins to count at {}",
                              row.at(id_).text, derby_numbers_begin))
          .set_hint("Take H2 or a server instead of Derby.");
    }
    mapped_->row(row);
  }

 private:
  TableKind kind_;
  Dialect to_;
  std::unique_ptr<model::RowSink> mapped_;
  std::size_t id_ = 0;
};

// One file after another with what became of it.
class Rewritten {
 public:
  explicit Rewritten(const model::RestoredInstance& restored) : restored_(restored) {}

  // Gives the file's text to `rewrite`; a file that several share is rewritten once.
  void rewrite(const std::string& path, const std::string& what, const auto& rewrite) {
    if (texts_.contains(path)) return;
    const auto text = restored_.read(path);
    if (!text) {
      by_hand_.push_back(path + " was not restored: lead it to " + what + " by hand");
      return;
    }
    texts_[path] = {rewrite(*text), what};
  }
  [[nodiscard]] std::optional<std::string> read(const std::string& path) const {
    const auto found = texts_.find(path);
    return found == texts_.end() ? restored_.read(path) : found->second.first;
  }
  // Everything that a restore elsewhere takes, and this.
  [[nodiscard]] model::Adaptation with_places() {
    const model::RestoredInstance rewritten{restored_.facts,
                                            restored_.is_clone,
                                            {},
                                            restored_.names,
                                            restored_.place_of,
                                            [this](const std::string& path) { return read(path); }};
    model::Adaptation adaptation = adapt_instance(rewritten);
    for (model::FileChange& change : adaptation.changes) {
      const auto found = texts_.find(change.path);
      if (found == texts_.end() || !change.content) continue;
      change.what += ", " + found->second.second;
      texts_.erase(found);
    }
    std::vector<model::FileChange> changes;
    for (auto& [path, text] : texts_) {
      changes.push_back(
          {path, std::move(text.first), restored_.place_of(path) + ": " + text.second});
    }
    for (model::FileChange& change : adaptation.changes) changes.push_back(std::move(change));
    adaptation.changes = std::move(changes);
    adaptation.by_hand.insert(adaptation.by_hand.begin(), by_hand_.begin(), by_hand_.end());
    return adaptation;
  }

 private:
  const model::RestoredInstance& restored_;
  std::map<std::string, std::pair<std::string, std::string>> texts_;  // new text, what it is
  std::vector<std::string> by_hand_;
};

class MagnoliaConversion final : public model::Conversion {
 public:
  explicit MagnoliaConversion(ConversionPlan plan) : plan_(std::move(plan)) {}

  [[nodiscard]] const std::vector<model::Finding>& findings() const override {
    return plan_.findings;
  }
  [[nodiscard]] const std::vector<model::NewDatabase>& databases() const override {
    return plan_.databases;
  }

  [[nodiscard]] std::optional<model::NewTablePlace> route(
      std::string_view component, const model::TableName& table) const override {
    const auto [tables, kind] = find(component, table);
    if (tables == nullptr || !tables->files.directory.empty()) return std::nullopt;
    return tables->places.at(kind);
  }
  [[nodiscard]] std::unique_ptr<model::RowSink> map(std::string_view component,
                                                    const model::TableName& table,
                                                    model::RowSink& into) const override {
    const auto [tables, kind] = find(component, table);
    check_rule(tables != nullptr && tables->files.directory.empty(), "the table is routed");
    return std::make_unique<CheckedRows>(kind, plan_.dialect, into);
  }

  [[nodiscard]] std::vector<FilesToRows> files_to_rows() const override {
    std::vector<FilesToRows> all;
    for (const ConvertedFiles& files : plan_.files) {
      all.push_back({files.into,
                     [directory = files.directory](const PlaceOf& place_of, model::RowSink& into) {
                       const std::string place = place_of(directory);
                       if (place.empty())
                         throw Error(Errc::not_found,
                                     "the data store " + directory + " was not restored");
                       move_records_to_rows(place, into);
                     }});
    }
    return all;
  }
  [[nodiscard]] std::unique_ptr<model::RowSink> rows_to_files(
      std::string_view component, const model::TableName& table,
      const PlaceOf& place_of) const override {
    const auto [tables, kind] = find(component, table);
    if (tables == nullptr || tables->files.directory.empty()) return nullptr;
    const std::string place = place_of(tables->files.directory);
    if (place.empty()) throw Error(Errc::not_found, tables->files.directory + " was not restored");
    FilesPlace files{place, tables->files.below};
    return kind == TableKind::datastore ? write_records(std::move(files))
                                        : write_entries(std::move(files));
  }

  [[nodiscard]] Json converted_facts(const Json& facts) const override {
    Json repositories = Json::array();
    for (const Json& old : facts.at("repositories").as_array()) {
      Json workspaces = Json::array();
      for (const Json& one : old.at("workspaces").as_array()) workspaces.push(converted(one));
      Json stores = Json::array();
      for (const Json& store : old.at("data_stores").as_array()) {
        const bool becomes_rows = std::any_of(
            plan_.files.begin(), plan_.files.end(),
            [&](const ConvertedFiles& files) { return files.directory == store.as_string(); });
        if (!becomes_rows) stores.push(store);
      }
      for (const ConvertedTables& tables : plan_.tables) {
        if (tables.files_kind == TableKind::datastore && !tables.files.directory.empty() &&
            tables.files.directory == old.string_or("home", ""))
          stores.push(tables.files.directory + "/" + tables.files.below);
      }
      Json repository = old;
      repository.set("workspaces", std::move(workspaces)).set("data_stores", std::move(stores));
      repositories.push(std::move(repository));
    }
    Json all = facts;
    all.set("repositories", std::move(repositories));
    return all;
  }

  [[nodiscard]] model::Adaptation adapt(const model::RestoredInstance& restored) const override {
    const NewConnection& connection = plan_.connection;
    const auto password = resolve_password(connection.password, "database " + connection.component);
    const std::string place = connection.url.empty()
                                  ? "databases of " + connection.engine
                                  : connection.component + ", " + redacted_uri(connection.url);
    Rewritten files(restored);
    for (const RepositoryChange& change : plan_.repositories) {
      files.rewrite(change.file, "content in " + place, [&](const std::string& text) {
        return rewrite_repository(text, connection, password.get(), change);
      });
    }
    for (const WorkspaceChange& change : plan_.workspaces) {
      files.rewrite(change.file, "content in " + place, [&](const std::string& text) {
        return rewrite_workspace(text, connection, change);
      });
    }
    model::Adaptation adaptation = files.with_places();
    adaptation.by_hand.insert(adaptation.by_hand.end(), plan_.by_hand.begin(), plan_.by_hand.end());
    return adaptation;
  }

 private:
  // Of a workspace that was never opened nothing was made: its tables are nowhere.
  [[nodiscard]] Json converted(const Json& old) const {
    const auto found =
        std::find_if(plan_.tables.begin(), plan_.tables.end(), [&](const ConvertedTables& tables) {
          return tables.places.contains(TableKind::bundle) &&
                 tables.component == old.string_or("component", "") &&
                 ascii_upper(tables.prefix) == ascii_upper(old.string_or("prefix", ""));
        });
    Json workspace = old;
    if (found == plan_.tables.end()) return workspace.set("component", "");
    const model::NewTablePlace& place = found->places.at(TableKind::bundle);
    const model::NewDatabase& database = plan_.databases.at(place.database);
    std::string prefix = database.tables.at(place.table).name.table;
    prefix.resize(prefix.size() - table_suffix(TableKind::bundle).size());
    return workspace.set("component", database.settings.name).set("prefix", prefix);
  }

  // The tables that it is one of, and which; nullptr: none of the application's.
  [[nodiscard]] std::pair<const ConvertedTables*, TableKind> find(
      std::string_view component, const model::TableName& table) const {
    for (const ConvertedTables& tables : plan_.tables) {
      const bool is_elsewhere = tables.component != component ||
                                (!tables.schema.empty() && !table.schema.empty() &&
                                 ascii_upper(tables.schema) != ascii_upper(table.schema));
      if (is_elsewhere) continue;
      if (!tables.files.directory.empty()) {
        if (is_table(table.table, tables.prefix, tables.files_kind))
          return {&tables, tables.files_kind};
        continue;
      }
      for (const auto& [kind, place] : tables.places) {
        if (is_table(table.table, tables.prefix, kind)) return {&tables, kind};
      }
    }
    return {nullptr, TableKind::bundle};
  }

  const ConversionPlan plan_;
};

}  // namespace

std::shared_ptr<const model::Conversion> make_conversion(const MagnoliaFacts& facts,
                                                         const model::Instance& source,
                                                         const model::Plan& components,
                                                         const model::Instance& target) {
  return std::make_shared<const MagnoliaConversion>(
      plan_conversion(facts, source, components, target));
}

}  // namespace holdfast::profile::magnolia
