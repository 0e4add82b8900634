// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/configuration.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

std::optional<std::string> data_of(std::string_view yaml) {
  return yaml_value(yaml, "storage", "data-directory");
}

TEST(TypedbConfiguration, FindsTheDataDirectoryInTheVendorsFiles) {
  EXPECT_EQ(data_of("# Mozilla\n\nserver:\n    listen-address: 0.0.0.0:1729\n    http:\n"
                    "        enabled: true\n\nstorage:\n    data-directory: \"data\"\n"
                    "    rocksdb:\n        cache-size: 1gb\n\nlogging:\n    directory: \"logs\"\n"),
            "data");
  EXPECT_EQ(yaml_value("server:\n  address: 0.0.0.0:1729\n\nstorage:\n  data: server/data\n"
                       "  database-cache:\n    # of large sets\n    data: 500mb\n",
                       "storage", "data"),
            "server/data");
}

TEST(TypedbConfiguration, ReadsQuotesAndComments) {
  EXPECT_EQ(data_of("storage:\n  data-directory: '/srv/it''s # here'  # comment\r\n"),
            "/srv/it's # here");
  EXPECT_EQ(data_of("storage:\n  \"data-directory\": \"/srv/a \\\"b\\\"\"\n"), "/srv/a \"b\"");
  EXPECT_EQ(data_of("storage: # all of it\n  data-directory: /srv/a#b # comment\n"), "/srv/a#b");
  EXPECT_EQ(data_of("storage:\n  data-directory: /srv/a:b"), "/srv/a:b");
}

TEST(TypedbConfiguration, TakesNoValueFromAnotherSectionOrDepth) {
  EXPECT_EQ(data_of("logging:\n  data-directory: /wrong\n"), std::nullopt);
  EXPECT_EQ(data_of("storage:\n  rocksdb:\n    data-directory: /wrong\nother:\n"
                    "  data-directory: /wrong\n"),
            std::nullopt);
  EXPECT_EQ(data_of("storage:\n#  data-directory: /wrong\n"), std::nullopt);
  EXPECT_EQ(data_of("storage:\n  data-directory:\n"), std::nullopt);
  EXPECT_EQ(data_of("storage:\n  data-directory: ''\n"), std::nullopt);
  EXPECT_EQ(data_of(""), std::nullopt);
}

TEST(TypedbConfiguration, RefusesWhatItCannotRead) {
  for (const char* yaml :
       {"storage:\n  data-directory: $DATA\n", "storage: {data-directory: data}\n",
        "storage:\n  data-directory: &a data\n", "storage:\n  data-directory: |\n    data\n",
        "storage:\n  data-directory: \"data\n", "storage:\n  data-directory: \"a\\tb\"\n"}) {
    try {
      static_cast<void>(data_of(yaml));
      ADD_FAILURE() << yaml;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unsupported) << yaml;
    }
  }
}

TEST(TypedbConfiguration, FindsAValueInProperties) {
  constexpr std::string_view file =
      "# Directory\nserver.data=server/data/\n! server.logs=no\nserver.logs : a\\ b\n"
      "server.port 1729\nserver.data.more=x\n";
  EXPECT_EQ(property_value(file, "server.data"), "server/data/");
  EXPECT_EQ(property_value(file, "server.logs"), "a b");
  EXPECT_EQ(property_value(file, "server.port"), "1729");
  EXPECT_EQ(property_value(file, "server"), std::nullopt);
  EXPECT_EQ(property_value("server.data=\n", "server.data"), std::nullopt);
  EXPECT_EQ(property_value("server.data=a\nserver.data=b", "server.data"), "b");
}

}  // namespace
}  // namespace holdfast::engine::typedb
