// SPDX-License-Identifier: Apache-2.0
// Files that the vendors' tools or other programs made: what they are, and which database of an
// instance each is for.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "model/instance.h"

namespace holdfast::job {

// What an engine says of a file to import, and which engine.
struct ImportedFile {
  std::filesystem::path path;
  const engine::Engine* engine = nullptr;
  engine::Inspection inspection;
};

// Errc::not_found; Errc::usage or unsupported if no engine knows it.
[[nodiscard]] ImportedFile look_at_file(const std::filesystem::path& path,
                                        const std::stop_token& stop);

// The databases of the target that the files go to, in the files' order; of these components only,
// if any is named. Errc::usage if that cannot be told.
[[nodiscard]] std::vector<const model::DatabaseSettings*> assign_files(
    const std::vector<ImportedFile>& files, const model::Instance& target,
    const std::vector<std::string>& components);

// Whether some engine knows a directory as a dump of its kind.
[[nodiscard]] bool is_dump(const std::filesystem::path& directory, const std::stop_token& stop);

}  // namespace holdfast::job
