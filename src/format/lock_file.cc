// SPDX-License-Identifier: Apache-2.0
// Lock files as JSON. What a lock means is repo's business.
#include "format/lock_file.h"

#include <fmt/format.h>

#include <limits>

#include "base/error.h"
#include "base/json.h"

namespace holdfast::format {

namespace {

std::uint32_t number32(const Json& json, std::string_view key) {
  const std::uint64_t number = json.uint_or(key, 0);
  if (number > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(Errc::corrupt, fmt::format("lock file: {} is out of range", key));
  }
  return static_cast<std::uint32_t>(number);
}

}  // namespace

std::string to_json(const LockFile& lock) {
  Json json = Json::object();
  json.set("time", to_rfc3339(lock.time));
  json.set("exclusive", lock.exclusive);
  json.set("hostname", lock.hostname);
  json.set("username", lock.username);
  json.set("pid", lock.pid);
  if (lock.uid != 0) json.set("uid", lock.uid);
  if (lock.gid != 0) json.set("gid", lock.gid);
  return json.dump();
}

LockFile parse_lock_file(std::string_view text) {
  return in_context("reading a lock file", [&] {
    const Json json = Json::parse(text, "lock file");
    if (!json.is_object()) throw Error(Errc::corrupt, "lock file is not a JSON object");
    LockFile lock;
    lock.time = parse_rfc3339(json.at("time").as_string());
    // Without these a lock could be taken for a weaker or older one than it is.
    lock.exclusive = json.at("exclusive").as_bool();
    lock.hostname = json.string_or("hostname", "");
    lock.username = json.string_or("username", "");
    lock.pid = json.int_or("pid", 0);
    lock.uid = number32(json, "uid");
    lock.gid = number32(json, "gid");
    return lock;
  });
}

}  // namespace holdfast::format
