// SPDX-License-Identifier: Apache-2.0
// Where a server of 2.x and we have files in common: it writes exports and reads imports itself, on
// its own machine and as its own user.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/fd.h"
#include "engine/typedb/location.h"

namespace holdfast::engine::typedb {

struct Exchange {
  bool has_pipes = true;            // exports go through pipes, else into plain files
  std::filesystem::path directory;  // below which what we make is; empty: TMPDIR, else /var/tmp
  std::optional<uid_t> owner;       // the server's user, if what we make is to be given to him
  bool is_for_anybody = false;      // nobody can say who that is, or give it to him
};

// The option exchange_directory; else the scratch directory, where the server is on this host and
// its user may get there. Errc::unsupported for a server on another host, or in a container, and
// denied for one of another user, without that option; not_found, denied for a directory that is
// not there or not ours to write to.
[[nodiscard]] Exchange find_exchange(const ServerLocation& server,
                                     const std::filesystem::path& scratch_directory);

// A directory of our own in there, which nobody can list, and which the server may pass. What is
// left of those of earlier runs is removed, if they ended without doing so.
class ExchangeDirectory {
 public:
  // `purpose` is "export" or "import".
  ExchangeDirectory(const Exchange& exchange, std::string_view purpose);
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return directory_.path(); }
  // A file that is there, empty: the server may write to it, whoever it is. Errc as of open_file().
  [[nodiscard]] std::string file_to_write(std::string_view name) const;
  // The server may read a file that we have made there.
  void let_read(const std::filesystem::path& file) const;

 private:
  const Exchange exchange_;
  TemporaryDirectory directory_;
  Fd lock_;  // as long as we live
};
// Whether a path is that of such a directory: what an undo may remove.
[[nodiscard]] bool is_exchange_directory(const std::filesystem::path& path);

// Bytes free for us on the file system of a directory. Errc::no_space with both numbers if
// `needed_bytes` are more.
void check_room(const std::filesystem::path& directory, std::uint64_t needed_bytes);
// What an export of a database may need: twice its directory, as the vendor's guide has it, if the
// server runs here and its directory can be told.
[[nodiscard]] std::optional<std::uint64_t> export_bytes_estimate(const ServerLocation& server);

// Whether a name or address is one of this host's own.
[[nodiscard]] bool is_this_host(const std::string& host);
// Whose socket listens on a port of this host; nothing if none does, as when it is a container's.
//
// Source: proc(5) and the kernel's documentation, networking/proc_net_tcp (columns local_address,
// st of which 0A is LISTEN, uid).
[[nodiscard]] std::optional<uid_t> listening_user(std::uint16_t port,
                                                  const std::filesystem::path& proc = "/proc");

}  // namespace holdfast::engine::typedb
