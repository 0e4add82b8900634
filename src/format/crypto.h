// SPDX-License-Identifier: Apache-2.0
// restic's sealed boxes: AES-256-CTR and Poly1305-AES, and scrypt for passwords.
//
// Source: restic doc/design.rst "Keys, Encryption and MAC". Held to it by: crypto_test (vectors of
// docs/format.md). The only file of this room that knows OpenSSL is crypto.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::format {

inline constexpr std::size_t seal_overhead_bytes = 32;  // 16 of IV before, 16 of MAC behind

// An encryption key and a MAC key. Wipes itself.
struct SealKey {
  std::array<std::byte, 32> encrypt{};
  std::array<std::byte, 16> mac_k{};
  std::array<std::byte, 16> mac_r{};
  SealKey() = default;
  SealKey(const SealKey&) = default;
  SealKey& operator=(const SealKey&) = default;
  ~SealKey();
};
[[nodiscard]] SealKey random_seal_key();
// The master key as JSON, as it is kept in a key file, and back. Errc::corrupt for anything else.
// The caller wipes the text.
[[nodiscard]] std::string master_key_json(const SealKey& key);
[[nodiscard]] SealKey parse_master_key(std::string_view json);

struct ScryptCost {
  std::uint64_t n = 32768;  // a power of two above 1
  std::uint32_t r = 8;
  std::uint32_t p = 1;
};
// The most n * r * p that is tried: about a minute of work. restic's own keys are near 2^21.
inline constexpr std::uint64_t scrypt_work_max = std::uint64_t{1} << 28U;
// The 64 bytes scrypt makes of a password, on all cores as far as p and memory allow. Errc::corrupt
// if the cost is not one scrypt allows, would need
// more than 1 GiB of memory or scrypt_work_max. The caller wipes them.
// Source: RFC 7914 section 6.
[[nodiscard]] std::array<std::byte, 64> scrypt(std::string_view password, ByteView salt,
                                               const ScryptCost& cost);
// The same by OpenSSL, which takes one core: what a cost is calibrated with, as others do it so.
[[nodiscard]] std::array<std::byte, 64> scrypt_by_openssl(std::string_view password, ByteView salt,
                                                          const ScryptCost& cost);
// The key a password stands for. Errc::corrupt for a cost as above, or if the salt is empty.
[[nodiscard]] SealKey derive_key(std::string_view password, ByteView salt, const ScryptCost& cost);
// A cost that takes about 500 ms of one core and at most 60 MiB here, as restic calibrates it.
[[nodiscard]] ScryptCost calibrate_scrypt();

// Seals and opens with one key. Holds cipher contexts with the key schedule set: one per thread.
class Sealer {
 public:
  explicit Sealer(const SealKey& key);
  ~Sealer();
  Sealer(Sealer&&) noexcept;
  Sealer& operator=(Sealer&&) noexcept;

  // Appends IV || ciphertext || MAC of `plain` with a fresh random IV to `to`; `plain` may lie in
  // memory of its own only.
  void seal(ByteView plain, Bytes& to);
  // The same to memory of just that size: plain.size() + seal_overhead_bytes.
  void seal_to(ByteView plain, std::span<std::byte> to);
  // The same with a given IV, for vectors.
  void seal_with_iv(ByteView plain, std::span<const std::byte, 16> iv, Bytes& to);
  // Replaces `plain` by the opened content; `sealed` lies elsewhere. Errc::corrupt if the MAC
  // (checked first, in constant time) or the length is wrong, or the IV is all zero, which restic
  // refuses too.
  void open(ByteView sealed, Bytes& plain);
  // The same as a value instead of an Error, for trying passwords.
  [[nodiscard]] bool try_open(ByteView sealed, Bytes& plain);
  // Whether `sealed` opens to just these bytes; needs no memory for a second copy of them.
  [[nodiscard]] bool opens_to(ByteView sealed, ByteView plain);

 private:
  struct State;
  // What is to be decrypted, if the MAC says that it is what was sealed; the IV is set then.
  [[nodiscard]] std::optional<ByteView> authentic(ByteView sealed);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::format
