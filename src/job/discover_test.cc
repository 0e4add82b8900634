// SPDX-License-Identifier: Apache-2.0
#include "job/discover.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "job/test_instance.h"
#include "profile/instance_file.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class DiscoverTest : public InstanceTest {
 protected:
  static Discovery find(const std::string& place) {
    return discover(std::vector<std::string>{place});
  }
};

TEST_F(DiscoverTest, DraftsAnInstanceOfADirectory) {
  const Discovery found = find(source().string() + "/");
  EXPECT_EQ(found.instance.name, "srv");
  EXPECT_EQ(found.instance.home, source().string());
  ASSERT_EQ(found.instance.databases.size(), 1U);
  EXPECT_EQ(found.instance.databases[0].name, "orders");
  EXPECT_EQ(found.instance.databases[0].uri, "sqlite:" + (source() / "db/orders.db").string());
  ASSERT_EQ(found.instance.files.size(), 1U);
  EXPECT_EQ(found.instance.files[0].paths, std::vector<std::string>{source().string()});
}

TEST_F(DiscoverTest, EndsAtAStopRequest) {
  stop_.request_stop();
  for (const std::string& place : {source().string(), (source() / "db/orders.db").string(),
                                   "sqlite:" + (source() / "db/orders.db").string()}) {
    EXPECT_EQ(error_of([&] {
                static_cast<void>(discover(std::vector<std::string>{place}, stop_.get_token()));
              }),
              Errc::cancelled)
        << place;
  }
}

TEST_F(DiscoverTest, WritesAFileThatCanBeReadBack) {
  const std::string text = to_instance_file(find(source().string()));
  const model::Instance read_back = profile::parse_instance(text, "draft.toml");
  EXPECT_EQ(read_back.name, "srv");
  EXPECT_EQ(read_back.databases.size(), 1U);
  EXPECT_NE(text.find("# Found by looking at " + source().string()), std::string::npos) << text;
  EXPECT_NE(text.find("# header of "), std::string::npos) << text;
  EXPECT_NE(text.find("password_file"), std::string::npos) << text;
}

TEST_F(DiscoverTest, NamesNoFilesWhereThereAreOnlyDatabases) {
  EXPECT_TRUE(find((source() / "db").string()).instance.files.empty());
}

TEST_F(DiscoverTest, TakesUrisAndDatabaseFiles) {
  const std::string uri = "sqlite:" + (source() / "db/orders.db").string();
  EXPECT_EQ(find(uri).instance.databases.at(0).uri, uri);
  EXPECT_EQ(find((source() / "db/orders.db").string()).instance.databases.at(0).uri, uri);
  EXPECT_EQ(error_of([&] { static_cast<void>(find("sqlite:/nowhere/x.db")); }), Errc::not_found);
  EXPECT_EQ(error_of([&] { static_cast<void>(find("oracle:x")); }), Errc::unsupported);
  EXPECT_EQ(error_of([&] { static_cast<void>(find("gopher:x")); }), Errc::usage);
  EXPECT_EQ(error_of([&] { static_cast<void>(find((source() / "files/a.txt").string())); }),
            Errc::usage);
  EXPECT_EQ(error_of([&] { static_cast<void>(find((source() / "missing").string())); }),
            Errc::not_found);
}

TEST_F(DiscoverTest, PutsSeveralPlacesIntoOneInstance) {
  fs::create_directories(root() / "other");
  run_sql(root() / "other/orders.db", "CREATE TABLE t(x);");
  const Discovery found =
      discover(std::vector<std::string>{source().string(), (root() / "other/orders.db").string()});
  ASSERT_EQ(found.instance.databases.size(), 2U);
  EXPECT_EQ(found.instance.databases[1].name, "orders-2");
  EXPECT_EQ(found.instance.name, "srv");
}

TEST_F(DiscoverTest, FindsWhatAProcessHasOpen) {
  const Fd open = open_file(source() / "db/orders.db", O_RDONLY);
  const Discovery found = find("pid:" + std::to_string(::getpid()));
  EXPECT_TRUE(std::any_of(found.instance.databases.begin(), found.instance.databases.end(),
                          [&](const auto& database) {
                            return database.uri == "sqlite:" + (source() / "db/orders.db").string();
                          }));
  EXPECT_EQ(error_of([&] { static_cast<void>(find("pid:none")); }), Errc::usage);
  EXPECT_EQ(error_of([&] { static_cast<void>(find("pid:4194305")); }), Errc::not_found);
}

}  // namespace
}  // namespace holdfast::job
