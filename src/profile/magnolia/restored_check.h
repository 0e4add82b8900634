// SPDX-License-Identifier: Apache-2.0
// Whether a restored application will find what was restored when it starts. Jackrabbit makes what
// it does not find anew, empty, without an error: a repository, a workspace, tables.
//
// What proves what, all of it before the application may start:
//   rows          the engine compares counts and digests with the manifest's, of rows that the
//                 backup's check has read: every link between nodes, every record that they name
//   records       the files of the data store are those of the manifest's listing, byte by byte
//                 with all metadata; so what the rows name is among them as it was
//   their places  here: the application's own configuration, read again where it is now after all
//                 rewriting, leads to these files and these databases and to no others
#pragma once

#include <vector>

#include "model/profile.h"
#include "profile/magnolia/facts.h"

namespace holdfast::profile::magnolia {

// `found` are the facts of the application where it is now. Of the facts of the copy it reads
// `directory` and `repositories`: see restore_facts(). Pure but for RestoredInstance::read.
[[nodiscard]] std::vector<model::Finding> check_restored_instance(
    const model::RestoredInstance& restored, const MagnoliaFacts& found);

}  // namespace holdfast::profile::magnolia
