// SPDX-License-Identifier: Apache-2.0
// Opening and making repositories, unpacked files, the index at start, single blobs.
#include "repo/repository.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/crew.h"
#include "base/hash.h"
#include "format/index_file.h"
#include "format/tree.h"
#include "repo/damage.h"
#include "repo/gate.h"
#include "repo/keyring.h"
#include "repo/pack_reader.h"
#include "repo/parallel.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::Id;
using storage::FileKind;
using storage::FileRef;

FileRef file_of(FileKind kind, const Id& id) {
  return {kind, kind == FileKind::config ? std::string() : id.hex()};
}

bool has_any(storage::Storage& storage, FileKind kind) {
  bool found = false;
  storage.list(kind, [&](const storage::FoundFile&) { found = true; });
  return found;
}

// How much JSON a real file of a kind has at most. A small file may claim much: it is compressed.
std::size_t json_bytes_max(FileKind kind) noexcept {
  if (kind == FileKind::lock) return std::size_t{1} << 20U;
  if (kind == FileKind::snapshot) return std::size_t{128} << 20U;
  return format::unpacked_bytes_max;
}

// Protects what is left of a repository that was deleted by half.
void check_empty(storage::Storage& storage) {
  std::string_view found;
  if (storage.size_bytes({FileKind::config, {}})) {
    found = "config file";
  } else if (has_any(storage, FileKind::key)) {
    found = "key file";
  } else if (has_any(storage, FileKind::snapshot)) {
    found = "snapshot";
  } else {
    return;
  }
  throw Error(Errc::exists, fmt::format("a repository is at {} already: there is a {}",
                                        storage.location(), found))
      .set_hint("Choose another place, or open this one with its password.");
}

// The sealed form of `plain`, opened again and compared: a flipped bit in memory must not be
// stored.
Bytes seal_verified(ByteView plain, Codec& codec) {
  Bytes sealed;
  codec.sealer.seal(plain, sealed);
  codec.sealer.open(sealed, codec.scratch);
  if (!is_equal(codec.scratch, plain)) {
    throw Error(Errc::corrupt, "what was sealed does not open to the same bytes")
        .set_hint("The memory or the processor of this machine may be faulty; test them.");
  }
  return sealed;
}

// Where the last blob that an index names ends, before the pack's header.
std::uint64_t blobs_end(const format::IndexedPack& pack) noexcept {
  std::uint64_t end = 0;
  for (const format::PackedBlob& blob : pack.blobs) {
    end = std::max(end, std::uint64_t{blob.offset_bytes} + blob.size_bytes);
  }
  return end;
}

bool is_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char digit) {
    return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
  });
}

}  // namespace

Repository::Repository() : index_(std::make_unique<BlobIndex>()) {}
Repository::~Repository() = default;

std::unique_ptr<Repository> Repository::open(std::unique_ptr<storage::Storage> storage,
                                             const Secret& password, std::string_view key_hint) {
  std::unique_ptr<Repository> repository(new Repository());
  repository->storage_ = std::make_unique<GateStorage>(std::move(storage));
  storage::Storage& files = *repository->storage_;
  if (!files.size_bytes({FileKind::config, {}})) {
    throw Error(
        Errc::no_repository,
        fmt::format("there is no repository at {}: it has no config file", files.location()))
        .set_hint("Run `holdfast init` to make one, or check the location.");
  }
  const OpenedKey opened = find_key(files, password, key_hint);
  repository->key_id_ = opened.id;
  repository->key_ = opened.master;
  Codec codec = repository->codec();
  const Bytes json = repository->load_unpacked(FileKind::config, {}, codec);
  repository->config_ = in_context("reading the config file",
                                   [&] { return format::parse_config_file(as_text(json)); });
  return repository;
}

std::unique_ptr<Repository> Repository::init(std::unique_ptr<storage::Storage> storage,
                                             const Secret& password, const InitOptions& options) {
  if (options.version != 1 && options.version != 2) {
    throw Error(Errc::usage, fmt::format("there is no repository version {}", options.version))
        .set_hint("Versions 1 and 2 exist.");
  }
  if (options.chunker_polynomial && !format::is_irreducible(*options.chunker_polynomial)) {
    throw Error(Errc::usage, "the chunker polynomial is reducible");
  }
  std::unique_ptr<Repository> repository(new Repository());
  repository->storage_ = std::make_unique<GateStorage>(std::move(storage));
  storage::Storage& files = *repository->storage_;
  check_empty(files);
  files.create();

  repository->key_ = format::random_seal_key();
  format::ConfigFile& config = repository->config_;
  config.version = options.version;
  Bytes id(32);
  fill_random(id);
  config.id = to_hex(id);
  config.chunker_polynomial =
      options.chunker_polynomial ? *options.chunker_polynomial : format::random_polynomial();

  repository->key_id_ = repository->save_unpacked(
      FileKind::key, format::to_json(wrap_key(repository->key_, password, options.username,
                                              options.hostname, options.cost)));
  Codec codec = repository->codec();
  const std::string json = format::to_json(config);
  in_context("writing the config file", [&] {
    files.put({FileKind::config, {}}, seal_verified(as_bytes(json), codec));
  });
  return repository;
}

void Repository::load_index(model::Observer& observer) {
  load_index(observer, {}, {}, {});
}

void Repository::load_index(model::Observer& observer, std::stop_token stop,
                            const DamagedIndex& damaged, const SeenPack& seen) {
  observer.phase("loading index");
  std::mutex report;
  load_index_files(list(FileKind::index), std::move(stop), damaged,
                   [&](const format::IndexedPack& pack) {
                     const BlobIndex::Added added = index_->add_pack(pack);
                     if (!seen) return;
                     const std::lock_guard lock(report);
                     seen(pack, added);
                   });
}

void Repository::load_index_for_writing(model::Observer& observer) {
  observer.phase("loading index");
  const std::vector<Id> ids = list(FileKind::index);
  // After the index files, whose packs were stored before them.
  std::vector<std::pair<Id, std::uint64_t>> stored_bytes;
  storage_->list(FileKind::pack, [&](const storage::FoundFile& found) {
    if (const std::optional<Id> id = format::parse_id(found.file.name)) {
      stored_bytes.emplace_back(*id, found.size_bytes);
    }
  });
  std::sort(stored_bytes.begin(), stored_bytes.end());
  const auto is_stored = [&](const format::IndexedPack& pack) {
    const auto stored = std::lower_bound(stored_bytes.begin(), stored_bytes.end(),
                                         std::pair(pack.id, std::uint64_t{0}));
    return stored != stored_bytes.end() && stored->first == pack.id &&
           stored->second >= blobs_end(pack);
  };
  std::mutex report;
  std::set<Id> missing;
  load_index_files(ids, {}, {}, [&](const format::IndexedPack& pack) {
    if (is_stored(pack)) {
      index_->add_pack(pack);
      return;
    }
    const std::lock_guard lock(report);
    missing.insert(pack.id);
  });
  if (missing.empty()) return;
  observer.warning(fmt::format(
      "{} packs that the index names are missing or cut short, first {}; what they held is stored "
      "anew where it is met; run `holdfast check` to see which snapshots need them",
      missing.size(), missing.begin()->hex()));
}

void Repository::load_index_files(const std::vector<Id>& ids, std::stop_token stop,
                                  const DamagedIndex& damaged, const TakePack& take) {
  forget_index();
  std::mutex report;
  for_each_parallel(ids.size(), cores_available(), std::move(stop), [&] {
    const auto own = std::make_shared<Codec>(codec());
    return [&, own](std::size_t item) {
      try {
        Bytes json = load_unpacked(FileKind::index, ids[item], *own);
        in_context(fmt::format("reading index {}", ids[item].hex()), [&] {
          format::read_index_json(format::padded(json),
                                  [&](format::IndexedPack&& pack) { take(pack); });
        });
      } catch (const Error& error) {
        if (!damaged || !is_damage(error)) throw;
        const std::lock_guard lock(report);
        damaged(ids[item], error);
      }
    };
  });
  const std::lock_guard lock(mutex_);
  index_files_ = ids;
}

void Repository::set_overflow_directory(std::filesystem::path directory) {
  overflow_directory_ = std::move(directory);
  forget_index();
}

void Repository::forget_index() {
  index_ = std::make_unique<BlobIndex>(BlobIndex::Overflow{overflow_directory_});
  const std::lock_guard lock(mutex_);
  index_files_.clear();
}

std::vector<Id> Repository::index_files() const {
  const std::lock_guard lock(mutex_);
  return index_files_;
}

Bytes Repository::read_named(FileKind kind, const Id& id) {
  const FileRef file = file_of(kind, id);
  // Read a second time before it is called damaged: the fault may have been on the way.
  for (const bool is_last : {false, true}) {
    std::optional<Bytes> stored = storage::read_file(*storage_, file);
    if (!stored) {
      throw Error(Errc::not_found, fmt::format("{} is not in the repository", display(file)));
    }
    if (kind == FileKind::config || format::id_of(*stored) == id) return std::move(*stored);
    if (is_last) break;
  }
  Error damaged(Errc::corrupt,
                fmt::format("{} is damaged: its content does not match its name", display(file)));
  if (kind != FileKind::lock)
    damaged.set_hint("Run `holdfast check` to see what else is affected.");
  throw damaged;
}

Bytes Repository::load_unpacked(FileKind kind, const Id& id) {
  Codec own = codec();
  return load_unpacked(kind, id, own);
}

Bytes Repository::load_unpacked(FileKind kind, const Id& id, Codec& codec) {
  check_rule(kind != FileKind::pack, "a pack is not an unpacked file");
  Bytes stored = read_named(kind, id);
  if (kind == FileKind::key) return stored;
  return in_context(fmt::format("opening {}", display(file_of(kind, id))), [&] {
    Bytes json;
    if (kind == FileKind::config) {
      codec.sealer.open(stored, json);
    } else {
      codec.sealer.open(stored, codec.scratch);
      format::decode_unpacked(codec.scratch, codec.decompressor, json, json_bytes_max(kind));
    }
    return json;
  });
}

Id Repository::save_unpacked(FileKind kind, std::string_view json) {
  check_rule(kind != FileKind::pack && kind != FileKind::config,
             "packs and the config are not saved as unpacked files");
  return in_context(fmt::format("writing {} {}", kind == FileKind::index ? "an" : "a",
                                storage::file_kind_name(kind)),
                    [&] {
                      Bytes stored;
                      if (kind == FileKind::key) {
                        append(stored, json);
                      } else {
                        Codec own = codec();
                        stored = seal_verified(
                            format::encode_unpacked(json, config_.version, own.compressor), own);
                      }
                      const Id id = format::id_of(stored);
                      storage_->put(file_of(kind, id), stored);
                      if (kind == FileKind::index) {
                        const std::lock_guard lock(mutex_);
                        index_files_.push_back(id);
                      }
                      return id;
                    });
}

void Repository::remove(FileKind kind, const Id& id) {
  check_rule(kind != FileKind::config, "the config is never removed");
  storage_->remove(file_of(kind, id));
}

std::vector<Id> Repository::list(FileKind kind) {
  std::vector<Id> ids;
  storage_->list(kind, [&](const storage::FoundFile& found) {
    if (const std::optional<Id> id = format::parse_id(found.file.name)) ids.push_back(*id);
  });
  std::sort(ids.begin(), ids.end());
  return ids;
}

Bytes Repository::load_blob(const BlobHandle& blob, Codec& codec) {
  const std::vector<BlobPlace> places = index_->find_all(blob);
  if (places.empty()) {
    throw Error(Errc::not_found, fmt::format("{} blob {} is in no index",
                                             format::blob_type_name(blob.type), blob.id.hex()));
  }
  std::optional<Error> failure;
  for (const BlobPlace& place : places) {
    const format::PackedBlob packed{blob, place.offset_bytes, place.size_bytes,
                                    place.plain_size_bytes};
    Bytes content;
    bool is_read = false;
    const auto failed = [&](const format::PackedBlob&, const Error& error) {
      if (!failure) failure = Error(error).add_context("reading pack " + place.pack.hex());
    };
    read_pack_blobs(
        *this, place.pack, {&packed, 1}, codec,
        [&](const format::PackedBlob&, Bytes& plain) {
          content = std::move(plain);
          is_read = true;
        },
        failed);
    if (is_read) return content;
  }
  throw *failure;
}

void Repository::upgrade_to_version_2(const std::function<void(ByteView old_config)>& keep) {
  if (config_.version != 1) {
    throw Error(Errc::usage, fmt::format("the repository has version {} already", config_.version));
  }
  const std::optional<Bytes> old = storage::read_file(*storage_, {FileKind::config, {}});
  if (!old) throw Error(Errc::no_repository, "the config file is gone");
  format::ConfigFile upgraded = config_;
  upgraded.version = 2;
  const std::string json = format::to_json(upgraded);
  Codec own = codec();
  const Bytes sealed = seal_verified(as_bytes(json), own);
  keep(*old);
  in_context("replacing the config file", [&] { replace_config(sealed, *old); });
  config_ = std::move(upgraded);
}

// Either the new config is there at the end, or the old one and an error.
void Repository::replace_config(ByteView sealed, ByteView old) {
  const auto is_stored = [&](ByteView wanted) {
    const std::optional<Bytes> stored = storage::read_file(*storage_, {FileKind::config, {}});
    return stored && is_equal(*stored, wanted);
  };
  try {
    storage_->replace_config(sealed);
    if (!is_stored(sealed)) throw Error(Errc::corrupt, "it does not read back as it was written");
  } catch (const Error& error) {
    try {
      if (!is_stored(old)) storage_->replace_config(old);
    } catch (const Error& second) {
      throw Error(error.code(), fmt::format("{}; the old one could not be put back either: {}",
                                            error.message(), second.message()));
    }
    throw;
  }
}

Id Repository::find_by_prefix(FileKind kind, std::string_view prefix) {
  const std::string_view name = storage::file_kind_name(kind);
  std::vector<Id> matches;
  if (!prefix.empty() && is_hex(prefix)) {
    for (const Id& id : list(kind)) {
      if (id.hex().starts_with(prefix)) matches.push_back(id);
    }
  }
  if (matches.size() == 1) return matches.front();
  if (matches.empty()) {
    throw Error(Errc::not_found, fmt::format("no {} id begins with \"{}\"", name, prefix))
        .set_hint(kind == FileKind::snapshot ? "`holdfast snapshots` lists them."
                  : kind == FileKind::key    ? "`holdfast key list` lists them."
                                             : "");
  }
  constexpr std::size_t shown_max = 5;
  std::string candidates;
  for (std::size_t i = 0; i < std::min(matches.size(), shown_max); ++i) {
    candidates += (i == 0 ? "" : ", ") + matches[i].hex().substr(0, prefix.size() + 4);
  }
  if (matches.size() > shown_max) candidates += ", …";
  throw Error(Errc::usage, fmt::format("{} {} ids begin with {}", matches.size(), name, prefix))
      .set_hint(fmt::format("Give more digits: {}.", candidates));
}

}  // namespace holdfast::repo
