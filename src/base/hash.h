// SPDX-License-Identifier: Apache-2.0
// SHA-256, the only hash that names things in a repository, and random bytes.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "base/bytes.h"

namespace holdfast {

using Sha256Digest = std::array<std::byte, 32>;

// SHA-256 of one piece of memory.
[[nodiscard]] Sha256Digest sha256(ByteView bytes);

// SHA-256 of bytes that come in pieces. Not for use by two threads at once; movable.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(ByteView bytes);
  // The digest of everything so far; the object then starts anew.
  [[nodiscard]] Sha256Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Cryptographically strong random bytes.
void fill_random(std::span<std::byte> into);

}  // namespace holdfast
