// SPDX-License-Identifier: Apache-2.0
// Key files. They are the one kind of file that is read before anything can be decrypted, and so
// the one that anybody who can write to the storage can forge.
#include "format/key_file.h"

#include <fmt/format.h>

#include <limits>

#include "base/error.h"
#include "format/json_object.h"

namespace holdfast::format {

namespace {

constexpr std::size_t salt_bytes = 64;

std::uint32_t number32(const Json& json, std::string_view key) {
  const std::uint64_t number = json.at(key).as_uint();
  if (number > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(Errc::corrupt, fmt::format("key file: {} is out of range", key));
  }
  return static_cast<std::uint32_t>(number);
}

Bytes base64(const Json& json, std::string_view key) {
  auto bytes = from_base64(json.at(key).as_string());
  if (!bytes) throw Error(Errc::corrupt, fmt::format("key file: {} is not base64", key));
  return std::move(*bytes);
}

}  // namespace

std::string to_json(const KeyFile& key) {
  Json json = Json::object();
  json.set("created", to_rfc3339(key.created));
  json.set("username", key.username);
  json.set("hostname", key.hostname);
  json.set("kdf", "scrypt");
  json.set("N", key.cost.n);
  json.set("r", key.cost.r);
  json.set("p", key.cost.p);
  json.set("salt", to_base64(key.salt));
  json.set("data", to_base64(key.data));
  return json.dump();
}

KeyFile parse_key_file(std::string_view text) {
  return in_context("reading a key file", [&] {
    const Json json = parse_object(text, "key file");
    const std::string& kdf = json.at("kdf").as_string();
    if (kdf != "scrypt") {
      throw Error(Errc::unsupported,
                  fmt::format("key file uses {} instead of scrypt to derive its key", kdf));
    }
    KeyFile key;
    if (const std::string created = json.string_or("created", ""); !created.empty()) {
      key.created = parse_rfc3339(created);
    }
    key.username = json.string_or("username", "");
    key.hostname = json.string_or("hostname", "");
    key.cost.n = json.at("N").as_uint();
    key.cost.r = number32(json, "r");
    key.cost.p = number32(json, "p");
    key.salt = base64(json, "salt");
    if (key.salt.size() != salt_bytes) {
      throw Error(Errc::corrupt, fmt::format("key file: salt has {} bytes instead of {}",
                                             key.salt.size(), salt_bytes));
    }
    key.data = base64(json, "data");
    if (key.data.size() < seal_overhead_bytes) {
      throw Error(Errc::corrupt, "key file: data is too short to be sealed");
    }
    return key;
  });
}

}  // namespace holdfast::format
