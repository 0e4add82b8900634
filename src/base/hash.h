// SPDX-License-Identifier: Apache-2.0
// SHA-256, the only hash that names things in a repository, random bytes, and the hashes that
// others' protocols ask for.
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

// HMAC-SHA-256 of RFC 2104. `key` has any length.
[[nodiscard]] Sha256Digest hmac_sha256(ByteView key, ByteView message);

using Md5Digest = std::array<std::byte, 16>;
using Sha1Digest = std::array<std::byte, 20>;

// MD5 and SHA-1 of bytes that come in pieces, for protocols that want them; they protect nothing.
// Otherwise as Sha256. Errc::unsupported where the system's rules forbid them to OpenSSL.
class Md5 {
 public:
  Md5();
  ~Md5();
  Md5(Md5&&) noexcept;
  Md5& operator=(Md5&&) noexcept;
  void update(ByteView bytes);
  [[nodiscard]] Md5Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
class Sha1 {
 public:
  Sha1();
  ~Sha1();
  Sha1(Sha1&&) noexcept;
  Sha1& operator=(Sha1&&) noexcept;
  void update(ByteView bytes);
  [[nodiscard]] Sha1Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Whether both are the same bytes, found out in a time that tells nothing but their sizes.
[[nodiscard]] bool is_equal_secret(ByteView a, ByteView b) noexcept;

// Cryptographically strong random bytes.
void fill_random(std::span<std::byte> into);

}  // namespace holdfast
