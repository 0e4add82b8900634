// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "contract/engine/fill_places.h"
#include "contract/engine/sqlserver_server.h"
#include "engine/registry.h"

namespace holdfast::test {
namespace {

class SqlServerPlace final : public FillPlace {
 public:
  explicit SqlServerPlace(const model::Endpoint& server) : database_(server, "holdfast_filled") {}

  [[nodiscard]] const engine::Engine& engine() const override {
    return *engine::find_engine("sqlserver");
  }
  [[nodiscard]] model::Endpoint make() override { return database_.endpoint(); }
  [[nodiscard]] model::NewTable table(const std::string& name) const override {
    model::NewTable table;
    table.name.table = name;
    table.columns = {"id", "data", "name"};
    table.make = {fmt::format(
        "create table {} (id bigint not null primary key, data varbinary(max), name nvarchar(255))",
        name)};
    table.complete = {fmt::format("create index {0}_by_name on {0} (name)", name)};
    return table;
  }
  [[nodiscard]] model::NewTable numbered(const std::string& name) const override {
    model::NewTable table;
    table.name.table = name;
    table.columns = {"id", "name"};
    table.make = {
        fmt::format("create table {} (id int identity primary key, name nvarchar(255))", name)};
    table.complete = {fmt::format("create index {0}_by_name on {0} (name)", name)};
    return table;
  }
  void run(const model::Endpoint& /*endpoint*/, const std::string& sql) override {
    database_.session()->run(sql);
  }
  [[nodiscard]] std::vector<std::string> litter(const model::Endpoint& /*endpoint*/) override {
    std::vector<std::string> found;
    for (const auto& row : database_.session()->query(
             "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES ORDER BY TABLE_NAME"))
      found.push_back(row.at(0).value_or(""));
    return found;
  }

 private:
  SqlServerDatabase database_;
};

}  // namespace

std::unique_ptr<FillPlace> sqlserver_place() {
  const auto server = sqlserver_named();
  return server ? std::make_unique<SqlServerPlace>(*server) : nullptr;
}

}  // namespace holdfast::test
