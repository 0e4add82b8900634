// SPDX-License-Identifier: Apache-2.0
// From a repository location to an open repository, with the storage wrappers of storage/open.h.
// The only way in for jobs; tests hand in a storage of their own through `wrap`.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "repo/repository.h"
#include "storage/open.h"

namespace holdfast::repo {

struct Location {
  std::string url;  // "local:/srv/backup", "/srv/backup"
  storage::OpenOptions storage;
  std::filesystem::path
      cache_base;  // "~/.cache/restic" style; empty: no cache. Of local repositories no copies
                   // lie there, but the index of any that is too large for memory
  // Wraps the storage once it is opened; for fault tests. Empty: as is.
  std::function<std::unique_ptr<storage::Storage>(std::unique_ptr<storage::Storage>)> wrap;
};

[[nodiscard]] std::unique_ptr<Repository> open(const Location& location, const Secret& password,
                                               std::string_view key_hint);
[[nodiscard]] std::unique_ptr<Repository> init(const Location& location, const Secret& password,
                                               const Repository::InitOptions& options);

}  // namespace holdfast::repo
