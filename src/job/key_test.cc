// SPDX-License-Identifier: Apache-2.0
#include "job/key.h"

#include "base/error.h"
#include "job/test_jobs.h"

namespace holdfast::job {
namespace {

class Keys : public JobTest {
 protected:
  static NewKey key(std::string password) {
    NewKey made;
    made.password = std::make_shared<const Secret>(std::move(password));
    made.cost = format::ScryptCost{16, 1, 1};
    return made;
  }
  bool opens(std::string password) {
    RepositoryAccess other = access;
    other.password = std::make_shared<const Secret>(std::move(password));
    try {
      static_cast<void>(open_repository(environment, other, LockMode::none, stop));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::wrong_password);
      return false;
    }
    return true;
  }
};

TEST_F(Keys, NameWhoMadeThem) {
  const format::Id id = add_key(
      environment, access, [] { return key("other"); }, stop);
  EXPECT_TRUE(opens("other"));
  const auto keys = list_keys(environment, access, stop);
  ASSERT_EQ(keys.size(), 2U);
  for (const repo::FoundKey& found : keys) {
    EXPECT_EQ(found.file.username, "tester");
    EXPECT_EQ(found.file.hostname, "testhost");
    EXPECT_EQ(found.in_use, found.id != id);
  }
}

TEST_F(Keys, AreRemovedButNotTheOneInUse) {
  const format::Id id = add_key(
      environment, access, [] { return key("other"); }, stop);
  for (const repo::FoundKey& found : list_keys(environment, access, stop)) {
    if (!found.in_use) continue;
    EXPECT_THROW(static_cast<void>(remove_key(environment, access, found.id.hex(), stop)), Error);
  }
  EXPECT_EQ(remove_key(environment, access, id.short_hex(), stop), id);
  EXPECT_FALSE(opens("other"));
  EXPECT_TRUE(opens("sesame"));
}

TEST_F(Keys, AreReplacedByANewPassword) {
  static_cast<void>(change_password(
      environment, access, [] { return key("other"); }, stop));
  EXPECT_TRUE(opens("other"));
  EXPECT_FALSE(opens("sesame"));
}

TEST_F(Keys, AreNotAskedForInVain) {
  access.password = std::make_shared<const Secret>("wrong");
  bool was_asked = false;
  const auto ask = [&] {
    was_asked = true;
    return key("other");
  };
  EXPECT_THROW(static_cast<void>(add_key(environment, access, ask, stop)), Error);
  EXPECT_THROW(static_cast<void>(change_password(environment, access, ask, stop)), Error);
  EXPECT_FALSE(was_asked);
}

}  // namespace
}  // namespace holdfast::job
