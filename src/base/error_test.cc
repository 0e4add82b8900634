// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <type_traits>

namespace holdfast {
namespace {

TEST(Errc, EveryCodeIsListedOnceInOrderOfDeclaration) {
  const auto codes = all_errc();
  ASSERT_EQ(codes.size(), static_cast<std::size_t>(Errc::cancelled) + 1);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(codes[i]), i);
  }
}

TEST(Errc, EveryCodeHasANameOfItsOwnInSnakeCase) {
  std::set<std::string_view> names;
  for (const Errc code : all_errc()) {
    const std::string_view name = errc_name(code);
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos);
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(names.size(), all_errc().size());
  EXPECT_EQ(errc_name(Errc::no_space), "no_space");
  EXPECT_EQ(errc_name(Errc::failed_child), "failed_child");
}

TEST(Error, ShowsContextsInnermostFirstAndThenTheHint) {
  Error error(Errc::corrupt, "pack 3f2a is damaged");
  error.set_hint("Run `holdfast check`.");
  error.add_context("reading pack 3f2a").add_context("restoring /etc");
  EXPECT_STREQ(error.what(),
               "pack 3f2a is damaged (while reading pack 3f2a) (while restoring /etc); "
               "Run `holdfast check`.");
  EXPECT_EQ(error.message(),
            "pack 3f2a is damaged (while reading pack 3f2a) (while restoring /etc)");
  EXPECT_EQ(error.hint(), "Run `holdfast check`.");
}

TEST(Error, WithoutHintEndsWithItsMessage) {
  const Error error(Errc::usage, "no such flag");
  EXPECT_STREQ(error.what(), "no such flag");
  EXPECT_EQ(error.hint(), "");
}

TEST(Error, KeepsThePlaceWhereItWasMade) {
  const Error error(Errc::bug, "x");
  EXPECT_NE(std::string_view(error.where().file_name()).find("error_test.cc"),
            std::string_view::npos);
}

TEST(Error, OnlyUnavailableIsRetryable) {
  for (const Errc code : all_errc()) {
    EXPECT_EQ(Error(code, "x").retryable(), code == Errc::unavailable);
  }
}

TEST(Error, CopyingCannotThrow) {
  EXPECT_TRUE(std::is_nothrow_copy_constructible_v<Error>);
}

TEST(Error, InContextAddsItsContextAndPassesValuesThrough) {
  EXPECT_EQ(in_context("adding", [] { return 4; }), 4);
  try {
    in_context("reading the index", [] { throw Error(Errc::io, "disk gone"); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "disk gone (while reading the index)");
    EXPECT_EQ(error.code(), Errc::io);
  }
}

TEST(SystemError, MapsNumbersToCodes) {
  EXPECT_EQ(system_error(ENOENT, "x").code(), Errc::not_found);
  EXPECT_EQ(system_error(EEXIST, "x").code(), Errc::exists);
  EXPECT_EQ(system_error(EACCES, "x").code(), Errc::denied);
  EXPECT_EQ(system_error(EPERM, "x").code(), Errc::denied);
  EXPECT_EQ(system_error(EROFS, "x").code(), Errc::denied);
  EXPECT_EQ(system_error(ENOSPC, "x").code(), Errc::no_space);
  EXPECT_EQ(system_error(EDQUOT, "x").code(), Errc::no_space);
  EXPECT_EQ(system_error(EIO, "x").code(), Errc::io);
  EXPECT_EQ(system_error(EISDIR, "x").code(), Errc::io);
}

TEST(SystemError, SaysWhatWasDoneAndWhyItFailed) {
  EXPECT_STREQ(system_error(ENOENT, "opening /x").what(), "opening /x: no such file or directory");
  EXPECT_STREQ(system_error(EIO, "reading /x").what(), "reading /x: input/output error");
  EXPECT_STREQ(system_error(99999, "reading /x").what(), "reading /x: error 99999");
}

TEST(CheckRule, ThrowsABugOnlyIfTheRuleIsBroken) {
  EXPECT_NO_THROW(check_rule(true, "water is wet"));
  try {
    check_rule(false, "water is wet");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::bug);
    EXPECT_STREQ(error.what(), "a rule was broken: water is wet");
  }
}

}  // namespace
}  // namespace holdfast
