// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/bak_reader.h"

#include <algorithm>
#include <array>

#include "engine/sqlserver/bak/bak_findings.h"
#include "engine/sqlserver/bak/bak_walk.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::uint16_t vendor_microsoft_sql = 0x1200;

struct Walked {
  BakReport report;
  WalkEnd end;
};

Walked walk(model::RandomSource& file, bool deep, bool use_index, const std::stop_token& stop,
            const Growth& growth = {}) {
  BakInput input(file, use_index, stop, growth);
  Walked walked;
  BakReport& report = walked.report;
  report.size_bytes = file.size_bytes();
  report.is_compressed = input.is_compressed();
  report.container_version = input.container_version();
  report.is_deep = deep;
  walked.end = BakWalk(input, deep, report).run();
  if (growth) {
    for (std::uint64_t now = 0; (now = growth(report.size_bytes)) != report.size_bytes;)
      report.size_bytes = now;
  }
  if (walked.end.kind == WalkEnd::Kind::closed) walked.end.at = input.end_place();
  if (walked.end.kind == WalkEnd::Kind::cut) walked.end.at = report.size_bytes;
  report.records = input.counts();
  return walked;
}

// Other programs write the Tape Format too.
bool is_of_sql_server(const BakReport& report) {
  return report.is_compressed || report.tape.vendor == vendor_microsoft_sql ||
         report.tape.software.find("SQL Server") != std::string::npos;
}

// TAPE itself, even where its head is damaged.
bool is_tape_of_sql_server(model::RandomSource& file) {
  std::array<std::byte, 512> front{};
  const auto size_bytes = std::min<std::uint64_t>(front.size(), file.size_bytes());
  const auto bytes = std::span(front).first(static_cast<std::size_t>(size_bytes));
  file.read_at(0, bytes);
  if (!begins_as_bak(bytes)) return false;
  if (as_text(bytes).starts_with(compressed_magic)) return true;
  BakReport report;
  report.tape = parse_tape(bytes);
  return is_of_sql_server(report);
}

}  // namespace

std::uint16_t BakReport::stripe() const noexcept {
  if (!media) return 1;
  // Which of the two it is was not seen: the only genuine stripe is the first one.
  const std::uint16_t number = std::max(media->family, tape.sequence);
  return number >= 1 && number <= media->families ? number : std::uint16_t{1};
}

std::optional<BakReport> read_bak(model::RandomSource& file, bool deep,
                                  const std::stop_token& stop) {
  if (!is_tape_of_sql_server(file)) return std::nullopt;
  Walked walked = walk(file, deep, !deep, stop);
  // The index only saves time: what is damaged by its word is looked at without it.
  const bool by_index = walked.report.is_compressed && !deep;
  if (by_index && walked.end.kind != WalkEnd::Kind::closed) walked = walk(file, deep, false, stop);
  judge_bak(walked.end, walked.report);
  return std::move(walked.report);
}

std::optional<BakReport> read_growing_bak(model::RandomSource& file, const Growth& growth,
                                          const std::stop_token& stop) {
  if (!is_tape_of_sql_server(file)) return std::nullopt;
  Walked walked = walk(file, true, false, stop, growth);
  judge_bak(walked.end, walked.report);
  return std::move(walked.report);
}

}  // namespace holdfast::engine::sqlserver
