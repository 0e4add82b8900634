// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/checkpoint.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

TEST(TypedbCheckpoint, BothFormsOfTheMetadataAreRead) {
  EXPECT_EQ(parse_checkpoint_metadata("42").watermark, 42U);
  EXPECT_EQ(parse_checkpoint_metadata("watermark=42\ncleanup=7\n").watermark, 42U);
  EXPECT_EQ(parse_checkpoint_metadata("\nnew = thing\n watermark = 9").watermark, 9U);
}

TEST(TypedbCheckpoint, OtherMetadataIsRefused) {
  for (const std::string_view other :
       {"", "\n", "42\n", "-1", "18446744073709551616", "4 2", "cleanup=7",
        "watermark=", "watermark=x", "watermark=1\nword", "="})
    EXPECT_THROW(static_cast<void>(parse_checkpoint_metadata(other)), Error) << other;
}

TEST(TypedbCheckpoint, AreListedByTheirAge) {
  const TemporaryDirectory place("typedb-test");
  make_checkpoint(place.path(), "200", "20");
  make_checkpoint(place.path(), "1000", "30");
  make_checkpoint(place.path(), "3000.tmp", "40");
  put_file(place.path() / "checkpoint" / "notes.txt", "x");
  const std::vector<Checkpoint> found = list_checkpoints(place.path());
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].made_us, 200U);
  EXPECT_EQ(found[0].metadata->watermark, 20U);
  EXPECT_TRUE(found[0].lacks.empty());
  EXPECT_EQ(found[0].size_bytes, 5U * 16U + 2U);
  EXPECT_EQ(found[1].made_us, 1000U);
  EXPECT_FALSE(found[2].lacks.empty());
}

TEST(TypedbCheckpoint, WhatOneLacksIsNamed) {
  const TemporaryDirectory place("typedb-test");
  fs::remove_all(make_checkpoint(place.path(), "1", "5") / "OptimisedPrefix16");
  fs::remove(make_checkpoint(place.path(), "2", "5") / "STORAGE_METADATA");
  make_checkpoint(place.path(), "3", "");
  const std::vector<Checkpoint> found = list_checkpoints(place.path());
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].lacks, "the keyspace OptimisedPrefix16");
  EXPECT_EQ(found[1].lacks, "STORAGE_METADATA");
  EXPECT_EQ(found[2].lacks, "a good STORAGE_METADATA");
}

TEST(TypedbCheckpoint, WhatCannotBeReadOfOneIsLacking) {
  const TemporaryDirectory place("typedb-test");
  const fs::path made = make_checkpoint(place.path(), "1", "5");
  fs::remove(made / "STORAGE_METADATA");
  ASSERT_EQ(::mkfifo((made / "STORAGE_METADATA").c_str(), 0600), 0);
  make_checkpoint(place.path(), "2", "5");
  const std::vector<Checkpoint> found = list_checkpoints(place.path());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].lacks, "a good STORAGE_METADATA");
  EXPECT_EQ(found[1].lacks, "");
}

TEST(TypedbCheckpoint, SizesAreNeverCutShortInSilence) {
  const TemporaryDirectory place("typedb-test");
  put_file(place.path() / "a" / "b", "12345");
  EXPECT_EQ(size_below(place.path()), 5U);
  EXPECT_EQ(size_below(place.path() / "gone"), 0U);
  // Deeper than a path may be long, so that nobody can list the last.
  const std::string name(200, 'd');
  Fd at = open_file(place.path(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 25; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
    at = open_at(at.get(), name, O_RDONLY | O_DIRECTORY);
  }
  EXPECT_THROW(static_cast<void>(size_below(place.path())), Error);
}

TEST(TypedbCheckpoint, NoneIsNoError) {
  const TemporaryDirectory place("typedb-test");
  EXPECT_TRUE(list_checkpoints(place.path()).empty());
}

}  // namespace
}  // namespace holdfast::engine::typedb
