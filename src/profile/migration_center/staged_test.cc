// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/staged.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::profile::migration_center {
namespace {

const model::TableName objects{"fmemc", "source_objects"};

std::unique_ptr<model::CopyCheck> check_of(std::size_t max = 100'000) {
  return make_staged_check({{"FMEMC.SOURCE_OBJECTS", "CONTENT", "/srv/staging"}},
                           {"/srv/staging", "/opt/jobserver"}, max);
}

void give(model::CopyCheck& check, const std::vector<std::string>& paths) {
  const auto sink = check.rows("fmemc", objects);
  ASSERT_NE(sink, nullptr);
  sink->columns({{"id", "int"}, {"content", "text"}});
  for (const std::string& path : paths)
    sink->row({model::Value::integer(1),
               path.empty() ? model::Value::null() : model::Value::of_text(path)});
}

TEST(StagedFiles, AreThoseThatRowsName) {
  const auto check = check_of();
  EXPECT_EQ(check->rows("fmemc", {"fmemc", "other"}), nullptr);
  give(*check, {"a/1.pdf", "/srv/staging/2.pdf", "", "./a/../a/3.pdf"});
  for (const char* path : {"/srv/staging/a/1.pdf", "/srv/staging/2.pdf", "/srv/staging/a/3.pdf"})
    EXPECT_FALSE(check->has_file(path, 1));
  EXPECT_TRUE(check->findings().empty());
}

TEST(StagedFiles, ThatTheCopyLacksAreNamed) {
  const auto check = check_of();
  EXPECT_FALSE(check->has_file("/srv/staging/1.pdf", 1));  // files may come first
  give(*check, {"1.pdf", "2.pdf", "/elsewhere/3.pdf"});
  const auto found = check->findings();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "migration-center-staged-file-missing");
  EXPECT_EQ(found[0].severity, model::Severity::blocker);
  EXPECT_NE(found[0].seen.find("/srv/staging/2.pdf"), std::string::npos) << found[0].seen;
  EXPECT_NE(found[0].seen.find("/elsewhere/3.pdf"), std::string::npos) << found[0].seen;
  EXPECT_EQ(found[0].seen.find("1.pdf"), std::string::npos) << found[0].seen;
}

TEST(StagedFiles, OfManyAreComparedInASample) {
  const auto check = check_of(100);
  std::vector<std::string> paths;
  for (int i = 0; i < 5000; ++i) paths.push_back(std::to_string(i) + ".pdf");
  give(*check, paths);
  for (const std::string& path : paths) EXPECT_FALSE(check->has_file("/srv/staging/" + path, 1));
  EXPECT_TRUE(check->findings().empty());
  const auto without = check_of(100);
  give(*without, paths);
  EXPECT_EQ(without->findings().size(), 1U);
}

TEST(StagedFiles, OfAColumnThatIsNotThereCannotBeTold) {
  const auto check = check_of();
  EXPECT_EQ(check->findings().at(0).code, "migration-center-staged-unobservable");
  const auto sink = check->rows("fmemc", objects);
  sink->columns({{"id", "int"}});
  sink->row({model::Value::integer(1)});
  EXPECT_EQ(check->findings().at(0).code, "migration-center-staged-unobservable");
}

TEST(StagedFiles, OfAColumnThatHoldsNoTextCannotBeTold) {
  const auto check = check_of();
  give(*check, {"", ""});
  EXPECT_TRUE(check->findings().empty());
  const auto sink = check->rows("fmemc", objects);
  sink->columns({{"id", "int"}, {"content", "bytea"}});
  sink->row({model::Value::integer(1), model::Value::integer(7)});
  give(*check, {});  // the same table again, in another part
  ASSERT_EQ(check->findings().size(), 1U);
  EXPECT_EQ(check->findings()[0].code, "migration-center-staged-unobservable");
}

}  // namespace
}  // namespace holdfast::profile::migration_center
