// SPDX-License-Identifier: Apache-2.0
// Where the copy of an instance is read from: a snapshot, or a plain directory of the same layout.
// Restore, import and drill are the same for both.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "archive/snapshots.h"
#include "job/node_tree.h"
#include "model/copy_check.h"
#include "model/manifest.h"
#include "model/part.h"
#include "model/progress.h"
#include "repo/repository.h"

namespace holdfast::job {

// What of a set of files is not as its manifest has it, said for people; both are empty if all is.
struct ListingDifference {
  std::string expected, found;
};

class InstanceSource {
 public:
  virtual ~InstanceSource() = default;
  InstanceSource(const InstanceSource&) = delete;
  InstanceSource& operator=(const InstanceSource&) = delete;

  [[nodiscard]] const model::Manifest& manifest() const noexcept { return manifest_; }
  [[nodiscard]] virtual std::unique_ptr<model::PartSource> parts(
      const model::DatabaseFacts& facts) const = 0;

  // Fills in what is known only once the parts have been read; nothing for what is stored.
  virtual void complete(model::DatabaseFacts& /*facts*/, std::stop_token /*stop*/) const {}

  // Manifest::profile_facts; of what lives, with what the parts said once they have been read.
  [[nodiscard]] virtual Json profile_facts() const { return manifest_.profile_facts; }

  // Gives every row of every database to `tap`, which is asked for several tables at once, and
  // several times for one that comes in pieces; says what each database holds by its own account.
  // Errc::unsupported for what is stored.
  [[nodiscard]] virtual std::vector<model::DatabaseFacts> read_rows(const model::RowTap& tap,
                                                                    std::stop_token stop) const;

  // Nothing is read any more. Errc::not_consistent if what was read cannot be vouched for.
  virtual void release() const {}

  // Compares a set of files with what the manifest says of it, without restoring anything.
  [[nodiscard]] virtual ListingDifference compare_listing(const model::FilesFacts& files,
                                                          std::stop_token stop) const = 0;
  // The node at a place ("files/uploads/srv/app/files") and the directory it is in.
  // Errc::not_found.
  using Place = NodePlace;
  [[nodiscard]] virtual Place find(const std::string& place) const = 0;

  // Makes `target`, which is not there but whose parent is, what lies at the place, with all
  // metadata. With `verify` every file is read back. Items that fail are told to the observer; how
  // many.
  [[nodiscard]] virtual std::uint64_t restore(const std::string& place,
                                              const std::filesystem::path& target, bool verify,
                                              model::Observer& observer,
                                              std::stop_token stop) const = 0;

 protected:
  explicit InstanceSource(model::Manifest manifest) : manifest_(std::move(manifest)) {}
  [[nodiscard]] model::Manifest& own_manifest() noexcept { return manifest_; }

 private:
  model::Manifest manifest_;
};

// The snapshot whose root tree that is. The repository outlives the source; its index is loaded.
// `stop` is for what its parts() do. Errors as of load_instance_tree().
[[nodiscard]] std::unique_ptr<InstanceSource> open_instance_source(repo::Repository& repository,
                                                                   const format::Id& root_tree,
                                                                   std::stop_token stop = {});
// A directory made by `export`, or by restoring an instance's snapshot as files: it, or its only
// subdirectory, holds holdfast.json. Errc::not_found if neither does.
[[nodiscard]] std::unique_ptr<InstanceSource> open_instance_source(
    const std::filesystem::path& directory, std::stop_token stop = {});

// The instance's snapshot that `text` means: an id, a prefix, or "latest", which is the newest of
// `instance`, or else of the only instance in the repository, whichever host it is of: one that is
// not `host` is noted. Errc::usage naming the instances if there are several; Errc::not_found.
[[nodiscard]] archive::Snapshot find_instance_snapshot(repo::Repository& repository,
                                                       std::string_view text,
                                                       std::string_view instance,
                                                       std::string_view host,
                                                       model::Observer& observer);

}  // namespace holdfast::job
