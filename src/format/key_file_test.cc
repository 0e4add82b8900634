// SPDX-License-Identifier: Apache-2.0
#include "format/key_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/error.h"

namespace holdfast::format {
namespace {

KeyFile some_key_file() {
  KeyFile key;
  key.created = parse_rfc3339("2026-11-20T10:56:01.123456789+01:00");
  key.username = "root";
  key.hostname = "a<b";
  key.cost = {32768, 8, 7};
  key.salt.resize(64);
  key.data.resize(48);
  std::fill(key.salt.begin(), key.salt.end(), std::byte{0xfb});
  std::fill(key.data.begin(), key.data.end(), std::byte{0xff});
  return key;
}

std::string replaced(std::string_view from, std::string_view to) {
  std::string text = to_json(some_key_file());
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

void expect_error(Errc code, std::string_view json) {
  try {
    static_cast<void>(parse_key_file(json));
    ADD_FAILURE() << "no error for " << json;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
  }
}

TEST(KeyFile, HasResticsOrderAndText) {
  const std::string json = to_json(some_key_file());
  const std::string salt =
      "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7"
      "+/v7+/v7+/v7+w==";
  EXPECT_EQ(json, R"({"created":"2026-11-20T10:56:01.123456789+01:00","username":"root",)"
                  R"("hostname":"a\u003cb","kdf":"scrypt","N":32768,"r":8,"p":7,"salt":")" +
                      salt + R"(","data":")" + std::string(64, '/') + "\"}");
}

TEST(KeyFile, IsReadBack) {
  const KeyFile key = parse_key_file(to_json(some_key_file()));
  EXPECT_EQ(to_json(key), to_json(some_key_file()));
  EXPECT_EQ(key.cost.n, 32768U);
  EXPECT_EQ(key.cost.p, 7U);
  EXPECT_EQ(key.salt.size(), 64U);
}

TEST(KeyFile, MayLackWhatOnlyPeopleRead) {
  const KeyFile key = parse_key_file(replaced(R"("username":"root",)", ""));
  EXPECT_EQ(key.username, "");
}

TEST(KeyFile, RefusesWhatIsMalformed) {
  expect_error(Errc::unsupported, replaced("scrypt", "argon2"));
  expect_error(Errc::corrupt, "");
  expect_error(Errc::corrupt, "null");
  expect_error(Errc::corrupt, replaced("32768", "-1"));
  expect_error(Errc::corrupt, replaced("32768", "1.5"));
  expect_error(Errc::corrupt, replaced(R"("r":8)", R"("r":4294967296)"));
  expect_error(Errc::corrupt, replaced(R"("r":8,)", ""));
  expect_error(Errc::corrupt, replaced("+/v7", ""));
  expect_error(Errc::corrupt, replaced("+/v7", "+/v*"));
  expect_error(Errc::corrupt, replaced(std::string(64, '/'), "////"));
  expect_error(Errc::corrupt, replaced("2026", "year"));
  const std::string good = to_json(some_key_file());
  for (std::size_t size_bytes = 0; size_bytes < good.size(); ++size_bytes) {
    expect_error(Errc::corrupt, good.substr(0, size_bytes));
  }
}

}  // namespace
}  // namespace holdfast::format
