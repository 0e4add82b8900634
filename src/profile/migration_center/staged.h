// SPDX-License-Identifier: Apache-2.0
// Files that rows name, as a spot check of a copy: whether the copy has them. Which columns hold
// such paths the vendor does not publish; the instance file says it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "model/copy_check.h"
#include "model/instance.h"

namespace holdfast::profile::migration_center {

// Of the files below `places` only: what lies elsewhere is not of this instance's. At most
// `references_max` rows, and as many files, are compared, chosen by a hash of their paths, the same
// on both sides; so much memory it takes, and that of their names.
[[nodiscard]] std::unique_ptr<model::CopyCheck> make_staged_check(
    std::vector<model::StagedColumn> columns, std::vector<std::string> places,
    std::size_t references_max = 100'000);

}  // namespace holdfast::profile::migration_center
