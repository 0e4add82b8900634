// SPDX-License-Identifier: Apache-2.0
// A schema of a real Oracle database copied, loaded into another and compared.
//
// HOLDFAST_ORACLE_URI, HOLDFAST_ORACLE_USER, HOLDFAST_ORACLE_PASSWORD_FILE: the source, which is
// only read. HOLDFAST_ORACLE_TARGET_URI, _USER, _PASSWORD_FILE: an EMPTY schema, which is emptied
// again. Of both: HOLDFAST_ORACLE_HOME and, for Data Pump, HOLDFAST_ORACLE_DIRECTORY.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/fd.h"
#include "engine/oracle/oracle.h"
#include "tests/harness/memory_parts.h"

namespace holdfast::engine::oracle {
namespace {

std::string variable(const std::string& name) {
  const char* const value = std::getenv(("HOLDFAST_ORACLE_" + name).c_str());
  return value == nullptr ? std::string() : value;
}

model::Endpoint endpoint_of(const std::string& which, const std::string& method) {
  model::Endpoint endpoint;
  endpoint.component = "live";
  endpoint.engine = "oracle";
  endpoint.uri = variable(which + "URI");
  endpoint.user = variable(which + "USER");
  std::string password = read_text_file(variable(which + "PASSWORD_FILE"));
  while (password.ends_with('\n')) password.pop_back();
  endpoint.password = std::make_shared<Secret>(std::move(password));
  if (const std::string home = variable("HOME"); !home.empty()) endpoint.options["home"] = home;
  if (method == "datapump") endpoint.options["directory"] = variable("DIRECTORY");
  endpoint.options["method"] = method;
  return endpoint;
}

class OracleLive : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (variable("URI").empty()) GTEST_SKIP() << "needs HOLDFAST_ORACLE_URI: a database";
    if (std::string(GetParam()) == "datapump" && variable("DIRECTORY").empty())
      GTEST_SKIP() << "needs HOLDFAST_ORACLE_DIRECTORY: a directory object";
    source_ = endpoint_of("", GetParam());
  }
  void copy() {
    HoldOptions options;
    options.scratch_directory = scratch_.path();
    const auto held = engine().hold({&source_, 1}, options);
    held->capture();
    held->unfence();
    for (const model::Part& part : held->parts(0)) {
      test::MemoryPartSink sink;
      held->copy(0, part, sink, {});
      parts_.put(part.path, sink.content());
    }
    held->describe(0, facts_);
    held->release();
  }
  TemporaryDirectory scratch_{"holdfast-oracle-live"};
  model::Endpoint source_;
  test::MemoryPartSource parts_;
  model::DatabaseFacts facts_;
};

TEST_P(OracleLive, CopiesASchemaAndLoadsItAndHasTheSameRows) {
  const Probe probe = engine().probe(source_);
  ASSERT_TRUE(probe.exists);
  for (const model::Finding& one : probe.findings)
    EXPECT_NE(one.severity, model::Severity::blocker) << one.code << ": " << one.seen;
  copy();
  EXPECT_FALSE(facts_.tables.empty());
  if (variable("TARGET_URI").empty()) GTEST_SKIP() << "needs HOLDFAST_ORACLE_TARGET_URI to go on";
  const model::Endpoint target = endpoint_of("TARGET_", GetParam());
  LoadOptions options;
  options.scratch_directory = scratch_.path();
  options.kept_suffix = "_before_test";
  std::vector<Json> undos;
  options.before_change = [&](std::string_view, const Json& undo) { undos.push_back(undo); };
  const LoadReport report = engine().load(parts_, facts_, target, options, {});
  std::uint64_t rows = 0;
  for (const model::TableFacts& table : facts_.tables) rows += table.rows;
  EXPECT_EQ(report.rows, rows);
  for (auto undo = undos.rbegin(); undo != undos.rend(); ++undo)
    static_cast<void>(engine().undo(*undo, target));
  EXPECT_TRUE(engine().probe(target).empty);
}

INSTANTIATE_TEST_SUITE_P(Both, OracleLive, testing::Values("exp", "datapump"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace holdfast::engine::oracle
