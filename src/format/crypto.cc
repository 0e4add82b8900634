// SPDX-License-Identifier: Apache-2.0
// Sealed boxes over OpenSSL's EVP. Contexts keep their key schedule; a call sets the IV only.
#include "format/crypto.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <limits>

#include "base/c_handle.h"
#include "base/crew.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/secret.h"
#include "format/json_walk.h"
#include "format/scrypt_mix.h"
#include "format/tree.h"

namespace holdfast::format {

namespace {

constexpr std::size_t iv_bytes = 16;
constexpr std::size_t mac_bytes = 16;
constexpr std::size_t iv_batch = 64;
// What is opened at once to be compared: little enough to stay near the processor.
constexpr std::size_t compared_bytes = std::size_t{16} << 10U;
constexpr std::uint64_t scrypt_memory_max = std::uint64_t{1} << 30U;

using Iv = std::array<std::byte, iv_bytes>;

const unsigned char* raw(const std::byte* bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes);
}
unsigned char* raw(std::byte* bytes) noexcept {
  return reinterpret_cast<unsigned char*>(bytes);
}

void check_openssl(bool ok, std::string_view doing) {
  if (!ok) throw Error(Errc::bug, fmt::format("openssl failed {}", doing));
}

// Whether all bytes are zero: an IV that restic neither makes nor accepts.
bool is_zero(ByteView bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

using CipherContext = CHandle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using MacContext = CHandle<EVP_MAC_CTX, EVP_MAC_CTX_free>;
using Mac = CHandle<EVP_MAC, EVP_MAC_free>;

CipherContext cipher_context(const EVP_CIPHER* cipher, const std::byte* key) {
  CipherContext context(EVP_CIPHER_CTX_new());
  check_openssl(context != nullptr &&
                    EVP_EncryptInit_ex(context.get(), cipher, nullptr, raw(key), nullptr) == 1 &&
                    EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1,
                "setting a key");
  return context;
}

MacContext poly1305_context() {
  const Mac mac(EVP_MAC_fetch(nullptr, "POLY1305", nullptr));
  check_openssl(mac != nullptr, "looking for Poly1305");
  MacContext context(EVP_MAC_CTX_new(mac.get()));
  check_openssl(context != nullptr, "making a Poly1305 context");
  return context;
}

void fill_key(std::array<std::byte, 32>& encrypt, std::array<std::byte, 16>& mac_k,
              std::array<std::byte, 16>& mac_r, const std::array<std::byte, 64>& from) {
  std::copy_n(from.begin(), 32, encrypt.begin());
  std::copy_n(from.begin() + 32, 16, mac_k.begin());
  std::copy_n(from.begin() + 48, 16, mac_r.begin());
}

// Throws Errc::corrupt unless scrypt allows the cost and we can pay it.
void check_cost(const ScryptCost& cost) {
  const auto refuse = [&](std::string_view reason) {
    throw Error(Errc::corrupt, fmt::format("scrypt cost n={} r={} p={} is refused: {}", cost.n,
                                           cost.r, cost.p, reason));
  };
  if (cost.n < 2 || !std::has_single_bit(cost.n)) refuse("n is not a power of two above 1");
  if (cost.r == 0 || cost.p == 0) refuse("r or p is zero");
  // RFC 7914: n < 2^(128 * r / 8) and p <= (2^32 - 1) * 32 / (128 * r).
  if (cost.r < 4 && cost.n >= std::uint64_t{1} << (16 * cost.r)) refuse("n is too large for r");
  const std::uint64_t r_times_p = std::uint64_t{cost.r} * cost.p;
  if (r_times_p >= std::uint64_t{1} << 30U) refuse("r times p is too large");
  // Of r, n and p each is below 2^32 here or refused by the first test, so nothing wraps around.
  if (cost.n > scrypt_memory_max / 128 ||
      128 * cost.r * (cost.n + 2) + 128 * r_times_p > scrypt_memory_max) {
    refuse("it needs more than 1 GiB of memory");
  }
  if (cost.n * r_times_p > scrypt_work_max) refuse("it would take too long");
}

// The first and the last step of scrypt: PBKDF2 with one round of HMAC-SHA-256.
void spread(std::string_view password, ByteView salt, std::span<std::byte> into) {
  // OpenSSL counts in int. check_cost() keeps lanes below 1 GiB.
  check_openssl(
      password.size() <= std::numeric_limits<int>::max() &&
          salt.size() <= std::numeric_limits<int>::max() &&
          PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw(salt.data()),
                            static_cast<int>(salt.size()), 1, EVP_sha256(),
                            static_cast<int>(into.size()), raw(into.data())) == 1,
      "deriving a key by PBKDF2");
}

// Decodes base64 of exactly into.size() bytes, leaving no copy behind.
bool decode_secret(std::string_view base64, std::span<std::byte> into) {
  auto bytes = from_base64(base64);
  if (!bytes) return false;
  const bool fits = bytes->size() == into.size();
  if (fits) std::copy(bytes->begin(), bytes->end(), into.begin());
  if (!bytes->empty()) wipe(bytes->data(), bytes->size());
  return fits;
}

struct WipeAtEnd {
  Bytes& bytes;
  ~WipeAtEnd() {
    if (!bytes.empty()) wipe(bytes.data(), bytes.size());
  }
};

void append_secret(std::string& to, std::span<const std::byte> secret) {
  std::string text = to_base64(secret);
  to += text;
  wipe(text.data(), text.size());
}

// Reads the members of a master key; false where one is malformed.
bool read_master_key(JsonObject members, SealKey& key) {
  unsigned found = 0;
  const auto take = [&](JsonValue value, std::span<std::byte> into, unsigned bit) {
    const auto text = raw_string(value);
    if (!text || !decode_secret(*text, into) || (found & bit) != 0) return false;
    found |= bit;
    return true;
  };
  for (auto member : members) {
    const std::string_view name = key_of(member);
    if (name == "encrypt") {
      if (!take(member.value(), key.encrypt, 1U)) return false;
    } else if (name == "mac") {
      for (auto mac_member : member.value().get_object()) {
        const std::string_view mac_name = key_of(mac_member);
        if (mac_name == "k") {
          if (!take(mac_member.value(), key.mac_k, 2U)) return false;
        } else if (mac_name == "r") {
          if (!take(mac_member.value(), key.mac_r, 4U)) return false;
        } else {
          pass_over(mac_member.value());
        }
      }
    } else {
      pass_over(member.value());
    }
  }
  return found == 7U;
}

}  // namespace

SealKey::~SealKey() {
  wipe(encrypt.data(), encrypt.size());
  wipe(mac_k.data(), mac_k.size());
  wipe(mac_r.data(), mac_r.size());
}

SealKey random_seal_key() {
  SealKey key;
  fill_random(key.encrypt);
  fill_random(key.mac_k);
  fill_random(key.mac_r);
  return key;
}

std::string master_key_json(const SealKey& key) {
  std::string json;
  json.reserve(256);  // it is 128 bytes; growing would leave copies
  json += R"({"mac":{"k":")";
  append_secret(json, key.mac_k);
  json += R"(","r":")";
  append_secret(json, key.mac_r);
  json += R"("},"encrypt":")";
  append_secret(json, key.encrypt);
  json += "\"}";
  return json;
}

SealKey parse_master_key(std::string_view json) {
  Bytes copy;
  copy.reserve(json.size() + json_padding_bytes);
  append(copy, json);
  const WipeAtEnd wipe_copy{copy};
  SealKey key;
  bool ok = false;
  walk_json(
      padded(copy), [] { return std::string("master key"); },
      [&](JsonDocument& document) { ok = read_master_key(document.get_object(), key); });
  if (!ok) throw Error(Errc::corrupt, "master key is malformed");
  return key;
}

std::array<std::byte, 64> scrypt(std::string_view password, ByteView salt, const ScryptCost& cost) {
  check_cost(cost);
  Bytes lanes(std::size_t{128} * cost.r * cost.p);
  const WipeAtEnd wipe_lanes{lanes};
  spread(password, salt, lanes);
  mix_lanes(lanes, cost.n, cost.r, cores_available());
  std::array<std::byte, 64> derived;
  spread(password, lanes, derived);
  return derived;
}

std::array<std::byte, 64> scrypt_by_openssl(std::string_view password, ByteView salt,
                                            const ScryptCost& cost) {
  check_cost(cost);
  std::array<std::byte, 64> derived;
  const int ok =
      EVP_PBE_scrypt(password.data(), password.size(), raw(salt.data()), salt.size(), cost.n,
                     cost.r, cost.p, 2 * scrypt_memory_max, raw(derived.data()), derived.size());
  check_openssl(ok == 1, "deriving a key by scrypt");
  return derived;
}

SealKey derive_key(std::string_view password, ByteView salt, const ScryptCost& cost) {
  if (salt.empty()) throw Error(Errc::corrupt, "salt of a key is empty");
  std::array<std::byte, 64> derived = scrypt(password, salt, cost);
  SealKey key;
  fill_key(key.encrypt, key.mac_k, key.mac_r, derived);
  wipe(derived.data(), derived.size());
  return key;
}

ScryptCost calibrate_scrypt() {
  using std::chrono::steady_clock;
  constexpr std::chrono::duration<double> aim = std::chrono::milliseconds(500);
  constexpr std::uint32_t p_max = 64;
  ScryptCost cost;  // 32 MiB; the next power of two would exceed 60
  const std::array<std::byte, 64> salt{};
  auto fastest = std::chrono::duration<double>::max();
  for (int i = 0; i < 2; ++i) {  // the first run also pays for fresh memory
    const auto start = steady_clock::now();
    static_cast<void>(scrypt_by_openssl("calibration", salt, cost));
    fastest = std::min(fastest, std::chrono::duration<double>(steady_clock::now() - start));
  }
  const double runs = aim.count() / std::max(fastest.count(), 1e-6);
  cost.p = static_cast<std::uint32_t>(std::clamp(runs, 1.0, double{p_max}));
  return cost;
}

struct Sealer::State {
  explicit State(const SealKey& key)
      : encrypt(cipher_context(EVP_aes_256_ctr(), key.encrypt.data())),
        mac_s(cipher_context(EVP_aes_128_ecb(), key.mac_k.data())),
        poly1305(poly1305_context()) {
    std::copy(key.mac_r.begin(), key.mac_r.end(), one_time_key.begin());
  }
  ~State() { wipe(one_time_key.data(), one_time_key.size()); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Iv next_iv() {
    Iv iv;
    do {
      if (ivs_left == 0) {
        fill_random(std::as_writable_bytes(std::span(ivs)));
        ivs_left = iv_batch;
      }
      iv = ivs[--ivs_left];
    } while (is_zero(iv));
    return iv;
  }

  void set_iv(const std::byte* iv) {
    check_openssl(EVP_EncryptInit_ex(encrypt.get(), nullptr, nullptr, nullptr, raw(iv)) == 1,
                  "setting an IV");
  }

  // En- or decrypts what comes next, which is the same in counter mode.
  void apply_keystream(ByteView from, std::byte* to) {
    constexpr std::size_t piece_max = std::size_t{1} << 30U;  // OpenSSL counts in int
    while (!from.empty()) {
      const ByteView piece = from.first(std::min(from.size(), piece_max));
      int written = 0;
      check_openssl(EVP_EncryptUpdate(encrypt.get(), raw(to), &written, raw(piece.data()),
                                      static_cast<int>(piece.size())) == 1 &&
                        static_cast<std::size_t>(written) == piece.size(),
                    "encrypting");
      from = from.subspan(piece.size());
      to += piece.size();
    }
  }

  void seal(ByteView plain, std::span<const std::byte, iv_bytes> iv, std::byte* to) {
    std::memcpy(to, iv.data(), iv_bytes);
    std::byte* const ciphertext = to + iv_bytes;
    set_iv(iv.data());
    apply_keystream(plain, ciphertext);
    authenticate({ciphertext, plain.size()}, iv.data(), ciphertext + plain.size());
  }

  void authenticate(ByteView ciphertext, const std::byte* iv, std::byte* mac) {
    int written = 0;
    std::size_t mac_size = 0;
    check_openssl(
        EVP_EncryptUpdate(mac_s.get(), raw(one_time_key.data() + 16), &written, raw(iv),
                          static_cast<int>(iv_bytes)) == 1 &&
            written == static_cast<int>(iv_bytes) &&
            EVP_MAC_init(poly1305.get(), raw(one_time_key.data()), one_time_key.size(), nullptr) ==
                1 &&
            EVP_MAC_update(poly1305.get(), raw(ciphertext.data()), ciphertext.size()) == 1 &&
            EVP_MAC_final(poly1305.get(), raw(mac), &mac_size, mac_bytes) == 1 &&
            mac_size == mac_bytes,
        "computing a MAC");
  }

  CipherContext encrypt;
  CipherContext mac_s;
  MacContext poly1305;
  std::array<std::byte, 32> one_time_key{};  // r, then AES(k, IV)
  std::array<Iv, iv_batch> ivs{};
  std::size_t ivs_left = 0;
};

Sealer::Sealer(const SealKey& key) : state_(std::make_unique<State>(key)) {}
Sealer::~Sealer() = default;
Sealer::Sealer(Sealer&&) noexcept = default;
Sealer& Sealer::operator=(Sealer&&) noexcept = default;

void Sealer::seal(ByteView plain, Bytes& to) {
  const Iv iv = state_->next_iv();
  seal_with_iv(plain, iv, to);
}

void Sealer::seal_with_iv(ByteView plain, std::span<const std::byte, 16> iv, Bytes& to) {
  const std::size_t before = to.size();
  to.resize(before + seal_overhead_bytes + plain.size());
  state_->seal(plain, iv, to.data() + before);
}

void Sealer::seal_to(ByteView plain, std::span<std::byte> to) {
  check_rule(to.size() == plain.size() + seal_overhead_bytes, "what is sealed has its room");
  const Iv iv = state_->next_iv();
  state_->seal(plain, iv, to.data());
}

std::optional<ByteView> Sealer::authentic(ByteView sealed) {
  if (sealed.size() < seal_overhead_bytes) return std::nullopt;
  const ByteView iv = sealed.first(iv_bytes);
  const ByteView mac = sealed.last(mac_bytes);
  const ByteView ciphertext = sealed.subspan(iv_bytes, sealed.size() - seal_overhead_bytes);
  std::array<std::byte, mac_bytes> expected;
  state_->authenticate(ciphertext, iv.data(), expected.data());
  if (CRYPTO_memcmp(expected.data(), mac.data(), mac_bytes) != 0 || is_zero(iv))
    return std::nullopt;
  state_->set_iv(iv.data());
  return ciphertext;
}

bool Sealer::try_open(ByteView sealed, Bytes& plain) {
  plain.clear();
  const std::optional<ByteView> ciphertext = authentic(sealed);
  if (!ciphertext) return false;
  plain.resize(ciphertext->size());
  state_->apply_keystream(*ciphertext, plain.data());
  return true;
}

bool Sealer::opens_to(ByteView sealed, ByteView plain) {
  std::optional<ByteView> left = authentic(sealed);
  if (!left || left->size() != plain.size()) return false;
  std::array<std::byte, compared_bytes> opened;
  while (!left->empty()) {
    const std::size_t size = std::min(left->size(), opened.size());
    state_->apply_keystream(left->first(size), opened.data());
    if (std::memcmp(opened.data(), plain.data(), size) != 0) return false;
    left = left->subspan(size);
    plain = plain.subspan(size);
  }
  return true;
}

void Sealer::open(ByteView sealed, Bytes& plain) {
  if (!try_open(sealed, plain)) {
    throw Error(Errc::corrupt, fmt::format("{} sealed bytes fail their MAC", sealed.size()));
  }
}

}  // namespace holdfast::format
