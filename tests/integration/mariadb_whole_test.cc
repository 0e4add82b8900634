// SPDX-License-Identifier: Apache-2.0
// A whole MariaDB server's schemas come back: values of 64 MiB in bounded memory, everything by the
// commands that RESTORE.md prints, and the place in the binary log of which a copy is.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "engine/mariadb/sql_text.h"
#include "harness/mariadb_server.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using engine::mariadb::Connection;
using engine::mariadb::quote_name;
using engine::mariadb::quote_text;

class MariadbWhole : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<MariadbServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override { make_repository(place_.repository(), place_password); }
  void TearDown() override {
    server_->run("SET GLOBAL local_infile=1, max_allowed_packet=1073741824");
    for (const std::string& schema :
         server_->rows("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT "
                       "IN ('mysql', 'sys', 'information_schema', 'performance_schema')"))
      server_->run("DROP DATABASE " + quote_name(schema));
  }

  std::string write_instance(const std::string& tables, const std::string& file = "app.toml") {
    const fs::path path = place_ / file;
    write_text(path, "name = \"app\"\n\n[repository]\nlocation = \"" +
                         place_.repository().string() + "\"\npassword_file = \"" +
                         place_.password_file().string() + "\"\n\n" + tables);
    return path.string();
  }

  // Runs to its end; the most memory that it had by then, MiB.
  Outcome measured(const std::vector<std::string>& words, std::uint64_t& most_mib) {
    Started run = place_.start(words);
    std::uint64_t most_kib = 0;
    while (!run.has_ended()) {
      const std::string status = read_text(fmt::format("/proc/{}/status", run.pid()));
      const std::size_t at = status.find("RssAnon:");
      if (at != std::string::npos)
        most_kib = std::max<std::uint64_t>(most_kib, std::stoull(status.substr(at + 8)));
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    most_mib = most_kib / 1024;
    return run.wait();
  }

  static std::unique_ptr<MariadbServer> server_;
  Place place_;
};

std::unique_ptr<MariadbServer> MariadbWhole::server_;

// Memory is bounded by the widest row whatever is read or written at once, on every way.
TEST_F(MariadbWhole, WideValuesComeBackInBoundedMemory) {
  constexpr std::uint64_t wide_mib = 64;
  constexpr std::uint64_t most_mib = 200 + wide_mib * 9 / 2;
  server_->run("CREATE DATABASE wide");
  for (int i = 1; i <= 3; ++i) {
    const std::string table = fmt::format("wide.wide_{}", i);
    server_->run("CREATE TABLE " + table +
                 " (id INT PRIMARY KEY, data LONGBLOB, words LONGTEXT CHARACTER SET utf8mb4)");
    server_->run("INSERT INTO " + table +
                 " VALUES (0, NULL, ''), (1, REPEAT(RANDOM_BYTES(1024), 65536), NULL), (2, '', "
                 "NULL)");
  }
  server_->run("INSERT INTO wide.wide_3 VALUES (5, NULL, REPEAT('ä😀\\\\\\n', 8388608))");
  const auto sums = [&](const std::string& schema) {
    std::vector<std::string> all;
    for (int i = 1; i <= 3; ++i) {
      for (std::string& row :
           server_->rows(fmt::format("SELECT id, MD5(data), MD5(words), LENGTH(data), "
                                     "LENGTH(words) FROM {}.wide_{} ORDER BY id",
                                     schema, i)))
        all.push_back(std::move(row));
    }
    return all;
  };
  const std::vector<std::string> before = sums("wide");
  const std::string parallel = "[limits]\nparallel = 3\n\n";
  const auto expect_bounded = [&](const std::string& what, const std::vector<std::string>& words,
                                  std::uint64_t least_mib) {
    std::uint64_t mib = 0;
    const Outcome outcome = measured(words, mib);
    EXPECT_EQ(outcome.exit_code, 0) << what << "\n" << outcome.text();
    EXPECT_LT(mib, most_mib) << what;
    EXPECT_GT(mib, least_mib) << what << ": not measured";
    RecordProperty(what + "_mib", std::to_string(mib));
  };
  server_->run("SET GLOBAL max_allowed_packet=16777216");
  const std::string source = write_instance(parallel + server_->instance_table("main", "wide"));
  expect_bounded("backup", {"backup", "-I", source}, wide_mib);
  for (const bool local : {true, false}) {
    // LOAD DATA takes values beyond it, statements do not.
    server_->run(fmt::format("SET GLOBAL local_infile={}, max_allowed_packet={}", local ? 1 : 0,
                             local ? 16U << 20U : 1U << 30U));
    const std::string name = local ? "loaded" : "inserted";
    const std::string target =
        write_instance(parallel + server_->instance_table("main", name), name + ".toml");
    expect_bounded("restore_" + name, {"restore", "latest", "-I", target}, wide_mib);
    EXPECT_EQ(sums(name), before);
  }
  if (!is_soak()) return;
  const std::string target =
      write_instance(parallel + server_->instance_table("main", "moved"), "moved.toml");
  expect_bounded("migrate", {"migrate", "-I", source, "--to", target}, wide_mib);
  EXPECT_EQ(sums("moved"), before);
}

// What no client was made for: more than 1 GiB in one row.
TEST_F(MariadbWhole, ARowOfMoreThanOneGibibyteComesBack) {
  if (!is_soak()) GTEST_SKIP() << "takes gigabytes";
  server_->run("CREATE DATABASE wide");
  server_->run("CREATE TABLE wide.w (id INT PRIMARY KEY, a LONGBLOB, b LONGBLOB)");
  server_->run(
      "INSERT INTO wide.w VALUES (1, REPEAT(RANDOM_BYTES(1024), 600000), "
      "REPEAT(RANDOM_BYTES(1024), 600000)), (2, 'a', 'b')");
  const std::string sums = "SELECT id, MD5(a), MD5(b) FROM {}.w ORDER BY id";
  const auto before = server_->rows(fmt::format(fmt::runtime(sums), "wide"));
  const std::string source = write_instance(server_->instance_table("main", "wide"));
  const Outcome saved = place_.holdfast({"backup", "-I", source});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const std::string target = write_instance(server_->instance_table("main", "again"), "again.toml");
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", target});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(server_->rows(fmt::format(fmt::runtime(sums), "again")), before);
}

}  // namespace
}  // namespace holdfast::test
