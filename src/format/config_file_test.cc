// SPDX-License-Identifier: Apache-2.0
#include "format/config_file.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace holdfast::format {
namespace {

constexpr std::string_view good =
    R"({"version":2,"id":"5956a3f67a6230d4a92cefb29529f10196c7d92582ec305fd71ff6d331d6271b",)"
    R"("chunker_polynomial":"25b468838dcb75"})";

std::string replaced(std::string_view from, std::string_view to) {
  std::string text(good);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

void expect_error(Errc code, std::string_view json) {
  try {
    static_cast<void>(parse_config_file(json));
    ADD_FAILURE() << "no error for " << json;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
  }
}

TEST(ConfigFile, IsWrittenAsItWasRead) {
  const ConfigFile config = parse_config_file(good);
  EXPECT_EQ(config.version, 2U);
  EXPECT_EQ(config.id, "5956a3f67a6230d4a92cefb29529f10196c7d92582ec305fd71ff6d331d6271b");
  EXPECT_EQ(config.chunker_polynomial, 0x25b468838dcb75U);
  EXPECT_EQ(to_json(config), good);
}

TEST(ConfigFile, KeepsMembersOfOthersBehindItsOwn) {
  const ConfigFile config =
      parse_config_file(replaced(R"({"version")", R"({"is_hot":true,"chunker":"Rabin","version")"));
  EXPECT_EQ(to_json(config),
            std::string(good.substr(0, good.size() - 1)) + R"(,"is_hot":true,"chunker":"Rabin"})");
}

TEST(ConfigFile, ReadsVersionOne) {
  EXPECT_EQ(parse_config_file(replaced(":2,", ":1,")).version, 1U);
}

TEST(ConfigFile, RefusesWhatItCannotHandleByName) {
  expect_error(Errc::unsupported, replaced(":2,", ":3,"));
  expect_error(Errc::unsupported, replaced(":2,", ":0,"));
  expect_error(Errc::unsupported, replaced(R"({"version")", R"({"chunker":"FixedSize","version")"));
}

TEST(ConfigFile, RefusesWhatIsMalformed) {
  expect_error(Errc::corrupt, "");
  expect_error(Errc::corrupt, "[]");
  expect_error(Errc::corrupt, "{}");
  expect_error(Errc::corrupt, std::string(good) + "x");
  expect_error(Errc::corrupt, replaced(":2,", ":-1,"));
  expect_error(Errc::corrupt, replaced(":2,", ":\"2\","));
  expect_error(Errc::corrupt, replaced("5956", "595"));
  expect_error(Errc::corrupt, replaced("5956", "595X"));
  for (std::size_t size_bytes = 0; size_bytes < good.size(); ++size_bytes) {
    expect_error(Errc::corrupt, good.substr(0, size_bytes));
  }
}

TEST(ConfigFile, RefusesPolynomialsThatDoNotCut) {
  for (const std::string_view bad :
       {"", "0", "xyz", "-25b468838dcb75", "0x25b468838dcb75", "3da3358b4dc175", "7",
        "ffffffffffffffff", "25b468838dcb7525b468838dcb75", " 25b468838dcb75"}) {
    expect_error(Errc::corrupt, replaced("25b468838dcb75", bad));
  }
}

}  // namespace
}  // namespace holdfast::format
