// SPDX-License-Identifier: Apache-2.0
#include "storage/storage.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "storage/memory.h"

namespace holdfast::storage {
namespace {

TEST(FileKind, HasADifferentNameForEach) {
  std::set<std::string_view> names;
  for (const FileKind kind : all_file_kinds()) names.insert(file_kind_name(kind));
  EXPECT_EQ(names,
            (std::set<std::string_view>{"config", "key", "lock", "index", "snapshot", "pack"}));
}

TEST(FileName, IsSixtyFourLowerCaseHexDigits) {
  EXPECT_TRUE(is_file_name(std::string(64, 'a')));
  EXPECT_TRUE(is_file_name("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
  EXPECT_FALSE(is_file_name(""));
  EXPECT_FALSE(is_file_name(std::string(63, 'a')));
  EXPECT_FALSE(is_file_name(std::string(65, 'a')));
  EXPECT_FALSE(is_file_name(std::string(64, 'A')));
  EXPECT_FALSE(is_file_name(std::string(63, 'a') + "g"));
  EXPECT_FALSE(is_file_name(std::string(63, 'a') + "/"));
}

TEST(Display, NamesKindAndFile) {
  EXPECT_EQ(display({FileKind::pack, std::string(64, 'a')}), "pack " + std::string(64, 'a'));
  EXPECT_EQ(display(FileRef{}), "config");
}

TEST(ReadFile, RefusesAFileTooLargeForItsKind) {
  MemoryStorage storage;
  const FileRef key{FileKind::key, std::string(64, 'a')};
  storage.put(key, Bytes(1U << 20U));
  EXPECT_TRUE(read_file(storage, key).has_value());
  storage.overwrite(key, Bytes((1U << 20U) + 1));
  try {
    static_cast<void>(read_file(storage, key));
    ADD_FAILURE() << "a key file of more than a mebibyte was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
  }
}

}  // namespace
}  // namespace holdfast::storage
