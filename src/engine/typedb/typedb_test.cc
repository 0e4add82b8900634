// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/typedb.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/fd.h"
#include "engine/embedded/test_places.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

class TypedbEngineTest : public testing::Test {
 protected:
  [[nodiscard]] model::Endpoint endpoint(const std::string& name,
                                         const std::string& method = "") const {
    model::Endpoint made;
    made.component = name;
    made.engine = "typedb";
    made.uri = "typedb:" + (data() / name).native();
    if (!method.empty()) made.options["method"] = method;
    return made;
  }
  [[nodiscard]] static bool has(const Probe& probe, std::string_view code) {
    return std::any_of(probe.findings.begin(), probe.findings.end(),
                       [&](const model::Finding& one) { return one.code == code; });
  }
  [[nodiscard]] fs::path home() const { return place_.path() / "typedb-3.10.4"; }
  [[nodiscard]] fs::path data() const { return home() / "server" / "data"; }

  TemporaryDirectory place_{"holdfast-typedb-test"};
};

TEST_F(TypedbEngineTest, DiscoversDatabasesAndTheSystemsButNeverWhatIsBeingImported) {
  put_file(home() / "server" / "typedb_server_bin", "");
  for (const char* name : {"shop", "_system", "_import", ".hidden"}) make_database_3(data() / name);
  for (const fs::path& place : {home(), data()}) {
    const auto found = engine().discover(place);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].endpoint.component, "_system");
    EXPECT_EQ(found[1].endpoint.uri, "typedb:" + (data() / "shop").native());
    EXPECT_NE(found[1].comment.find("3.0.0 to 3.10.4"), std::string::npos);
  }
  EXPECT_TRUE(engine().discover(place_.path() / "absent").empty());
}

TEST_F(TypedbEngineTest, ProbesADatabaseThatNobodyHasOpen) {
  put_file(home() / "server" / "typedb_server_bin", "");
  make_database_3(data() / "shop");
  const Probe probe = engine().probe(endpoint("shop"));
  EXPECT_TRUE(probe.exists);
  EXPECT_FALSE(probe.empty);
  EXPECT_FALSE(probe.needs_stop);
  EXPECT_EQ(probe.trees.size(), 1U);
  EXPECT_EQ(probe.server, "typedb:" + data().native());
  EXPECT_EQ(probe.facts.string_or("encoding", ""), "3.x/a");
  EXPECT_EQ(probe.facts.string_or("release", ""), "3.10.4");
}

TEST_F(TypedbEngineTest, ProbesADatabaseThatAServerHasOpen) {
  make_database_3(data() / "shop");
  const embedded::Locker server(data() / "shop/storage/OptimisedPrefix11/LOCK");
  const Probe hot = engine().probe(endpoint("shop"));
  EXPECT_FALSE(hot.needs_stop);
  EXPECT_TRUE(hot.trees.empty());
  EXPECT_TRUE(has(hot, "typedb-in-use"));
  const Probe cold = engine().probe(endpoint("shop", "cold"));
  EXPECT_TRUE(cold.needs_stop);
  EXPECT_EQ(cold.trees.size(), 1U);
}

TEST_F(TypedbEngineTest, ProbesWhatIsNoDatabase) {
  EXPECT_FALSE(engine().probe(endpoint("shop")).exists);
  std::filesystem::create_directories(data() / "shop");
  EXPECT_FALSE(engine().probe(endpoint("shop")).exists);
  put_file(data() / "shop" / "note", "x");
  EXPECT_TRUE(has(engine().probe(endpoint("shop")), "typedb-no-database"));
}

TEST_F(TypedbEngineTest, SaysHowToRestoreByHand) {
  model::DatabaseFacts facts;
  facts.uri = "typedb:/srv/data/shop";
  facts.directory = "databases/shop";
  facts.version = "3.0.0 to 3.10.4";
  facts.engine_facts.set("file_uid", 7).set("file_gid", 8);
  const std::string streams = engine().restore_instructions(facts);
  EXPECT_NE(streams.find("cp -a -- 'databases/shop' '/srv/data/shop'"), std::string::npos)
      << streams;
  EXPECT_NE(streams.find("chown -R 7:8 -- '/srv/data/shop'"), std::string::npos);
  EXPECT_NE(streams.find("'/srv/data.old.shop'"), std::string::npos);
  facts.parts.push_back({"srv/data/shop", 1, true, ""});
  EXPECT_NE(engine().restore_instructions(facts).find("'databases/shop/srv/data/shop'"),
            std::string::npos);
  facts.parts[0].path = "mnt/disk/shop";
  EXPECT_NE(engine().restore_instructions(facts).find(
                "cp -a -- 'databases/shop/mnt/disk/shop' '/srv/data/shop'"),
            std::string::npos);
}

TEST_F(TypedbEngineTest, RefusesWhatItCannotDoByName) {
  const auto code_of = [](const auto& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::bug;
  };
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().query_one(endpoint("shop"), "match")); }),
            Errc::unsupported);
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().scratch({}, place_.path())); }),
            Errc::unsupported);
  EXPECT_EQ(code_of([&] { engine().check_endpoint(endpoint("_import")); }), Errc::usage);
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().grants(endpoint("shop"), "fun")); }),
            Errc::usage);
  EXPECT_NE(engine().grants(endpoint("shop"), "restore").find("above it"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::typedb
