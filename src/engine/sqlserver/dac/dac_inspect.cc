// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/dac/dac_inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <system_error>
#include <utility>

#include "base/crew.h"
#include "base/error.h"
#include "engine/sqlserver/bak/disk_file.h"
#include "engine/sqlserver/bcp/bcp_values.h"

namespace holdfast::engine::sqlserver {
namespace {

namespace fs = std::filesystem;

Json columns_json(const SqlTable& table) {
  Json columns = Json::array();
  for (const SqlColumn& column : table.columns) {
    Json one = Json::object();
    one.set("name", column.name).set("type", column.declared());
    one.set("nullable", column.is_nullable);
    columns.push(std::move(one));
  }
  return columns;
}

Json names_json(const std::vector<std::string>& names) {
  Json list = Json::array();
  for (const std::string& name : names) list.push(Json(name));
  return list;
}

Json table_json(const SqlTable& table, const DacRows& rows) {
  Json one = Json::object();
  one.set("schema", table.name.schema).set("table", table.name.table);
  one.set("parts", rows.parts.size());
  std::uint64_t size_bytes = 0;
  for (const ZipPart* const part : rows.parts) size_bytes += part->size_bytes;
  one.set("row_bytes", size_bytes).set("columns", columns_json(table));
  if (!table.computed.empty()) one.set("computed_columns", names_json(table.computed));
  if (!table.primary_key.empty()) one.set("primary_key", names_json(table.primary_key));
  return one;
}

// "15.0.2000.5" of "Microsoft SQL Server 2019 (RTM) - 15.0.2000.5 (X64) …"; empty: none.
std::string server_release(std::string_view text) {
  const auto dash = text.find(" - ");
  if (dash == std::string_view::npos) return {};
  text.remove_prefix(dash + 3);
  const std::string_view release = text.substr(0, text.find_first_not_of("0123456789."));
  return std::string(release);
}

void tell_origin(const DacReport& report, Inspection& inspection) {
  Json& facts = inspection.facts;
  const DacMetadata metadata = report.metadata.value_or(DacMetadata{});
  const DacOrigin origin = report.origin.value_or(DacOrigin{});
  facts.set("name", metadata.name).set("package_version", metadata.version);
  facts.set("server_version", origin.server_version);
  facts.set("product_version", origin.product_version).set("started", origin.started);
  facts.set("rows_told", origin.rows ? Json(*origin.rows) : Json());
  facts.set("model_sha256", report.model_sha256).set("model_sha256_told", origin.model_sha256);
  inspection.version = server_release(origin.server_version);
}

void tell_model(const DacReport& report, Inspection& inspection) {
  const DacModel& model = *report.model;
  Json& facts = inspection.facts;
  facts.set("model_version", model.schema_version).set("provider", model.provider);
  facts.set("collation", model.collation).set("lcid", model.lcid);
  facts.set("case_sensitive", model.is_case_sensitive);
  Json counts = Json::object();
  for (const auto& [kind, count] : model.counts) counts.set(kind, count);
  facts.set("elements", std::move(counts));
  Json tables = Json::array();
  std::uint64_t all_rows = 0;
  for (const SqlTable& table : model.tables) {
    const DacRows& rows = report.rows_of(table);
    Json one = table_json(table, rows);
    if (report.is_deep) one.set("rows", rows.rows);
    tables.push(std::move(one));
    all_rows += rows.rows;
    inspection.tables.push_back(
        {table.name.schema, table.name.table, rows.rows, rows.is_read ? rows.digest.hex() : ""});
  }
  if (report.is_deep) facts.set("rows", all_rows);
  facts.set("tables", std::move(tables));
  inspection.objects = model.objects;
}

std::string_view state_of(const DacReport& report) {
  const bool is_cut = std::ranges::any_of(
      report.index.troubles, [](const auto& one) { return one.kind == ZipTrouble::Kind::cut; });
  if (is_cut) return "truncated";
  return model::has_blocker(report.findings) ? "damaged" : "complete";
}

std::unique_ptr<DacReport> read_known(model::RandomSource& file, const fs::path& path,
                                      const std::stop_token& stop) {
  auto report = read_dac(file, DacDepth::outline, stop);
  if (!report) throw Error(Errc::unsupported, path.string() + " is no package of SQL Server");
  if (report->model) return report;
  for (const model::Finding& one : report->findings)
    if (one.severity == model::Severity::blocker)
      throw Error(Errc::corrupt, fmt::format("{}: {}", path.filename().native(), one.seen))
          .set_hint(one.mend);
  throw Error(Errc::corrupt, path.string() + " has no model");
}

const SqlTable& known_table(const DacReport& report, const fs::path& file,
                            const model::TableName& name) {
  const SqlTable* const table = report.find(name);
  if (table == nullptr)
    throw Error(Errc::not_found,
                fmt::format("{} holds no table {}", file.filename().native(), name.display()));
  return *table;
}

}  // namespace

Inspection tell_dac(const DacReport& report) {
  Inspection inspection;
  const std::string name = report.metadata ? report.metadata->name : "";
  inspection.kind = fmt::format("SQL Server {}{}", report.is_bacpac ? "bacpac" : "dacpac",
                                name.empty() ? "" : fmt::format(" ({})", name));
  inspection.deep = report.is_deep;
  inspection.objects_comparable = false;
  Json& facts = inspection.facts;
  facts.set("state", state_of(report));
  tell_origin(report, inspection);
  facts.set("consistent_across_tables", Json());
  facts.set("parts", report.index.parts.size());
  if (report.is_deep) facts.set("parts_right", report.tally.parts);
  if (report.model) tell_model(report, inspection);
  inspection.findings = report.findings;
  inspection.whole = !model::has_blocker(inspection.findings);
  return inspection;
}

std::optional<Inspection> inspect_dac(const fs::path& file, const InspectOptions& options,
                                      const std::stop_token& stop) {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return std::nullopt;
  DiskFile source(file);
  const DacDepth depth = !options.deep     ? DacDepth::outline
                         : options.digests ? DacDepth::digested
                                           : DacDepth::decoded;
  const auto report = read_dac(source, depth, stop);
  if (!report) return std::nullopt;
  Inspection inspection = tell_dac(*report);
  if (depth == DacDepth::decoded)
    for (model::TableFacts& table : inspection.tables) table.digest.clear();
  return inspection;
}

std::vector<model::TableDefinition> define_dac_tables(const fs::path& file,
                                                      const std::stop_token& stop) {
  DiskFile source(file);
  const auto report = read_known(source, file, stop);
  std::vector<model::TableDefinition> definitions;
  for (const SqlTable& table : report->model->tables) {
    model::TableDefinition definition;
    definition.name = table.name;
    for (const SqlColumn& column : table.columns)
      definition.columns.push_back(define_column(column));
    definition.primary_key = table.primary_key;
    definition.unique = table.unique;
    definitions.push_back(std::move(definition));
  }
  return definitions;
}

void dac_rows(const fs::path& file, const model::TableName& table, model::RowSink& into,
              const std::stop_token& stop) {
  DiskFile source(file);
  const auto report = read_known(source, file, stop);
  give_dac_rows(source, *report, known_table(*report, file, table), into, stop);
}

void dac_tables(const fs::path& file, std::span<const model::TableName> tables,
                const model::RowTap& tap, unsigned parallel, const std::stop_token& stop) {
  DiskFile source(file);
  const auto report = read_known(source, file, stop);
  std::vector<const SqlTable*> wanted;
  for (const model::TableName& name : tables) wanted.push_back(&known_table(*report, file, name));
  std::atomic<std::size_t> next = 0;
  Crew crew;
  const std::stop_callback forward(stop, [&] { crew.request_stop(); });
  for (std::size_t i = 0; i < std::min<std::size_t>(parallel, wanted.size()); ++i) {
    crew.start([&](const std::stop_token& own) {
      for (std::size_t at = next++; at < wanted.size(); at = next++) {
        if (own.stop_requested()) throw Error(Errc::cancelled, "interrupted");
        if (const auto rows = tap({}, tables[at]))
          give_dac_rows(source, *report, *wanted[at], *rows, own);
      }
    });
  }
  crew.join();
}

}  // namespace holdfast::engine::sqlserver
