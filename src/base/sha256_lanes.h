// SPDX-License-Identifier: Apache-2.0
// SHA-256 of many pieces of memory, four at a time on one core where the processor has instructions
// for it: each of them waits for its predecessor, so that the other messages fill the pauses.
// hash.h is for everybody else.
#pragma once

#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/hash.h"

namespace holdfast {

// The digest of each message, in their order. Both of the same length.
void sha256_each(std::span<const ByteView> messages, std::span<Sha256Digest> digests);

// The digest of a long message that is found beside those of others which come one after the other,
// as a pack's beside those of its blobs. All in memory; `message` must stay as it is until
// finish(). One thread at a time.
class Sha256Beside {
 public:
  explicit Sha256Beside(ByteView message);
  ~Sha256Beside();
  Sha256Beside(const Sha256Beside&) = delete;
  Sha256Beside& operator=(const Sha256Beside&) = delete;
  // The digest of another message.
  [[nodiscard]] Sha256Digest other(ByteView message);
  // The digest of the long one, of which what is left is hashed by itself. Once.
  [[nodiscard]] Sha256Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
