// SPDX-License-Identifier: Apache-2.0
// Directories of databases as TypeDB 2 and 3 write them, as far as our readers look, made here for
// tests that need neither TypeDB nor RocksDB. The same calls make the same bytes.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "engine/typedb/checkpoint.h"
#include "engine/typedb/rocks_manifest.h"
#include "engine/typedb/test_exports.h"
#include "engine/typedb/wal.h"

namespace holdfast::engine::typedb {

inline void put_file(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

inline std::string little_endian(std::uint64_t value, unsigned bytes) {
  std::string text;
  for (unsigned i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}
inline std::string big_endian(std::uint64_t value) {
  std::string text;
  for (unsigned i = 8; i-- > 0;) text += static_cast<char>(value >> (8 * i));
  return text;
}

// A MANIFEST with an edit in each record.
class TestManifest {
 public:
  std::string bytes;
  TestManifest() { edit(varint(1) + sized("leveldb.BytewiseComparator")); }
  TestManifest& edit(std::string_view content) {
    // Cut into what is left of each block of 32 KiB.
    bool first = true;
    do {
      std::size_t left = block - bytes.size() % block;
      if (left < 7) {
        bytes.append(left, '\0');
        left = block;
      }
      const std::string_view piece = content.substr(0, left - 7);
      content.remove_prefix(piece.size());
      const bool last = content.empty();
      const int type = first ? (last ? 1 : 2) : (last ? 4 : 3);
      const std::string summed = static_cast<char>(type) + std::string(piece);
      bytes += little_endian(masked_crc(crc32c(as_bytes(summed))), 4) +
               little_endian(piece.size(), 2) + summed;
      first = false;
    } while (!content.empty());
    return *this;
  }
  TestManifest& family(unsigned number, std::string_view name) {
    return edit(varint(200) + varint(number) + varint(201) + sized(name));
  }
  TestManifest& sequence(std::uint64_t number) { return edit(varint(4) + varint(number)); }
  // A new file, with a number of the oldest and newest record as the custom fields have them.
  TestManifest& file(std::uint64_t number, std::string_view key = "key-----") {
    return edit(varint(103) + varint(0) + varint(number) + varint(1000) + sized(key) + sized(key) +
                varint(1) + varint(9) + varint(5) + sized("x") + varint(1) + varint(2) + varint(7));
  }

 private:
  static constexpr std::size_t block = 32U << 10U;
};

inline void make_rocks(const std::filesystem::path& directory, const TestManifest& manifest) {
  put_file(directory / "CURRENT", "MANIFEST-000004\n");
  put_file(directory / "MANIFEST-000004", manifest.bytes);
  put_file(directory / "000007.log", "");  // file() names it
  put_file(directory / "LOCK", "");
}
// Column families of `data` in encodings 0, 1, 2, beside the default one.
inline std::vector<std::string> families_of(int encoding) {
  if (encoding == 1)
    return {"VARIABLE_START_EDGE", "FIXED_START_EDGE", "OPTIMISATION_EDGE", "STATISTICS"};
  if (encoding == 2) return {"\1", "\2", "\3", "\4"};
  return {};
}
inline void make_database_2(const std::filesystem::path& directory, int encoding) {
  TestManifest data;
  unsigned number = 1;
  for (const std::string& name : families_of(encoding)) data.family(number++, name);
  make_rocks(directory / "schema", TestManifest().sequence(17));
  make_rocks(directory / "data", data.file(12).sequence(42));
  put_file(directory / "data" / "000012.sst", std::string(1000, 't'));
}

// An LZ4 frame of one stored block, with the checksum of its content.
// Source: lz4/lz4, doc/lz4_Frame_format.md; Cyan4973/xxHash, doc/xxhash_spec.md (XXH32).
inline std::uint32_t xxh32(std::string_view content) {
  constexpr std::uint32_t p1 = 2654435761U, p2 = 2246822519U, p3 = 3266489917U, p4 = 668265263U,
                          p5 = 374761393U;
  const auto rotated = [](std::uint32_t x, unsigned by) { return x << by | x >> (32U - by); };
  std::array<std::uint32_t, 4> lanes{p1 + p2, p2, 0, 0U - p1};
  const auto size = static_cast<std::uint32_t>(content.size());
  for (; content.size() >= 16;)
    for (std::uint32_t& lane : lanes) {
      lane = rotated(lane + load_le32(as_bytes(content).data()) * p2, 13) * p1;
      content.remove_prefix(4);
    }
  std::uint32_t sum = size < 16 ? p5
                                : rotated(lanes[0], 1) + rotated(lanes[1], 7) +
                                      rotated(lanes[2], 12) + rotated(lanes[3], 18);
  sum += size;
  for (; content.size() >= 4; content.remove_prefix(4))
    sum = rotated(sum + load_le32(as_bytes(content).data()) * p3, 17) * p4;
  for (; !content.empty(); content.remove_prefix(1))
    sum = rotated(sum + static_cast<unsigned char>(content.front()) * p5, 11) * p1;
  sum = (sum ^ sum >> 15U) * p2;
  sum = (sum ^ sum >> 13U) * p3;
  return sum ^ sum >> 16U;
}
inline std::string lz4_frame(std::string_view content) {
  const std::string described = "\x64\x40";
  std::string frame = "\x04\x22\x4d\x18" + described;
  frame += static_cast<char>(xxh32(described) >> 8U);
  if (!content.empty())
    frame += little_endian(content.size() | 0x80000000U, 4) + std::string(content);
  return frame + little_endian(0, 4) + little_endian(xxh32(content), 4);
}

inline std::string wal_record(std::uint64_t sequence, std::uint8_t type,
                              std::string_view content = "content") {
  const std::string payload = lz4_frame(content);
  return big_endian(sequence) + big_endian(payload.size()) + static_cast<char>(type) + payload;
}
// As a server writes what it counted.
inline std::string wal_statistics_record(std::uint64_t as_of, const ThingCounts& things) {
  std::string numbers = little_endian(0, 8) + little_endian(as_of, 8) + little_endian(77, 8) +
                        little_endian(78, 8) + little_endian(79, 8);
  for (const std::int64_t one :
       {things.entities, things.relations, things.attributes, things.players, things.ownerships})
    numbers += little_endian(static_cast<std::uint64_t>(one), 8);
  return wal_record(as_of, wal_statistics, numbers + little_endian(0, 8));
}
// Commits first..last, each with its status.
inline std::string wal_commits(std::uint64_t first, std::uint64_t last,
                               std::uint8_t type = wal_commit_old) {
  std::string text;
  for (std::uint64_t i = first; i <= last; ++i)
    text += wal_record(i, type) + wal_record(i, wal_status, "ok");
  return text;
}

inline void put_segment(const std::filesystem::path& database, std::uint64_t number,
                        std::string_view content) {
  put_file(database / "wal" / segment_name(number), content);
}
inline std::filesystem::path make_checkpoint(const std::filesystem::path& database,
                                             const std::string& name, std::string_view metadata) {
  const std::filesystem::path made = database / "checkpoint" / name;
  for (const std::string_view keyspace : keyspace_names)
    put_file(made / keyspace / "CURRENT", "MANIFEST-000005\n");
  put_file(made / "STORAGE_METADATA", metadata);
  return made;
}
// Commits 1..20 in two segments, a checkpoint at 15.
inline void make_database_3(const std::filesystem::path& directory,
                            std::uint8_t type = wal_commit_old) {
  for (const std::string_view keyspace : keyspace_names)
    put_file(directory / "storage" / keyspace / "LOCK", "");
  put_segment(directory, 1, wal_commits(1, 10, type));
  put_segment(directory, 11, wal_commits(11, 20, type));
  make_checkpoint(directory, "1700000000000000", "15");
}

}  // namespace holdfast::engine::typedb
