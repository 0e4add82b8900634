// SPDX-License-Identifier: Apache-2.0
// A tree as one tar or zip stream, as `dump` prints it. Writes only; nothing is read back from such
// an archive.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string_view>

#include "base/stream.h"
#include "format/id.h"
#include "repo/repository.h"

namespace holdfast::archive {

enum class DumpFormat : std::uint8_t { tar, zip };
[[nodiscard]] DumpFormat parse_dump_format(std::string_view name);  // Errc::usage

// Writes what lies below `tree` under the name `root_path` (its leading slash is left out). The
// index must be loaded.
//
// tar is pax: owners, modes, times in nanoseconds, xattrs (SCHILY.xattr.*, names
// beyond ASCII percent-encoded by libarchive), ACLs (SCHILY.acl.*),
// symlinks, devices and fifos; names as raw bytes, marked hdrcharset=BINARY where they are not
// UTF-8. Hard links become files of their own. zip holds directories, files and symlinks with modes
// and whole seconds; what it cannot hold is left out, as are sockets in both. Memory: one
// directory, and what open_file() reads ahead.
//
// The first item that cannot be read ends it with its Error, since an archive without it would look
// whole.
void dump_tree(repo::Repository& repository, const format::Id& tree, std::string_view root_path,
               DumpFormat format, ByteSink& sink, std::stop_token stop);

}  // namespace holdfast::archive
