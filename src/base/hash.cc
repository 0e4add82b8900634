// SPDX-License-Identifier: Apache-2.0
// SHA-256 and random bytes by OpenSSL's EVP and RAND interfaces.
#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>

#include "base/c_handle.h"
#include "base/error.h"
#include "base/upper_halves.h"

namespace holdfast {

namespace {

using Context = CHandle<EVP_MD_CTX, EVP_MD_CTX_free>;

// OpenSSL 3 searches its providers at each use of a name; fetched once, the search is over. Kept to
// the end of the process on purpose: threads may still hash while static objects are destroyed.
const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (fetched == nullptr) throw Error(Errc::unsupported, "this OpenSSL does not offer SHA-256");
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

void begin(EVP_MD_CTX* context) {
  require(EVP_DigestInit_ex2(context, algorithm(), nullptr), "starting SHA-256");
}

void update(EVP_MD_CTX* context, ByteView bytes) {
  forget_upper_halves();
  require(EVP_DigestUpdate(context, bytes.data(), bytes.size()), "hashing");
}

Sha256Digest finish(EVP_MD_CTX* context) {
  Sha256Digest digest;
  require(EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(digest.data()), nullptr),
          "finishing SHA-256");
  return digest;
}

}  // namespace

struct Sha256::State {
  Context context = make_context();
};

Sha256Digest sha256(ByteView bytes) {
  thread_local const Context context = make_context();
  begin(context.get());
  update(context.get(), bytes);
  return finish(context.get());
}

Sha256::Sha256() : state_(std::make_unique<State>()) {
  begin(state_->context.get());
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
  const Sha256Digest digest = holdfast::finish(state_->context.get());
  begin(state_->context.get());
  return digest;
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
