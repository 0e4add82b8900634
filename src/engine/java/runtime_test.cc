// SPDX-License-Identifier: Apache-2.0
#include "engine/java/runtime.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/fd.h"

namespace holdfast::engine::java {
namespace {

namespace fs = std::filesystem;

class Places : public testing::Test {
 protected:
  fs::path file(const std::string& name, bool is_program = false,
                const std::string& content = "x") const {
    const fs::path path = home_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
    if (is_program) fs::permissions(path, fs::perms::owner_all);
    return path;
  }
  [[nodiscard]] fs::path at(const std::string& name) const { return home_.path() / name; }

  TemporaryDirectory home_{"holdfast-java-places-"};
};

TEST_F(Places, OfARuntimeAreJavaHomeThenPathThenTheDefault) {
  const fs::path jar = file("bin/holdfast-rows.jar");
  JavaPlaces places{at("home"), at("none").native() + "::" + at("path").native(),
                    at("bin/holdfast"), at("default")};
  std::string why_not;
  EXPECT_FALSE(find_java_runtime(places, &why_not));
  EXPECT_EQ(why_not, "no Java runtime was found by JAVA_HOME, by PATH or as Debian's default");
  const fs::path last = file("default/bin/java", true);
  EXPECT_EQ(find_java_runtime(places, nullptr)->java, last);
  file("none/java");  // nobody may run it
  EXPECT_EQ(find_java_runtime(places, nullptr)->java, last);
  const fs::path in_path = file("path/java", true);
  EXPECT_EQ(find_java_runtime(places, nullptr)->java, in_path);
  const fs::path first = file("home/bin/java", true);
  EXPECT_EQ(find_java_runtime(places, nullptr)->java, first);
  EXPECT_EQ(find_java_runtime(places, nullptr)->rows_jar, jar);
}

TEST_F(Places, OfTheProgramAreBesideHoldfastAndWhereItIsInstalled) {
  file("home/bin/java", true);
  const JavaPlaces places{at("home"), "", at("bin/holdfast"), at("default")};
  std::string why_not;
  EXPECT_FALSE(find_java_runtime(places, &why_not));
  EXPECT_EQ(why_not, "holdfast-rows.jar is not there: Holdfast was built without a JDK");
  const fs::path installed = file("share/holdfast/holdfast-rows.jar");
  EXPECT_EQ(find_java_runtime(places, nullptr)->rows_jar, installed);
  const fs::path beside = file("bin/holdfast-rows.jar");
  EXPECT_EQ(find_java_runtime(places, nullptr)->rows_jar, beside);
}

TEST_F(Places, OfADriverAreTheApplicationsThenDebians) {
  for (const char* name : {"h2gis-1.0.jar", "h2-mvstore-2.1.jar", "derbynet-10.14.2.0.jar",
                           "derbyLocale_cs.jar", "derbyclient.jar", "xh2.jar", "h2-2.1.jar.old"})
    file(std::string("webapp/") + name);
  const fs::path last_h2 = file("debian/h2.jar");
  const fs::path last_derby = file("debian/derby.jar");
  const std::vector<fs::path> directories{at("missing"), at("webapp"), at("tomcat")};
  const auto find = [&](std::string_view engine) {
    return find_driver_jars(engine, directories, at("debian"));
  };
  EXPECT_EQ(find("h2"), std::vector<fs::path>{last_h2});
  EXPECT_EQ(find("derby"), std::vector<fs::path>{last_derby});
  const fs::path tomcat = file("tomcat/h2-1.4.200.jar");
  EXPECT_EQ(find("h2"), std::vector<fs::path>{tomcat});
  file("webapp/h2-1.4.99.jar");
  const fs::path newest = file("webapp/h2-1.4.200.jar");
  EXPECT_EQ(find("h2"), std::vector<fs::path>{newest});
  const fs::path derby = file("tomcat/derby-10.16.1.1.jar");
  const fs::path tools = file("tomcat/derbytools-10.16.1.1.jar");
  const fs::path shared = file("tomcat/derbyshared-10.16.1.1.jar");
  EXPECT_EQ(find("derby"), (std::vector<fs::path>{derby, shared, tools}));
}

bool has(const Command& command, const std::string& argument) {
  return std::count(command.argv.begin(), command.argv.end(), argument) == 1;
}

TEST_F(Places, OfLogsAndTemporaryFilesAreTheScratch) {
  const JavaRuntime runtime{file("jre/bin/java", true), at("rows.jar")};
  const Command command = rows_command(runtime, {at("a.jar"), at("b.jar")}, at("s"), 77);
  EXPECT_EQ(command.argv.front(), runtime.java);
  EXPECT_EQ(command.argv.back(), "holdfast.HoldfastRows");
  EXPECT_TRUE(has(command, "-Xmx77m"));
  EXPECT_TRUE(has(command, "-Djava.io.tmpdir=" + at("s").native()));
  EXPECT_TRUE(has(command, "-Dderby.stream.error.file=" + at("s/derby.log").native()));
  EXPECT_TRUE(has(
      command, at("rows.jar").native() + ":" + at("a.jar").native() + ":" + at("b.jar").native()));
  EXPECT_EQ(command.directory, at("s"));
  EXPECT_THROW(static_cast<void>(rows_command(runtime, {"/a:b.jar"}, at("s"), 77)), Error);
}

TEST_F(Places, OfCompilersAreLeftOut) {
  const JavaRuntime runtime{file("jre/bin/java", true), at("rows.jar")};
  EXPECT_FALSE(has(rows_command(runtime, {}, at("s"), 9), "--limit-modules=java.se"));  // Java 8
  file("jre/release", false, "JAVA_VERSION=\"17\"\nMODULES=\"java.base java.se jdk.compiler\"\n");
  EXPECT_TRUE(has(rows_command(runtime, {}, at("s"), 9), "--limit-modules=java.se"));
  file("jre/release", false, "JAVA_VERSION=\"17\"\nMODULES=\"java.base java.sql\"\n");
  EXPECT_FALSE(has(rows_command(runtime, {}, at("s"), 9), "--limit-modules=java.se"));
}

TEST(Urls, HoldNothingButAPath) {
  EXPECT_EQ(derby_url("/srv/a b/db"), "jdbc:derby:directory:/srv/a b/db");
  EXPECT_EQ(derby_url("/srv/db", true), "jdbc:derby:directory:/srv/db;create=true");
  EXPECT_EQ(h2_url("/srv/db"), "jdbc:h2:file:/srv/db;IFEXISTS=TRUE;TRACE_LEVEL_FILE=0");
  for (const char* path : {"/srv/db;create=true", "/srv\\db", "/srv/\xff", "/srv/a\nb"}) {
    EXPECT_THROW(static_cast<void>(derby_url(path)), Error) << path;
    EXPECT_THROW(static_cast<void>(h2_url(path)), Error) << path;
  }
  EXPECT_THROW(static_cast<void>(h2_url("db")), Error);
}

}  // namespace
}  // namespace holdfast::engine::java
