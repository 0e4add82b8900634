// SPDX-License-Identifier: Apache-2.0
// What memory offers beyond the contract, which is tested in tests/contract.
#include "storage/memory.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::storage {
namespace {

const FileRef pack{FileKind::pack, std::string(64, 'a')};

TEST(MemoryStorage, CopiesItsFilesIntoAnIndependentStorage) {
  MemoryStorage storage;
  storage.put(pack, as_bytes("before"));
  const std::unique_ptr<MemoryStorage> copy = storage.copy();
  storage.remove(pack);
  const std::optional<Bytes> kept = read_file(*copy, pack);
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(as_text(*kept), "before");
}

TEST(MemoryStorage, OverwritesForTestsThatPlantDamage) {
  MemoryStorage storage;
  storage.put(pack, as_bytes("before"));
  storage.overwrite(pack, as_bytes("after"));
  EXPECT_EQ(storage.size_bytes(pack), 5U);
}

TEST(MemoryStorage, NamesTheFileInItsErrors) {
  MemoryStorage storage;
  Bytes out(1);
  try {
    storage.read(pack, 0, out);
    ADD_FAILURE() << "a missing file was read";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find(pack.name), std::string::npos);
  }
}

}  // namespace
}  // namespace holdfast::storage
