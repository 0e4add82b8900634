// SPDX-License-Identifier: Apache-2.0
// The table of schemes and the order of the wrappers.
#include "storage/open.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"
#include "base/hash.h"
#include "storage/cache.h"
#include "storage/limit.h"
#include "storage/local.h"
#include "storage/pacing.h"
#include "storage/retry.h"

namespace holdfast::storage {
namespace {

constexpr std::array<std::string_view, 5> names{"local", "memory", "retry", "limit", "cache"};

// Schemes of restic that have no driver yet.
constexpr std::array<std::string_view, 8> foreign_schemes{"sftp",  "rest", "s3",    "b2",
                                                          "azure", "gs",   "swift", "rclone"};

bool is_path(std::string_view location) noexcept {
  return location.starts_with('/') || location.starts_with("./") || location.starts_with("../") ||
         location.find(':') == std::string_view::npos;
}

std::unique_ptr<Storage> open_local(std::string_view path, const OpenOptions& options) {
  if (path.empty()) throw Error(Errc::usage, "the repository location names no directory");
  const unsigned connections =
      options.connections == 0 ? LocalStorage::default_connections : options.connections;
  OpenOptions without_cache = options;
  without_cache.cache_directory.clear();
  return wrap(std::make_unique<LocalStorage>(std::filesystem::path(path), connections),
              without_cache);
}

}  // namespace

std::span<const std::string_view> storage_names() noexcept {
  return names;
}

std::unique_ptr<Storage> wrap(std::unique_ptr<Storage> driver, const OpenOptions& options) {
  const Pacing pacing = real_pacing(options.stop);
  std::unique_ptr<Storage> storage = std::move(driver);
  const std::string key = to_hex(sha256(as_bytes(storage->location())));
  if (options.upload_bytes_per_second_max != 0 || options.download_bytes_per_second_max != 0) {
    storage = std::make_unique<LimitStorage>(
        std::move(storage),
        Rates{options.upload_bytes_per_second_max, options.download_bytes_per_second_max}, pacing);
  }
  // The order and its reasons: docs/adr/0005-retrying-is-done-below-the-cache.md.
  storage = std::make_unique<RetryStorage>(std::move(storage), pacing);
  if (!options.cache_directory.empty()) {
    storage = std::make_unique<CacheStorage>(std::move(storage), options.cache_directory / key);
  }
  return storage;
}

std::unique_ptr<Storage> open(std::string_view location, const OpenOptions& options) {
  if (location.empty()) {
    throw Error(Errc::usage, "no repository location is given")
        .set_hint("Name it with --repo, in the instance file, or in RESTIC_REPOSITORY.");
  }
  if (is_path(location)) return open_local(location, options);
  const std::string_view scheme = location.substr(0, location.find(':'));
  if (scheme == "local") return open_local(location.substr(scheme.size() + 1), options);
  if (std::find(foreign_schemes.begin(), foreign_schemes.end(), scheme) != foreign_schemes.end()) {
    throw Error(Errc::unsupported,
                fmt::format("repositories at {}: are not supported by this version", scheme))
        .set_hint("Use a directory, for example a mounted one.");
  }
  throw Error(Errc::usage, "the repository location has no scheme that is known")
      .set_hint("Write `local:` before a path that holds a colon.");
}

}  // namespace holdfast::storage
