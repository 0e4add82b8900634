// SPDX-License-Identifier: Apache-2.0
// An opened repository: its storage, its config, its master key, its index. Everything else of this
// room works on one of these.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "format/config_file.h"
#include "format/crypto.h"
#include "format/snapshot_file.h"
#include "format/unpacked.h"
#include "model/progress.h"
#include "repo/blob_index.h"
#include "storage/storage.h"

namespace holdfast::repo {

// Opens and seals unpacked files and blobs with this thread's own contexts. Made by
// Repository::codec(); one per thread.
class Codec {
 public:
  Codec(const format::SealKey& key, format::Compression level) : sealer(key), compressor(level) {}
  format::Sealer sealer;
  format::Compressor compressor;
  format::Decompressor decompressor;
  Bytes scratch;  // what lies between sealed and plain
  Bytes run;      // blobs as they were read, for read_pack_blobs()
};

// Thread-safe but for load_index(), upgrade_to_version_2() and set_*, which come before the
// threads.
class Repository {
 public:
  // Finds the key for `password` (the hinted one first, then at most 20). Errc::no_repository if
  // there is no config, Errc::wrong_password if no key opens, Errc::corrupt if what opens is
  // damaged.
  [[nodiscard]] static std::unique_ptr<Repository> open(std::unique_ptr<storage::Storage> storage,
                                                        const Secret& password,
                                                        std::string_view key_hint = {});

  struct InitOptions {
    unsigned version = 2;
    std::optional<format::Polynomial> chunker_polynomial;  // copied from another repository
    std::optional<format::ScryptCost> cost;                // tests; else calibrated
    std::string username, hostname;
  };
  // Makes a new repository: key file first, then config. Errc::exists if a config, any key or any
  // snapshot is there already.
  [[nodiscard]] static std::unique_ptr<Repository> init(std::unique_ptr<storage::Storage> storage,
                                                        const Secret& password,
                                                        const InitOptions& options);

  ~Repository();

  [[nodiscard]] storage::Storage& storage() noexcept { return *storage_; }
  [[nodiscard]] const format::ConfigFile& config() const noexcept { return config_; }
  [[nodiscard]] const format::SealKey& key() const noexcept { return key_; }
  [[nodiscard]] const format::Id& key_id() const noexcept {
    return key_id_;
  }  // the key file in use
  [[nodiscard]] format::Compression compression() const noexcept { return compression_; }
  void set_compression(format::Compression level) noexcept { compression_ = level; }
  [[nodiscard]] Codec codec() const { return Codec(key_, compression_); }

  // Where the index lies that is too large for memory; drops what load_index() read. Without it,
  // and with an empty one, all of it stays in memory.
  void set_overflow_directory(std::filesystem::path directory);
  // Reads all index files, in parallel. Call after listing the snapshots one means to read.
  // Errc::corrupt naming the file that is damaged.
  void load_index(model::Observer& observer);
  // The same for check: a damaged file goes to `damaged` and is passed over; `seen` gets each pack
  // that index files name and what became of it. Both are called from several threads, one at a
  // time.
  using DamagedIndex = std::function<void(const format::Id& index_file, const Error& error)>;
  using SeenPack = std::function<void(const format::IndexedPack& pack, BlobIndex::Added added)>;
  void load_index(model::Observer& observer, std::stop_token stop, const DamagedIndex& damaged,
                  const SeenPack& seen);
  // For whoever adds to the repository: as the first, without the packs that are not stored or are
  // cut short. What they held is unknown then and is stored anew when it is met; otherwise a
  // snapshot would refer to what is gone. A warning tells.
  void load_index_for_writing(model::Observer& observer);
  [[nodiscard]] BlobIndex& index() noexcept { return *index_; }
  // Drops what load_index() read; for whoever has removed packs.
  void forget_index();
  // The index files that index() stands for: those loaded and those this process has written since.
  [[nodiscard]] std::vector<format::Id> index_files() const;

  // Unpacked files, named by the hash of their stored bytes. The JSON comes back decrypted,
  // decompressed and its name verified; Errc::not_found / corrupt. A key file comes back as it is;
  // for the config, `id` does not count.
  [[nodiscard]] Bytes load_unpacked(storage::FileKind kind, const format::Id& id);
  [[nodiscard]] Bytes load_unpacked(storage::FileKind kind, const format::Id& id, Codec& codec);
  // Seals, verifies what it sealed, and stores. Errc::no_space and others name the kind of file.
  format::Id save_unpacked(storage::FileKind kind, std::string_view json);
  void remove(storage::FileKind kind, const format::Id& id);
  [[nodiscard]] std::vector<format::Id> list(storage::FileKind kind);

  // One blob, verified; tries every copy the index knows. Errc::not_found if the index has none,
  // Errc::corrupt naming blob and pack if no copy is sound. Errors of the storage only if no copy
  // could be read.
  [[nodiscard]] Bytes load_blob(const format::BlobHandle& blob, Codec& codec);

  // Makes a repository of version 1 one of version 2 by replacing its config; packs, index files
  // and snapshots stay, as version 2 allows. `keep` is handed the stored old config before. What
  // was stored is read back; if it is not the new config, the old one is put back and Errc::corrupt
  // thrown. Errc::usage for another version. The caller holds an exclusive lock.
  void upgrade_to_version_2(const std::function<void(ByteView old_config)>& keep);

  // The id that `prefix` (hex, at least one digit) begins. Errc::not_found, or Errc::usage if
  // several do.
  [[nodiscard]] format::Id find_by_prefix(storage::FileKind kind, std::string_view prefix);

 private:
  friend format::Id change_password(Repository&, const Secret&, const std::string&,
                                    const std::string&, const std::optional<format::ScryptCost>&);
  Repository();
  using TakePack = std::function<void(const format::IndexedPack& pack)>;
  void load_index_files(const std::vector<format::Id>& ids, std::stop_token stop,
                        const DamagedIndex& damaged, const TakePack& take);
  void replace_config(ByteView sealed, ByteView old);
  [[nodiscard]] Bytes read_named(storage::FileKind kind, const format::Id& id);

  std::unique_ptr<storage::Storage> storage_;
  format::ConfigFile config_;
  format::SealKey key_;
  format::Id key_id_;
  format::Compression compression_ = format::Compression::automatic;
  std::unique_ptr<BlobIndex> index_;
  mutable std::mutex mutex_;  // guards index_files_
  std::vector<format::Id> index_files_;
  std::filesystem::path overflow_directory_;  // of index_; empty: none
};

}  // namespace holdfast::repo
