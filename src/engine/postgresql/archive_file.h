// SPDX-License-Identifier: Apache-2.0
// Archives made by pg_dump: custom format, directory format, tar. Read without any PostgreSQL, and
// without trust: whatever the bytes are, the answer is an archive or an Error.
//
// Source: PostgreSQL, src/bin/pg_dump/pg_backup_archiver.c, _custom.c, _directory.c, _tar.c (facts
// of the format, versions 1.10 to 1.16).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "engine/decompress.h"
#include "model/part.h"

namespace holdfast::engine::postgresql {

enum class ArchiveFormat : std::uint8_t { custom, directory, tar };
[[nodiscard]] std::string_view archive_format_name(ArchiveFormat format) noexcept;

// One entry of the table of contents.
struct ArchiveEntry {
  std::int32_t dump_id = 0;
  bool has_data = false;    // it was made by something that dumps data
  std::string description;  // "TABLE DATA", "INDEX", "BLOBS", …
  std::string tag;          // its name
  std::string schema;
  std::string owner;
  std::string definition_sha256;
  std::uint64_t definition_bytes = 0;
  std::string copy_statement;  // "COPY public.orders (id, customer) FROM stdin;"
  // Custom format: where its data block is; nothing: not written down (the output was a pipe).
  std::optional<std::uint64_t> offset;
  bool no_data = false;  // it says of itself that it has none
  std::string file;      // directory and tar
};

struct ArchiveHead {
  unsigned major = 0, minor = 0, revision = 0;  // of the format: 1.14-0
  unsigned integer_bytes = 4, offset_bytes = 8;
  ArchiveFormat format = ArchiveFormat::custom;
  Compression compression = Compression::none;
  std::string created;  // "2026-11-20T10:56:01", a reading of the clock where pg_dump ran
  std::string database, server_version, dump_version;
  std::string encoding;
  std::uint64_t entries_expected = 0;
  std::vector<ArchiveEntry> entries;
  std::uint64_t size_bytes = 0;  // of header and table of contents

  [[nodiscard]] bool at_least(unsigned wanted_minor) const noexcept {
    return major > 1 || minor >= wanted_minor;
  }
};

// Header and table of contents at the start of `source`. Errc::corrupt saying what is wrong with
// which entry; Errc::unsupported for versions that are not known, and for what would take more
// memory than `memory_bytes_max`.
[[nodiscard]] ArchiveHead read_archive_head(ByteSource& source,
                                            std::uint64_t memory_bytes_max = 1U << 29U);

// An archive on disk, or in memory.
class ArchiveFile {
 public:
  virtual ~ArchiveFile() = default;
  ArchiveFile(const ArchiveFile&) = delete;
  ArchiveFile& operator=(const ArchiveFile&) = delete;

  [[nodiscard]] const ArchiveHead& head() const noexcept { return head_; }

  // The decompressed data of an entry; nullptr if it has none. Errc::corrupt where they should be
  // and are not.
  [[nodiscard]] virtual std::unique_ptr<ByteSource> data(const ArchiveEntry& entry) const = 0;

  // Told of every large object among an entry's data: its number and its content.
  using LargeObject = std::function<void(std::uint32_t oid, ByteSource& content)>;
  virtual void large_objects(const ArchiveEntry& entry, const LargeObject& each) const = 0;

  // Says what is missing, a line each; reads no content where that can be told without. Empty: as
  // far as can be told, it is whole.
  [[nodiscard]] virtual std::vector<std::string> find_missing() const = 0;

 protected:
  explicit ArchiveFile(ArchiveHead head) : head_(std::move(head)) {}

 private:
  ArchiveHead head_;
};

// Whether these first bytes are those of an archive in custom format (or a toc.dat).
[[nodiscard]] bool is_archive(ByteView front) noexcept;

// Nothing if it is none of the three. Errc::corrupt if it is a damaged one.
[[nodiscard]] std::unique_ptr<ArchiveFile> open_archive(const std::filesystem::path& path);
// Custom format or tar, in any memory; for tests and fuzzing.
[[nodiscard]] std::unique_ptr<ArchiveFile> open_archive(std::shared_ptr<model::RandomSource> file);

}  // namespace holdfast::engine::postgresql
