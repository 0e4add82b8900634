// SPDX-License-Identifier: Apache-2.0
#include "storage/layout.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::storage {
namespace {

TEST(Layout, PutsFilesWhereResticPutsThem) {
  const std::string name = "3f" + std::string(62, '0');
  EXPECT_EQ(file_path(FileRef{}), "config");
  EXPECT_EQ(file_path({FileKind::key, name}), "keys/" + name);
  EXPECT_EQ(file_path({FileKind::lock, name}), "locks/" + name);
  EXPECT_EQ(file_path({FileKind::index, name}), "index/" + name);
  EXPECT_EQ(file_path({FileKind::snapshot, name}), "snapshots/" + name);
  EXPECT_EQ(file_path({FileKind::pack, name}), "data/3f/" + name);
  EXPECT_EQ(file_directory({FileKind::pack, name}), "data/3f");
  EXPECT_EQ(two_digits(0), "00");
  EXPECT_EQ(two_digits(255), "ff");
}

TEST(Layout, MakesNoPathOfAStrangeName) {
  EXPECT_THROW(static_cast<void>(file_path({FileKind::pack, "../../x"})), Error);
  EXPECT_THROW(static_cast<void>(file_path({FileKind::config, "x"})), Error);
}

}  // namespace
}  // namespace holdfast::storage
