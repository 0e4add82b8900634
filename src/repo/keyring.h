// SPDX-License-Identifier: Apache-2.0
// The repository's passwords: each key file wraps the one master key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/key_file.h"
#include "repo/repository.h"

namespace holdfast::repo {

struct FoundKey {
  format::Id id;
  format::KeyFile file;
  bool in_use = false;  // the one this repository was opened with
};

// A key file that wraps `master` for `password`, with a salt of its own. `cost`: calibrated if not
// given.
[[nodiscard]] format::KeyFile wrap_key(const format::SealKey& master, const Secret& password,
                                       const std::string& username, const std::string& hostname,
                                       const std::optional<format::ScryptCost>& cost);
// The master key, if the password is this file's. Errc::corrupt for a damaged file.
[[nodiscard]] std::optional<format::SealKey> try_key(const format::KeyFile& key,
                                                     const Secret& password);

// Finds the key file that `password` opens: the one whose id begins with `key_hint` first, then at
// most 20 others. Errc::wrong_password if none does, Errc::corrupt if none does and all were
// damaged, Errc::no_repository if there is no key at all.
struct OpenedKey {
  format::Id id;
  format::SealKey master;
};
[[nodiscard]] OpenedKey find_key(storage::Storage& storage, const Secret& password,
                                 std::string_view key_hint);

[[nodiscard]] std::vector<FoundKey> list_keys(
    Repository& repository);  // unreadable ones: Errc::corrupt
// Adds a password; returns the new key's id.
format::Id add_key(Repository& repository, const Secret& password, const std::string& username,
                   const std::string& hostname, const std::optional<format::ScryptCost>& cost = {});
// Removes a key. Errc::usage for the one in use.
void remove_key(Repository& repository, const format::Id& id);
// Adds a key for the new password, proves that it opens, then removes the one in use.
format::Id change_password(Repository& repository, const Secret& password,
                           const std::string& username, const std::string& hostname,
                           const std::optional<format::ScryptCost>& cost = {});

}  // namespace holdfast::repo
