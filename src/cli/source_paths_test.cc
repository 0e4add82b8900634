// SPDX-License-Identifier: Apache-2.0
#include "cli/source_paths.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

// What `ls` shows of a backup with these words, by last component.
std::vector<std::string> saved(World& world, std::vector<std::string> words,
                               std::string_view input = {}) {
  words.insert(words.begin(), {"backup", "-q"});
  EXPECT_EQ(world.run(words, input).exit_code, 0);
  std::vector<std::string> names;
  for (const Json& line : world.done({"ls", "latest", "--json"}).json_lines()) {
    if (line.string_or("type", "") == "file") names.push_back(line.at("name").as_string());
  }
  return names;
}

class Sources : public testing::Test {
 protected:
  Sources() {
    world.done({"init"});
    for (const char* name : {"one.txt", "two.txt", "three.md", "#four", "star*.txt"}) {
      world.write(std::string("files/") + name, name);
    }
  }
  std::string file(std::string_view name) { return world.path("files/" + std::string(name)); }
  World world;
};

using Names = std::vector<std::string>;

TEST_F(Sources, ExpandsGlobsOfALists) {
  const std::string list =
      world.write("list", "# comment\n\n  " + file("t*") + "  \r\n" + file("nothing*") + "\n");
  EXPECT_EQ(saved(world, {"--files-from", list}), (Names{"three.md", "two.txt"}));
  EXPECT_NE(world.run({"backup", "--files-from", list}).errors.find("matches no file"),
            std::string::npos);
}

TEST_F(Sources, TakesVerbatimLinesAsTheyAre) {
  const std::string list = world.write("list", file("#four") + "\n" + file("star*.txt") + "\n\n");
  EXPECT_EQ(saved(world, {"--files-from-verbatim", list, file("one.txt")}),
            (Names{"#four", "one.txt", "star*.txt"}));
}

TEST_F(Sources, TakesRawNamesFromStandardInput) {
  const std::string list = file("one.txt") + '\0' + file("two.txt") + '\0';
  EXPECT_EQ(saved(world, {"--files-from-raw", "-"}, list), (Names{"one.txt", "two.txt"}));
}

TEST_F(Sources, RefusesMalformedRawLists) {
  EXPECT_EQ(world.run({"backup", "--files-from-raw", "-"}, file("one.txt")).exit_code, 1);
  EXPECT_EQ(world.run({"backup", "--files-from-raw", "-"}, std::string_view("\0", 1)).exit_code, 1);
}

TEST_F(Sources, NeedsSomething) {
  EXPECT_NE(world.run({"backup"}).errors.find("nothing to back up"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::cli
