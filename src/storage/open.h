// SPDX-License-Identifier: Apache-2.0
// From a repository URL to a storage with its wrappers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>

#include "storage/storage.h"

namespace holdfast::storage {

struct OpenOptions {
  std::uint64_t upload_bytes_per_second_max = 0;    // 0: no limit
  std::uint64_t download_bytes_per_second_max = 0;  // 0: no limit
  unsigned connections = 0;                         // 0: the driver's own default (local: 2)
  std::filesystem::path cache_directory;            // empty: no cache; the local driver needs none
  std::stop_token stop;  // ends pauses (of retries and limits) with Errc::cancelled
};

// The storage a location stands for: a plain path or `local:PATH`. Other schemes restic knows
// (sftp, rest, s3, b2, azure, gs, swift, rclone) are Errc::unsupported, naming the scheme. An empty
// location and `word:…` with an unknown word are Errc::usage. Opens lazily: whether anything is
// there is seen at the first call. No error holds more of the location than its scheme, since URLs
// may hold passwords.
[[nodiscard]] std::unique_ptr<Storage> open(std::string_view location, const OpenOptions& options);

// A driver in the wrappers every storage gets. With a cache directory, one directory below it
// (named by the SHA-256 of the driver's location) keeps copies of index and snapshot files.
[[nodiscard]] std::unique_ptr<Storage> wrap(std::unique_ptr<Storage> driver,
                                            const OpenOptions& options);

// The names of all drivers and wrappers: the list that the contract test goes by.
[[nodiscard]] std::span<const std::string_view> storage_names() noexcept;

}  // namespace holdfast::storage
