// SPDX-License-Identifier: Apache-2.0
// Lock files as JSON. What a lock means is repo's business.
#include "format/lock_file.h"

#include "base/error.h"
#include "format/json_object.h"

namespace holdfast::format {

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
    const Json json = parse_object(text, "lock file");
    LockFile lock;
    lock.time = parse_rfc3339(json.at("time").as_string());
    // Without these a lock could be taken for a weaker or older one than it is.
    lock.exclusive = json.at("exclusive").as_bool();
    lock.hostname = json.string_or("hostname", "");
    lock.username = json.string_or("username", "");
    lock.pid = json.int_or("pid", 0);
    lock.uid = number32_or_zero(json, "uid");
    lock.gid = number32_or_zero(json, "gid");
    return lock;
  });
}

}  // namespace holdfast::format
