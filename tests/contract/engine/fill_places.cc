// SPDX-License-Identifier: Apache-2.0
#include "contract/engine/fill_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/fd.h"
#include "contract/engine/java_fixture.h"
#include "contract/engine/mariadb_fixture.h"
#include "contract/engine_contract.h"
#include "engine/mariadb/client.h"
#include "engine/registry.h"
#include "engine/sqlite/lite.h"
#include "harness/postgres_server.h"

namespace holdfast::test {
namespace {

model::NewTable table_of(std::string name, const char* bytes, const char* text,
                         const std::vector<std::string>& columns) {
  model::NewTable table;
  table.name.table = name;
  table.columns = columns;
  table.make = {fmt::format("create table {} (id bigint not null primary key, data {}, name {})",
                            name, bytes, text)};
  table.complete = {fmt::format("create index {0}_by_name on {0} (name)", name)};
  return table;
}

model::NewTable numbered_of(std::string name, const char* column,
                            const std::vector<std::string>& columns, std::string complete) {
  model::NewTable table;
  table.name.table = name;
  table.columns = columns;
  table.make = {
      fmt::format("create table {} (id {}, name varchar(255), primary key (id))", name, column)};
  table.complete = {std::move(complete)};
  return table;
}

class PostgresqlPlace final : public FillPlace {
 public:
  ~PostgresqlPlace() override { server_.clean(); }
  [[nodiscard]] const engine::Engine& engine() const override {
    return *engine::find_engine("postgresql");
  }
  [[nodiscard]] model::Endpoint make() override { return server_.make_database("filled"); }
  [[nodiscard]] model::NewTable table(const std::string& name) const override {
    return table_of(name, "bytea", "varchar(255)", {"id", "data", "name"});
  }
  [[nodiscard]] model::NewTable numbered(const std::string& name) const override {
    return numbered_of(
        name, "serial", {"id", "name"},
        fmt::format("select setval(pg_get_serial_sequence('{0}', 'id'), (select max(id) from {0}))",
                    name));
  }
  void run(const model::Endpoint& /*endpoint*/, const std::string& sql) override {
    static_cast<void>(server_.psql("filled", sql));
  }
  [[nodiscard]] std::vector<std::string> litter(const model::Endpoint& /*endpoint*/) override {
    return {server_.psql("filled",
                         "SELECT relname, relkind FROM pg_class c JOIN pg_namespace n ON n.oid = "
                         "relnamespace WHERE nspname = 'public' ORDER BY 1")};
  }

 private:
  PostgresServer& server_ = PostgresServer::shared();
};

class MariadbPlace final : public FillPlace {
 public:
  [[nodiscard]] const engine::Engine& engine() const override { return fixture_->engine(); }
  // Of an awkward character set.
  [[nodiscard]] model::Endpoint make() override {
    const model::Endpoint endpoint = fixture_->make_empty("filled");
    run(endpoint, "ALTER DATABASE CHARACTER SET latin1");
    return endpoint;
  }
  [[nodiscard]] model::NewTable table(const std::string& name) const override {
    return table_of(name, "longblob", "varchar(255) character set utf8mb4 collate utf8mb4_bin",
                    {"ID", "DATA", "NAME"});
  }
  [[nodiscard]] model::NewTable numbered(const std::string& name) const override {
    return numbered_of(name, "integer auto_increment", {"ID", "NAME"},
                       fmt::format("create index {0}_by_name on {0} (name)", name));
  }
  void run(const model::Endpoint& endpoint, const std::string& sql) override {
    engine::mariadb::Connection(engine::mariadb::location_of(endpoint), nullptr, true).run(sql);
  }
  [[nodiscard]] std::vector<std::string> litter(const model::Endpoint& /*endpoint*/) override {
    return fixture_->litter();
  }

 private:
  std::unique_ptr<EngineFixture> fixture_ = make_mariadb_fixture();
};

class SqlitePlace final : public FillPlace {
 public:
  [[nodiscard]] const engine::Engine& engine() const override {
    return *engine::find_engine("sqlite");
  }
  [[nodiscard]] model::Endpoint make() override {
    run(endpoint("db"), "create table other (a)");
    return endpoint("db");
  }
  [[nodiscard]] std::optional<model::Endpoint> absent() override { return endpoint("absent"); }
  [[nodiscard]] bool takes_one_writer() const override { return true; }
  [[nodiscard]] bool is_all_or_nothing() const override { return true; }
  [[nodiscard]] model::NewTable table(const std::string& name) const override {
    return table_of(name, "blob", "text check (length(name) <= 255)", {"id", "data", "name"});
  }
  [[nodiscard]] model::NewTable numbered(const std::string& name) const override {
    return numbered_of(name, "integer", {"id", "name"},
                       fmt::format("create index {0}_by_name on {0} (name)", name));
  }
  void run(const model::Endpoint& endpoint, const std::string& sql) override {
    engine::sqlite::Connection connection(path_of(endpoint), engine::sqlite::Access::create);
    connection.tidy_on_close(true);
    connection.run(sql);
  }
  [[nodiscard]] std::vector<std::string> litter(const model::Endpoint& endpoint) override {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(home_.path()))
      found.push_back(entry.path().filename().native());
    std::sort(found.begin(), found.end());
    if (!std::filesystem::exists(path_of(endpoint))) return found;
    engine::sqlite::Connection connection(path_of(endpoint), engine::sqlite::Access::read_only);
    engine::sqlite::Statement names =
        connection.prepare("SELECT name FROM sqlite_schema ORDER BY name");
    while (names.step()) found.push_back(names.text(0));
    return found;
  }

 private:
  [[nodiscard]] model::Endpoint endpoint(const std::string& name) const {
    model::Endpoint one;
    one.component = name;
    one.engine = "sqlite";
    one.uri = "sqlite:" + (home_.path() / name).native();
    return one;
  }
  [[nodiscard]] static std::filesystem::path path_of(const model::Endpoint& endpoint) {
    return endpoint.uri.substr(endpoint.uri.find(':') + 1);
  }

  TemporaryDirectory home_{"holdfast-fill"};
};

class EmbeddedPlace final : public FillPlace {
 public:
  explicit EmbeddedPlace(const std::string& engine) : engine_(engine), databases_(engine) {}
  [[nodiscard]] const engine::Engine& engine() const override {
    return *engine::find_engine(engine_);
  }
  [[nodiscard]] model::Endpoint make() override {
    java::JavaDatabase database = databases_.create("db");
    database.execute("create table other (a integer)");
    database.execute("insert into other values (7)");
    database.close();
    return endpoint("db");
  }
  [[nodiscard]] std::optional<model::Endpoint> absent() override { return endpoint("absent"); }
  [[nodiscard]] bool takes_one_writer() const override { return true; }
  [[nodiscard]] model::Endpoint endpoint(const std::string& name) const {
    model::Endpoint one;
    one.component = name;
    one.engine = engine_;
    one.uri = engine_ + ":" + databases_.path(name).native() + (is_derby() ? "" : ".mv.db");
    one.user = "sa";
    return one;
  }
  [[nodiscard]] model::NewTable table(const std::string& name) const override {
    return table_of(upper(name), is_derby() ? "blob(2G)" : "blob", "varchar(255)",
                    {"ID", "DATA", "NAME"});
  }
  [[nodiscard]] model::NewTable numbered(const std::string& name) const override {
    return numbered_of(upper(name), "integer generated by default as identity", {"ID", "NAME"},
                       fmt::format("alter table {} alter column id restart with 42", name));
  }
  void run(const model::Endpoint& endpoint, const std::string& sql) override {
    const std::filesystem::path path = endpoint.uri.substr(engine_.size() + 1);
    const std::string name = path.filename().native();
    java::JavaDatabase database = databases_.open(name.substr(0, name.find('.')));
    database.execute(sql);
    database.close();
  }
  [[nodiscard]] std::vector<std::string> litter(const model::Endpoint& endpoint) override {
    const std::filesystem::path path = endpoint.uri.substr(engine_.size() + 1);
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path.parent_path()))
      found.push_back(entry.path().filename().native());
    std::sort(found.begin(), found.end());
    if (!std::filesystem::exists(path)) return found;
    const std::string name = path.filename().native();
    java::JavaDatabase database = databases_.open(name.substr(0, name.find('.')));
    for (const java::TableDef& table : database.tables()) found.push_back(table.name.table);
    database.close();
    return found;
  }

 private:
  [[nodiscard]] bool is_derby() const { return engine_ == "derby"; }
  [[nodiscard]] static std::string upper(std::string name) {
    for (char& c : name)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return name;
  }

  std::string engine_;
  JavaDatabases databases_;
};

}  // namespace

std::unique_ptr<FillPlace> postgresql_place() {
  return std::make_unique<PostgresqlPlace>();
}
std::unique_ptr<FillPlace> mariadb_place() {
  return std::make_unique<MariadbPlace>();
}
std::unique_ptr<FillPlace> sqlite_place() {
  return std::make_unique<SqlitePlace>();
}
std::unique_ptr<FillPlace> embedded_place(const std::string& engine) {
  return std::make_unique<EmbeddedPlace>(engine);
}

}  // namespace holdfast::test
