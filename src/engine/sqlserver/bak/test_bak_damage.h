// SPDX-License-Identifier: Apache-2.0
// Damages backup files: what is cut off is always reported; a changed byte of the structure is
// reported, or what is told is the same.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/test_soak.h"
#include "engine/sqlserver/bak/bak_inspect.h"
#include "engine/sqlserver/bak/packed_source.h"
#include "engine/sqlserver/bak/test_bak.h"

namespace holdfast::engine::sqlserver::test {

using holdfast::test::is_soak;

struct Told {
  bool is_recognised = false, is_whole = false;
  std::map<std::string, std::string> findings;
  std::string facts;
};

inline Told tell(std::string_view content, bool deep = true) {
  Told told;
  try {
    MemoryFile file(content);
    auto report = read_bak(file, deep, {});
    if (!report) return told;
    told.is_recognised = true;
    const Stripe stripe{"damaged.bak", std::move(*report)};
    const Inspection found = tell_bak(std::span(&stripe, 1));
    told.is_whole = found.whole;
    for (const model::Finding& one : found.findings) told.findings[one.code] = one.seen;
    told.facts = found.facts.dump();
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
  }
  return told;
}

inline bool is_reported(const Told& told, const Told& before) {
  return !told.is_recognised || told.findings != before.findings;
}

// Where what stands is held by a checksum or is one, found without the reader that is tested.
struct Structure {
  struct Record {
    std::size_t at = 0, chunk_at = 0, end = 0;
  };
  std::vector<std::size_t> bytes;
  std::vector<std::size_t> borders;  // where a block, a stream, a record or what is in it begins
  std::vector<Record> records;       // that are packed; a compressed backup is most of all these
};

inline std::uint64_t number_at(std::string_view content, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i-- > 0;)
    value = value << 8U | static_cast<unsigned char>(content.at(at + i));
  return value;
}

inline void add(Structure& to, std::size_t at, std::size_t count) {
  to.borders.push_back(at);
  for (std::size_t i = 0; i < count; ++i) to.bytes.push_back(at + i);
}

inline Structure structure_of_plain(std::string_view content) {
  Structure structure;
  const std::size_t filemark = 512 * number_at(content, 64, 2);
  for (std::size_t at = 0; at < content.size();) {
    add(structure, at, 52);
    if (content.substr(at, 4) == "SFMB") {
      at += filemark;
      continue;
    }
    at += number_at(content, at + 8, 2);
    while (true) {
      add(structure, at, 22);
      const bool is_last = content.substr(at, 4) == "SPAD";
      at += 22 + number_at(content, at + 8, 8);
      if (is_last) break;
      structure.borders.push_back(at);
      at = (at + 3) / 4 * 4;
    }
  }
  return structure;
}

// What is packed, which is held by checksums too, is not among the bytes but in the records; a
// record's head of 24 bytes is, though only four of it are known.
inline Structure structure_of_packed(std::string_view content) {
  constexpr std::size_t head_bytes = 24;
  Structure structure;
  add(structure, 0, 8);
  for (std::size_t at = 480; at < content.size();) {
    if (at % 512 == 0 && content.substr(at, 4) == "SFMB") {
      add(structure, at, 52);
      at += 512;
      continue;
    }
    add(structure, at, head_bytes);
    const std::size_t size = number_at(content, at + 2, 2);
    if (content[at] == '\x21') {
      add(structure, at + head_bytes, 4);
      structure.borders.push_back(at + 28);
      structure.records.push_back({at, at + 28, at + 28 + size});
      at += 28 + size;
    } else if (content[at] == '\x2c') {
      const std::size_t entries = number_at(content, at + 28, 4);
      add(structure, at + head_bytes, 16 + 16 * entries);
      at += 24 + number_at(content, at + 32, 4);
      add(structure, at - 16, 16);
    } else {
      at += 24 + size;
    }
  }
  return structure;
}

inline void flip(std::string_view content, std::size_t at, unsigned mask, const Told& before) {
  std::string damaged(content);
  damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ mask);
  const Told told = tell(damaged);
  EXPECT_TRUE(is_reported(told, before) || told.facts == before.facts)
      << "byte " << at << " changed by " << mask << "\n"
      << told.facts << "\n"
      << before.facts;
}

inline void cut(std::string_view content, std::size_t size) {
  for (const bool deep : {false, true}) {
    const Told told = tell(content.substr(0, size), deep);
    EXPECT_FALSE(told.is_whole) << "cut at byte " << size << (deep ? ", deep" : "");
    EXPECT_TRUE(!told.is_recognised || !told.findings.empty()) << "cut at byte " << size;
  }
}

// A changed byte of what is packed in one record, by the reader of records alone: whatever walks
// along the chain has what that gives, and its trouble.
inline void flip_in_record(std::string& front, std::size_t front_bytes, std::size_t at,
                           unsigned mask) {
  const auto change = [&] {
    front[at] = static_cast<char>(static_cast<unsigned char>(front[at]) ^ mask);
  };
  change();
  MemoryFile file(front);
  PackedSource source(file, false);
  Bytes room(BakSource::piece_bytes_max);
  std::uint64_t piece_at = 0;
  while (source.read(room) > 0) piece_at = source.piece_at();
  EXPECT_TRUE(source.trouble() && source.trouble()->kind == Trouble::Kind::damaged &&
              source.trouble()->at == front_bytes && piece_at < front_bytes)
      << "byte " << at - front_bytes << " of a record changed by " << mask;
  change();
}

// Every byte of what is packed: each record stands behind the first one and its filemark, so that
// those between need not be unpacked each time.
inline void damage_records(std::string_view content, const Structure& structure) {
  const std::size_t front_bytes = content.find("SFMB", 512) + 512;
  for (const Structure::Record& record : structure.records) {
    if (record.at < front_bytes) continue;
    std::string part(content.substr(0, front_bytes));
    part += content.substr(record.at, record.end - record.at);
    for (std::size_t at = record.chunk_at; at < record.end; ++at)
      if (!::testing::Test::HasFailure())
        flip_in_record(part, front_bytes, front_bytes + at - record.at, 1U << at % 8);
  }
}

inline void damage(std::string_view content, const Structure& structure, std::size_t count) {
  const Told before = tell(content);
  ASSERT_TRUE(before.is_whole);
  ASSERT_FALSE(structure.bytes.empty() || structure.borders.empty());
  std::mt19937_64 random(20261122);
  const auto pick = [&](const std::vector<std::size_t>& from) {
    return from[random() % from.size()];
  };
  const auto flip_packed = [&] {
    const Structure::Record& record = structure.records[random() % structure.records.size()];
    flip(content, record.chunk_at + random() % (record.end - record.chunk_at),
         static_cast<unsigned>(1 + random() % 255), before);
  };
  for (std::size_t i = 0; i < count && !::testing::Test::HasFailure(); ++i) {
    switch (random() % (structure.records.empty() ? 3 : 4)) {
      case 0:
        cut(content, random() % content.size());
        break;
      case 1:
        cut(content, std::min(content.size() - 1, pick(structure.borders) + random() % 3));
        break;
      case 2:
        flip(content, pick(structure.bytes), static_cast<unsigned>(1 + random() % 255), before);
        break;
      default:
        flip_packed();
        break;
    }
  }
  if (!is_soak()) return;
  for (const std::size_t border : structure.borders)
    for (const std::size_t size : {border - 1, border, border + 1})
      if (size < content.size() && !::testing::Test::HasFailure()) cut(content, size);
  for (std::size_t size = 0; size < content.size() && !::testing::Test::HasFailure(); size += 512)
    cut(content, size);
  for (const std::size_t at : structure.bytes)
    if (!::testing::Test::HasFailure()) flip(content, at, 1U << at % 8, before);
  damage_records(content, structure);
  // Of the first one all, as what follows depends on it; of each of the others some.
  for (const Structure::Record& record : structure.records)
    for (std::size_t at = record.chunk_at; at < record.end;
         at += record.at == structure.records[0].at ? 1 : 1 + random() % 512)
      if (!::testing::Test::HasFailure()) flip(content, at, 1U << at % 8, before);
}

}  // namespace holdfast::engine::sqlserver::test
