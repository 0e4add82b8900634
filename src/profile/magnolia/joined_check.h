// SPDX-License-Identifier: Apache-2.0
// Several checks of one copy as one: an instance may have several repositories, which may share
// databases and data stores.
#pragma once

#include <memory>
#include <vector>

#include "model/copy_check.h"

namespace holdfast::profile::magnolia {

// Hands everything to each of the checks; the findings of all, in their order.
[[nodiscard]] std::unique_ptr<model::CopyCheck> join_checks(
    std::vector<std::unique_ptr<model::CopyCheck>> checks);

}  // namespace holdfast::profile::magnolia
