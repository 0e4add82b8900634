// SPDX-License-Identifier: Apache-2.0
// The files of an instance in the places to which they were restored, found by where they lay when
// they were copied. Whatever a manifest says: nothing outside of what was restored is touched, and
// no symlink below it is followed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "job/restore_plan.h"
#include "model/profile.h"

namespace holdfast::job {

class RestoredFiles {
 public:
  explicit RestoredFiles(const RestorePlan& plan);

  // Empty if it is not below a restored path.
  [[nodiscard]] std::filesystem::path place_of(const std::string& path) const;
  // The content of a regular file of at most 16 MiB; nothing if there is none. Errc::corrupt if it
  // is larger.
  [[nodiscard]] std::optional<std::string> read(const std::string& path) const;
  // Makes the changes, durably; what each was, for people. A file that is changed keeps its owner
  // and mode; what is to go and is not there is gone already and not mentioned. Errc::not_found for
  // a file or link that was not restored and is to be other than it was.
  [[nodiscard]] std::vector<std::string> apply(const std::vector<model::FileChange>& changes) const;

 private:
  struct Found {
    std::filesystem::path root;   // a restored path
    std::filesystem::path below;  // clean and relative; empty: the root itself
  };
  [[nodiscard]] std::optional<Found> find(const std::string& path) const;

  std::vector<std::pair<std::string, std::filesystem::path>> paths_;  // where it lay, where it is
};

}  // namespace holdfast::job
