// SPDX-License-Identifier: Apache-2.0
// Where an instance's copy goes: a snapshot, or a plain directory. The order of a backup is the
// same for both.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "archive/archiver.h"
#include "archive/tree_builder.h"
#include "engine/engine.h"
#include "job/environment.h"
#include "model/copy_check.h"
#include "model/instance.h"
#include "model/manifest.h"

namespace holdfast::job {

// Paths are relative to the instance's directory. Parts may be saved by several threads at once;
// the rest is called by one.
class InstanceSink {
 public:
  virtual ~InstanceSink() = default;
  InstanceSink(const InstanceSink&) = delete;
  InstanceSink& operator=(const InstanceSink&) = delete;

  // Lets `hold` write one stream part to `place`; returns its size in bytes.
  virtual std::uint64_t save_part(engine::Hold& hold, std::size_t database, const model::Part& part,
                                  const std::string& place, std::stop_token stop) = 0;
  // Saves a set of files below facts.directory and fills counts, paths and what could not be read.
  // With `warm_up` everything is read and stored, but belongs to no snapshot yet: the real pass
  // then finds little left to do.
  virtual void save_files(const model::FilesSettings& settings, bool warm_up,
                          model::FilesFacts& facts, std::stop_token stop) = 0;
  virtual void save_text(const std::string& place, std::string_view text) = 0;
  // What has been saved of a database's trees. The sink outlives it, and saves nothing meanwhile.
  [[nodiscard]] virtual std::unique_ptr<model::PartSource> parts(
      const model::DatabaseFacts& facts) = 0;

  // What is shown the files that are saved from now on; outlives the saving. None: nullptr.
  void show_files_to(model::CopyCheck* check) noexcept { check_ = check; }

 protected:
  InstanceSink() = default;
  [[nodiscard]] model::CopyCheck* check() const noexcept { return check_; }

 private:
  model::CopyCheck* check_ = nullptr;
};

// Into a snapshot.
class RepositorySink final : public InstanceSink {
 public:
  // `parent`: root tree of the instance's last snapshot, for change detection. All outlive the
  // sink. A stop request cancels what is being written.
  RepositorySink(const Environment& environment, OpenedRepository& opened,
                 const repo::WriterOptions& writer_options, std::string instance_directory,
                 std::optional<format::Id> parent, bool scrub, model::Observer& observer,
                 std::stop_token stop);
  ~RepositorySink() override;
  std::uint64_t save_part(engine::Hold& hold, std::size_t database, const model::Part& part,
                          const std::string& place, std::stop_token stop) override;
  void save_files(const model::FilesSettings& settings, bool warm_up, model::FilesFacts& facts,
                  std::stop_token stop) override;
  void save_text(const std::string& place, std::string_view text) override;
  [[nodiscard]] std::unique_ptr<model::PartSource> parts(
      const model::DatabaseFacts& facts) override;

  // Saves the directories above and returns the snapshot's root tree; everything is then stored.
  [[nodiscard]] format::Id finish();
  [[nodiscard]] const repo::WriterTotals& totals() const noexcept { return totals_; }
  [[nodiscard]] const archive::ArchiveCounts& counts() const noexcept { return counts_; }

 private:
  // Stores what is still open, so that it can be read, and goes on with a new writer.
  void flush();
  void start_writer();
  void show(const std::string& path, const format::Node& node) const;

  repo::Repository& repository_;
  repo::Lock* lock_;
  repo::WriterOptions writer_options_;
  std::string directory_;
  std::optional<format::Id> parent_;
  bool scrub_;
  model::Observer& observer_;
  Clock& clock_;
  std::mutex mutex_;  // guards builder_ and the changing of writer_
  archive::TreeBuilder builder_;
  std::unique_ptr<repo::BlobWriter> writer_;
  repo::WriterTotals totals_;
  bool cancelled_ = false;  // guarded by mutex_
  archive::ArchiveCounts counts_;
  std::map<std::string, format::Id> warm_;            // trees of the warm-up, by place
  std::map<std::string, format::Id> saved_;           // and of the real pass
  std::stop_callback<std::function<void()>> cancel_;  // last: it uses the others
};

// Into a directory of plain files.
class DirectorySink final : public InstanceSink {
 public:
  DirectorySink(const Environment& environment, std::filesystem::path directory,
                model::Observer& observer);
  std::uint64_t save_part(engine::Hold& hold, std::size_t database, const model::Part& part,
                          const std::string& place, std::stop_token stop) override;
  void save_files(const model::FilesSettings& settings, bool warm_up, model::FilesFacts& facts,
                  std::stop_token stop) override;
  void save_text(const std::string& place, std::string_view text) override;
  [[nodiscard]] std::unique_ptr<model::PartSource> parts(
      const model::DatabaseFacts& facts) override;

 private:
  std::filesystem::path directory_;
  model::Observer& observer_;
  Clock& clock_;
};

}  // namespace holdfast::job
