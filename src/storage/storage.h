// SPDX-License-Identifier: Apache-2.0
// A place that keeps the files of one repository: a directory, an SFTP server, an S3 bucket.
//
// Knows nothing of encryption, packs or snapshots; it is handed opaque bytes. Retrying, limiting
// and caching are wrappers that are Storages themselves, so that no driver has to do them. Every
// driver passes tests/contract/storage_contract.h before it is merged.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::storage {

enum class FileKind : std::uint8_t { config, key, lock, index, snapshot, pack };
// Every kind in order of declaration, for those who go through a whole repository.
[[nodiscard]] std::span<const FileKind> all_file_kinds() noexcept;
[[nodiscard]] std::string_view file_kind_name(FileKind kind) noexcept;  // "index"

struct FileRef {
  FileKind kind = FileKind::config;
  std::string name;  // 64 lower-case hex digits; empty for FileKind::config
  friend auto operator<=>(const FileRef&, const FileRef&) = default;
};

// Whether `name` is one that a file other than the config may have: 64 lower-case hex digits.
[[nodiscard]] bool is_file_name(std::string_view name) noexcept;
// Errc::bug unless the name fits the kind: every driver asks before a name becomes a path or a URL.
void check_file(const FileRef& file);
// "pack 3f2a…" with the full name, or "config", for messages.
[[nodiscard]] std::string display(const FileRef& file);

struct FoundFile {
  FileRef file;
  std::uint64_t size_bytes = 0;
};

// What interrupted put() calls, of this or any other client, have left behind.
struct Leftovers {
  std::uint64_t files = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t kept = 0;  // more of them, which could not be removed
};

class Storage {
 public:
  virtual ~Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // Prepares an empty place (directories, bucket). No error if it is there already.
  virtual void create() = 0;

  // Stores `content` under `file`, durably and as a whole: after a crash at any moment the file is
  // either absent or complete. Errc::exists if the file is there already.
  virtual void put(const FileRef& file, ByteView content) = 0;

  // Replaces the config file, the only one that ever changes; else as put().
  virtual void replace_config(ByteView content) = 0;

  // Fills `out` with the bytes from `offset_bytes` on. A file that ends before that, or is not
  // there, is Errc::corrupt: whoever asks has been promised those bytes by an index.
  virtual void read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) = 0;

  // The file's size, or nothing if there is no such file.
  [[nodiscard]] virtual std::optional<std::uint64_t> size_bytes(const FileRef& file) = 0;

  // Calls `visit` once per file of `kind`, in no particular order, on the calling thread. Files
  // whose names are not 64 lower-case hex digits (temporary files, .DS_Store) are passed over.
  // `visit` may call this storage, remove() included. Errc::corrupt if there is a config file and
  // the place for keys, index files, snapshots or packs is gone: it must not be taken for empty.
  virtual void list(FileKind kind, const std::function<void(const FoundFile&)>& visit) = 0;

  // Removes the file; it is no error if it is gone already.
  virtual void remove(const FileRef& file) = 0;

  // Removes the temporary files that nobody has written to for `age_min`; a dry run only counts
  // them. No listing shows them. For whoever holds the exclusive lock: no upload is under way then.
  virtual Leftovers remove_leftovers(std::chrono::seconds age_min, bool dry_run) = 0;

  // From now on every content comes from where the repository is, never from a copy kept
  // elsewhere: a check must see what a restore on another machine will see.
  virtual void distrust_copies() = 0;

  // How many calls may run at once; all of the above are safe from that many threads.
  [[nodiscard]] virtual unsigned connections_max() const noexcept = 0;

  // Where this is, for people and for cache keys; never holds a password.
  [[nodiscard]] virtual std::string location() const = 0;

 protected:
  Storage() = default;
};

// The whole content of a file; nothing if it is not there. Errc::corrupt if the file is larger than
// any real one of its kind (config, key, lock 1 MiB; snapshot 256 MiB; index, pack 1 GiB), so that
// a planted file cannot take all memory.
[[nodiscard]] std::optional<Bytes> read_file(Storage& storage, const FileRef& file);

}  // namespace holdfast::storage
