// SPDX-License-Identifier: Apache-2.0
// Key files: finding the one a password opens, adding, removing.
#include "repo/keyring.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "repo/damage.h"
#include "storage/storage.h"

namespace holdfast::repo {
namespace {

using format::Id;
using format::KeyFile;
using format::SealKey;
using storage::FileKind;
using storage::FileRef;

constexpr std::size_t tries_max = 20;
constexpr std::size_t salt_bytes = 64;

KeyFile read_key(storage::Storage& storage, const Id& id) {
  const FileRef file{FileKind::key, id.hex()};
  const std::optional<Bytes> text = storage::read_file(storage, file);
  if (!text) throw Error(Errc::not_found, fmt::format("{} is not there", display(file)));
  if (format::id_of(*text) != id) {
    throw Error(Errc::corrupt,
                fmt::format("{} is damaged: its content does not match its name", display(file)));
  }
  return in_context(fmt::format("reading {}", display(file)),
                    [&] { return format::parse_key_file(as_text(*text)); });
}

std::vector<Id> key_ids(storage::Storage& storage) {
  std::vector<Id> ids;
  storage.list(FileKind::key, [&](const storage::FoundFile& found) {
    if (const std::optional<Id> id = format::parse_id(found.file.name)) ids.push_back(*id);
  });
  std::sort(ids.begin(), ids.end());
  return ids;
}

Id store_key(Repository& repository, const KeyFile& key) {
  return repository.save_unpacked(FileKind::key, format::to_json(key));
}

}  // namespace

KeyFile wrap_key(const SealKey& master, const Secret& password, const std::string& username,
                 const std::string& hostname, const std::optional<format::ScryptCost>& cost) {
  KeyFile key;
  key.created = system_clock().now();
  key.username = username;
  key.hostname = hostname;
  key.cost = cost ? *cost : format::calibrate_scrypt();
  key.salt.resize(salt_bytes);
  fill_random(key.salt);
  const SealKey wrapping = format::derive_key(password.reveal(), key.salt, key.cost);
  const Secret text(format::master_key_json(master));
  format::Sealer(wrapping).seal(as_bytes(text.reveal()), key.data);
  return key;
}

std::optional<SealKey> try_key(const KeyFile& key, const Secret& password) {
  const SealKey wrapping = format::derive_key(password.reveal(), key.salt, key.cost);
  Bytes text;
  if (!format::Sealer(wrapping).try_open(key.data, text)) return std::nullopt;
  const SealKey master = format::parse_master_key(as_text(text));
  wipe(text.data(), text.size());
  return master;
}

OpenedKey find_key(storage::Storage& storage, const Secret& password, std::string_view key_hint) {
  std::vector<Id> ids = key_ids(storage);
  if (ids.empty()) {
    throw Error(Errc::no_repository,
                fmt::format("the repository at {} has no key file", storage.location()))
        .set_hint("Without a key file nothing in it can be read: bring its keys directory back.");
  }
  std::size_t hinted = 0;
  if (!key_hint.empty()) {
    hinted = static_cast<std::size_t>(
        std::stable_partition(ids.begin(), ids.end(),
                              [&](const Id& id) { return id.hex().starts_with(key_hint); }) -
        ids.begin());
  }
  std::optional<Error> damage;
  std::size_t damaged = 0;
  const std::size_t tries = std::min(ids.size(), tries_max + std::min<std::size_t>(hinted, 1));
  for (std::size_t i = 0; i < tries; ++i) {
    try {
      if (const std::optional<SealKey> master = try_key(read_key(storage, ids[i]), password)) {
        return {ids[i], *master};
      }
    } catch (const Error& error) {  // another key may still open
      if (!is_damage(error)) throw;
      damage = error;
      ++damaged;
    }
  }
  if (damaged == tries) throw Error(*damage);
  Error wrong(Errc::wrong_password, "wrong password or no key found");
  if (damage) {
    wrong.set_hint(fmt::format("A key could not be tried: {}.", damage->message()));
  } else if (tries < ids.size()) {
    wrong.set_hint(fmt::format("Only {} of {} keys were tried; name yours with --key-hint.", tries,
                               ids.size()));
  }
  throw wrong;
}

std::vector<FoundKey> list_keys(Repository& repository) {
  std::vector<FoundKey> keys;
  for (const Id& id : key_ids(repository.storage())) {
    keys.push_back({id, read_key(repository.storage(), id), id == repository.key_id()});
  }
  return keys;
}

Id add_key(Repository& repository, const Secret& password, const std::string& username,
           const std::string& hostname, const std::optional<format::ScryptCost>& cost) {
  return store_key(repository, wrap_key(repository.key(), password, username, hostname, cost));
}

void remove_key(Repository& repository, const Id& id) {
  if (id == repository.key_id()) {
    throw Error(Errc::usage, fmt::format("key {} is in use and is not removed", id.short_hex()))
        .set_hint("Open the repository with another password to remove this one.");
  }
  const FileRef file{FileKind::key, id.hex()};
  if (!repository.storage().size_bytes(file)) {
    throw Error(Errc::not_found, fmt::format("{} is not there", display(file)));
  }
  repository.remove(FileKind::key, id);
}

Id change_password(Repository& repository, const Secret& password, const std::string& username,
                   const std::string& hostname, const std::optional<format::ScryptCost>& cost) {
  const Id added = add_key(repository, password, username, hostname, cost);
  const std::optional<SealKey> master = try_key(read_key(repository.storage(), added), password);
  if (!master || master->encrypt != repository.key().encrypt) {
    throw Error(
        Errc::corrupt,
        fmt::format("key {} was stored and does not open; the old one is kept", added.short_hex()));
  }
  const Id old = repository.key_id_;
  repository.key_id_ = added;
  repository.remove(FileKind::key, old);
  return added;
}

}  // namespace holdfast::repo
