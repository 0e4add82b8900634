// SPDX-License-Identifier: Apache-2.0
// A repository on disk from a test's point of view: made with a cheap key, so that each run opens
// it at once, and its files by kind.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "repo/repository.h"

namespace holdfast::test {

// So cheap that opening takes no time; for tests only.
inline constexpr format::ScryptCost cheap_key{128, 1, 1};

void make_repository(const std::filesystem::path& repository, std::string_view password,
                     unsigned version = 2);
[[nodiscard]] std::unique_ptr<repo::Repository> open_repository(
    const std::filesystem::path& repository, std::string_view password);

// The files of a kind, as paths, sorted. A lock file is not among them while nobody holds a lock.
[[nodiscard]] std::vector<std::filesystem::path> files_of(const std::filesystem::path& repository,
                                                          storage::FileKind kind);
// Packs that hold blobs of this type; sorted. The index must be sound.
[[nodiscard]] std::vector<std::filesystem::path> packs_of(const std::filesystem::path& repository,
                                                          std::string_view password,
                                                          format::BlobType type);

// Turns one bit in the middle or at an offset, or cuts to the half. Repository files are read-only,
// which is no hindrance here.
void flip_file(const std::filesystem::path& file);
void flip_file(const std::filesystem::path& file, std::size_t offset_bytes);
void cut_file(const std::filesystem::path& file);

}  // namespace holdfast::test
