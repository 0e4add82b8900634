// SPDX-License-Identifier: Apache-2.0
// With --json every verb prints JSON and nothing else: one document, or lines that each say what
// they are. Programs that call Holdfast stand on that.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/program.h"
#include "harness/shop.h"
#include "harness/sqlite_file.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

class JsonOutput : public testing::Test {
 protected:
  JsonOutput() { shop_.write_instance(shop_.quiesce()); }

  Outcome run(std::vector<std::string> words, int exit_code = 0) {
    words.push_back("--json");
    const Outcome outcome = place_.holdfast(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.text();
    if (exit_code != 0) {
      const std::vector<Json> errors = Outcome{0, outcome.errors, ""}.lines();
      EXPECT_FALSE(errors.empty());
      if (!errors.empty()) {
        EXPECT_EQ(errors.back().at("message_type").as_string(), "exit_error");
        EXPECT_EQ(errors.back().at("code").as_int(), exit_code);
      }
    }
    return outcome;
  }
  // Lines, each with its type, the last one of this type.
  std::vector<Json> expect_lines(const std::vector<std::string>& words, const std::string& last,
                                 int exit_code = 0) {
    const Outcome outcome = run(words, exit_code);
    std::vector<Json> lines = outcome.lines();
    EXPECT_FALSE(lines.empty()) << outcome.text();
    for (const Json& line : lines) EXPECT_NE(line.find("message_type"), nullptr) << line.dump();
    if (!lines.empty()) {
      EXPECT_EQ(lines.back().at("message_type").as_string(), last);
    }
    return lines;
  }
  Json expect_document(const std::vector<std::string>& words) { return run(words).document(); }

  Place place_;
  Shop shop_{place_};
};

TEST_F(JsonOutput, OfInstanceVerbs) {
  const std::string instance = shop_.instance_path();
  expect_lines({"discover", shop_.home().string()}, "instance");
  expect_lines({"preflight", "-I", instance}, "summary");
  const std::vector<Json> backup = expect_lines({"backup", "-I", instance}, "summary");
  EXPECT_EQ(backup.back().at("snapshot_id").as_string().size(), 64U);
  EXPECT_TRUE(backup.back().at("complete").as_bool());
  EXPECT_TRUE(backup.back().at("quiesced").as_bool());
  const std::vector<Json> drill = expect_lines({"drill", "-I", instance}, "summary");
  EXPECT_TRUE(drill.back().at("passed").as_bool());
  expect_lines({"restore", "latest", "-I", shop_.write_instance_for(place_ / "new")}, "summary");
  expect_lines({"restore", "latest", "-I", instance}, "finding", 20);
  const std::string exported = (place_ / "exported").string();
  expect_lines({"export", "-I", instance, "--target", exported}, "summary");
  expect_lines({"import", exported, "-I", shop_.write_instance_for(place_ / "imported")},
               "summary");
  expect_lines({"inspect", shop_.orders().string()}, "file");
  expect_lines({"inspect", "--deep", shop_.orders().string()}, "file");
  expect_lines({"grants", "backup", "-I", instance}, "grants");
  expect_lines({"resume"}, "summary");
  const Outcome rows = run({"inspect", "--rows", "customers", shop_.orders().string()});
  EXPECT_EQ(rows.lines().size(), 20U) << rows.text();
}

TEST_F(JsonOutput, OfRepositoryVerbs) {
  ASSERT_EQ(shop_.back_up().exit_code, 0);
  const std::string uploads = shop_.uploads().string();
  expect_lines({"backup", uploads}, "summary");
  EXPECT_EQ(expect_document({"snapshots"}).as_array().size(), 2U);
  expect_lines({"ls", "latest"}, "node");
  expect_lines({"restore", "latest", "--target", (place_ / "plain").string()}, "summary");
  expect_lines({"check"}, "summary");
  expect_document({"key", "list"});
  expect_document({"cat", "config"});
  expect_document({"forget", "--keep-last", "1", "--dry-run"});
  expect_lines({"prune"}, "summary");
  run({"unlock"});
  expect_lines({"version"}, "version");
  const std::vector<Json> made =
      expect_lines({"init", "-r", (place_ / "another").string()}, "initialized");
  EXPECT_EQ(made.back().at("id").as_string().size(), 64U);
}

TEST_F(JsonOutput, OfFailures) {
  run({"restore", "none", "-I", shop_.instance_path()}, 1);
  run({"drill", "-I", shop_.instance_path()}, 1);
  run({"snapshots", "-r", (place_ / "none").string()}, 10);
  run({"backup", (place_ / "none").string()}, 1);
  run({"inspect", (place_ / "none").string()}, 1);
  fs::remove(shop_.stock());
  run({"backup", "-I", shop_.instance_path()}, 20);
  run({"preflight", "-I", shop_.instance_path()}, 20);
}

}  // namespace
}  // namespace holdfast::test
