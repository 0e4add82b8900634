// SPDX-License-Identifier: Apache-2.0
// Names and hashes of data store records. The only file of this room that knows OpenSSL: SHA-1,
// which names records of repositories from before 2017, is nobody else's.
#include "profile/magnolia/data_store.h"

#include <openssl/evp.h>

#include <span>

#include "base/c_handle.h"
#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::size_t sha256_size = 32;
constexpr std::size_t sha1_size = 20;
constexpr std::string_view reference_prefix = "dataStore:";

}  // namespace

std::optional<RecordId> RecordId::of_text(std::string_view text) noexcept {
  if (text.size() != 2 * sha256_size && text.size() != 2 * sha1_size) return std::nullopt;
  if (text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  RecordId id;
  id.size_bytes = static_cast<std::uint8_t>(text.size() / 2);
  static_cast<void>(read_hex(text, std::span(id.bytes).first(id.size_bytes)));
  return id;
}

std::string RecordId::text() const {
  return to_hex(ByteView(bytes).first(size_bytes));
}

std::optional<RecordId> parse_record_reference(std::string_view text) noexcept {
  if (!text.starts_with(reference_prefix)) return std::nullopt;
  text.remove_prefix(reference_prefix.size());
  return RecordId::of_text(text.substr(0, text.find('#')));
}

std::optional<RecordId> record_at(std::string_view path) noexcept {
  // "ab/cd/ef/" and then the whole name.
  if (path.size() < 9 || path[2] != '/' || path[5] != '/' || path[8] != '/') return std::nullopt;
  const std::string_view name = path.substr(9);
  const auto id = RecordId::of_text(name);
  if (!id || name.substr(0, 2) != path.substr(0, 2) || name.substr(2, 2) != path.substr(3, 2) ||
      name.substr(4, 2) != path.substr(6, 2))
    return std::nullopt;
  return id;
}

std::string path_of_record(const RecordId& id) {
  const std::string name = id.text();
  return name.substr(0, 2) + "/" + name.substr(2, 2) + "/" + name.substr(4, 2) + "/" + name;
}

struct RecordHash::State {
  CHandle<EVP_MD_CTX, EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
};

RecordHash::RecordHash(const RecordId& id) : id_(id), state_(std::make_unique<State>()) {
  const EVP_MD* const method = id.size_bytes == sha256_size ? EVP_sha256() : EVP_sha1();
  check_rule(state_->context && EVP_DigestInit_ex(state_->context.get(), method, nullptr) == 1,
             "a hash can be begun");
}

RecordHash::~RecordHash() = default;

void RecordHash::update(ByteView bytes) {
  size_bytes_ += bytes.size();
  check_rule(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1,
             "a hash can go on");
}

bool RecordHash::is_right() {
  std::array<std::byte, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  check_rule(EVP_DigestFinal_ex(state_->context.get(),
                                reinterpret_cast<unsigned char*>(digest.data()), &size) == 1,
             "a hash can be ended");
  return is_equal(ByteView(digest).first(size), ByteView(id_.bytes).first(id_.size_bytes));
}

}  // namespace holdfast::profile::magnolia
