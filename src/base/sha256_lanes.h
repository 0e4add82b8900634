// SPDX-License-Identifier: Apache-2.0
// SHA-256 of many pieces of memory, four at a time on one core where the processor has instructions
// for it: each of them waits for its predecessor, so that the other messages fill the pauses.
// hash.h is for everybody else.
#pragma once

#include <span>

#include "base/bytes.h"
#include "base/hash.h"

namespace holdfast {

// The digest of each message, in their order. Both of the same length.
void sha256_each(std::span<const ByteView> messages, std::span<Sha256Digest> digests);

}  // namespace holdfast
