// SPDX-License-Identifier: Apache-2.0
// The engines derby and h2 beside the real Derby and H2 of Debian, in a Java virtual machine. What
// they copy are trees, and no rows, so that this stands in the place of the engines' common suite.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "contract/engine/writer_process.h"
#include "engine/registry.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* java = "/usr/bin/java";
constexpr const char* jars =
    "/usr/share/java/derby.jar:/usr/share/java/derbytools.jar:"
    "/usr/share/java/h2.jar";

class TreeOnDisk final : public model::PartSource {
 public:
  explicit TreeOnDisk(fs::path copy) : copy_(std::move(copy)) {}
  [[nodiscard]] std::vector<Entry> list() const override {
    return {{"tree", model::PartKind::tree, 0}};
  }
  [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view path) const override {
    throw Error(Errc::not_found, std::string(path));
  }
  [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(
      std::string_view path) const override {
    throw Error(Errc::not_found, std::string(path));
  }
  void restore_tree(std::string_view /*path*/, const fs::path& directory) const override {
    fs::copy(copy_, directory, fs::copy_options::recursive);
  }
  [[nodiscard]] const Json& facts() const override { return facts_; }

 private:
  fs::path copy_;
  Json facts_ = Json::object();
};

class Embedded : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    classes_ = std::make_unique<TemporaryDirectory>("holdfast-embedded");
    const ProcessResult made =
        run_process({.argv = {"javac", "-d", classes_->path().native(), EMBEDDED_SHOP_SOURCE}});
    ASSERT_EQ(made.exit_code, 0) << made.errors;
  }
  static void TearDownTestSuite() { classes_.reset(); }

  [[nodiscard]] bool is_derby() const { return GetParam() == "derby"; }
  [[nodiscard]] const engine::Engine& engine() const { return *engine::find_engine(GetParam()); }
  [[nodiscard]] fs::path path(const std::string& name) const {
    return home_.path() / (is_derby() ? name : name + ".mv.db");
  }
  [[nodiscard]] model::Endpoint endpoint(const std::string& name) const {
    model::Endpoint one;
    one.component = name;
    one.engine = GetParam();
    one.uri = GetParam() + ":" + path(name).native();
    return one;
  }
  [[nodiscard]] std::vector<std::string> command(const std::string& name, const std::string& action,
                                                 const std::string& file = "") const {
    const std::string place = (home_.path() / name).native();
    const std::string url = is_derby()
                                ? "jdbc:derby:" + place + (action == "make" ? ";create=true" : "")
                                : "jdbc:h2:" + place;
    std::vector<std::string> argv{java,
                                  "-Xshare:auto",
                                  "-Dderby.stream.error.file=/dev/null",
                                  "-cp",
                                  classes_->path().native() + ":" + jars,
                                  "EmbeddedShop",
                                  url,
                                  action};
    if (!file.empty()) argv.push_back(file);
    return argv;
  }
  [[nodiscard]] ProcessResult run(const std::string& name, const std::string& action) const {
    return run_process({.argv = command(name, action)});
  }
  void make(const std::string& name) const {
    const ProcessResult made = run(name, "make");
    ASSERT_EQ(made.exit_code, 0) << made.errors;
    EXPECT_EQ(made.output, whole_);
  }
  // The tree of a captured hold, as a repository would keep it.
  void copy_tree(engine::Hold& hold, const fs::path& to) const {
    const model::Part part = hold.parts(0).at(0);
    fs::copy(part.directory, to, fs::copy_options::recursive);
    for (const std::string& excluded : part.exclude) erase_tree(to / fs::path(excluded).filename());
  }
  [[nodiscard]] std::unique_ptr<engine::Hold> hold(const std::string& name) const {
    const model::Endpoint one = endpoint(name);
    return engine().hold({&one, 1}, {});
  }
  // Copies it to there; what its hold says of it.
  [[nodiscard]] model::DatabaseFacts copied(const std::string& name, const fs::path& to) const {
    model::DatabaseFacts facts;
    const auto held = hold(name);
    held->capture();
    copy_tree(*held, to);
    held->describe(0, facts);
    held->release();
    return facts;
  }
  void load(const fs::path& copy, const model::DatabaseFacts& facts,
            const std::string& name) const {
    engine::LoadOptions options;
    options.replace = true;
    options.kept_suffix = "_before";
    static_cast<void>(engine().load(TreeOnDisk(copy), facts, endpoint(name), options, {}));
  }
  void flip(const fs::path& file, std::uint64_t at) const {
    const Fd opened = open_file(file, O_RDWR);
    std::byte byte{};
    pread_exact(opened.get(), {&byte, 1}, at, file.native());
    byte ^= std::byte{0x10};
    pwrite_all(opened.get(), {&byte, 1}, at, file.native());
  }
  [[nodiscard]] std::vector<std::string> codes(const std::string& name) const {
    std::vector<std::string> found;
    for (const model::Finding& one : engine().probe(endpoint(name)).findings)
      found.push_back(one.code);
    return found;
  }

  static std::unique_ptr<TemporaryDirectory> classes_;
  const std::string whole_ = "rows 200 20100 item 99\n";
  TemporaryDirectory home_{"holdfast-embedded"};
};
std::unique_ptr<TemporaryDirectory> Embedded::classes_;
INSTANTIATE_TEST_SUITE_P(Engines, Embedded, testing::Values("derby", "h2"),
                         [](const auto& tested) { return tested.param; });

TEST_P(Embedded, AnApplicationThatHasItOpenIsNamedAndNotDisturbed) {
  make("db");
  const fs::path end = home_.path() / "end";
  WriterProcess application(command("db", "wait", end.native()));
  EXPECT_EQ(application.line() + "\n", whole_);
  const engine::Probe probe = engine().probe(endpoint("db"));
  EXPECT_TRUE(probe.needs_stop);
  ASSERT_EQ(probe.findings.size(), 1U);
  EXPECT_EQ(probe.findings[0].code, GetParam() + "-in-use");
  EXPECT_NE(probe.findings[0].seen.find("(java EmbeddedShop)"), std::string::npos)
      << probe.findings[0].seen;
  try {
    hold("db")->capture();
    ADD_FAILURE() << "captured under a running application";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable);
    EXPECT_NE(error.message().find("EmbeddedShop"), std::string::npos) << error.message();
  }
  model::DatabaseFacts facts;
  EXPECT_NO_THROW(engine().describe(endpoint("db"), facts));
  write_file_durably(end, as_bytes("x"));
  EXPECT_EQ(application.wait(), 0);
  EXPECT_EQ(codes("db"), std::vector<std::string>{});
  EXPECT_EQ(run("db", "count").output, whole_);
}

TEST_P(Embedded, AnApplicationIsKeptOutUntilTheCopyIsDone) {
  make("db");
  const auto held = hold("db");
  held->capture();
  const ProcessResult refused = run("db", "count");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_EQ(refused.output.find("rows"), std::string::npos) << refused.output;
  model::DatabaseFacts facts;
  held->describe(0, facts);
  held->release();
  EXPECT_EQ(codes("db"), std::vector<std::string>{});
  EXPECT_EQ(run("db", "count").output, whole_);
}

TEST_P(Embedded, ACopyOpensElsewhereAndHoldsTheSameRows) {
  make("db");
  const fs::path copy = home_.path() / "copy";
  const model::DatabaseFacts facts = copied("db", copy);
  EXPECT_EQ(facts.version, is_derby() ? "10.14" : "format 2");
  EXPECT_TRUE(facts.engine_facts.bool_or("closed", false));
  load(copy, facts, "again");
  EXPECT_EQ(run("again", "count").output, whole_);
  // What was there is kept, and opens too.
  ASSERT_EQ(run("again", "crash").exit_code, 9);
  load(copy, facts, "again");
  EXPECT_EQ(run("again", "count").output, whole_);
}

TEST_P(Embedded, WhatACrashLeftIsPartOfTheCopy) {
  make("db");
  const ProcessResult crashed = run("db", "crash");
  ASSERT_EQ(crashed.exit_code, 9);
  EXPECT_EQ(crashed.output, "rows 201 21100 last\n");
  const std::vector<std::string> found = codes("db");
  EXPECT_NE(std::find(found.begin(), found.end(), GetParam() + "-not-closed"), found.end());
  const fs::path copy = home_.path() / "copy";
  model::DatabaseFacts facts;
  const auto held = hold("db");
  held->capture();
  copy_tree(*held, copy);
  held->describe(0, facts);
  held->release();
  load(copy, facts, "again");
  EXPECT_EQ(run("again", "count").output, crashed.output);
  EXPECT_EQ(run("db", "count").output, crashed.output);
}

TEST_P(Embedded, DamageIsFoundWithoutTheEngine) {
  make("db");
  if (is_derby()) {
    fs::path largest = path("db") / "seg0" / "c10.dat";
    for (const auto& entry : fs::directory_iterator(path("db") / "seg0"))
      if (entry.file_size() > fs::file_size(largest)) largest = entry.path();
    flip(largest, fs::file_size(largest) / 2);
  } else {
    fs::resize_file(path("db"), fs::file_size(path("db")) / 4096 * 4096 - 4096);
  }
  model::DatabaseFacts facts;
  try {
    engine().describe(endpoint("db"), facts, {});
    FAIL() << "vouched for a damaged database";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_consistent);
  }
}

TEST_P(Embedded, ADrillOpensWhatItLoadsAndReadsItsRows) {
  make("db");
  const fs::path copy = home_.path() / "copy", directory = home_.path() / "drill";
  fs::create_directory(directory);
  const model::DatabaseFacts facts = copied("db", copy);
  model::DatabaseFacts there;
  engine().describe(endpoint("db"), there, {});
  ASSERT_EQ(there.tables.size(), 1U);
  EXPECT_EQ(there.tables[0].rows, 200U);
  {
    const engine::Probe probe = engine().probe(endpoint("db"));
    EXPECT_TRUE(probe.abilities.scratch);
    const auto scratch = engine().scratch(probe, directory);
    engine::LoadOptions options;
    options.on_scratch = true;
    options.scratch_directory = directory;
    static_cast<void>(engine().load(TreeOnDisk(copy), facts, scratch->endpoint(), options, {}));
    model::DatabaseFacts found;
    engine().describe(scratch->endpoint(), found, {});
    ASSERT_EQ(found.tables.size(), 1U);
    EXPECT_EQ(found.tables[0].digest, there.tables[0].digest);
    EXPECT_EQ(engine().query_one(scratch->endpoint(), "select count(*) from items"), "200");
    EXPECT_ANY_THROW(
        static_cast<void>(engine().query_one(scratch->endpoint(), "drop table items")));
    EXPECT_EQ(engine().query_one(scratch->endpoint(), "select max(id) from items"), "200");
  }
  EXPECT_TRUE(fs::is_empty(directory));
  EXPECT_EQ(run("db", "count").output, whole_);
}

TEST_P(Embedded, IsDiscoveredAndInspected) {
  make("db");
  const auto found = engine().discover(home_.path(), {});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].endpoint.uri, endpoint("db").uri);
  const auto inspected = engine().inspect(path("db"), {.deep = true}, {});
  ASSERT_TRUE(inspected);
  EXPECT_TRUE(inspected->whole);
  EXPECT_TRUE(inspected->findings.empty());
}

}  // namespace
}  // namespace holdfast::test
