// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/dac/zip.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/sqlserver/dac/test_dac.h"

namespace holdfast::engine::sqlserver {
namespace {

using test::make_zip;
using test::MemoryFile;
using test::ZipMember;

ZipIndex index_of(std::string_view content) {
  MemoryFile file(content);
  auto index = read_zip_index(file, {});
  return index ? std::move(*index) : ZipIndex{};
}

std::string troubles_of(std::string_view content) {
  std::string text;
  for (const ZipTrouble& one : index_of(content).troubles) text += one.what + "; ";
  return text;
}

// A part's content, or why there is none.
std::string content_of(std::string_view content, std::string_view name) {
  MemoryFile file(content);
  const auto index = read_zip_index(file, {});
  const ZipPart* const part = index ? index->find(name) : nullptr;
  if (part == nullptr) return "none";
  try {
    const auto source = open_zip_part(file, *part, {});
    const Bytes all = read_all(*source, 1U << 20U);
    return std::string(as_text(all));
  } catch (const Error& error) {
    return fmt::format("{}: {}", errc_name(error.code()), error.message());
  }
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

const std::vector<ZipMember> members{{"a.xml", "<a/>"}, {"b.bin", std::string(3000, '\xe9')}};

TEST(Zip, IsReadInAllItsShapes) {
  for (const bool is_packed : {false, true}) {
    for (const bool has_descriptor : {false, true}) {
      for (const bool is_wide : {false, true}) {
        std::vector<ZipMember> all = members;
        for (ZipMember& one : all) {
          one.is_packed = is_packed;
          one.has_descriptor = has_descriptor;
          one.is_wide = is_wide;
        }
        for (const test::ZipShape& shape :
             {test::ZipShape{}, test::ZipShape{true, ""}, test::ZipShape{false, "a comment"}}) {
          const std::string file = make_zip(all, shape);
          EXPECT_EQ(troubles_of(file), "") << is_packed << has_descriptor << is_wide;
          EXPECT_EQ(content_of(file, "a.xml"), "<a/>");
          EXPECT_EQ(content_of(file, "b.bin"), members[1].content);
        }
      }
    }
  }
}

TEST(Zip, IsKnownByItsBytes) {
  MemoryFile none("PKsomething else");
  EXPECT_FALSE(read_zip_index(none, {}));
  MemoryFile empty("");
  EXPECT_FALSE(read_zip_index(empty, {}));
}

TEST(Zip, WithoutADirectoryTellsHowFarItIsThere) {
  const std::string file = make_zip(members);
  const std::size_t directory = file.find("PK\1\2");
  EXPECT_TRUE(
      has(troubles_of(file.substr(0, directory)), "its 2 parts can be followed up to byte"));
  EXPECT_TRUE(has(troubles_of(file.substr(0, directory + 50)), "within the directory"));
  EXPECT_TRUE(
      has(troubles_of(file.substr(0, 100)), "within part b.bin, of whose 3377 bytes 24 are there"));
  EXPECT_TRUE(has(troubles_of(file.substr(0, 50)), "within the head of a part"));
  EXPECT_EQ(index_of(file.substr(0, 100)).troubles.at(0).kind, ZipTrouble::Kind::cut);
  EXPECT_EQ(content_of(file.substr(0, directory), "a.xml"), "none");
}

TEST(Zip, NamesWhatTwoPlacesDoNotSayTheSameOf) {
  const std::string file = make_zip(members);
  const auto changed = [&](std::size_t at) {
    std::string damaged = file;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    return troubles_of(damaged);
  };
  const std::size_t directory = file.find("PK\1\2");
  EXPECT_TRUE(has(changed(0), "part a.xml is said to begin here"));
  EXPECT_TRUE(has(changed(4), "another version"));
  EXPECT_TRUE(has(changed(6), "another use of flags"));
  EXPECT_TRUE(has(changed(8), "another method"));
  EXPECT_TRUE(has(changed(10), "another time"));
  EXPECT_TRUE(has(changed(14), "another checksum"));
  EXPECT_TRUE(has(changed(22), "another size"));
  EXPECT_TRUE(has(changed(30), "another name"));
  EXPECT_TRUE(has(changed(directory), "no entry of the directory begins here; the 0 before it"));
  EXPECT_TRUE(has(changed(directory + 42), "is said to begin here"));
  EXPECT_TRUE(has(changed(file.size() - 22 + 4), "one of several files"));
  EXPECT_TRUE(has(changed(file.size() - 22 + 10), "entries"));
  EXPECT_TRUE(has(changed(file.size() - 22 + 12), "the directory is said to be"));
  EXPECT_TRUE(has(changed(file.size() - 22 + 20), "not as long as the archive's end says"));
}

TEST(Zip, NamesBytesOfNoPartAndPartsInOnePlace) {
  const std::string file = make_zip(members);
  EXPECT_TRUE(has(troubles_of(file + "more"), "not as long as"));
  EXPECT_EQ(index_of(file + "more").troubles.at(0).kind, ZipTrouble::Kind::foreign);
  EXPECT_EQ(content_of(file + "more", "a.xml"), "<a/>");
  // Something in front of the directory.
  const std::size_t directory = file.find("PK\1\2");
  std::string padded = file;
  padded.insert(directory, "padding");
  padded[padded.size() - 6] = static_cast<char>(padded[padded.size() - 6] + 7);
  EXPECT_TRUE(has(troubles_of(padded), "7 bytes from byte"));
  // Both entries of the directory say the same place.
  std::string twice = make_zip({members[0], members[0]});
  const std::size_t second = twice.rfind("PK\1\2");
  test::put(twice, second + 42, 0, 4);
  EXPECT_TRUE(has(troubles_of(twice), "lie in the same place"));
  EXPECT_TRUE(has(troubles_of(make_zip({members[0], members[0]})), "is there twice"));
}

TEST(Zip, NamesPartAndByteOfDamagedContent) {
  const std::string file = make_zip(members);
  const std::size_t content = file.find("b.bin") + 5;
  std::string damaged = file;
  damaged[content + 1000] = static_cast<char>(damaged[content + 1000] ^ 1);
  const std::string why = content_of(damaged, "b.bin");
  EXPECT_TRUE(has(why, "corrupt: part b.bin: ")) << why;
  EXPECT_TRUE(has(why, "of the file")) << why;
  EXPECT_EQ(content_of(damaged, "a.xml"), "<a/>");
  std::vector<ZipMember> stored{members[0], members[1]};
  stored[1].is_packed = false;
  std::string changed = make_zip(stored);
  changed[changed.find("b.bin") + 100] ^= 1;
  EXPECT_TRUE(has(content_of(changed, "b.bin"), "its checksum is"));
}

TEST(Zip, SaysWhatItCannotUnpack) {
  std::string file = make_zip(members);
  const std::size_t directory = file.find("PK\1\2");
  file[8] = file[directory + 10] = 12;  // bzip2
  EXPECT_EQ(content_of(file, "a.xml"), "unsupported: part a.xml: it is packed by method 12");
  file[8] = file[directory + 10] = 8;
  file[6] = file[directory + 8] = 1;
  EXPECT_EQ(content_of(file, "a.xml"), "unsupported: part a.xml: it is encrypted");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
