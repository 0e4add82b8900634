// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/load.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/sqlite/content.h"
#include "engine/sqlite/header.h"
#include "engine/sqlite/hold.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/location.h"
#include "engine/sqlite/switch.h"

namespace holdfast::engine::sqlite {
namespace {

constexpr std::string_view part_path = "data.db";
constexpr std::size_t step_bytes = 1U << 20U;

// Room for what is only needed while loading.
TemporaryDirectory working_directory(const LoadOptions& options) {
  return TemporaryDirectory("holdfast-sqlite", options.scratch_directory);
}

void write_stream(ByteSource& from, const std::filesystem::path& to, const std::stop_token& stop) {
  Fd file = open_file(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  Bytes buffer(step_bytes);
  while (true) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped writing {}", to.native()));
    const std::size_t count = from.read(buffer);
    if (count == 0) break;
    write_all(file.get(), ByteView(buffer).first(count), to.native());
  }
  file.close(to.native());
}

// Opens what was written, checks it, and compares it with what the manifest says of it.
model::DatabaseFacts prove(const std::filesystem::path& file, const model::DatabaseFacts& expected,
                           const std::stop_token& stop) {
  return in_context("proving what was restored", [&] {
    Connection connection(file, Access::immutable);
    connection.stop_with(stop);
    model::DatabaseFacts found;
    describe_content(connection, std::nullopt, found);
    const bool comparable = !expected.tables.empty() || !expected.objects.empty();
    const std::vector<std::string> lines =
        comparable ? differences(expected, found) : std::vector<std::string>{};
    if (!lines.empty()) {
      throw Error(Errc::differs,
                  fmt::format("{} differs from its manifest: {}", expected.name, lines.front()))
          .set_hint("Run `holdfast check --read-data` on the repository.");
    }
    return found;
  });
}

std::uint64_t count_rows(const model::DatabaseFacts& facts) {
  std::uint64_t rows = 0;
  for (const model::TableFacts& table : facts.tables) rows += table.rows;
  return rows;
}

Announce announcer(const LoadOptions& options) {
  if (options.before_change) return options.before_change;
  return [](std::string_view, const Json&) {};
}

// `fill` writes the database to the path it is given.
template <typename Fill>
LoadReport load_whole(const model::DatabaseFacts& facts, const std::filesystem::path& place,
                      const LoadOptions& options, const std::stop_token& stop, Fill&& fill) {
  const Announce announce = announcer(options);
  check_rule(!options.replace || !options.kept_suffix.empty(),
             "what is replaced is kept under another name");
  const std::filesystem::path kept = options.replace ? place.native() + options.kept_suffix : "";
  check_place(place, options.replace, kept);
  NewFile file(place, announce);
  fill(file.path());
  const model::DatabaseFacts found = prove(file.path(), facts, stop);
  LoadReport report;
  report.rows = count_rows(found);
  if (file.switch_in(facts.engine_facts, kept, announce)) {
    std::string files = shell_quote(kept.native());
    for (const auto& sibling : {wal_of(kept), journal_of(kept)}) {
      if (file_facts(sibling)) files += " " + shell_quote(sibling.native());
    }
    report.kept.push_back(fmt::format("{}; remove it with: rm -- {}", kept.native(), files));
  }
  return report;
}

class FileSegment final : public model::PartSink::Segment {
 public:
  explicit FileSegment(const std::filesystem::path& path)
      : path_(path), file_(open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)) {}
  void write(ByteView bytes) override { write_all(file_.get(), bytes, path_.native()); }
  void finish() override { file_.close(path_.native()); }

 private:
  std::filesystem::path path_;
  Fd file_;
};

// Takes the only part of a hold into a file.
class FilePart final : public model::PartSink {
 public:
  explicit FilePart(std::filesystem::path path) : path_(std::move(path)) {}
  [[nodiscard]] std::unique_ptr<Segment> segment(std::uint32_t /*number*/) override {
    return std::make_unique<FileSegment>(path_);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

LoadReport load_parts(const model::PartSource& parts, const model::DatabaseFacts& facts,
                      const std::filesystem::path& place, const LoadOptions& options,
                      const std::stop_token& stop) {
  const auto write_part = [&](const std::filesystem::path& to) {
    const std::unique_ptr<ByteSource> source = parts.open(part_path);
    write_stream(*source, to, stop);
  };
  if (options.tables.empty()) return load_whole(facts, place, options, stop, write_part);
  const TemporaryDirectory home = working_directory(options);
  const std::filesystem::path copy = home.path() / "source.db";
  write_part(copy);
  static_cast<void>(prove(copy, facts, stop));
  return load_tables(copy, place, options, stop);
}

LoadReport load_foreign_file(const std::filesystem::path& file, const std::filesystem::path& place,
                             const LoadOptions& options, const std::stop_token& stop) {
  const TemporaryDirectory home = working_directory(options);
  model::Endpoint endpoint;
  endpoint.component = file.filename();
  endpoint.engine = "sqlite";
  endpoint.uri = "sqlite:" + std::filesystem::absolute(file).native();
  HoldOptions hold_options;
  hold_options.scratch_directory = home.path();
  hold_options.stop = stop;
  const std::unique_ptr<Hold> hold = make_hold({&endpoint, 1}, hold_options);
  hold->capture();
  model::DatabaseFacts facts;
  facts.name = endpoint.component;
  hold->describe(0, facts, stop);
  facts.engine_facts =
      Json::object();  // whose file it was says nothing about whose the database shall be
  const auto write_part = [&](const std::filesystem::path& to) {
    FilePart sink(to);
    hold->copy(0, hold->parts(0).front(), sink, stop);
  };
  if (options.tables.empty()) {
    LoadReport report = load_whole(facts, place, options, stop, write_part);
    hold->release();
    return report;
  }
  const std::filesystem::path copy = home.path() / "source.db";
  write_part(copy);
  hold->release();
  return load_tables(copy, place, options, stop);
}

}  // namespace holdfast::engine::sqlite
