// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/identities.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/error.h"
#include "engine/typedb/test_exports.h"

namespace holdfast::engine::typedb {
namespace {

// Things and references of a file of that many, some of them wrong; in an order that is none.
IdentityCheck::Result check_many(std::uint64_t things, std::size_t memory_bytes,
                                 const std::filesystem::path& scratch) {
  IdentityCheck check(scratch, memory_bytes);
  for (std::uint64_t i = 0; i < things; ++i) {
    const std::uint64_t number = i * 7919 % things;
    check.add(id_of(number), number % 2 == 0 ? IdUse::entity : IdUse::attribute);
    check.add(id_of((i * 31) % things), IdUse::player);
    check.add(id_of((i * 31) % things | 1U), IdUse::owned);
  }
  check.add(id_of(4), IdUse::relation);            // the same as an entity
  check.add(id_of(4), IdUse::relation);            // and again
  check.add(id_of(6), IdUse::owned);               // an entity
  check.add(id_of(1'000'000'001), IdUse::player);  // nothing
  check.add(id_of(1'000'000'001), IdUse::owned);
  return check.finish({});
}

void expect_found(const IdentityCheck::Result& result, std::uint64_t things) {
  EXPECT_EQ(result.things, things + 2);
  EXPECT_EQ(result.surplus, 2U);
  EXPECT_EQ(result.owned_unknown, 2U);
  EXPECT_EQ(result.players_unknown, 1U);
  ASSERT_EQ(result.surplus_examples.size(), 1U);
  EXPECT_EQ(result.surplus_examples[0], fingerprint_of(id_of(4)));
  std::vector<Fingerprint> unknown{fingerprint_of(id_of(6)), fingerprint_of(id_of(1'000'000'001))};
  std::sort(unknown.begin(), unknown.end());
  EXPECT_EQ(result.unknown_examples, unknown);
}

TEST(TypedbIdentities, InMemoryFindsWhatIsWrong) {
  const TemporaryDirectory scratch("typedb-test");
  const IdentityCheck::Result result = check_many(1000, 64U << 20U, scratch.path());
  expect_found(result, 1000);
}

TEST(TypedbIdentities, InRunsFindsTheSame) {
  const TemporaryDirectory scratch("typedb-test");
  constexpr std::uint64_t things = 10'000;
  expect_found(check_many(things, 1, scratch.path()), things);
}

TEST(TypedbIdentities, SpaceIsLeftToOthers) {
  const TemporaryDirectory scratch("typedb-test");
  IdentityCheck check(scratch.path(), 1, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(code_of([&] {
              for (std::uint64_t i = 0; i < 10'000; ++i) check.add(id_of(i), IdUse::entity);
            }),
            Errc::no_space);
}

TEST(TypedbIdentities, ScratchIsGoneAfterwards) {
  const TemporaryDirectory scratch("typedb-test");
  static_cast<void>(check_many(10'000, 1, scratch.path()));
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(TypedbIdentities, NothingIsFoundWrongInNothing) {
  IdentityCheck check({});
  const IdentityCheck::Result result = check.finish({});
  EXPECT_EQ(result.things + result.surplus + result.owned_unknown + result.players_unknown, 0U);
}

TEST(TypedbIdentities, FingerprintsTellLikeIdsApart) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  std::size_t made = 0;
  const auto add = [&](std::string_view id) {
    const Fingerprint print = fingerprint_of(id);
    EXPECT_EQ(print.low & 0xfU, 0U);
    seen.insert({print.high, print.low});
    ++made;
  };
  for (std::uint64_t i = 0; i < 5'000; ++i) add(id_of(i));
  // The same bytes, more of them, and zeros where a word is filled up with such.
  for (std::size_t i = 0; i <= 40; ++i) add(std::string(i, '\0'));
  for (std::size_t i = 0; i < 24; ++i) {
    std::string one(24, 'a');
    one[i] = 'b';
    add(one);
  }
  EXPECT_EQ(seen.size(), made);
}

TEST(TypedbIdentities, StopEndsTheMerging) {
  std::stop_source stop;
  stop.request_stop();
  IdentityCheck check({});
  check.add("a", IdUse::entity);
  EXPECT_EQ(code_of([&] { static_cast<void>(check.finish(stop.get_token())); }), Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::engine::typedb
