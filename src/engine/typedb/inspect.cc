// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "engine/finding.h"
#include "engine/typedb/directory.h"
#include "engine/typedb/examine_export.h"
#include "engine/typedb/stored_file.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

bool is_export(const fs::path& file, const std::stop_token& stop) {
  const std::string suffix = file.extension().native();
  if (suffix == ".typedb" || suffix == ".grakn") return true;
  StoredFile source(file, stop, Links::followed);
  std::array<std::byte, export_front_bytes> front{};
  std::size_t filled = 0;
  while (filled < front.size()) {
    const std::size_t count = source.read(std::span(front).subspan(filled));
    if (count == 0) break;
    filled += count;
  }
  return begins_as_export(ByteView(front).first(filled));
}

Json counts_json(const ThingCounts& counts) {
  Json json = Json::object();
  json.set("entities", counts.entities).set("attributes", counts.attributes);
  json.set("relations", counts.relations).set("role_players", counts.players);
  json.set("ownerships", counts.ownerships);
  return json;
}

Inspection inspect_export(const fs::path& file, const InspectOptions& options,
                          const std::stop_token& stop) {
  std::optional<TypeNames> schema;
  if (!options.schema.empty()) schema = read_schema(options.schema, stop);
  ExportOptions how;
  how.identities = options.deep;
  how.schema = schema ? &*schema : nullptr;
  ExportReport report = examine_export(file, how, stop);
  Inspection inspection;
  inspection.kind =
      report.version.empty() ? "TypeDB export" : fmt::format("TypeDB {} export", report.version);
  inspection.deep = options.deep;
  inspection.rows_counted = true;
  inspection.objects_comparable = false;  // there is no schema in it
  inspection.whole = !model::has_blocker(report.findings);
  Json roles = Json::array();
  for (const LabelCount& one : report.labels) {
    if (one.kind != ItemKind::unknown) {
      inspection.tables.push_back(
          {std::string(item_kind_name(one.kind)), one.label, one.count, ""});
      continue;
    }
    Json role = Json::object();
    role.set("role", one.label).set("players", one.count);
    roles.push(std::move(role));
  }
  inspection.facts.set("version", report.version).set("database", report.database);
  inspection.facts.set("items", report.items).set("counted", counts_json(report.counted));
  if (report.checksums) inspection.facts.set("checksums", counts_json(*report.checksums));
  inspection.facts.set("roles", std::move(roles));
  inspection.facts.set("identities_compared", report.identities_checked);
  inspection.facts.set("labels_compared", schema.has_value());
  inspection.findings = std::move(report.findings);
  if (!options.deep)
    inspection.findings.push_back(
        finding("typedb-export-identities-unchecked", model::Severity::note,
                fmt::format("the ids of {} were not compared", file.filename().native()),
                "counts match even where different things have the same id, or references lead "
                "nowhere",
                "`--deep` compares them."));
  return inspection;
}

// Adds what a database is to `json`.
void tell(const DatabaseReport& report, Json& json) {
  json.set("name", report.path.filename().native()).set("size_bytes", report.size_bytes);
  if (report.encoding) {
    json.set("encoding", encoding_name(*report.encoding));
    json.set("written_by", encoding_releases(*report.encoding));
    json.set("opened_by", opened_by(*report.encoding));
  }
  if (report.lock) json.set("locked_by", embedded::display(report.lock->holder));
  if (report.things) json.set("things", counts_json(*report.things));
  if (report.things_as_of) json.set("things_as_of", *report.things_as_of);
  if (report.schema) json.set("schema_sequence", report.schema->last_sequence);
  if (report.data) json.set("data_sequence", report.data->last_sequence);
  if (!report.wal) return;
  Json wal = Json::object();
  wal.set("segments", report.wal->segments).set("size_bytes", report.wal->size_bytes);
  wal.set("records", report.wal->records);
  if (report.wal->first_sequence) wal.set("first", *report.wal->first_sequence);
  if (report.wal->last_sequence) wal.set("last", *report.wal->last_sequence);
  json.set("wal", std::move(wal));
  Json checkpoints = Json::array();
  for (const Checkpoint& checkpoint : report.checkpoints) {
    Json one = Json::object();
    one.set("name", checkpoint.path.filename().native()).set("size_bytes", checkpoint.size_bytes);
    one.set("complete", checkpoint.lacks.empty());
    if (checkpoint.metadata) one.set("watermark", checkpoint.metadata->watermark);
    checkpoints.push(std::move(one));
  }
  json.set("checkpoints", std::move(checkpoints));
}

// What one server would have to open.
void judge_together(const std::vector<DatabaseReport>& reports, const fs::path& directory,
                    std::vector<model::Finding>& findings) {
  for (std::size_t range = 0; range < release_ranges.size(); ++range) {
    const bool opens_all =
        std::all_of(reports.begin(), reports.end(), [&](const DatabaseReport& one) {
          return !one.encoding || compare(*one.encoding, range).verdict == Verdict::compatible;
        });
    if (opens_all) return;
  }
  std::string all;
  for (const DatabaseReport& one : reports)
    if (one.encoding)
      all += fmt::format("{}{} of TypeDB {}", all.empty() ? "" : ", ", one.path.filename().native(),
                         encoding_releases(*one.encoding));
  findings.push_back(finding("typedb-encodings-differ", model::Severity::warning,
                             fmt::format("{} has {}", directory.filename().native(), all),
                             "no release opens all of them, and a server of TypeDB 2 that cannot "
                             "open one does not start",
                             "Move those of another release into a directory of its own."));
}

Inspection inspect_databases(const fs::path& place, const std::vector<fs::path>& databases,
                             bool deep, const std::stop_token& stop) {
  Inspection inspection;
  inspection.deep = deep;
  std::vector<DatabaseReport> reports;
  for (const fs::path& database : databases) {
    DatabaseReport& report = reports.emplace_back(examine_database(database, deep, stop));
    if (report.wal && deep)
      report.findings.push_back(
          finding("typedb-storage-unread", model::Severity::note,
                  fmt::format("`storage` and the tables of checkpoints of {} were not looked into",
                              database.filename().native()),
                  "the log has all commits, and a server can make the rest from it", ""));
    if (!report.wal && !report.things) inspection.deep = false;
    for (model::Finding& one : report.findings) {
      one.component = database.filename().native();
      inspection.findings.push_back(std::move(one));
    }
  }
  if (databases.front() == place) {
    inspection.kind = "TypeDB database";
    tell(reports.front(), inspection.facts);
  } else {
    inspection.kind = "TypeDB data directory";
    inspection.has_files_beside = true;
    judge_together(reports, place, inspection.findings);
    std::uint64_t size_bytes = 0;
    Json all = Json::array();
    for (const DatabaseReport& report : reports) {
      size_bytes += report.size_bytes;
      Json one = Json::object();
      tell(report, one);
      all.push(std::move(one));
    }
    inspection.facts.set("size_bytes", size_bytes).set("databases", std::move(all));
  }
  inspection.whole = !model::has_blocker(inspection.findings);
  return inspection;
}

}  // namespace

TypeNames read_schema(const fs::path& file, const std::stop_token& stop) {
  return in_context("reading the schema " + file.string(),
                    [&] { return scan_schema(read_text_file(file), stop); });
}

std::optional<Inspection> inspect_place(const fs::path& place, const InspectOptions& options,
                                        const std::stop_token& stop) {
  std::error_code ignored;
  if (fs::is_regular_file(place, ignored)) {
    if (!is_export(place, stop)) return std::nullopt;
    return inspect_export(place, options, stop);
  }
  if (!fs::is_directory(place, ignored)) return std::nullopt;
  // With a last name, which is the database's.
  fs::path named = fs::absolute(place).lexically_normal();
  if (!named.has_filename()) named = named.parent_path();
  const std::vector<fs::path> databases =
      is_database(named) ? std::vector{named} : databases_in(named);
  if (databases.empty()) return std::nullopt;
  return inspect_databases(named, databases, options.deep, stop);
}

}  // namespace holdfast::engine::typedb
