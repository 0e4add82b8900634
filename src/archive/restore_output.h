// SPDX-License-Identifier: Apache-2.0
// What is done to one restored file: its bytes, its size, its metadata.
#pragma once

#include <string>
#include <string_view>

#include "archive/restore_target.h"
#include "archive/restorer.h"
#include "base/bytes.h"
#include "format/tree.h"

namespace holdfast::archive {

// `path` is for messages in all of them.

// Writes all but the pages that are zero, which a new file of full length has already.
void write_sparse(int fd, ByteView bytes, std::uint64_t offset_bytes, std::string_view path);
// Asks for the room at once, so that files do not interleave and a full disk shows early:
// Errc::no_space, before anything is taken where the file system says how much is free. One that
// cannot do so is no failure. Of one in memory the free room is only looked at: there every page
// would be made twice, by one thread.
void reserve_room(int fd, std::uint64_t size_bytes, std::string_view path);
void set_file_size(int fd, std::uint64_t size_bytes, std::string_view path);

// Sets a node's metadata on an entry of `directory`, those xattrs only that the options select.
// `open`: the entry, a file, if it is open. Returns and throws as apply_metadata().
std::string restore_metadata(RestoreTarget& target, const RestoreOptions& options,
                             const TargetDirectory& directory, const std::string& name,
                             const format::Node& node, const Fd* open = nullptr);

}  // namespace holdfast::archive
