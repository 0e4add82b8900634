// SPDX-License-Identifier: Apache-2.0
#include "cli/instance_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "cli/backup_view.h"
#include "cli/finding_view.h"
#include "cli/table.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

constexpr std::size_t tables_shown = 40;

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void add_members(Json& line, const Json& members) {
  for (const auto& [key, value] : members.as_object()) line.set(key, value);
}

Json findings_json(const std::vector<model::Finding>& findings) {
  Json list = Json::array();
  for (const model::Finding& finding : findings) list.push(model::to_json(finding));
  return list;
}

Json texts_json(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push(text);
  return list;
}

std::string moments_text(const model::Manifest& manifest) {
  if (manifest.databases.empty()) return "no database";
  if (manifest.databases.size() == 1) return "one database, one moment";
  if (manifest.fenced) {
    return fmt::format("{} databases at one moment; writers were stopped for {} ms",
                       manifest.databases.size(), manifest.fence_held_ms);
  }
  return fmt::format("{} databases, whose moments are up to {} ms apart", manifest.databases.size(),
                     manifest.moments_apart_ms);
}

void print_components(Output& output, const model::Manifest& manifest) {
  for (const model::DatabaseFacts& database : manifest.databases) {
    std::uint64_t rows = 0, bytes = 0;
    for (const model::TableFacts& table : database.tables) rows += table.rows;
    for (const model::PartFacts& part : database.parts) bytes += part.size_bytes;
    output.message(
        printable(fmt::format("database {}: {}, {} in {}", database.name, format_bytes(bytes),
                              plural(rows, "row"), plural(database.tables.size(), "table"))));
  }
  for (const model::FilesFacts& files : manifest.files) {
    output.message(printable(fmt::format("files {}: {} in {}", files.name,
                                         format_bytes(files.bytes), plural(files.files, "file"))));
  }
}

Json repositories_json(const std::vector<job::RepositoryOutcome>& repositories) {
  Json list = Json::array();
  for (const job::RepositoryOutcome& one : repositories) {
    Json entry = Json::object().set("location", one.location);
    if (one.snapshot) {
      entry.set("snapshot_id", one.snapshot->hex());
      entry.set("data_added", one.summary.data_added);
      entry.set("data_added_packed", one.summary.data_added_packed);
    }
    if (one.failure) {
      entry.set("error", one.failure->message());
      entry.set("name", errc_name(one.failure->code()));
    }
    list.push(std::move(entry));
  }
  return list;
}

void print_repositories(Output& output, const std::vector<job::RepositoryOutcome>& repositories) {
  for (const job::RepositoryOutcome& one : repositories) {
    output.message(printable(
        one.snapshot ? fmt::format("{}: snapshot {} saved, {} added ({} stored)", one.location,
                                   one.snapshot->short_hex(), format_bytes(one.summary.data_added),
                                   format_bytes(one.summary.data_added_packed))
                     : fmt::format("{}: no copy: {}", one.location, one.failure->message())));
  }
}

// Of what would fill a screen only how much it is.
std::string fact_text(const Json& value) {
  constexpr std::size_t bytes_shown = 160;
  if (value.is_string()) return value.as_string();
  std::string text = value.dump();
  if (text.size() <= bytes_shown) return text;
  if (value.is_array())
    return fmt::format("{} entries, which --json lists", value.as_array().size());
  if (value.is_object())
    return fmt::format("{} entries, which --json lists", value.as_object().size());
  return text;
}

}  // namespace

void print_instance_backup(Output& output, const job::InstanceBackupReport& report,
                           const std::string& target) {
  const model::Manifest& manifest = report.manifest;
  if (output.json()) {
    Json line = Json::object().set("message_type", "summary");
    line.set("instance", manifest.instance);
    if (report.snapshot) {
      job::FilesBackupReport files;
      files.summary = report.summary;
      files.snapshot = report.snapshot;
      add_members(line, backup_summary_json(files));
    } else {
      line.set("target", target);
    }
    if (report.repositories.size() > 1)
      line.set("repositories", repositories_json(report.repositories));
    line.set("complete", manifest.complete).set("fenced", manifest.fenced);
    line.set("fence_held_ms", manifest.fence_held_ms)
        .set("moments_apart_ms", manifest.moments_apart_ms);
    line.set("quiesced", manifest.quiesced).set("stopped_ms", report.stopped_ms);
    line.set("findings", findings_json(manifest.findings));
    if (report.hook_failure) line.set("hook_failure", report.hook_failure->message());
    return output.json_line(line);
  }
  output.message("");
  print_components(output, manifest);
  output.message("consistency: " + moments_text(manifest));
  if (manifest.quiesced) {
    output.message(fmt::format("the application was stopped for {:.1f} s",
                               static_cast<double>(report.stopped_ms) / 1000));
  }
  if (report.repositories.size() == 1) {
    output.message(fmt::format("added to the repository: {} ({} stored)",
                               format_bytes(report.summary.data_added),
                               format_bytes(report.summary.data_added_packed)));
  }
  if (!manifest.findings.empty())
    output.message("recorded with it: " + count_findings(manifest.findings));
  if (report.repositories.size() > 1) return print_repositories(output, report.repositories);
  output.message(report.snapshot ? fmt::format("snapshot {} saved", report.snapshot->short_hex())
                                 : fmt::format("exported to {}", printable(target)));
}

void print_instance_restore(Output& output, const job::InstanceRestoreReport& report) {
  if (output.json()) {
    Json line = Json::object().set("message_type", "summary");
    line.set("instance", report.manifest.instance).set("role", report.role);
    line.set("snapshot_started", to_rfc3339(report.manifest.started));
    line.set("databases", texts_json(report.databases)).set("files", texts_json(report.files));
    line.set("changed", texts_json(report.changed));
    line.set("kept", texts_json(report.kept)).set("findings", findings_json(report.findings));
    line.set("complete", report.missing.empty()).set("missing", texts_json(report.missing));
    if (report.hook_failure) line.set("hook_failure", report.hook_failure->message());
    return output.json_line(line);
  }
  output.message("");
  for (const std::string& line : report.databases) output.message("restored " + printable(line));
  for (const std::string& line : report.files) output.message("restored " + printable(line));
  for (const std::string& line : report.changed) output.message("changed " + printable(line));
  for (const std::string& line : report.kept) output.message("kept " + printable(line));
  for (const std::string& line : report.missing) output.line("missing " + printable(line));
}

void print_drill(Output& output, const job::DrillReport& report) {
  if (output.json()) {
    Json line = Json::object().set("message_type", "summary");
    add_members(line, job::to_json(report));
    return output.json_line(line);
  }
  const auto failed = static_cast<std::size_t>(std::count_if(
      report.checks.begin(), report.checks.end(), [](const auto& check) { return !check.passed; }));
  for (const job::DrillCheck& check : report.checks) {
    if (check.passed) {
      output.detail(printable(fmt::format("passed: {}: {}", check.component, check.name)));
    } else {
      output.line(printable(fmt::format("FAILED: {}: {}: expected {}, found {}", check.component,
                                        check.name, check.expected, check.found)));
    }
  }
  output.message(fmt::format("{} of {} passed; restoring took {:.1f} s, all of it {:.1f} s",
                             report.checks.size() - failed, plural(report.checks.size(), "check"),
                             report.restore_seconds, report.total_seconds));
  for (const job::DrillPlace& place : report.places)
    output.message(printable(job::to_display(place)));
  for (const std::string& note : report.notes) output.message(printable(note));
  for (const std::string& line : report.missing) output.line("missing " + printable(line));
  if (report.proof) {
    output.message(fmt::format("{}snapshot {} of {} is proven; the proof is snapshot {}",
                               report.complete ? "" : "what is in ", report.snapshot.short_hex(),
                               printable(report.instance), report.proof->short_hex()));
  }
}

void print_inspection(Output& output, const job::InspectedFile& file) {
  if (output.json()) {
    Json line = Json::object().set("message_type", "file");
    add_members(line, job::to_json(file));
    return output.json_line(line);
  }
  output.line(printable(file.path.string()));
  if (!file.known) {
    output.line("  of no kind that this build knows");
  } else {
    const std::string_view state = file.engine == "restic" ? ""
                                   : file.whole            ? ", whole"
                                                           : ", damaged or incomplete";
    const std::string_view depth = file.engine == "restic" ? ""
                                   : file.deep
                                       ? " (its content was read)"
                                       : " (as far as its outline tells; --deep reads everything)";
    output.line(fmt::format("  {}{}{}", printable(file.kind), state, depth));
  }
  output.line(
      fmt::format("  {}, modified {}", format_bytes(file.size_bytes), to_display(file.modified)));
  for (const std::filesystem::path& member : file.members)
    output.line(fmt::format("  together with {}", printable(member.string())));
  for (const auto& [key, value] : file.facts.as_object())
    output.line(printable(fmt::format("  {}: {}", key, fact_text(value))));
  if (!file.tables.empty()) {
    Table table;
    table.add_column("Table", true);
    if (file.rows_counted) table.add_column("Rows");
    const std::size_t shown =
        output.verbosity() > 1 ? file.tables.size() : std::min(file.tables.size(), tables_shown);
    for (std::size_t i = 0; i < shown; ++i) {
      const model::TableFacts& one = file.tables[i];
      std::vector<std::string> cells{printable(model::TableName{one.schema, one.table}.display())};
      if (file.rows_counted) cells.push_back(std::to_string(one.rows));
      table.add_row(std::move(cells));
    }
    for (const std::string& line : table.render(output.columns())) output.line("  " + line);
    if (shown < file.tables.size())
      output.line(fmt::format("  and {} more; -v shows all", file.tables.size() - shown));
  }
  for (const model::Finding& finding : file.findings) {
    for (const std::string& line : finding_block(finding, output.columns()))
      output.line("  " + line);
  }
  output.line("");
}

}  // namespace holdfast::cli
