// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/table_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/tables.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

class TextFile final : public model::RandomSource {
 public:
  explicit TextFile(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return text_.size(); }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    if (offset_bytes > text_.size() || into.size() > text_.size() - offset_bytes)
      throw Error(Errc::corrupt, "past the end");
    std::memcpy(into.data(), text_.data() + offset_bytes, into.size());
  }

 private:
  std::string text_;
};

Errc code_of(const std::string& table) {
  TextFile file(table);
  try {
    verify_table(file, {});
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::bug;
}

// Made by RocksDB: tests/fixtures/typedb/README.md.
const fs::path fixture = HOLDFAST_SOURCES "/tests/fixtures/typedb/tables";
std::string made_table() {
  return read_text_file(fixture / "000009.sst");
}

TEST(TypedbTableFile, ReadsEveryBlockOfATableOfFormat6) {
  TextFile file(made_table());
  EXPECT_EQ(verify_table(file, {}), 41U);
}

TEST(TypedbTableFile, FindsEveryByteThatIsNotTheFilesOwn) {
  const std::string whole = made_table();
  for (std::size_t at = 0; at < whole.size(); at += at + 200 < whole.size() ? 41 : 1) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const Errc code = code_of(damaged);
    EXPECT_TRUE(code == Errc::corrupt || code == Errc::unsupported) << at;
  }
}

TEST(TypedbTableFile, FindsWhatIsCutOrMoved) {
  const std::string whole = made_table();
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{52}, whole.size() / 2, whole.size() - 1})
    EXPECT_EQ(code_of(whole.substr(0, size)), Errc::corrupt) << size;
  EXPECT_EQ(code_of(std::string(1, '\0') + whole), Errc::corrupt);
}

TEST(TypedbTableFile, NamesTheByteOfTheDamage) {
  std::string damaged = made_table();
  damaged[3] = static_cast<char>(damaged[3] ^ 1);
  TextFile file(damaged);
  try {
    verify_table(file, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_NE(error.message().find("at byte 0: the block of "), std::string::npos)
        << error.message();
  }
}

TEST(TypedbTableFile, UnpacksBlocksAndNoMoreThanTheySay) {
  // Four literals, then a match of eight at distance four, then the last literal.
  const std::string with_zero = std::string(
                                    "\x44"
                                    "abcd\x04",
                                    6) +
                                '\0' +
                                "\x10"
                                "e";
  EXPECT_EQ(as_text(unpack_lz4_block(as_bytes(with_zero), 13)), "abcdabcdabcde");
  for (const std::size_t size : {0U, 4U, 12U, 14U})
    EXPECT_THROW(static_cast<void>(unpack_lz4_block(as_bytes(with_zero), size)), Error) << size;
  for (std::size_t cut = 1; cut < with_zero.size(); ++cut)
    EXPECT_THROW(
        static_cast<void>(unpack_lz4_block(as_bytes(with_zero).first(with_zero.size() - cut), 13)),
        Error)
        << cut;
  const std::string far = std::string(
                              "\x10"
                              "a\x09",
                              3) +
                          '\0' +
                          "\x10"
                          "e";
  EXPECT_THROW(static_cast<void>(unpack_lz4_block(as_bytes(far), 6)), Error);
}

class TypedbTables : public testing::Test {
 protected:
  void SetUp() override { fs::copy(fixture, place_.path() / "OptimisedPrefix11"); }
  [[nodiscard]] fs::path rocks() const { return place_.path() / "OptimisedPrefix11"; }
  TemporaryDirectory place_{"holdfast-typedb-test"};
};

TEST_F(TypedbTables, AreProvenIfAllThatTheManifestNamesIsWhole) {
  EXPECT_EQ(why_unproven(rocks(), {}), "");
}

TEST_F(TypedbTables, AreUnprovenIfOneIsMissingOrDamaged) {
  const fs::path table = rocks() / "000009.sst";
  std::string damaged = made_table();
  damaged[100] = static_cast<char>(damaged[100] ^ 1);
  put_file(table, damaged);
  EXPECT_NE(why_unproven(rocks(), {}).find("at byte "), std::string::npos);
  fs::resize_file(table, 100);
  EXPECT_NE(why_unproven(rocks(), {}).find("it has 100 bytes"), std::string::npos);
  fs::remove(table);
  EXPECT_NE(why_unproven(rocks(), {}).find("000009.sst"), std::string::npos);
  fs::remove(rocks() / "CURRENT");
  EXPECT_NE(why_unproven(rocks(), {}).find("CURRENT"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::typedb
