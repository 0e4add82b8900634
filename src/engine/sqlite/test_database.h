// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: a directory with databases in it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "engine/sqlite/lite.h"
#include "model/endpoint.h"
#include "model/finding.h"

namespace holdfast::engine::sqlite {

class SqliteTest : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return home_.path() / name;
  }
  // Runs `sql` on a database, made if need be, and closes it tidily.
  void make(const std::string& name, const std::string& sql) const {
    Connection connection(path(name), Access::create);
    connection.tidy_on_close(true);
    connection.run("PRAGMA synchronous=OFF");
    connection.run(sql);
  }
  [[nodiscard]] model::Endpoint endpoint(const std::string& name) const {
    model::Endpoint endpoint;
    endpoint.component = name;
    endpoint.engine = "sqlite";
    endpoint.uri = "sqlite:" + path(name).native();
    return endpoint;
  }
  [[nodiscard]] std::string text(const std::string& name, const std::string& sql) const {
    return Connection(path(name), Access::read_only).text(sql);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(home_.path()))
      found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }
  static bool has_code(const std::vector<model::Finding>& findings, std::string_view code) {
    return std::any_of(findings.begin(), findings.end(),
                       [&](const auto& finding) { return finding.code == code; });
  }
  static Errc code_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Errc::bug;
  }

  // Whether `body`, told to stop a moment after it began, ends with Errc::cancelled long before the
  // seconds for which locks are waited for are over.
  static void expect_stoppable(const std::function<void(const std::stop_token&)>& body) {
    std::stop_source stop;
    const std::jthread stopper([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      stop.request_stop();
    });
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(code_of([&] { body(stop.get_token()); }), Errc::cancelled);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(1500));
  }

  TemporaryDirectory home_{"holdfast-sqlite-test"};
};

inline constexpr const char* shop_sql = R"(
  CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL);
  INSERT INTO items VALUES (1, 'tea', 2.5), (2, 'milk', 1.25), (3, NULL, NULL);
  CREATE INDEX items_by_name ON items (name);
  CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT);
  INSERT INTO notes (note) VALUES ('a'), ('b');
  CREATE VIEW cheap AS SELECT * FROM items WHERE price < 2;
  CREATE TRIGGER items_added AFTER INSERT ON items BEGIN INSERT INTO notes (note) VALUES (new.name); END;
)";

}  // namespace holdfast::engine::sqlite
