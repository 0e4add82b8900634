// SPDX-License-Identifier: Apache-2.0
// key list, add, remove, passwd: the passwords of a repository.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "job/environment.h"
#include "repo/keyring.h"

namespace holdfast::job {

struct NewKey {
  std::shared_ptr<const Secret> password;
  std::string username, hostname;          // empty: of this process
  std::optional<format::ScryptCost> cost;  // none: calibrated
};

[[nodiscard]] std::vector<repo::FoundKey> list_keys(const Environment& environment,
                                                    const RepositoryAccess& access,
                                                    std::stop_source& stop);
// The password is asked for through `ask` once the repository is open, so that nobody types one in
// vain.
[[nodiscard]] format::Id add_key(const Environment& environment, const RepositoryAccess& access,
                                 const std::function<NewKey()>& ask, std::stop_source& stop);
// `id` is an id or a prefix. Errc::usage for the key in use. Returns the id in full.
[[nodiscard]] format::Id remove_key(const Environment& environment, const RepositoryAccess& access,
                                    std::string_view id, std::stop_source& stop);
// A new key takes the place of the one in use.
[[nodiscard]] format::Id change_password(const Environment& environment,
                                         const RepositoryAccess& access,
                                         const std::function<NewKey()>& ask,
                                         std::stop_source& stop);

}  // namespace holdfast::job
