// SPDX-License-Identifier: Apache-2.0
#include "job/cat.h"

#include <fmt/format.h>

#include <array>

#include "archive/snapshots.h"
#include "base/error.h"
#include "base/json.h"
#include "repo/repository.h"

namespace holdfast::job {

namespace {

constexpr std::array<std::string_view, 9> kind_names{
    "config", "masterkey", "key", "lock", "snapshot", "index", "pack", "blob", "tree"};

Bytes indented(std::string_view json, std::string_view what) {
  Bytes bytes;
  append(bytes, Json::parse(json, what).dump_indented());
  append(bytes, std::string_view("\n"));
  return bytes;
}

// As Poly1305 uses it: of r, some bits never count (Bernstein 2005, section 2). restic clears them
// in memory and prints what it has there.
format::SealKey clamped(const format::SealKey& key) {
  format::SealKey used = key;
  for (const std::size_t i : {3U, 7U, 11U, 15U}) used.mac_r[i] &= std::byte{0x0f};
  for (const std::size_t i : {4U, 8U, 12U}) used.mac_r[i] &= std::byte{0xfc};
  return used;
}

Bytes cat_key(repo::Repository& repository, std::string_view id_text) {
  const format::Id id = repository.find_by_prefix(storage::FileKind::key, id_text);
  const auto content = storage::read_file(repository.storage(), {storage::FileKind::key, id.hex()});
  if (!content) throw Error(Errc::not_found, fmt::format("key {} does not exist", id.hex()));
  return indented(as_text(*content), fmt::format("key {}", id.hex()));
}

Bytes cat_unpacked(repo::Repository& repository, storage::FileKind kind, std::string_view id_text) {
  const format::Id id = repository.find_by_prefix(kind, id_text);
  const Bytes json = repository.load_unpacked(kind, id);
  const std::string what = fmt::format("{} {}", storage::file_kind_name(kind), id.hex());
  if (kind == storage::FileKind::index) return json;
  return indented(as_text(json), what);
}

Bytes cat_pack(repo::Repository& repository, std::string_view id_text, model::Observer& observer) {
  const format::Id id = repository.find_by_prefix(storage::FileKind::pack, id_text);
  auto content = storage::read_file(repository.storage(), {storage::FileKind::pack, id.hex()});
  if (!content) throw Error(Errc::not_found, fmt::format("pack {} does not exist", id.hex()));
  const format::Id found = format::id_of(*content);
  if (found != id) {
    observer.warning(
        fmt::format("pack {} is damaged: its content has the hash {}", id.hex(), found.hex()));
  }
  return std::move(*content);
}

Bytes cat_blob(repo::Repository& repository, std::string_view id_text, model::Observer& observer) {
  const auto id = format::parse_id(id_text);
  if (!id) throw Error(Errc::usage, fmt::format("\"{}\" is not a blob id: 64 hex digits", id_text));
  repository.load_index(observer);
  repo::Codec codec = repository.codec();
  for (const format::BlobType type : {format::BlobType::data, format::BlobType::tree}) {
    if (repository.index().has({type, *id})) return repository.load_blob({type, *id}, codec);
  }
  throw Error(Errc::not_found, fmt::format("blob {} is not in the repository", id->hex()));
}

Bytes cat_tree(repo::Repository& repository, std::string_view text, model::Observer& observer) {
  const archive::FoundSnapshot found = archive::find_snapshot(repository, text, {});
  repository.load_index(observer);
  repo::Codec codec = repository.codec();
  return repository.load_blob({format::BlobType::tree, archive::tree_of(repository, found)}, codec);
}

Bytes cat_snapshot(repo::Repository& repository, std::string_view text) {
  const archive::FoundSnapshot found = archive::find_snapshot(repository, text, {});
  return cat_unpacked(repository, storage::FileKind::snapshot, found.snapshot.id.hex());
}

}  // namespace

std::span<const std::string_view> cat_kind_names() noexcept {
  return kind_names;
}

CatKind parse_cat_kind(std::string_view name) {
  for (std::size_t i = 0; i < kind_names.size(); ++i) {
    if (kind_names[i] == name) return static_cast<CatKind>(i);
  }
  Error error(Errc::usage, fmt::format("unknown kind of object \"{}\"", name));
  error.set_hint(fmt::format("Kinds are {}.", fmt::join(kind_names, ", ")));
  throw error;
}

bool cat_needs_id(CatKind kind) noexcept {
  return kind != CatKind::config && kind != CatKind::masterkey;
}

Bytes cat_object(const Environment& environment, const RepositoryAccess& access, CatKind kind,
                 std::string_view id, model::Observer& observer, std::stop_source& stop) {
  const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  repo::Repository& repository = *opened.repository;
  switch (kind) {
    case CatKind::config:
      return indented(format::to_json(repository.config()), "config");
    case CatKind::masterkey: {
      std::string json = format::master_key_json(clamped(repository.key()));
      Bytes text = indented(json, "master key");
      wipe(json.data(), json.size());
      return text;
    }
    case CatKind::key:
      return cat_key(repository, id);
    case CatKind::lock:
      return cat_unpacked(repository, storage::FileKind::lock, id);
    case CatKind::snapshot:
      return cat_snapshot(repository, id);
    case CatKind::index:
      return cat_unpacked(repository, storage::FileKind::index, id);
    case CatKind::pack:
      return cat_pack(repository, id, observer);
    case CatKind::blob:
      return cat_blob(repository, id, observer);
    case CatKind::tree:
      return cat_tree(repository, id, observer);
  }
  throw Error(Errc::bug, "a kind of object without meaning");
}

}  // namespace holdfast::job
