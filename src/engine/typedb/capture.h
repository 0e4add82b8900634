// SPDX-License-Identifier: Apache-2.0
// What is copied of a database beside the server that has it open. It is fixed when the object is
// made; writers go on, and whatever they do later is not in it.
//
// TypeDB 2: what a server would find after a crash, of `schema` and `data`, between which no type
// was changed. All files are held open; nothing is made on any file system.
//
// TypeDB 3: the newest complete checkpoint first, whose files are held open, because a server
// removes it once there is a newer one; then the log, up to the last whole record. Checkpoints come
// first so that none is newer than the log. Segments but the newest never change.
//
// Source: typedb/typedb, durability/wal.rs (write_record: a segment is flushed before the next one
// is made; truncate_from has no caller) and storage/recovery/checkpoint.rs (finish: older ones are
// removed after a new one has its name) of 3.0.0 to 3.12.3.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "engine/typedb/wal.h"

namespace holdfast::engine::typedb {

struct CapturedFile {
  std::string path;                         // below the database
  std::uint64_t size_bytes = 0;             // of it, from its start
  Fd file;                                  // open, if it may vanish
  std::optional<std::string> content = {};  // instead of what a file has
};

struct Capture {
  std::vector<CapturedFile> files;
  std::uint64_t size_bytes = 0;  // of all files
  // TypeDB 2: numbers of the newest writes.
  std::uint64_t schema_sequence = 0, data_sequence = 0;
  // TypeDB 3.
  Fd log_directory;
  WalLimit limit;                              // up to where the log is in it
  std::optional<std::uint64_t> last_sequence;  // of the log; nothing: it is empty
  std::optional<std::uint64_t> watermark;      // of the checkpoint that is in it
  std::string checkpoint_left_out;             // why there is none; empty otherwise
};

struct CaptureOptions {
  // For the files of TypeDB 2, and of checkpoints. A checkpoint that has more is left out: the log
  // suffices.
  std::size_t descriptors_max = 0;
  std::stop_token stop;
  // Told before each step ("schema", "data", "checkpoint", "opening", "listing", "log"), for tests.
  std::function<void(std::string_view step)> before;
};

// Of a TypeDB 3 database. Errc::not_consistent if the log holds no record or ends before the
// checkpoint, and if no checkpoint stood still while it was opened; Errc::not_found if the database
// vanishes; cancelled.
[[nodiscard]] Capture capture_log(const std::filesystem::path& database,
                                  const CaptureOptions& options);

// Of a TypeDB 2 database. Errc::not_consistent if files or types changed faster than they could be
// read; Errc::unsupported if it has more files than may be opened; Errc::not_found if the database
// vanishes; corrupt, cancelled.
[[nodiscard]] Capture capture_rocks(const std::filesystem::path& database,
                                    const CaptureOptions& options);

// Opens a captured file. Errc::not_consistent if it is not there any more, or shorter.
[[nodiscard]] Fd open_captured(const Capture& capture, const CapturedFile& file);

// How many descriptors this process may open beside those it has and will need otherwise; raises
// its soft limit to the hard one.
[[nodiscard]] std::size_t spare_descriptors();

}  // namespace holdfast::engine::typedb
