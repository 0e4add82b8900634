// SPDX-License-Identifier: Apache-2.0
// repair packs: saves what is sound in damaged packs.
#include <fmt/format.h>

#include "base/error.h"
#include "base/path.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/text.h"
#include "job/repair.h"

namespace holdfast::cli {

namespace {

void print_json(Output& output, const repo::PackRepairReport& report) {
  Json line = Json::object();
  line.set("message_type", "summary");
  line.set("packs_removed", report.packs);
  line.set("blobs_saved", report.blobs_saved);
  line.set("bytes_saved", report.bytes_saved);
  line.set("blobs_elsewhere", report.blobs_elsewhere);
  Json lost = Json::array();
  for (const format::BlobHandle& blob : report.lost) {
    lost.push(
        Json::object().set("type", format::blob_type_name(blob.type)).set("id", blob.id.hex()));
  }
  line.set("blobs_lost", lost);
  output.json_line(line);
}

void print_text(Output& output, const repo::PackRepairReport& report) {
  output.message(fmt::format("saved {} ({}), {} were in other packs; removed {}",
                             counted(report.blobs_saved, "blob"), format_bytes(report.bytes_saved),
                             report.blobs_elsewhere, counted(report.packs, "pack")));
  if (report.lost.empty()) return;
  output.error_line("Lost blobs:");
  for (const format::BlobHandle& blob : report.lost) {
    output.error_line(fmt::format("  {} {}", format::blob_type_name(blob.type), blob.id.hex()));
  }
}

void run(Invocation& invocation) {
  job::PackRepairJobOptions repair;
  repair.packs = invocation.arguments().words();
  repair.copies = absolute_path(".");
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::plain);
  const repo::PackRepairReport report =
      job::repair_packs(invocation.job(), access, repair, progress->observer(), invocation.stop());
  progress->finish();
  Output& output = invocation.output();
  if (output.json()) {
    print_json(output, report);
  } else {
    print_text(output, report);
  }
  if (report.lost.empty()) return;
  Error error(Errc::incomplete, counted(report.lost.size(), "blob") + " could not be saved");
  error.set_hint(
      "Back the same sources up again: what is still there is stored anew. Then `holdfast repair "
      "snapshots --forget` takes what stays lost out of the snapshots.");
  throw error;
}

}  // namespace

constinit const Command repair_packs_command{
    .name = "repair packs",
    .group = VerbGroup::repository,
    .arguments = "[flags] PACK...",
    .summary = "Save what is sound in damaged packs",
    .description =
        "Stores again what can still be read in the packs of these ids, which `holdfast check "
        "--read-data` names, then makes an index without them and removes them. Before that each "
        "is copied as it is to the working directory, as pack-ID. What cannot be read in any pack "
        "is named.",
    .run = run,
};

}  // namespace holdfast::cli
