// SPDX-License-Identifier: Apache-2.0
// Hashes and random bytes by OpenSSL's EVP and RAND interfaces.
#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>

#include "base/c_handle.h"
#include "base/error.h"
#include "base/upper_halves.h"

namespace holdfast {

namespace {

using Context = CHandle<EVP_MD_CTX, EVP_MD_CTX_free>;

const EVP_MD* fetch(const char* name) {
  const EVP_MD* const fetched = EVP_MD_fetch(nullptr, name, nullptr);
  if (fetched == nullptr) {
    throw Error(Errc::unsupported, std::string("this OpenSSL does not offer ") + name);
  }
  return fetched;
}

// OpenSSL 3 searches its providers at each use of a name; fetched once, the search is over. Kept to
// the end of the process on purpose: threads may still hash while static objects are destroyed.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const fetched = fetch("SHA256");
  return fetched;
}
const EVP_MD* md5_algorithm() {
  static const EVP_MD* const fetched = fetch("MD5");
  return fetched;
}
const EVP_MD* sha1_algorithm() {
  static const EVP_MD* const fetched = fetch("SHA1");
  return fetched;
}

void require(int result, const char* doing) {
  if (result != 1) throw Error(Errc::bug, std::string("OpenSSL failed at ") + doing);
}

Context make_context() {
  Context context(EVP_MD_CTX_new());
  if (!context) throw std::bad_alloc();
  return context;
}

void begin(EVP_MD_CTX* context, const EVP_MD* algorithm) {
  require(EVP_DigestInit_ex2(context, algorithm, nullptr), "starting a hash");
}

void update(EVP_MD_CTX* context, ByteView bytes) {
  forget_upper_halves();
  require(EVP_DigestUpdate(context, bytes.data(), bytes.size()), "hashing");
}

template <typename Digest>
Digest finish(EVP_MD_CTX* context) {
  Digest digest;
  require(EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(digest.data()), nullptr),
          "finishing a hash");
  return digest;
}

}  // namespace

struct Sha256::State {
  Context context = make_context();
};

Sha256Digest sha256(ByteView bytes) {
  thread_local const Context context = make_context();
  begin(context.get(), sha256_algorithm());
  update(context.get(), bytes);
  return finish<Sha256Digest>(context.get());
}

Sha256::Sha256() : state_(std::make_unique<State>()) {
  begin(state_->context.get(), sha256_algorithm());
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView bytes) {
  check_rule(state_ != nullptr, "a moved-from Sha256 is not used");
  holdfast::update(state_->context.get(), bytes);
}

Sha256Digest Sha256::finish() {
  check_rule(state_ != nullptr, "a moved-from Sha256 is not used");
  const Sha256Digest digest = holdfast::finish<Sha256Digest>(state_->context.get());
  begin(state_->context.get(), sha256_algorithm());
  return digest;
}

Sha256Digest hmac_sha256(ByteView key, ByteView message) {
  constexpr std::size_t block_bytes = 64;
  std::array<std::byte, block_bytes> inner{}, outer{};
  const Sha256Digest hashed = sha256(key);
  if (key.size() > block_bytes) key = hashed;
  if (!key.empty()) std::memcpy(inner.data(), key.data(), key.size());
  for (std::size_t i = 0; i < block_bytes; ++i) {
    outer[i] = inner[i] ^ std::byte{0x5c};
    inner[i] ^= std::byte{0x36};
  }
  Sha256 hash;
  hash.update(inner);
  hash.update(message);
  const Sha256Digest within = hash.finish();
  hash.update(outer);
  hash.update(within);
  OPENSSL_cleanse(inner.data(), inner.size());
  OPENSSL_cleanse(outer.data(), outer.size());
  return hash.finish();
}

struct Md5::State {
  Context context = make_context();
};

Md5::Md5() : state_(std::make_unique<State>()) {
  begin(state_->context.get(), md5_algorithm());
}
Md5::~Md5() = default;
Md5::Md5(Md5&&) noexcept = default;
Md5& Md5::operator=(Md5&&) noexcept = default;

void Md5::update(ByteView bytes) {
  check_rule(state_ != nullptr, "a moved-from Md5 is not used");
  holdfast::update(state_->context.get(), bytes);
}

Md5Digest Md5::finish() {
  check_rule(state_ != nullptr, "a moved-from Md5 is not used");
  const Md5Digest digest = holdfast::finish<Md5Digest>(state_->context.get());
  begin(state_->context.get(), md5_algorithm());
  return digest;
}

struct Sha1::State {
  Context context = make_context();
};

Sha1::Sha1() : state_(std::make_unique<State>()) {
  begin(state_->context.get(), sha1_algorithm());
}
Sha1::~Sha1() = default;
Sha1::Sha1(Sha1&&) noexcept = default;
Sha1& Sha1::operator=(Sha1&&) noexcept = default;

void Sha1::update(ByteView bytes) {
  check_rule(state_ != nullptr, "a moved-from Sha1 is not used");
  holdfast::update(state_->context.get(), bytes);
}

Sha1Digest Sha1::finish() {
  check_rule(state_ != nullptr, "a moved-from Sha1 is not used");
  const Sha1Digest digest = holdfast::finish<Sha1Digest>(state_->context.get());
  begin(state_->context.get(), sha1_algorithm());
  return digest;
}

bool is_equal_secret(ByteView a, ByteView b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void fill_random(std::span<std::byte> into) {
  constexpr std::size_t step_bytes = 1U << 20U;
  while (!into.empty()) {
    const std::size_t count = std::min(into.size(), step_bytes);
    require(RAND_bytes(reinterpret_cast<unsigned char*>(into.data()), static_cast<int>(count)),
            "making random bytes");
    into = into.subspan(count);
  }
}

}  // namespace holdfast
