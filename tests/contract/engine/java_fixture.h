// SPDX-License-Identifier: Apache-2.0
// Databases of Derby and H2 in a directory of their own, and what reads them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "engine/java/java_rows.h"

namespace holdfast::test {

namespace java = engine::java;

class CollectedRows final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& columns) override { names = columns; }
  void row(const model::Row& row) override { rows.push_back(row); }
  std::vector<model::Column> names;
  std::vector<model::Row> rows;
};

// Gives each row to a function.
class RowCallback final : public model::RowSink {
 public:
  explicit RowCallback(std::function<void(const model::Row&)> call) : call_(std::move(call)) {}
  void columns(const std::vector<model::Column>& /*columns*/) override {}
  void row(const model::Row& row) override { call_(row); }

 private:
  std::function<void(const model::Row&)> call_;
};

class JavaDatabases {
 public:
  explicit JavaDatabases(std::string engine) : engine_(std::move(engine)) {
    std::filesystem::create_directory(scratch());
    std::string why_not;
    const auto runtime = java::find_java_runtime(&why_not);
    if (!runtime) ADD_FAILURE() << why_not;
    if (runtime) runtime_ = *runtime;
  }

  [[nodiscard]] bool is_derby() const { return engine_ == "derby"; }
  [[nodiscard]] std::filesystem::path scratch() const { return home_.path() / "scratch"; }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return home_.path() / name;
  }
  [[nodiscard]] const java::JavaRuntime& runtime() const { return runtime_; }
  [[nodiscard]] std::vector<std::filesystem::path> jars() const {
    return java::find_driver_jars(engine_, {});
  }
  [[nodiscard]] java::JavaDatabaseSettings settings(const std::string& name, bool create) const {
    java::JavaDatabaseSettings settings;
    settings.runtime = runtime_;
    settings.driver_jars = jars();
    settings.url =
        is_derby() ? java::derby_url(path(name), create) : java::h2_url(path(name), create);
    settings.user = "sa";
    settings.scratch_directory = scratch();
    return settings;
  }
  [[nodiscard]] java::JavaDatabase create(const std::string& name = "db") const {
    return java::JavaDatabase(settings(name, true));
  }
  [[nodiscard]] java::JavaDatabase open(const std::string& name = "db") const {
    return java::JavaDatabase(settings(name, false));
  }
  // What Derby and H2 call the schema of a user who named none.
  [[nodiscard]] model::TableName table(const std::string& name) const {
    return {is_derby() ? "SA" : "PUBLIC", name};
  }
  // A column type for bytes of any length.
  [[nodiscard]] std::string blob() const { return is_derby() ? "BLOB(2G)" : "BLOB"; }

 private:
  std::string engine_;
  TemporaryDirectory home_{"holdfast-java-"};
  java::JavaRuntime runtime_;
};

// Runs for both products.
class JavaTest : public testing::TestWithParam<std::string> {
 protected:
  JavaDatabases databases_{GetParam()};
};

inline std::vector<model::Row> rows_of(java::JavaDatabase& database,
                                       const model::TableName& table) {
  CollectedRows rows;
  database.read_rows(table, rows);
  return rows.rows;
}

inline Errc code_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no Error came";
  return Errc::bug;
}

inline std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no Error came";
}

}  // namespace holdfast::test
