// SPDX-License-Identifier: Apache-2.0
#include "contract/engine/postgresql_fixture.h"

#include <atomic>
#include <thread>

#include "engine/postgresql/connection.h"
#include "engine/postgresql/location.h"
#include "engine/registry.h"
#include "harness/postgres_server.h"

namespace holdfast::test {
namespace {

using engine::postgresql::Connection;
using engine::postgresql::location_of;

constexpr std::string_view content_sql = R"(
  CREATE TABLE items (id int PRIMARY KEY, name text, price double precision, photo bytea);
  INSERT INTO items SELECT n, 'item ' || n, n / 4.0, decode(repeat('00', n), 'hex')
    FROM generate_series(1, 200) n;
  CREATE INDEX items_by_name ON items (name);
  CREATE TABLE notes (id serial PRIMARY KEY, item int REFERENCES items, note text);
  INSERT INTO notes (item, note) VALUES (1, 'first'), (2, 'second'), (NULL, NULL);
  CREATE VIEW cheap AS SELECT * FROM items WHERE price < 10;
  CREATE FUNCTION note_item() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO public.notes (item, note) VALUES (new.id, 'added');
    RETURN new;
  END $$;
  CREATE TRIGGER items_added AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION note_item();
)";
constexpr std::string_view write_sql = "INSERT INTO public.notes (note) VALUES ('written')";

class PostgresqlWriter final : public EngineFixture::Writer {
 public:
  explicit PostgresqlWriter(const model::Endpoint& endpoint)
      : connection_(location_of(endpoint)), thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            if (connection_.attempt(write_sql).empty()) {
              ++outcome_.commits;
            } else {
              ++outcome_.refusals;
            }
          }
        }) {
    while (outcome_.commits == 0 && outcome_.refusals == 0) std::this_thread::yield();
  }
  Outcome stop() override {
    thread_.request_stop();
    thread_.join();
    return {outcome_.commits, outcome_.refusals};
  }

 private:
  struct {
    std::atomic<long> commits{0}, refusals{0};
  } outcome_;
  Connection connection_;
  std::jthread thread_;
};

class PostgresqlLocker final : public EngineFixture::Writer {
 public:
  explicit PostgresqlLocker(const model::Endpoint& endpoint) : connection_(location_of(endpoint)) {
    connection_.run("BEGIN");
    connection_.run(write_sql);
  }
  Outcome stop() override {
    connection_.rollback();
    return {0, 0};
  }

 private:
  Connection connection_;
};

class PostgresqlFixture final : public EngineFixture {
 public:
  ~PostgresqlFixture() override { server_.clean(); }

  [[nodiscard]] const engine::Engine& engine() const override {
    return *engine::find_engine("postgresql");
  }
  [[nodiscard]] model::Endpoint make_full(const std::string& name) override {
    return server_.make_database(name, content_sql);
  }
  [[nodiscard]] model::Endpoint make_empty(const std::string& name) override {
    return server_.make_database(name);
  }
  [[nodiscard]] model::Endpoint absent(const std::string& name) override {
    return server_.endpoint(name);
  }
  [[nodiscard]] std::vector<model::Endpoint> refused() const override {
    std::vector<model::Endpoint> endpoints;
    for (const char* uri : {"", "postgresql:", "postgresql://host", "sqlite:/x",
                            "postgresql://ann:secret@host/shop", "postgresql://a,b/shop"}) {
      endpoints.emplace_back().uri = uri;
    }
    endpoints.emplace_back().uri = "postgresql://host/shop";
    endpoints.back().options["colour"] = "green";
    return endpoints;
  }
  [[nodiscard]] bool write_now(const model::Endpoint& endpoint) override {
    Connection connection(location_of(endpoint));
    connection.run("SET lock_timeout = '50ms'");
    const std::string state = connection.attempt(write_sql);
    EXPECT_TRUE(state.empty() || state == "55P03") << state;
    return state.empty();
  }
  [[nodiscard]] std::unique_ptr<Writer> start_writer(const model::Endpoint& endpoint) override {
    return std::make_unique<PostgresqlWriter>(endpoint);
  }
  [[nodiscard]] std::unique_ptr<Writer> start_locker(const model::Endpoint& endpoint) override {
    return std::make_unique<PostgresqlLocker>(endpoint);
  }
  [[nodiscard]] std::filesystem::path foreign_file() override {
    static_cast<void>(make_full("foreign"));
    const std::filesystem::path file = home_.path() / "foreign.dump";
    write_file_durably(file, as_bytes(server_.program({"pg_dump", "-Fc", "foreign"})));
    return file;
  }
  [[nodiscard]] std::vector<std::string> litter() const override { return server_.databases(); }
  [[nodiscard]] std::string count_query(const std::string& table) const override {
    return "SELECT count(*) FROM " + table;
  }

 private:
  PostgresServer& server_ = PostgresServer::shared();
  TemporaryDirectory home_{"holdfast-contract"};
};

}  // namespace

std::unique_ptr<EngineFixture> make_postgresql_fixture() {
  return std::make_unique<PostgresqlFixture>();
}

}  // namespace holdfast::test
