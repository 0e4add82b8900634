// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/java_command.h"

#include <gtest/gtest.h>

namespace holdfast::profile::magnolia {
namespace {

std::string no_file(const std::string& /*path*/) {
  return {};
}

TEST(JavaCommand, ReadsSystemPropertiesAndClassPath) {
  const JavaCommand command = read_java_command(
      {"/usr/lib/jvm/bin/java", "-Xmx2g", "-Dcatalina.base=/srv/t", "-Dcatalina.base=/srv/u",
       "-Dflag", "-cp", "/a.jar:/b.jar", "--add-opens", "java.base/java.lang=ALL-UNNAMED",
       "org.apache.catalina.startup.Bootstrap", "-Dnot=mine", "start"},
      {}, no_file);
  EXPECT_TRUE(command.is_java);
  EXPECT_EQ(command.system_properties.find("catalina.base")->value, "/srv/u");
  EXPECT_EQ(command.system_properties.find("flag")->value, "");
  EXPECT_EQ(command.system_properties.find("not"), nullptr);
  EXPECT_EQ(command.class_path, (std::vector<std::string>{"/a.jar", "/b.jar"}));
  EXPECT_EQ(command.main_class, "org.apache.catalina.startup.Bootstrap");
}

TEST(JavaCommand, ReadsArgumentFilesInTheirPlace) {
  const JavaCommand command = read_java_command(
      {"java", "-Da=1", "@/etc/opts", "Main", "@/etc/opts"}, {}, [](const std::string& path) {
        EXPECT_EQ(path, "/etc/opts");
        return std::string("# comment\n-Da=2 \"-Db=x y\\\\z\"\n'-Dc=1'\n");
      });
  EXPECT_EQ(command.system_properties.find("a")->value, "2");
  EXPECT_EQ(command.system_properties.find("b")->value, "x y\\z");
  EXPECT_EQ(command.system_properties.find("c")->value, "1");
  EXPECT_EQ(command.main_class, "Main");
}

TEST(JavaCommand, TakesTheEnvironmentsOptionsBehindItsOwn) {
  const JavaCommand command = read_java_command(
      {"java", "-Da=argv", "Main"},
      {"JAVA_OPTS=-Da=x -Db=java -Dc=java", "CATALINA_OPTS=-Db=catalina '-Dd=p q'"}, no_file);
  EXPECT_EQ(command.system_properties.find("a")->value, "argv");
  EXPECT_EQ(command.system_properties.find("b")->value, "catalina");
  EXPECT_EQ(command.system_properties.find("c")->value, "java");
  EXPECT_EQ(command.system_properties.find("d")->value, "p q");
  EXPECT_EQ(command.system_properties.find("d")->where, "CATALINA_OPTS of the process");
}

TEST(JavaCommand, KnowsWhatIsNoJava) {
  EXPECT_FALSE(read_java_command({"/bin/bash", "java"}, {}, no_file).is_java);
  EXPECT_FALSE(read_java_command({}, {}, no_file).is_java);
}

}  // namespace
}  // namespace holdfast::profile::magnolia
