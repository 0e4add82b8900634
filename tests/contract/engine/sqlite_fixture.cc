// SPDX-License-Identifier: Apache-2.0
#include "contract/engine/sqlite_fixture.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "contract/engine/writer_process.h"
#include "engine/registry.h"
#include "engine/sqlite/lite.h"

namespace holdfast::test {
namespace {

using engine::sqlite::Access;
using engine::sqlite::Begin;
using engine::sqlite::Connection;

constexpr const char* content_sql = R"(
  CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL, photo BLOB);
  WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < 200)
    INSERT INTO items SELECT n, 'item ' || n, n / 4.0, zeroblob(n) FROM counter;
  CREATE INDEX items_by_name ON items (name);
  CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, item INTEGER REFERENCES items, note TEXT);
  INSERT INTO notes (item, note) VALUES (1, 'first'), (2, 'second'), (NULL, NULL);
  CREATE VIEW cheap AS SELECT * FROM items WHERE price < 10;
  CREATE TRIGGER items_added AFTER INSERT ON items BEGIN
    INSERT INTO notes (item, note) VALUES (new.id, 'added');
  END;
)";

class SqliteWriter final : public EngineFixture::Writer {
 public:
  explicit SqliteWriter(std::vector<std::string> arguments) : process_(std::move(arguments)) {
    static_cast<void>(process_.line());
  }
  Outcome stop() override {
    Outcome outcome{0, 0};
    EXPECT_EQ(std::sscanf(process_.stop().c_str(), "%ld %ld", &outcome.commits, &outcome.refusals),
              2);
    return outcome;
  }

 private:
  WriterProcess process_;
};

class SqliteFixture final : public EngineFixture {
 public:
  explicit SqliteFixture(std::string mode) : mode_(std::move(mode)) {}

  [[nodiscard]] const engine::Engine& engine() const override {
    return *engine::find_engine("sqlite");
  }
  [[nodiscard]] model::Endpoint make_full(const std::string& name) override {
    const model::Endpoint endpoint = absent(name);
    Connection connection(path_of(name), Access::create);
    connection.tidy_on_close(true);
    connection.run("PRAGMA synchronous=OFF; PRAGMA journal_mode=" + mode_);
    connection.run(content_sql);
    return endpoint;
  }
  [[nodiscard]] model::Endpoint make_empty(const std::string& name) override {
    const Connection connection(path_of(name), Access::create);
    return absent(name);
  }
  [[nodiscard]] model::Endpoint absent(const std::string& name) override {
    model::Endpoint endpoint;
    endpoint.component = name;
    endpoint.engine = "sqlite";
    endpoint.uri = "sqlite:" + path_of(name).native();
    return endpoint;
  }
  [[nodiscard]] std::vector<model::Endpoint> refused() const override {
    std::vector<model::Endpoint> endpoints;
    for (const char* uri : {"", "sqlite:", "relative.db", "sqlite:relative.db", "postgresql:/x",
                            "sqlite:/directory/"}) {
      endpoints.emplace_back().uri = uri;
    }
    endpoints.emplace_back().uri = "sqlite:/fine.db";
    endpoints.back().options["colour"] = "green";
    endpoints.emplace_back().uri = "sqlite:/fine.db";
    endpoints.back().user = "ann";
    return endpoints;
  }
  [[nodiscard]] bool write_now(const model::Endpoint& endpoint) override {
    // Each of its statements may meet a lock that outlasts the time SQLite waits.
    try {
      Connection connection(endpoint.uri.substr(7), Access::read_write);
      connection.tidy_on_close(true);
      connection.run("PRAGMA synchronous=OFF");
      if (mode_ != "wal") connection.run("PRAGMA journal_mode=" + mode_);
      if (connection.begin_immediate() == Begin::busy) return false;
      connection.run("INSERT INTO notes (note) VALUES ('written')");
      connection.run("COMMIT");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unavailable) << error.what();
      return false;
    }
    return true;
  }
  [[nodiscard]] std::unique_ptr<Writer> start_writer(const model::Endpoint& endpoint) override {
    return std::make_unique<SqliteWriter>(std::vector<std::string>{
        SQLITE_WRITER, "write", mode_, "1000", "200", endpoint.uri.substr(7)});
  }
  [[nodiscard]] std::unique_ptr<Writer> start_locker(const model::Endpoint& endpoint) override {
    return std::make_unique<SqliteWriter>(
        std::vector<std::string>{SQLITE_WRITER, "lock", endpoint.uri.substr(7)});
  }
  [[nodiscard]] std::filesystem::path foreign_file() override {
    static_cast<void>(make_full("foreign"));
    return path_of("foreign");
  }
  [[nodiscard]] std::vector<std::string> litter() const override {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(home_.path()))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] std::string count_query(const std::string& table) const override {
    return "SELECT count(*) FROM " + table;
  }

 private:
  [[nodiscard]] std::filesystem::path path_of(const std::string& name) const {
    return home_.path() / (name + ".db");
  }

  std::string mode_;
  TemporaryDirectory home_{"holdfast-contract"};
};

}  // namespace

std::unique_ptr<EngineFixture> make_sqlite_fixture(const std::string& mode) {
  return std::make_unique<SqliteFixture>(mode);
}

}  // namespace holdfast::test
