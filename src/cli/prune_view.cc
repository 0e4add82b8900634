// SPDX-License-Identifier: Apache-2.0
#include "cli/prune_view.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

struct Sums {
  std::uint64_t blobs_total, blobs_gone, bytes_total, bytes_gone, bytes_left_unused;
};

Sums sums_of(const repo::PruneReport& report) {
  Sums sums{};
  sums.blobs_total = report.blobs_used + report.blobs_duplicate + report.blobs_unused;
  sums.blobs_gone = report.blobs_removed + report.blobs_repack_removed;
  sums.bytes_total =
      report.bytes_used + report.bytes_duplicate + report.bytes_unused + report.bytes_unreferenced;
  sums.bytes_gone = report.bytes_removed + report.bytes_repack_removed + report.bytes_unreferenced;
  sums.bytes_left_unused =
      report.bytes_remaining > report.bytes_used ? report.bytes_remaining - report.bytes_used : 0;
  return sums;
}

Json blobs_json(const repo::PruneReport& report, const Sums& sums) {
  Json json = Json::object();
  json.set("used", report.blobs_used);
  json.set("duplicate", report.blobs_duplicate);
  json.set("unused", report.blobs_unused);
  json.set("total", sums.blobs_total);
  json.set("repack", report.blobs_repacked);
  json.set("repack_remove", report.blobs_repack_removed);
  json.set("remove", report.blobs_removed);
  json.set("remove_total", sums.blobs_gone);
  json.set("remaining", report.blobs_remaining);
  return json;
}

Json bytes_json(const repo::PruneReport& report, const Sums& sums) {
  Json json = Json::object();
  json.set("used", report.bytes_used);
  json.set("duplicate", report.bytes_duplicate);
  json.set("unused", report.bytes_unused);
  json.set("unreferenced", report.bytes_unreferenced);
  json.set("uncompressed", report.bytes_uncompressed);
  json.set("total", sums.bytes_total);
  json.set("repack", report.bytes_repacked);
  json.set("repack_remove", report.bytes_repack_removed);
  json.set("remove", report.bytes_removed);
  json.set("remove_total", sums.bytes_gone);
  json.set("remaining", report.bytes_remaining);
  json.set("remaining_unused", sums.bytes_left_unused);
  return json;
}

Json packs_json(const repo::PruneReport& report) {
  Json json = Json::object();
  json.set("used", report.packs_used);
  json.set("unused", report.packs_unused);
  json.set("partly_used", report.packs_partly_used);
  json.set("unreferenced", report.packs_unreferenced);
  json.set("total", report.packs_used + report.packs_partly_used + report.packs_unused +
                        report.packs_unreferenced);
  json.set("keep", report.packs_kept);
  json.set("repack", report.packs_repacked);
  json.set("remove", report.packs_removed);
  // Without those that are packed anew, as restic counts.
  json.set("remove_total", report.packs_removed + report.packs_unreferenced);
  return json;
}

void print_text(Output& output, const repo::PruneReport& report, const Sums& sums, bool dry_run) {
  const auto row = [](std::string_view name, std::uint64_t blobs, std::uint64_t bytes) {
    return fmt::format("{:<14}{:10} blobs / {}", name, blobs, format_bytes(bytes));
  };
  if (dry_run) output.message("A dry run; these changes would be made:");
  output.detail(row("used:", report.blobs_used, report.bytes_used));
  if (report.blobs_duplicate > 0)
    output.detail(row("duplicates:", report.blobs_duplicate, report.bytes_duplicate));
  output.detail(row("unused:", report.blobs_unused, report.bytes_unused));
  if (report.bytes_unreferenced > 0) {
    output.detail(fmt::format("{:<14}{:>19}{}", "unreferenced:", "",
                              format_bytes(report.bytes_unreferenced)));
  }
  output.detail(row("total:", sums.blobs_total, sums.bytes_total));
  output.detail(
      fmt::format("unused size: {} of total size",
                  format_percent(report.bytes_duplicate + report.bytes_unused, sums.bytes_total)));
  output.message(row("to repack:", report.blobs_repacked, report.bytes_repacked));
  output.message(row("this removes:", report.blobs_repack_removed, report.bytes_repack_removed));
  output.message(
      row("to delete:", report.blobs_removed, report.bytes_removed + report.bytes_unreferenced));
  output.message(row("total prune:", sums.blobs_gone, sums.bytes_gone));
  if (report.bytes_uncompressed > 0) {
    output.message(fmt::format("not yet compressed: {}", format_bytes(report.bytes_uncompressed)));
  }
  output.message(row("remaining:", report.blobs_remaining, report.bytes_remaining));
  output.message(fmt::format("unused size after prune: {} ({} of remaining size)",
                             format_bytes(sums.bytes_left_unused),
                             format_percent(sums.bytes_left_unused, report.bytes_remaining)));
  output.detail(fmt::format("totally used packs: {:10}", report.packs_used));
  output.detail(fmt::format("partly used packs:  {:10}", report.packs_partly_used));
  output.detail(fmt::format("unused packs:       {:10}", report.packs_unused));
  output.detail(fmt::format("to keep:      {:10} packs", report.packs_kept));
  output.detail(fmt::format("to repack:    {:10} packs", report.packs_repacked));
  output.detail(fmt::format("to delete:    {:10} packs", report.packs_removed));
  if (report.packs_unreferenced > 0) {
    output.detail(fmt::format("to delete:    {:10} unreferenced packs", report.packs_unreferenced));
  }
  if (report.leftover_files > 0) {
    output.message(fmt::format("temporary files of interrupted writes {}: {} ({})",
                               dry_run ? "to remove" : "removed", report.leftover_files,
                               format_bytes(report.leftover_bytes)));
  }
}

}  // namespace

repo::PruneOptions read_prune_options(const Arguments& arguments) {
  repo::PruneOptions prune;
  if (const auto limit = arguments.value("max-unused")) {
    prune.max_unused =
        in_context("reading --max-unused", [&] { return repo::parse_max_unused(*limit); });
  }
  if (const auto size = arguments.value("max-repack-size")) {
    prune.repack_bytes_max =
        in_context("reading --max-repack-size", [&] { return parse_size_bytes(*size); });
  }
  prune.repack_cacheable_only = arguments.flag("repack-cacheable-only");
  if (const auto size = arguments.value("repack-smaller-than")) {
    prune.repack_smaller_than_bytes =
        in_context("reading --repack-smaller-than", [&] { return parse_size_bytes(*size); });
    if (prune.repack_smaller_than_bytes == 0U)
      throw Error(Errc::usage, "--repack-smaller-than must be above 0");
  }
  prune.repack_uncompressed = arguments.flag("repack-uncompressed");
  if (prune.repack_uncompressed && arguments.value_or("compression", "auto") == "off") {
    throw Error(Errc::usage,
                "--repack-uncompressed cannot be used together with --compression off");
  }
  return prune;
}

void print_prune_report(Output& output, const repo::PruneReport& report, bool dry_run) {
  const Sums sums = sums_of(report);
  if (!output.json()) return print_text(output, report, sums, dry_run);
  Json line = Json::object();
  line.set("message_type", "summary");
  line.set("blobs", blobs_json(report, sums));
  line.set("bytes", bytes_json(report, sums));
  line.set("packfiles", packs_json(report));
  line.set("leftovers",
           Json::object().set("files", report.leftover_files).set("bytes", report.leftover_bytes));
  output.json_line(line);
}

}  // namespace holdfast::cli
