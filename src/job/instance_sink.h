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
#include <vector>

#include "archive/archiver.h"
#include "archive/destinations.h"
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
  // Saves holdfast.json. Errc::unsupported if it could not be read back.
  virtual void save_manifest(model::Manifest& manifest);
  // What has been saved of a database's trees. The sink outlives it, and saves nothing meanwhile.
  [[nodiscard]] virtual std::unique_ptr<model::PartSource> parts(
      const model::DatabaseFacts& facts) = 0;
  // Reading those failed so: whether parts() has them from elsewhere, to be tried again.
  [[nodiscard]] virtual bool reads_elsewhere(const Error& /*failure*/) { return false; }

  // What is shown the files that are saved from now on; outlives the saving. None: nullptr.
  void show_files_to(model::CopyCheck* check) noexcept { check_ = check; }

 protected:
  InstanceSink() = default;
  [[nodiscard]] model::CopyCheck* check() const noexcept { return check_; }

 private:
  model::CopyCheck* check_ = nullptr;
};

// Into a snapshot of each repository. One that fails takes nothing more, and the others go on; the
// last one's Error goes on to the caller.
class RepositorySink final : public InstanceSink {
 public:
  // What it needs of one of the destinations; all of it outlives the sink.
  struct Place {
    OpenedRepository* opened;
    repo::WriterOptions writer_options;
    std::optional<format::Id> parent;  // root tree of the instance's last snapshot there
    std::stop_token stop;              // cancels what is being written there
  };
  // `places`: by destination. `destinations` outlives the sink, which gives them their writers.
  RepositorySink(const Environment& environment, archive::Destinations& destinations,
                 std::vector<Place> places, std::string instance_directory, bool scrub,
                 model::Observer& observer);
  ~RepositorySink() override;
  std::uint64_t save_part(engine::Hold& hold, std::size_t database, const model::Part& part,
                          const std::string& place, std::stop_token stop) override;
  void save_files(const model::FilesSettings& settings, bool warm_up, model::FilesFacts& facts,
                  std::stop_token stop) override;
  void save_text(const std::string& place, std::string_view text) override;
  // In each repository the hashes of listings are those of its own trees, which name blobs; the
  // caller's manifest has the first open one's in the end.
  void save_manifest(model::Manifest& manifest) override;
  [[nodiscard]] std::unique_ptr<model::PartSource> parts(
      const model::DatabaseFacts& facts) override;
  [[nodiscard]] bool reads_elsewhere(const Error& failure) override;

  // Saves the directories above; everything is then stored where the destination is still open.
  void finish();
  // After finish(), of an open one: the snapshot's root tree.
  [[nodiscard]] const format::Id& root(std::size_t destination) const;
  [[nodiscard]] const repo::WriterTotals& totals(std::size_t destination) const;
  [[nodiscard]] const archive::ArchiveCounts& counts(std::size_t destination) const;

 private:
  struct Side;
  // Stores what is still open, so that it can be read, and goes on with new writers.
  void flush();
  void start_writers();
  [[nodiscard]] std::vector<std::optional<format::Id>> parent_trees(const std::string& directory);
  void list_trees(model::FilesFacts& facts, const std::stop_token& stop);
  void show(repo::Repository& repository, const std::string& path, const format::Node& node) const;

  archive::Destinations& destinations_;
  std::string directory_;
  bool scrub_;
  model::Observer& observer_;
  Clock& clock_;
  std::mutex mutex_;                          // guards the builders and the changing of writers
  std::vector<std::unique_ptr<Side>> sides_;  // by destination
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
