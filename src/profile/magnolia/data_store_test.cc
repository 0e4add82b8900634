// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/data_store.h"

#include <gtest/gtest.h>

namespace holdfast::profile::magnolia {
namespace {

// Of "abc": FIPS 180-2, appendices A.1 and B.1.
constexpr std::string_view sha1_abc = "a9993e364706816aba3e25717850c26c9cd0d89d";
constexpr std::string_view sha256_abc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

bool is_right(std::string_view id, std::string_view content) {
  RecordHash hash(RecordId::of_text(id).value());
  for (const char& c : content) hash.update(as_bytes({&c, 1}));
  EXPECT_EQ(hash.size_bytes(), content.size());
  return hash.is_right();
}

TEST(DataStore, RecordsAreNamedByEitherHashOfTheirContent) {
  EXPECT_TRUE(is_right(sha256_abc, "abc"));
  EXPECT_TRUE(is_right(sha1_abc, "abc"));
  EXPECT_FALSE(is_right(sha256_abc, "abd"));
  EXPECT_FALSE(is_right(sha1_abc, "abcd"));
  EXPECT_FALSE(is_right(sha1_abc, ""));
}

TEST(DataStore, IdsComeBackFromTheirTextAndNothingElseIsOne) {
  for (const std::string_view text : {sha1_abc, sha256_abc})
    EXPECT_EQ(RecordId::of_text(text).value().text(), text);
  EXPECT_FALSE(RecordId::of_text(""));
  EXPECT_FALSE(RecordId::of_text(sha1_abc.substr(1)));
  EXPECT_FALSE(RecordId::of_text("A" + std::string(sha1_abc.substr(1))));
  EXPECT_FALSE(RecordId::of_text("TEMP_" + std::string(35, 'a')));
}

TEST(DataStore, ReferencesAreTextsInBundles) {
  const std::string plain = "dataStore:" + std::string(sha256_abc);
  EXPECT_EQ(parse_record_reference(plain).value().text(), sha256_abc);
  EXPECT_EQ(parse_record_reference(plain + "#3").value().text(), sha256_abc);
  for (const std::string& text :
       {std::string(sha256_abc), plain + "0", std::string("dataStore:"), std::string()})
    EXPECT_FALSE(parse_record_reference(text)) << text;
}

TEST(DataStore, FilesLieThreeDirectoriesDeep) {
  const std::string path = "ba/78/16/" + std::string(sha256_abc);
  EXPECT_EQ(record_at(path).value().text(), sha256_abc);
  EXPECT_EQ(path_of_record(*record_at(path)), path);
  EXPECT_FALSE(record_at("ba/78/17/" + std::string(sha256_abc)));
  EXPECT_FALSE(record_at("x/" + path));
  EXPECT_FALSE(record_at("tmp123.tmp"));
  EXPECT_FALSE(record_at(""));
}

}  // namespace
}  // namespace holdfast::profile::magnolia
