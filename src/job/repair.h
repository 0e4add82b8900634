// SPDX-License-Identifier: Apache-2.0
// repair index, repair packs: makes index and packs fit each other again after damage.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "job/environment.h"
#include "repo/repair_index.h"
#include "repo/repair_packs.h"

namespace holdfast::job {

// Takes the exclusive lock, whatever access.no_lock says.
[[nodiscard]] repo::IndexRepairReport repair_index(const Environment& environment,
                                                   const RepositoryAccess& access,
                                                   const repo::IndexRepairOptions& options,
                                                   model::Observer& observer,
                                                   std::stop_source& stop);

struct PackRepairJobOptions {
  std::vector<std::string> packs;  // ids in full
  // Gets a copy "pack-<id>" of each pack as it is, before anything is changed; a copy that is there
  // already with the same content stays. Errc::exists for another content.
  std::filesystem::path copies;
};

// The same. Errc::usage for no id or one that is none, Errc::not_found for an unknown one.
[[nodiscard]] repo::PackRepairReport repair_packs(const Environment& environment,
                                                  const RepositoryAccess& access,
                                                  const PackRepairJobOptions& options,
                                                  model::Observer& observer,
                                                  std::stop_source& stop);

}  // namespace holdfast::job
