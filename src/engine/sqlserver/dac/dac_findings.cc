// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/dac/dac_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/finding.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Severity;

constexpr std::string_view find_whole = "Find a whole copy of the file, or export again.";
constexpr std::size_t shown_max = 5;

void add(DacReport& report, model::Finding found) {
  report.findings.push_back(std::move(found));
}

// "a, b, c and 4 more"
std::string listed(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), shown_max);
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<long>(shown), ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

void judge_model_checksum(DacReport& report) {
  if (!report.origin || report.model_sha256.empty()) return;
  const std::string& told = report.origin->model_sha256;
  if (told.empty()) {
    add(report, finding("sqlserver-dac-model-unchecked", Severity::warning,
                        "Origin.xml has no checksum of model.xml",
                        "nothing tells whether the model was changed after the export", ""));
  } else if (told != report.model_sha256) {
    add(report, finding("sqlserver-dac-model-checksum", Severity::blocker,
                        fmt::format("model.xml has the SHA-256 {}, and Origin.xml says {}",
                                    report.model_sha256, told),
                        "the model was changed after the export: rows may be of other columns, and "
                        "SqlPackage does not import it",
                        std::string(find_whole)));
  }
}

void judge_types(DacReport& report) {
  std::vector<std::string> unread;
  for (const SqlTable& table : report.model->tables)
    if (const std::string why = table.obstacle(); !why.empty())
      unread.push_back(fmt::format("{}, {}", table.name.display(), why));
  if (unread.empty()) return;
  add(report,
      finding("sqlserver-dac-rows-unreadable", Severity::warning,
              fmt::format("rows of {} tables cannot be read: {}", unread.size(), listed(unread)),
              "they are neither counted nor compared, and `migrate` refuses such a table",
              "Import the package into SQL Server, or choose the other tables with --table."));
}

// What rows alone do not carry.
void judge_left(DacReport& report) {
  std::vector<std::string> left;
  const DacModel& model = *report.model;
  std::uint64_t computed = 0;
  for (const SqlTable& table : model.tables) computed += table.computed.size();
  for (const auto& [kind, count] : model.counts) {
    if (kind == "table" || kind == "database options" || kind == "primary key constraint") continue;
    left.push_back(fmt::format("{} ({})", kind, count));
  }
  if (computed > 0) left.push_back(fmt::format("computed column ({})", computed));
  if (left.empty() && model.is_case_sensitive) return;
  std::string seen = left.empty() ? "" : fmt::format("besides tables: {}", fmt::join(left, ", "));
  if (!model.is_case_sensitive)
    seen += fmt::format("{}text is compared without regard to case ({})", seen.empty() ? "" : "; ",
                        model.collation.empty() ? "its collation" : model.collation);
  add(report,
      finding("sqlserver-dac-rows-alone", left.empty() ? Severity::note : Severity::warning,
              std::move(seen),
              "`migrate` takes tables with their rows, primary and unique keys into a "
              "database of another kind, which compares text exactly; the rest stays behind",
              ""));
}

void judge_consistency(DacReport& report) {
  const auto filled =
      std::ranges::count_if(report.tables, [](const DacRows& rows) { return !rows.parts.empty(); });
  if (filled < 2) return;
  add(report,
      finding(
          "sqlserver-dac-not-consistent", Severity::warning,
          fmt::format("rows of {} tables were exported one after the other", filled),
          "a .bacpac is not consistent across tables unless exported from a quiet copy: rows may "
          "refer to others that are not in it",
          "Check that nothing wrote to the database meanwhile, or export from a copy of it "
          "(CREATE DATABASE ... AS COPY OF, or a restored backup)."));
}

}  // namespace

void judge_archive(DacReport& report) {
  for (const ZipTrouble& one : report.index.troubles) {
    switch (one.kind) {
      case ZipTrouble::Kind::cut:
        add(report, finding("sqlserver-dac-truncated", Severity::blocker, one.what,
                            "its end is missing, which says where its parts are and how long it is",
                            std::string(find_whole)));
        break;
      case ZipTrouble::Kind::damaged:
        add(report,
            finding("sqlserver-dac-archive-damaged", Severity::blocker,
                    fmt::format("at byte {} of {}: {}", one.at, report.index.size_bytes, one.what),
                    "a part that two places do not say the same of may be any",
                    std::string(find_whole)));
        break;
      case ZipTrouble::Kind::foreign:
        add(report, finding("sqlserver-dac-foreign-bytes", Severity::warning, one.what,
                            "an export has no such bytes: something was taken away or put in",
                            std::string(find_whole)));
        break;
    }
  }
  if (report.index.troubles_left_out > 0)
    add(report, finding("sqlserver-dac-archive-damaged", Severity::blocker,
                        fmt::format("{} more places are wrong", report.index.troubles_left_out),
                        "only the first are told", std::string(find_whole)));
}

void judge_missing(std::string_view part, DacReport& report) {
  add(report, finding("sqlserver-dac-part-missing", Severity::blocker,
                      fmt::format("part {} is missing", part),
                      "a package is only imported with all its parts", std::string(find_whole)));
}

void judge_part(const Error& error, DacReport& report) {
  add(report, finding("sqlserver-dac-part-damaged", Severity::blocker, error.message(),
                      "what is in it cannot be trusted", std::string(find_whole)));
}

void judge_document(std::string_view part, const Error& error, DacReport& report) {
  add(report, finding("sqlserver-dac-document", Severity::blocker,
                      fmt::format("part {} is not as packages have it: {}", part, error.message()),
                      "its bytes are those that were packed, and what they mean is not known here",
                      "Export again, with another release of SqlPackage."));
}

void judge_undecoded(std::string_view part, const Error& error, DacReport& report) {
  add(report, finding("sqlserver-dac-rows-damaged", Severity::blocker,
                      fmt::format("part {}: {}", part, error.message()),
                      "its bytes are those that were packed, and are no rows of the table that the "
                      "model describes",
                      std::string(find_whole)));
}

void judge_lost(const std::vector<std::string>& parts, DacReport& report) {
  if (parts.empty()) return;
  add(report, finding("sqlserver-dac-rows-of-no-table", Severity::blocker,
                      fmt::format("{} parts with rows are of no table of the model: {}",
                                  parts.size(), listed(parts)),
                      "these rows would be lost", std::string(find_whole)));
}

void judge_package(DacReport& report) {
  judge_model_checksum(report);
  if (!report.model) return;
  judge_types(report);
  if (!report.is_bacpac) return;
  judge_consistency(report);
  judge_left(report);
}

void judge_rows(DacReport& report) {
  const DacTally& tally = report.tally;
  if (!report.is_deep || !report.model || !report.is_bacpac) return;
  if (tally.large_rows > 0)
    add(report, finding("sqlserver-dac-large-rows", Severity::warning,
                        fmt::format("{} rows are too large to be read, as in {}", tally.large_rows,
                                    tally.large_in),
                        "their tables have no digests, and `migrate` refuses them",
                        "Import the package into SQL Server."));
  if (tally.undecodable > 0)
    add(report, finding("sqlserver-dac-undecodable", Severity::warning,
                        fmt::format("{} values are no text of their encoding, or of sql_variant in "
                                    "a form that is not known, as in {}",
                                    tally.undecodable, tally.undecodable_in),
                        "they are shown as bytes, and are compared so", ""));
  const bool is_read = std::ranges::all_of(
      report.tables, [](const DacRows& rows) { return rows.is_read || rows.parts.empty(); });
  if (!report.origin || (!is_read && tally.large_rows == 0)) return;
  if (!report.origin->rows) {
    add(report, finding("sqlserver-dac-rows-uncounted", Severity::note,
                        "Origin.xml does not say how many rows were exported",
                        "the list of parts tells that none is missing, and nothing else does", ""));
    return;
  }
  std::uint64_t rows = 0;
  for (const DacRows& one : report.tables) rows += one.rows;
  if (rows != *report.origin->rows)
    add(report, finding("sqlserver-dac-rows-differ", Severity::blocker,
                        fmt::format("tables have {} rows, and Origin.xml says {}", rows,
                                    *report.origin->rows),
                        "rows are missing, or are of another export", std::string(find_whole)));
}

}  // namespace holdfast::engine::sqlserver
