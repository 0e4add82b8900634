// SPDX-License-Identifier: Apache-2.0
// Whether the index is all that is to be known of the packs: for whoever would take for lost what
// it does not name.
#pragma once

#include <stop_token>

#include "model/progress.h"
#include "repo/repository.h"

namespace holdfast::repo {

// Loads the index. Errc::corrupt if index files are damaged or contradict each other, if a pack
// they name is not there or has another size, or if a pack that none names holds a blob that the
// index lacks, by its own header: then the index is to be made anew first. Packs that no index
// names and whose header cannot be read count for nothing, as nobody could bring back what they
// held by name. Content of packs is not read.
void load_fitting_index(Repository& repository, model::Observer& observer,
                        const std::stop_token& stop);

}  // namespace holdfast::repo
