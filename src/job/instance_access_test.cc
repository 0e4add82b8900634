// SPDX-License-Identifier: Apache-2.0
#include "job/instance_access.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

TEST(InstanceAccess, RestoresNoTreeAfterAStopRequest) {
  const TemporaryDirectory directory{"holdfast-instance-access"};
  fs::create_directories(directory.path() / "databases/site/db/seg0");
  write_file_durably(directory.path() / "databases/site/db/seg0/c10.dat", as_bytes("x"), 0644);
  model::DatabaseFacts facts;
  facts.name = "site";
  facts.directory = "databases/site";
  facts.parts.push_back({"db", 1, true});
  std::stop_source stop;
  const auto parts = open_parts(directory.path(), facts, stop.get_token());
  parts->restore_tree("db", directory.path() / "whole");
  EXPECT_TRUE(fs::exists(directory.path() / "whole/seg0/c10.dat"));
  stop.request_stop();
  try {
    parts->restore_tree("db", directory.path() / "stopped");
    FAIL() << "it was restored";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled) << error.what();
  }
}

}  // namespace
}  // namespace holdfast::job
