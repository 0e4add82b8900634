// SPDX-License-Identifier: Apache-2.0
// The stand-in for TypeDB's server is what its vendor's own drivers take it for. They are named by
// HOLDFAST_TYPEDB_DRIVERS, which scripts/typedb_driver prints; scripts/test soak sets it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"
#include "engine/typedb/test_exports.h"
#include "tests/harness/typedb_server.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
using test::TypedbRelease;

struct Driver {
  std::string version;
  TypedbRelease release;  // of the server
};
const std::vector<Driver>& drivers() {
  static const std::vector<Driver> all{
      {"2.18.2", TypedbRelease::v2_18}, {"2.29.7", TypedbRelease::v2_29},
      {"3.4.4", TypedbRelease::v3_4},   {"3.8.1", TypedbRelease::v3_4},
      {"3.11.5", TypedbRelease::v3_12}, {"3.14.0", TypedbRelease::v3_12}};
  return all;
}

// A thing of every kind, and an attribute of each type of values.
TestExport everything(bool is_3) {
  TestExport made;
  made.header(is_3 ? "3.12.3" : "2.29.1");
  std::vector<std::string> owned;
  for (const std::string& value : values_of_every_type(is_3)) {
    owned.push_back(id_of(1'000'000'000 + owned.size()));
    made.attribute(owned.back(), fmt::format("value{}", owned.size()), value);
  }
  made.entity(id_of(1), "person", owned).entity(id_of(2), "company");
  made.relation(id_of(3), "employment",
                {{"employment:employee", {id_of(1)}}, {"employment:employer", {id_of(2)}}},
                {owned[0]});
  return made.checksums();
}

// All that a driver prints, of errors too.
std::string run(const fs::path& modules, const test::TypedbServer& server, const fs::path& files) {
  const std::string command =
      fmt::format("PYTHONDONTWRITEBYTECODE=1 PYTHONPATH='{}' python3 '{}' {} '{}' 2>&1",
                  modules.native(), TYPEDB_DRIVER_SCRIPT, server.address(), files.native());
  std::FILE* const output = ::popen(command.c_str(), "r");
  if (output == nullptr) return "no shell";
  std::string text;
  for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) text += static_cast<char>(c);
  ::pclose(output);
  return text;
}

void expect_to_be_understood(const Driver& driver, const fs::path& modules) {
  const bool is_3 = driver.release >= TypedbRelease::v3_3;
  const TestExport file = everything(is_3);
  test::TypedbServer server({.release = driver.release, .items_per_message = 3});
  const std::string schema(is_3 ? people_schema_3 : people_schema_2);
  server.put("shop", {schema, test::typedb_items(file.bytes)});
  const TemporaryDirectory place("holdfast-typedb-test");
  const std::string told = run(modules, server, place.path());
  SCOPED_TRACE(told);
  const auto has = [&](std::string_view line) {
    EXPECT_NE(("\n" + told).find(fmt::format("\n{}\n", line)), std::string::npos) << line;
  };
  has("databases shop");
  has("contains True False");
  has("created new shop");
  has("removed shop");
  has("done");
  EXPECT_NE(told.find("\nschema define "), std::string::npos);
  EXPECT_NE(told.find("\nabsent:"), std::string::npos);
  if (!is_3) return has("session True");
  has("imported copy shop");
  EXPECT_NE(told.find("\ntwice:"), std::string::npos);
  if (driver.release == TypedbRelease::v3_12) has("version TypeDB CE 3.12.3");
  // What the driver took for items and wrote again has lost nothing.
  EXPECT_EQ(read_text_file(place.path() / "schema.tql"), schema);
  EXPECT_EQ(read_text_file(place.path() / "data.typedb"), file.bytes);
  const auto databases = server.databases();
  ASSERT_TRUE(databases.contains("copy"));
  EXPECT_EQ(databases.at("copy").schema, schema);
  EXPECT_EQ(databases.at("copy").items, databases.at("shop").items);
}

TEST(TypedbDriver, OfEveryReleaseTakesTheStandInForItsServer) {
  const char* const place = std::getenv("HOLDFAST_TYPEDB_DRIVERS");
  if (place == nullptr) GTEST_SKIP() << "needs HOLDFAST_TYPEDB_DRIVERS: see scripts/typedb_driver";
  std::string missing;
  for (const Driver& driver : drivers()) {
    SCOPED_TRACE(driver.version);
    const fs::path modules = fs::path(place) / driver.version;
    if (fs::exists(modules))
      expect_to_be_understood(driver, modules);
    else
      missing += " " + driver.version;
  }
  if (!missing.empty()) GTEST_SKIP() << "there are no drivers" << missing;
}

}  // namespace
}  // namespace holdfast::engine::typedb
