// SPDX-License-Identifier: Apache-2.0
#include "contract/engine/mariadb_fixture.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/process.h"
#include "engine/mariadb/client.h"
#include "engine/mariadb/scratch.h"
#include "engine/mariadb/sql_text.h"
#include "engine/registry.h"

namespace holdfast::test {
namespace {

using engine::mariadb::Connection;
using engine::mariadb::Location;
using engine::mariadb::quote_name;

constexpr std::array content_sql{
    "CREATE TABLE items (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40), price DOUBLE, "
    "photo BLOB, KEY items_by_name (name))",
    "INSERT INTO items SELECT seq, CONCAT('item ', seq), seq / 4.0, REPEAT(CHAR(0), seq) FROM "
    "seq_1_to_200",
    "CREATE TABLE notes (id INT PRIMARY KEY AUTO_INCREMENT, item INT, note TEXT, "
    "FOREIGN KEY (item) REFERENCES items (id))",
    "INSERT INTO notes (item, note) VALUES (1, 'first'), (2, 'second'), (NULL, NULL)",
    "CREATE VIEW cheap AS SELECT * FROM items WHERE price < 10",
    "CREATE TRIGGER items_added AFTER INSERT ON items FOR EACH ROW INSERT INTO notes (item, note) "
    "VALUES (new.id, 'added')",
};

// One for all tests of the program: starting it takes a second.
struct Server {
  TemporaryDirectory home{"holdfast-contract"};
  std::unique_ptr<engine::Scratch> scratch;
  Server() { scratch = engine::mariadb::start_scratch({}, home.path()); }
};
Server& server() {
  static Server the_server;
  return the_server;
}

model::Endpoint endpoint_of(const std::string& name) {
  model::Endpoint endpoint = server().scratch->endpoint();
  endpoint.component = name;
  const std::string schema = "contract_" + name;
  endpoint.uri.replace(endpoint.uri.find("/scratch?"), 9, "/" + schema + "?");
  return endpoint;
}

Connection connect(const model::Endpoint& endpoint, bool in_schema = true) {
  return {engine::mariadb::location_of(endpoint), nullptr, in_schema};
}

class ThreadWriter final : public EngineFixture::Writer {
 public:
  explicit ThreadWriter(model::Endpoint endpoint) : endpoint_(std::move(endpoint)) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      Connection connection = connect(endpoint_);
      while (!stop.stop_requested()) {
        const bool refused =
            connection.try_run("START TRANSACTION") ||
            connection.try_run("UPDATE items SET price = price - 1 WHERE id = 3") ||
            connection.try_run("UPDATE items SET price = price + 1 WHERE id = 4") ||
            connection.try_run("INSERT INTO notes (item, note) VALUES (3, 'busy')") ||
            connection.try_run("COMMIT");
        refused ? ++outcome_.refusals : ++outcome_.commits;
      }
    });
  }
  Outcome stop() override {
    thread_.request_stop();
    thread_.join();
    return outcome_;
  }

 private:
  model::Endpoint endpoint_;
  Outcome outcome_{0, 0};
  std::jthread thread_;
};

class TableLocker final : public EngineFixture::Writer {
 public:
  explicit TableLocker(const model::Endpoint& endpoint) : connection_(connect(endpoint)) {
    connection_.run("LOCK TABLES notes WRITE");
  }
  ~TableLocker() override { connection_.run("UNLOCK TABLES"); }
  Outcome stop() override { return {0, 0}; }

 private:
  Connection connection_;
};

class MariadbFixture final : public EngineFixture {
 public:
  MariadbFixture() { clear(); }
  ~MariadbFixture() override { clear(); }

  [[nodiscard]] const engine::Engine& engine() const override {
    return *engine::find_engine("mariadb");
  }
  [[nodiscard]] model::Endpoint make_full(const std::string& name) override {
    const model::Endpoint endpoint = make_empty(name);
    Connection connection = connect(endpoint);
    for (const char* sql : content_sql) connection.run(sql);
    return endpoint;
  }
  [[nodiscard]] model::Endpoint make_empty(const std::string& name) override {
    const model::Endpoint endpoint = endpoint_of(name);
    connect(endpoint, false).run("CREATE DATABASE " + quote_name("contract_" + name));
    return endpoint;
  }
  [[nodiscard]] model::Endpoint absent(const std::string& name) override {
    return endpoint_of(name);
  }
  [[nodiscard]] std::vector<model::Endpoint> refused() const override {
    std::vector<model::Endpoint> endpoints;
    for (const char* uri :
         {"", "mysql:", "mysql://", "mysql://host", "mysql://host/", "mysql:shop",
          "postgresql://host/shop", "mysql://ann:secret@host/shop", "mysql://host:0/shop",
          "mysql://host:x/shop", "mysql://host/mysql", "mysql:///shop?colour=green",
          "mysql://host/shop?socket=/s", "mysql:///shop?socket=relative", "mysql://host/a%2"}) {
      endpoints.emplace_back().uri = uri;
    }
    endpoints.emplace_back().uri = "mysql://host/shop";
    endpoints.back().options["colour"] = "green";
    endpoints.emplace_back().uri = "mysql://host/shop";
    endpoints.back().options["nontransactional"] = "ignore";
    endpoints.emplace_back().uri = "mysql://bob@host/shop";
    endpoints.back().user = "ann";
    return endpoints;
  }
  [[nodiscard]] bool write_now(const model::Endpoint& endpoint) override {
    Connection connection = connect(endpoint);
    connection.run("SET lock_wait_timeout=0, innodb_lock_wait_timeout=0");
    return !connection.try_run("INSERT INTO notes (note) VALUES ('written')");
  }
  [[nodiscard]] std::unique_ptr<Writer> start_writer(const model::Endpoint& endpoint) override {
    return std::make_unique<ThreadWriter>(endpoint);
  }
  [[nodiscard]] std::unique_ptr<Writer> start_locker(const model::Endpoint& endpoint) override {
    return std::make_unique<TableLocker>(endpoint);
  }
  [[nodiscard]] std::filesystem::path foreign_file() override {
    const model::Endpoint endpoint = make_full("foreign");
    const Location location = engine::mariadb::location_of(endpoint);
    const std::filesystem::path file = home_.path() / "foreign.sql";
    Command command;
    command.argv = {"mariadb-dump",
                    "--no-defaults",
                    "--user=root",
                    "--socket=" + location.socket,
                    "--single-transaction",
                    "--routines",
                    "--events",
                    "--hex-blob",
                    "--result-file=" + file.native(),
                    location.schema};
    const ProcessResult result = run_process(command);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return file;
  }
  [[nodiscard]] std::vector<std::string> litter() const override {
    Connection connection = connect(endpoint_of("any"), false);
    std::vector<std::string> names;
    for (const auto& line : connection.query(
             "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES WHERE "
             "TABLE_SCHEMA LIKE 'contract%' UNION SELECT SCHEMA_NAME FROM "
             "information_schema.SCHEMATA UNION SELECT CONCAT(TRIGGER_SCHEMA, '.', TRIGGER_NAME) "
             "FROM information_schema.TRIGGERS ORDER BY 1")) {
      // What was put in place and undone stays on purpose; mariadb_load_test looks at that.
      const std::string name = line[0].value_or("");
      if (name.find("_undone_") == std::string::npos) names.push_back(name);
    }
    return names;
  }
  [[nodiscard]] std::string count_query(const std::string& table) const override {
    return "SELECT count(*) FROM " + table;
  }

 private:
  static void clear() {
    Connection connection = connect(endpoint_of("any"), false);
    connection.run("SET foreign_key_checks=0");
    for (const auto& line :
         connection.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME "
                          "LIKE 'contract%'"))
      connection.run("DROP DATABASE " + quote_name(line[0].value_or("")));
  }

  TemporaryDirectory home_{"holdfast-contract"};
};

}  // namespace

std::unique_ptr<EngineFixture> make_mariadb_fixture() {
  return std::make_unique<MariadbFixture>();
}

}  // namespace holdfast::test
