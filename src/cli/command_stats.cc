// SPDX-License-Identifier: Apache-2.0
// stats: how much snapshots hold.
#include <fmt/format.h>

#include <array>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/snapshot_options.h"
#include "job/stats.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "mode",
           .kind = OptionKind::value,
           .value_name = "mode",
           .help = "what to count: restore-size, files-by-contents, blobs-per-file or raw-data "
                   "(default: restore-size)",
           .values = "restore-size files-by-contents blobs-per-file raw-data"},
};

// What compression did; 0 where nothing is compressed or the repository cannot.
struct Compression {
  explicit Compression(const archive::Statistics& statistics) {
    const auto share = [](std::uint64_t part, std::uint64_t whole) {
      return static_cast<double>(part) / static_cast<double>(whole);
    };
    if (statistics.compressed_stored_bytes > 0)
      ratio = share(statistics.compressed_plain_bytes, statistics.compressed_stored_bytes);
    if (statistics.uncompressed_bytes == 0) return;
    progress = share(statistics.compressed_plain_bytes, statistics.uncompressed_bytes) * 100;
    saving = (1 - share(statistics.size_bytes, statistics.uncompressed_bytes)) * 100;
  }
  double ratio = 0;     // how many times smaller what is compressed became
  double progress = 0;  // per cent of all that is compressed
  double saving = 0;    // per cent of all
};

Json statistics_json(const archive::Statistics& statistics, const Compression& compression) {
  Json json = Json::object();
  const auto set_unless_zero = [&json](std::string_view key, auto value) {
    if (value != 0) json.set(key, value);
  };
  json.set("total_size", statistics.size_bytes);
  set_unless_zero("total_uncompressed_size", statistics.uncompressed_bytes);
  set_unless_zero("compression_ratio", compression.ratio);
  set_unless_zero("compression_progress", compression.progress);
  set_unless_zero("compression_space_saving", compression.saving);
  set_unless_zero("total_file_count", statistics.files);
  set_unless_zero("total_blob_count", statistics.blobs);
  json.set("snapshots_count", statistics.snapshots);
  return json;
}

void print_text(Output& output, std::string_view mode, const archive::Statistics& statistics,
                const Compression& compression) {
  const auto line = [&](std::string_view what, const std::string& value) {
    output.line(fmt::format("{:>25}  {}", what, value));
  };
  const auto number = [&](std::string_view what, std::uint64_t value) {
    if (value != 0) line(what, std::to_string(value));
  };
  output.line(fmt::format("Stats in {} mode:", mode));
  line("Snapshots processed:", std::to_string(statistics.snapshots));
  number("Total Blob Count:", statistics.blobs);
  number("Total File Count:", statistics.files);
  if (statistics.uncompressed_bytes > 0)
    line("Total Uncompressed Size:", format_bytes(statistics.uncompressed_bytes));
  line("Total Size:", format_bytes(statistics.size_bytes));
  if (compression.progress > 0)
    line("Compression Progress:", fmt::format("{:.2f}%", compression.progress));
  if (compression.ratio > 0) line("Compression Ratio:", fmt::format("{:.2f}x", compression.ratio));
  if (compression.saving > 0)
    line("Compression Space Saving:", fmt::format("{:.2f}%", compression.saving));
}

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  job::StatsOptions stats;
  const std::string mode = arguments.value_or("mode", "restore-size");
  stats.mode = archive::parse_count_mode(mode);
  stats.ids = arguments.words();
  stats.filter = snapshot_filter(invocation);
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::plain);
  const archive::Statistics statistics = job::count_repository(
      invocation.job(), access, stats, progress->observer(), invocation.stop());
  progress->finish();
  Output& output = invocation.output();
  const Compression compression(statistics);
  if (output.json()) return output.json_line(statistics_json(statistics, compression));
  print_text(output, mode, statistics, compression);
}

}  // namespace

constinit const Command stats_command{
    .name = "stats",
    .group = VerbGroup::snapshots,
    .arguments = "[flags] [SNAPSHOT]...",
    .summary = "Count how much snapshots hold",
    .description =
        "Counts what all snapshots hold, or those that are named or that the filters take, in one "
        "of four ways:\n\n"
        "restore-size: everything that a restore of each snapshot would bring back; files that are "
        "linked to each other once a snapshot.\n\n"
        "files-by-contents: files of the same content once, wherever they are.\n\n"
        "blobs-per-file: as files-by-contents, but of a file that changed only what is new, as "
        "long as its path stays the same.\n\n"
        "raw-data: the blobs in the repository, as they are stored.",
    .options = {options, snapshot_filter_options},
    .run = run,
};

}  // namespace holdfast::cli
