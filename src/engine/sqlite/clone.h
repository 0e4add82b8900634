// SPDX-License-Identifier: Apache-2.0
// Copying a file's bytes: shared with the original where the file system can, else one by one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>

#include "base/fd.h"
#include "engine/sqlite/lite.h"

namespace holdfast::engine::sqlite {

// Makes `target_fd` share all of `source_fd`'s bytes (FICLONE). False if the file systems cannot.
using Cloner = std::function<bool(int source_fd, int target_fd)>;
[[nodiscard]] bool clone_file(int source_fd, int target_fd);

// A file without a name on the file system of `directory`, gone when closed; nothing if that cannot
// be had there.
[[nodiscard]] std::optional<Fd> nameless_file(const std::filesystem::path& directory);

// Copies bytes until the end of `source_fd`, from its start. False if `deadline` passed before the
// end. Errc::cancelled after a stop request.
[[nodiscard]] bool copy_bytes(int source_fd, int target_fd, std::string_view name,
                              std::optional<SteadyTime> deadline, const std::stop_token& stop);

// Bytes per second at which this file can be copied into `directory`, measured by copying a piece
// of it. Errc::cancelled after a stop request.
[[nodiscard]] double copying_rate(int source_fd, const std::filesystem::path& directory,
                                  const std::stop_token& stop);

}  // namespace holdfast::engine::sqlite
