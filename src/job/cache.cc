// SPDX-License-Identifier: Apache-2.0
#include "job/cache.h"

#include <sys/stat.h>

#include <algorithm>
#include <system_error>

#include "base/error.h"

namespace holdfast::job {

namespace fs = std::filesystem;

namespace {

bool is_cache_name(std::string_view name) {
  constexpr std::string_view of_checks = "restic-check-cache-";
  if (name.starts_with(of_checks)) {
    name.remove_prefix(of_checks.size());
    return !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
  }
  return name.size() == 64 &&
         name.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// Of the files below; what vanishes meanwhile counts for nothing.
std::uint64_t size_of(const fs::path& directory) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    const bool is_file = at->symlink_status(gone).type() == fs::file_type::regular;
    const std::uint64_t size = is_file ? at->file_size(gone) : 0;
    if (!gone) sum += size;
  }
  return sum;
}

}  // namespace

std::vector<CacheDirectory> list_caches(const Environment& environment, const fs::path& base,
                                        std::chrono::hours age_max, bool with_sizes) {
  std::vector<CacheDirectory> caches;
  const Timestamp now = environment.clock->now();
  std::error_code error;
  fs::directory_iterator at(base, error);
  for (const fs::directory_iterator end; !error && at != end; at.increment(error)) {
    CacheDirectory cache;
    cache.name = at->path().filename().string();
    struct stat status {};
    if (!is_cache_name(cache.name) || ::lstat(at->path().c_str(), &status) != 0 ||
        !S_ISDIR(status.st_mode)) {
      continue;
    }
    cache.last_used =
        local_timestamp(status.st_mtim.tv_sec, static_cast<std::int32_t>(status.st_mtim.tv_nsec));
    Timestamp oldest = now;
    oldest.seconds -= std::chrono::seconds(age_max).count();
    cache.is_old = cache.last_used < oldest;
    if (with_sizes) cache.size_bytes = size_of(at->path());
    caches.push_back(std::move(cache));
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw system_error(error.value(), "reading directory " + base.string());
  }
  std::ranges::sort(caches, {}, &CacheDirectory::last_used);
  return caches;
}

void remove_cache(const fs::path& base, const CacheDirectory& cache) {
  const fs::path directory = base / cache.name;
  std::error_code error;
  fs::remove_all(directory, error);
  if (error) throw system_error(error.value(), "removing " + directory.string());
}

}  // namespace holdfast::job
