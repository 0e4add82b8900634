// SPDX-License-Identifier: Apache-2.0
#include "job/files_backup.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "archive/stream_saver.h"
#include "archive/tree_builder.h"
#include "base/crew.h"
#include "base/error.h"
#include "base/path.h"
#include "base/process.h"
#include "job/snapshots.h"
#include "repo/blob_writer.h"

namespace holdfast::job {

namespace {

constexpr std::size_t copy_bytes = std::size_t{1} << 20U;

// The paths that can be looked at; the others are reported as failed items.
std::vector<std::string> existing_paths(const std::vector<std::string>& paths,
                                        model::Observer& observer, FilesBackupReport& report) {
  std::vector<std::string> existing;
  for (const std::string& path : paths) {
    struct ::stat status {};
    if (::lstat(path.c_str(), &status) == 0) {
      existing.push_back(path);
      continue;
    }
    const bool is_absent = errno == ENOENT || errno == ENOTDIR;
    ++observer.errors;
    ++report.items_failed;
    observer.item_failed(
        path, "scan",
        fmt::format("{} {}, skipped", path, is_absent ? "does not exist" : "cannot be accessed"));
    report.missing.push_back(path);
  }
  if (existing.empty())
    throw Error(Errc::not_found, "none of the source files and directories exists");
  return existing;
}

format::SnapshotFile new_snapshot(const Environment& environment, const SnapshotLabels& labels,
                                  const Timestamp& begun, std::vector<std::string> paths) {
  format::SnapshotFile snapshot;
  snapshot.time = labels.time.value_or(begun);
  snapshot.paths = std::move(paths);
  snapshot.hostname = labels.hostname.empty() ? environment.hostname : labels.hostname;
  snapshot.username = environment.username;
  snapshot.uid = environment.uid;
  snapshot.gid = environment.gid;
  snapshot.tags = labels.tags;
  snapshot.program_version = program_version_text();
  return snapshot;
}

void add_totals(format::SnapshotSummary& summary, const repo::WriterTotals& totals) {
  summary.data_blobs = totals.data_blobs;
  summary.tree_blobs = totals.tree_blobs;
  summary.data_added = totals.data_bytes + totals.tree_bytes;
  summary.data_added_packed = totals.stored_bytes;
}

// What a backup holds open from its start to its snapshot.
struct Run {
  Run(const Environment& of, const RepositoryAccess& access, bool dry_run, std::stop_source& stop)
      : environment(of), begun(of.clock->now()) {
    RepositoryAccess used = access;
    used.no_lock = dry_run;  // writers hold a lock, whatever --no-lock says
    opened = open_repository(environment, used, LockMode::shared, stop);
  }

  // Makes everything saved durable, then writes the snapshot that names it: the last step.
  void commit(repo::BlobWriter& writer, format::SnapshotFile& snapshot, FilesBackupReport& report,
              const std::stop_token& stop) {
    writer.finish();
    add_totals(report.summary, writer.totals());
    report.summary.backup_start = begun;
    report.summary.backup_end = environment.clock->now();
    snapshot.summary = report.summary;
    if (report.dry_run) return;
    if (stop.stop_requested())
      throw Error(Errc::cancelled, "interrupted before the snapshot was written");
    report.snapshot = archive::save_snapshot(*opened.repository, opened.lock.get(), snapshot);
  }

  const Environment& environment;
  const Timestamp begun;
  OpenedRepository opened;
};

std::optional<archive::Snapshot> choose_parent(repo::Repository& repository,
                                               const FilesBackupOptions& options,
                                               const format::SnapshotFile& snapshot,
                                               model::Observer& observer) {
  if (options.archive.force) return std::nullopt;
  if (!options.parent.empty()) {
    archive::SnapshotFilter filter;
    filter.hosts = {snapshot.hostname};
    filter.paths = snapshot.paths;
    return archive::find_snapshot(repository, options.parent, filter).snapshot;
  }
  return archive::find_parent(readable_snapshots(repository, observer), snapshot, options.group_by);
}

void copy_counts(format::SnapshotSummary& summary, const archive::ArchiveCounts& counts) {
  summary.files_new = counts.files_new;
  summary.files_changed = counts.files_changed;
  summary.files_unmodified = counts.files_unmodified;
  summary.dirs_new = counts.dirs_new;
  summary.dirs_changed = counts.dirs_changed;
  summary.dirs_unmodified = counts.dirs_unmodified;
  summary.total_files_processed = counts.files_new + counts.files_changed + counts.files_unmodified;
  summary.total_bytes_processed = counts.bytes_processed;
}

archive::ArchivedTree save_files(Run& run, repo::BlobWriter& writer,
                                 const std::vector<std::string>& paths,
                                 const FilesBackupOptions& options,
                                 const archive::ArchiveOptions& archive, model::Observer& observer,
                                 const std::stop_token& stop) {
  Crew scanner;
  if (options.scan) {
    scanner.start([&](const std::stop_token& end) {
      // The scan ends with the run or with the crew, whichever stops first.
      std::stop_source both;
      const std::stop_callback from_run(stop, [&] { both.request_stop(); });
      const std::stop_callback from_crew(end, [&] { both.request_stop(); });
      archive::scan_paths(paths, archive, observer, both.get_token());
      if (both.stop_requested()) return;
      observer.totals_known = true;
      observer.phase("scan finished");
    });
  }
  archive::ArchivedTree tree =
      archive::save_paths(*run.opened.repository, writer, paths, archive, observer, stop);
  scanner.join();
  return tree;
}

}  // namespace

FilesBackupReport backup_files(const Environment& environment, const RepositoryAccess& access,
                               const FilesBackupOptions& options, model::Observer& observer,
                               std::stop_source& stop) {
  FilesBackupReport report;
  report.dry_run = options.labels.dry_run;
  const std::vector<std::string> paths = existing_paths(options.paths, observer, report);
  Run run(environment, access, options.labels.dry_run, stop);
  repo::Repository& repository = *run.opened.repository;
  std::vector<std::string> absolute;
  for (const std::string& path : paths) absolute.push_back(absolute_path(path));
  format::SnapshotFile snapshot =
      new_snapshot(environment, options.labels, run.begun, std::move(absolute));
  snapshot.excludes = options.excludes;

  const auto parent = choose_parent(repository, options, snapshot, observer);
  archive::ArchiveOptions archive = options.archive;
  if (parent) {
    report.parent = parent->id;
    snapshot.parent = parent->id;
    archive.parent_tree = parent->file.tree;
    observer.note(fmt::format("using parent snapshot {}", parent->id.short_hex()));
  } else {
    observer.note("no parent snapshot found, will read all files");
  }
  observer.phase("load index files");
  repository.load_index_for_writing(observer);

  repo::BlobWriter writer(repository, make_writer_options(environment, access, report.dry_run),
                          run.opened.lock.get());
  observer.phase("start backup");
  const archive::ArchivedTree tree =
      save_files(run, writer, paths, options, archive, observer, stop.get_token());
  copy_counts(report.summary, tree.counts);
  report.items_failed += tree.counts.items_failed;
  snapshot.tree = tree.tree;
  if (options.skip_if_unchanged && parent && parent->file.tree == tree.tree) {
    writer.finish();
    add_totals(report.summary, writer.totals());
    report.summary.backup_start = run.begun;
    report.summary.backup_end = environment.clock->now();
    return report;
  }
  run.commit(writer, snapshot, report, stop.get_token());
  return report;
}

FilesBackupReport backup_stream(const Environment& environment, const RepositoryAccess& access,
                                const StreamBackupOptions& options, model::Observer& observer,
                                std::stop_source& stop) {
  FilesBackupReport report;
  report.dry_run = options.labels.dry_run;
  const std::string path = ("/" / std::filesystem::path(options.path)).lexically_normal().string();
  if (path == "/" || path.ends_with('/')) {
    throw Error(Errc::usage, fmt::format("\"{}\" is not a file name", options.path));
  }
  Run run(environment, access, options.labels.dry_run, stop);
  repo::Repository& repository = *run.opened.repository;
  format::SnapshotFile snapshot = new_snapshot(environment, options.labels, run.begun, {path});
  observer.phase("load index files");
  repository.load_index_for_writing(observer);
  repo::BlobWriter writer(repository, make_writer_options(environment, access, report.dry_run),
                          run.opened.lock.get());

  observer.phase("read data");
  observer.item_begun(path);
  std::optional<ChildSource> child;
  if (!options.command.empty()) {
    Command command;
    command.argv = options.command;
    child.emplace(command, stop.get_token());
  }
  ByteSource& source = child ? static_cast<ByteSource&>(*child) : *options.source;
  archive::StreamSaver saver(repository, writer, format::restic_chunks, cores_available());
  Bytes buffer;
  buffer.resize(copy_bytes);
  while (const std::size_t count = source.read(buffer)) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while reading the stream");
    saver.write(ByteView(buffer).first(count));
    observer.bytes_done += count;
  }
  if (child) {
    const int exit_code = child->wait();
    if (exit_code != 0) {
      Error error(Errc::failed_child,
                  fmt::format("the command {} ended with exit code {}, so no snapshot was written",
                              display(options.command), exit_code));
      if (!child->errors().empty()) error.set_hint(fmt::format("It said: {}", child->errors()));
      throw error;
    }
  }
  const archive::SavedStream stream = saver.finish();
  archive::TreeBuilder tree(snapshot.time);
  tree.add_file(path.substr(1), stream, 0644);
  repo::BlobWriter::Worker worker(repository);
  snapshot.tree = tree.save(writer, worker);
  ++observer.files_done;
  observer.item_done({.item = path, .data_size = stream.new_bytes});

  report.summary.files_new = 1;
  report.summary.dirs_new =
      static_cast<std::uint64_t>(std::count(path.begin() + 1, path.end(), '/'));
  report.summary.total_files_processed = 1;
  report.summary.total_bytes_processed = stream.size_bytes;
  run.commit(writer, snapshot, report, stop.get_token());
  return report;
}

}  // namespace holdfast::job
