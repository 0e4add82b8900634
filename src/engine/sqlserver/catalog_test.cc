// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/catalog.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::engine::sqlserver {
namespace {

const std::string hash = "0123456789abcdef0123456789abcdef";

std::string given(const std::string& name, const std::string& table) {
  return name.substr(0, given_index_size(name, table));
}

TEST(SqlServerIndexNames, AreThoseGivenWhereAServerHasAddedTheTables) {
  const std::string whole = "FSG_DATASTORE_OF_EVERYTHING_THAT_IS_LONG";
  for (const std::size_t size : {5U, 29U, 30U, 31U}) {
    const std::string name(size, 'i');
    EXPECT_EQ(given(name + whole.substr(0, 31 - size) + hash, whole), name) << size;
  }
  EXPECT_EQ(given("ix_priceorders" + hash, "Orders"), "ix_price");
  EXPECT_EQ(given("iorders" + hash, "orders"), "i");
}

TEST(SqlServerIndexNames, AreLeftAloneWhereNobodyHas) {
  EXPECT_EQ(given("ix_price", "orders"), "ix_price");
  EXPECT_EQ(given(hash, "orders"), hash);
  EXPECT_EQ(given("ix_price" + hash, "orders"), "ix_price" + hash);
  EXPECT_EQ(given("orders" + hash, "orders"), "orders" + hash);
  const std::string capitals = "ix_priceorders0123456789ABCDEF0123456789ABCDEF";
  EXPECT_EQ(given(capitals, "orders"), capitals);
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
