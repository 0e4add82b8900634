// SPDX-License-Identifier: Apache-2.0
// Exports that somebody else writes into files, a server of 2.x or a program of the vendor's, as a
// stream: the files are pipes with a name, so that nothing is on disk. Whoever writes waits for
// whoever reads. Where he cannot write into a pipe of ours they are plain files, read once they are
// written.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/bytes.h"
#include "base/stream.h"
#include "engine/typedb/migrator.h"

namespace holdfast::engine::typedb {

// A schema has no more bytes.
inline constexpr std::size_t schema_bytes_max = 64U << 20U;

struct PipeOptions {
  std::filesystem::path scratch_directory;  // empty: TMPDIR, else /var/tmp
  // Whom the pipes belong to: the server's user, where it is not ours, and we may give them away.
  std::optional<uid_t> writer;
};

// Makes somebody write both files, and returns when he is done; runs on a thread of its own. What
// it throws ends the export.
using FileWriter = std::function<void(const JobFiles& files, const std::stop_token& stop)>;

// An export while it is written. One thread at a time. Memory: two megabytes. What is not read to
// its end is ended by the destructor, which waits for whoever writes.
class RunningExport : public ByteSource {
 public:
  // Waits until the server has its snapshot: that shows when more than the header is written, or
  // when all is. False at the deadline. The writer's failure; Errc::cancelled.
  //
  // Source: typedb/typedb, migrator/DataExporter.java of 2.0.0 to 2.18.0, DatabaseExporter.java of
  // 2.29.1: the schema's file is closed before that of the data is opened; the header is in a
  // buffer of 8 KiB before the transaction is opened.
  [[nodiscard]] virtual bool wait_for_snapshot(std::chrono::steady_clock::time_point deadline) = 0;
  // From then on: how the data begin, the header at least; and what was written as schema, whole,
  // empty if nothing was.
  [[nodiscard]] virtual ByteView start() const = 0;
  [[nodiscard]] virtual const std::string& schema() const = 0;
  // What ends waiting from now on.
  void obey(std::stop_token stop) { stop_ = std::move(stop); }

 protected:
  [[nodiscard]] const std::stop_token& stop() const noexcept { return stop_; }

 private:
  std::stop_token stop_;
};

// Into pipes in a directory of their own.
[[nodiscard]] std::unique_ptr<RunningExport> export_through_pipes(FileWriter write,
                                                                  const PipeOptions& options);
// Into these files, which are removed at its end. Whoever writes when it is ended early is not
// stopped by that. What another host writes may be seen late: `has_snapshot` becomes true when the
// server says so itself.
[[nodiscard]] std::unique_ptr<RunningExport> export_into_files(
    FileWriter write, JobFiles files, std::shared_ptr<const std::atomic<bool>> has_snapshot);

// What was written as data goes to `data`; gives what was written as schema, empty if nothing was.
// The writer's failure comes before ours. Errc::cancelled soon after a stop request.
[[nodiscard]] std::string stream_files(const FileWriter& write, const PipeOptions& options,
                                       ByteSink& data, const std::stop_token& stop);

}  // namespace holdfast::engine::typedb
