// SPDX-License-Identifier: Apache-2.0
#include "repo/keyring.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::Id;
using storage::FileKind;

Secret other_password() {
  return Secret(std::string("anderes"));
}

TEST(Keyring, AddsAPasswordThatOpensTheSameRepository) {
  const TestRepository test;
  const Id added = add_key(*test.repository, other_password(), "ann", "there", quick_cost);
  const auto again = Repository::open(test.files->copy(), other_password());
  EXPECT_EQ(again->key_id(), added);
  EXPECT_EQ(again->key().encrypt, test.repository->key().encrypt);
  const std::vector<FoundKey> keys = list_keys(*again);
  ASSERT_EQ(keys.size(), 2U);
  for (const FoundKey& key : keys) {
    EXPECT_EQ(key.in_use, key.id == added);
    if (key.id != added) continue;
    EXPECT_EQ(key.file.username, "ann");
    EXPECT_EQ(key.file.hostname, "there");
    EXPECT_EQ(key.file.salt.size(), 64U);
  }
}

TEST(Keyring, RemovesKeysButNotTheOneInUse) {
  const TestRepository test;
  const Id added = add_key(*test.repository, other_password(), "ann", "there", quick_cost);
  EXPECT_EQ(code_thrown([&] { remove_key(*test.repository, test.repository->key_id()); }),
            Errc::usage);
  remove_key(*test.repository, added);
  EXPECT_EQ(test.count(FileKind::key), 1U);
  EXPECT_EQ(code_thrown([&] { remove_key(*test.repository, added); }), Errc::not_found);
  EXPECT_EQ(code_thrown(
                [&] { static_cast<void>(Repository::open(test.files->copy(), other_password())); }),
            Errc::wrong_password);
}

TEST(Keyring, ChangesThePasswordInUse) {
  const TestRepository test;
  const Id old = test.repository->key_id();
  const Id changed =
      change_password(*test.repository, other_password(), "ann", "there", quick_cost);
  EXPECT_NE(changed, old);
  EXPECT_EQ(test.repository->key_id(), changed);
  EXPECT_EQ(test.repository->list(FileKind::key), std::vector<Id>{changed});
  EXPECT_NO_THROW(static_cast<void>(Repository::open(test.files->copy(), other_password())));
  EXPECT_EQ(code_thrown(
                [&] { static_cast<void>(Repository::open(test.files->copy(), test_password())); }),
            Errc::wrong_password);
}

TEST(Keyring, KeepsTheOldKeyWhenTheNewOneCannotBeStored) {
  const TestRepository test;
  test.hooks->on_put = [](const storage::FileRef&) { throw Error(Errc::no_space, "disk full"); };
  EXPECT_EQ(code_thrown([&] {
              change_password(*test.repository, other_password(), "ann", "there", quick_cost);
            }),
            Errc::no_space);
  EXPECT_NO_THROW(static_cast<void>(test.open_again()));
}

TEST(Keyring, TriesTheHintedKeyFirst) {
  const TestRepository test;
  for (int i = 0; i < 6; ++i)
    add_key(*test.repository, other_password(), "ann", "there", quick_cost);
  const Id mine = test.repository->key_id();
  auto hooks = std::make_unique<HookStorage>(test.files);
  std::vector<std::string> read;
  hooks->on_read = [&](const storage::FileRef& file) {
    if (file.kind == FileKind::key) read.push_back(file.name);
  };
  static_cast<void>(Repository::open(std::move(hooks), test_password(), mine.short_hex()));
  EXPECT_EQ(read, std::vector<std::string>{mine.hex()});
  EXPECT_NO_THROW(
      static_cast<void>(Repository::open(test.files->copy(), test_password(), "no such key")));
}

TEST(Keyring, TriesAtMostTwentyKeys) {
  const TestRepository test;
  for (int i = 0; i < 24; ++i)
    add_key(*test.repository, other_password(), "ann", "there", quick_cost);
  auto hooks = std::make_unique<HookStorage>(test.files);
  std::size_t read = 0;
  hooks->on_read = [&](const storage::FileRef& file) {
    read += file.kind == FileKind::key ? 1 : 0;
  };
  const std::string message = message_thrown([&] {
    static_cast<void>(Repository::open(std::move(hooks), Secret(std::string("falsch"))));
  });
  EXPECT_EQ(read, 20U);
  EXPECT_NE(message.find("wrong password or no key found; Only 20 of 25 keys were tried"),
            std::string::npos)
      << message;
}

TEST(Keyring, PassesOverADamagedKeyOfAnother) {
  const TestRepository test;
  const Id added = add_key(*test.repository, other_password(), "ann", "there", quick_cost);
  test.flip(FileKind::key, added, 10);
  EXPECT_NO_THROW(static_cast<void>(test.open_again()));
  const std::string message = message_thrown([&] {
    static_cast<void>(Repository::open(test.files->copy(), Secret(std::string("falsch"))));
  });
  EXPECT_NE(message.find(added.hex()), std::string::npos) << message;
  EXPECT_EQ(code_thrown([&] { static_cast<void>(list_keys(*test.repository)); }), Errc::corrupt);
}

TEST(Keyring, CallsTheOnlyKeyDamagedRatherThanThePasswordWrong) {
  const TestRepository test;
  test.flip(FileKind::key, test.repository->key_id(), 10);
  EXPECT_EQ(code_thrown([&] { static_cast<void>(test.open_again()); }), Errc::corrupt);
  test.files->remove({FileKind::key, test.repository->key_id().hex()});
  EXPECT_EQ(code_thrown([&] { static_cast<void>(test.open_again()); }), Errc::no_repository);
}

}  // namespace
}  // namespace holdfast::repo
