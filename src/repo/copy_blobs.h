// SPDX-License-Identifier: Apache-2.0
// Blobs of one repository into another.
#pragma once

#include "repo/blob_writer.h"
#include "repo/repository.h"
#include "repo/used_blobs.h"

namespace holdfast::repo {

// Stores those blobs of `wanted` through `writer` that its repository, `target`, lacks. Both have
// their index loaded. Reads the packs of `source` that hold them, once each and in runs, on all
// cores; each blob is decrypted, its hash compared, and sealed anew. Where one copy in `source` is
// damaged others are tried; blobs with no sound copy are in the set that is returned, each told as
// a warning. Memory: for each core a run of at most 32 MiB and a blob, what the writer takes, and a
// bit for each blob of `source`. Errc::cancelled on a stop request; errors of the writer.
[[nodiscard]] BlobSet copy_blobs(Repository& source, const BlobSet& wanted, Repository& target,
                                 BlobWriter& writer, model::Observer& observer,
                                 std::stop_token stop);

}  // namespace holdfast::repo
