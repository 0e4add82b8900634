// SPDX-License-Identifier: Apache-2.0
// Whom a private server of a drill runs as, and where it has its data and its socket. For engines
// whose servers refuse to run as root. Starts nothing.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::engine {

// argv in front of a private server's programs, which never get more rights than they begin with.
// Without root they run as we do. As root: as the directory's owner; if that is root too, as the
// first of `holdfast`, `package_user` and `nobody` that is there and owns no data of another
// server, of whatever kind: servers let their owner in with all rights, and what a private one runs
// is the copy's. The directory and the places in it then become that user's, whose group may enter
// the directory above if it is ours, as a temporary one is, which is 0700; all others stay as they
// are. Errc::unsupported if there is no such user, or he may not enter a directory. `product`: for
// messages.
[[nodiscard]] std::vector<std::string> as_server_user(
    const std::filesystem::path& directory, const std::vector<std::filesystem::path>& places,
    std::string_view product, const char* package_user);

// A private server has `data` and `socket` in its directory. Makes the latter and returns where it
// is: the kernel takes paths of 107 bytes; where it would be longer, it is in a directory elsewhere
// to which `socket` is a link, so that it is found again when we are gone.
[[nodiscard]] std::filesystem::path make_socket_place(const std::filesystem::path& directory);
// Removes both. Errc::io if something cannot be removed.
void remove_server_places(const std::filesystem::path& directory);
// With all that is in it, also where somebody who is just ending still writes. Errc::io.
void remove_tree(const std::filesystem::path& path);
// Lines of a small file; none if there is no such file, or it is just going away.
[[nodiscard]] std::vector<std::string> lines_of(const std::filesystem::path& file);

}  // namespace holdfast::engine
