// SPDX-License-Identifier: Apache-2.0
// Damages Data Pump files, byte by byte: what is cut off is always reported; a changed byte of the
// structure is reported, or what is told of the tables is the same.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/stream.h"
#include "base/test_soak.h"
#include "engine/oracle/pump_inspect.h"

namespace holdfast::engine::oracle {

// Of files made for the test, and of genuine ones, which are larger.
inline constexpr std::size_t test_damages = 1'500, test_genuine_damages = 500;

// What is told, as far as it matters here.
struct Told {
  bool is_recognised = false, is_whole = false;
  std::map<std::string, std::string> findings;
  std::string tables;  // names, columns, rows, digests
};

// Of a table without rows all but its place stands once in the file, as text: what is another
// letter there is another name or type, which nothing could tell.
inline std::string tables_of(const Json& tables) {
  std::string text;
  for (const Json& table : tables.as_array()) {
    const auto columns = table.at("columns").as_array().size();
    text += table.at("rows").as_uint() != 0
                ? table.dump()
                : table.string_or("schema", "") + "." + table.string_or("table", "") + " " +
                      std::to_string(columns) + " columns";
    text += '\n';
  }
  return text;
}

inline Told tell(const std::string& content) {
  Told told;
  told.is_recognised = is_pump_file(as_bytes(content));
  if (!told.is_recognised) return told;
  BytesSource source(as_bytes(content));
  try {
    const PumpFile file = read_pump_file(source, "damaged.dmp", PumpDepth::decoded, {});
    const Inspection found = tell_pump_job(std::span(&file, 1), true);
    told.is_whole = found.whole;
    for (const model::Finding& finding : found.findings) told.findings[finding.code] = finding.seen;
    told.tables = tables_of(found.facts.at("tables"));
    for (const model::TableFacts& table : found.tables) told.tables += " " + table.digest;
  } catch (const Error& error) {
    EXPECT_NE(error.code(), Errc::bug) << error.what();
    told.findings["error"] = error.message();
  }
  return told;
}

inline bool is_reported(const Told& told, const Told& before) {
  if (!told.is_recognised) return true;
  for (const auto& [code, seen] : told.findings)
    if (!before.findings.contains(code) || before.findings.at(code) != seen) return true;
  return false;
}

inline std::uint64_t number_at(const std::string& content, std::size_t at, int size) {
  std::uint64_t value = 0;
  for (int i = 0; i < size; ++i)
    value = value << 8U | static_cast<unsigned char>(content.at(at + static_cast<std::size_t>(i)));
  return value;
}

// Bytes that are structure, found without the reader that is tested.
struct Structure {
  std::vector<std::size_t> fields;  // of the header, heads of units and pieces of rows
  std::vector<std::size_t> told;    // documents, and all of the master table
};

inline void add_pieces(const std::string& content, std::size_t at, std::size_t end, bool is_master,
                       Structure& into) {
  while (at < end) {
    const auto flags = number_at(content, at, 1);
    const std::size_t head = (flags & 0x10U) != 0 ? 4 : 2;
    for (std::size_t i = 0; i < head; ++i) into.fields.push_back(at + i);
    at += head;
    for (auto left = number_at(content, at - 1, 1); left > 0; --left) {
      auto size = number_at(content, at, 1);
      into.fields.push_back(at++);
      if (size == 0xFF) continue;
      if (size == 0xFE) {
        size = number_at(content, at, 2);
        into.fields.push_back(at);
        into.fields.push_back(at + 1);
        at += 2;
      }
      if (is_master)
        for (std::size_t i = 0; i < size; ++i) into.told.push_back(at + i);
      at += size;
    }
  }
}

inline Structure structure_of(const std::string& content) {
  Structure structure;
  for (std::size_t at = 0; at < 0x43; ++at) structure.fields.push_back(at);
  for (std::size_t at = 0x43; at < 0x400; ++at) structure.told.push_back(at);
  for (std::size_t at = 4096; at < content.size();) {
    if (content.compare(at, 6, std::string("\xFF\xFF\x24\x24\x0A\x00", 6)) != 0) {
      at += 4096;
      continue;
    }
    for (std::size_t i = 0; i < 54; ++i) structure.fields.push_back(at + i);
    const std::size_t document = number_at(content, at + 6, 8);
    for (std::size_t i = 0; i < document; ++i) structure.told.push_back(at + 4096 + i);
    const std::size_t rows = number_at(content, at + 22, 8), begin = number_at(content, at + 30, 8);
    const bool is_master = (number_at(content, 0x36, 4) - 1) * 4096 == at;
    add_pieces(content, at + begin, at + begin + rows, is_master, structure);
    at = (at + number_at(content, at + 46, 8) + 4095) / 4096 * 4096;
  }
  return structure;
}

inline void flip(const std::string& content, std::size_t at, unsigned mask, const Told& before) {
  std::string damaged = content;
  damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ mask);
  const Told told = tell(damaged);
  EXPECT_TRUE(is_reported(told, before) || told.tables == before.tables)
      << "byte " << at << " changed by " << mask << "\n"
      << told.tables << "\n"
      << before.tables;
}

inline void cut(const std::string& content, std::size_t size, const Told& before) {
  const Told told = tell(content.substr(0, size));
  EXPECT_TRUE(is_reported(told, before)) << "cut at byte " << size;
  EXPECT_FALSE(told.is_whole) << "cut at byte " << size;
}

inline void damage(const std::string& content, std::size_t count) {
  const Told before = tell(content);
  ASSERT_TRUE(before.is_whole);
  const Structure structure = structure_of(content);
  ASSERT_FALSE(structure.fields.empty() || structure.told.empty());
  std::mt19937_64 random(20261120);
  for (std::size_t i = 0; i < count && !::testing::Test::HasFailure(); ++i) {
    switch (random() % 3) {
      case 0:
        cut(content, random() % content.size(), before);
        break;
      case 1:
        flip(content, structure.fields[random() % structure.fields.size()],
             static_cast<unsigned>(1 + random() % 255), before);
        break;
      default:
        flip(content, structure.told[random() % structure.told.size()],
             static_cast<unsigned>(1 + random() % 255), before);
        break;
    }
  }
  if (!holdfast::test::is_soak()) return;
  for (std::size_t size = 0; size < content.size() && !::testing::Test::HasFailure(); ++size)
    cut(content, size, before);
  for (const std::size_t at : structure.fields)
    for (const unsigned mask : {0x01U, 0x40U, 0x80U})
      if (!::testing::Test::HasFailure()) flip(content, at, mask, before);
  for (std::size_t i = 0; i < structure.told.size() && !::testing::Test::HasFailure(); i += 11)
    flip(content, structure.told[i], 0x01, before);
}

}  // namespace holdfast::engine::oracle
