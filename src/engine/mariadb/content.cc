// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "base/crew.h"
#include "base/error.h"
#include "engine/mariadb/accounts.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/table_stream.h"
#include "engine/mariadb/target.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr std::size_t differences_max = 10;

std::map<std::string, std::string> comparable(const model::DatabaseFacts& facts, bool by_name) {
  std::map<std::string, std::string> lines;
  for (const model::TableFacts& table : facts.tables) {
    lines["table " + table.table] = fmt::format("{} rows, digest {}", table.rows, table.digest);
  }
  for (const model::ObjectFacts& object : facts.objects) {
    const bool is_number = object.kind == "counter";
    lines[fmt::format("definition of {} {}", object.kind, object.name)] =
        by_name && !is_number ? "there" : object.definition_sha256;
  }
  return lines;
}

}  // namespace

Json server_facts(Connection& connection, const SchemaDef& schema) {
  Json facts = Json::object();
  facts.set("flavour", connection.is_mariadb() ? "mariadb" : "mysql");
  facts.set("server_version", connection.version());
  facts.set("client_version", client_version());
  facts.set("schema", schema.name);
  facts.set("character_set", schema.character_set);
  facts.set("collation", schema.collation);
  facts.set("lower_case_table_names", connection.number("SELECT @@lower_case_table_names"));
  return facts;
}

void add_fragile(const SchemaDef& schema, Json& engine_facts) {
  Json broken = Json::array();
  Json once = Json::array();
  const std::vector<model::ObjectFacts> objects = objects_of(schema);
  for (const CodeDef& code : schema.code) {
    if (code.broken) broken.push(code.name);
    if (code.kind != CodeKind::event || code.at == 0) continue;
    const auto object = std::find_if(objects.begin(), objects.end(), [&](const auto& one) {
      return one.kind == "event" && one.name == code.name;
    });
    once.push(Json::object()
                  .set("name", code.name)
                  .set("at", code.at)
                  .set("definition_sha256", object->definition_sha256));
  }
  engine_facts.set("broken_views", std::move(broken)).set("events_once", std::move(once));
}

void leave_out_broken(const Json& engine_facts, model::DatabaseFacts& facts) {
  const Json* const broken = engine_facts.is_object() ? engine_facts.find("broken_views") : nullptr;
  if (broken == nullptr) return;
  for (const Json& name : broken->as_array())
    std::erase_if(facts.objects, [&](const auto& object) {
      return object.kind == "view" && object.name == name.as_string();
    });
}

void add_events_over(Connection& connection, const Json& engine_facts,
                     model::DatabaseFacts& facts) {
  const Json* const once = engine_facts.is_object() ? engine_facts.find("events_once") : nullptr;
  if (once == nullptr) return;
  const std::uint64_t now = connection.number("SELECT UNIX_TIMESTAMP()");
  for (const Json& event : once->as_array()) {
    const std::string name = event.at("name").as_string();
    const bool is_there = std::any_of(
        facts.objects.begin(), facts.objects.end(),
        [&](const auto& object) { return object.kind == "event" && object.name == name; });
    if (is_there || event.at("at").as_uint() > now) continue;
    facts.objects.push_back({"event", name, event.at("definition_sha256").as_string()});
  }
}

void describe_schema(const Location& location, const Secret* password, unsigned parallel,
                     model::DatabaseFacts& facts, const std::stop_token& stop) {
  Connection first(location, password, false, stop);
  const SchemaDef schema = read_schema(first, location.schema);
  facts.version = first.version();
  facts.objects = objects_of(schema);
  const Json before = std::move(facts.engine_facts);
  facts.engine_facts = server_facts(first, schema);
  // Rights that a restore leaves alone are not compared; nor those that were hidden at the backup.
  const bool was_hidden = before.is_object() && !before.string_or("accounts_hidden", "").empty();
  if (!location.restores_grants) {
    facts.engine_facts.set("grants_unseen", true);
  } else if (!was_hidden) {
    add_grants(read_accounts(first, schema.name), facts);
  }
  leave_out_broken(before, facts);
  add_events_over(first, before, facts);
  for (const TableDef& table : schema.tables) {
    if (auto counter = counter_fact(table, highest_number(first, schema.name, table)))
      facts.objects.push_back(std::move(*counter));
  }
  struct Task {
    std::size_t table;
    KeyRange range;
  };
  std::vector<Task> tasks;
  for (std::size_t i = 0; i < schema.tables.size(); ++i) {
    if (schema.tables[i].rows_elsewhere) continue;
    for (KeyRange& range : split_ranges(first, schema.name, schema.tables[i], usual_range_bytes))
      tasks.push_back({i, std::move(range)});
  }
  std::vector<model::TableDigest> digests(schema.tables.size());
  std::mutex mutex;  // guards next and digests
  std::size_t next = 0;
  Crew crew;
  const std::stop_callback forward(stop, [&] { crew.request_stop(); });
  const auto work = [&](Connection& connection, const std::stop_token& crew_stop) {
    connection.stop_with(crew_stop);
    while (true) {
      std::unique_lock lock(mutex);
      if (next == tasks.size()) return;
      const Task& task = tasks[next++];
      lock.unlock();
      const TableRead read = read_table(connection, schema.name, schema.tables[task.table],
                                        task.range, nullptr, nullptr);
      lock.lock();
      digests[task.table].add(read.digest);
    }
  };
  const std::size_t helpers = std::min<std::size_t>(parallel, tasks.size());
  for (std::size_t i = 1; i < helpers; ++i) {
    crew.start([&](const std::stop_token& crew_stop) {
      Connection connection(location, password, false, crew_stop);
      work(connection, crew_stop);
    });
  }
  crew.start([&](const std::stop_token& crew_stop) { work(first, crew_stop); });
  crew.join();
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  facts.tables.clear();
  for (std::size_t i = 0; i < schema.tables.size(); ++i)
    facts.tables.push_back({"", schema.tables[i].name, digests[i].rows(), digests[i].hex()});
}

void read_live_rows(const Location& location, const Secret* password, const model::TableName& table,
                    model::RowSink& into, std::stop_token stop) {
  Connection connection(location, password, false, std::move(stop));
  const SchemaDef schema = read_schema(connection, location.schema);
  const TableDef* const def = schema.table(table.table);
  if (def == nullptr || (!table.schema.empty() && table.schema != schema.name))
    throw Error(Errc::not_found,
                fmt::format("{}: there is no table `{}`", location.display(), table.display()));
  read_table(connection, schema.name, *def, {}, nullptr, &into);
}

std::vector<std::string> differences(const model::DatabaseFacts& expected,
                                     const model::DatabaseFacts& found) {
  const bool by_name = !words_alike(expected.engine_facts, found.engine_facts);
  model::DatabaseFacts looked_at = expected;
  leave_out_unseen_grants(found, looked_at);
  const auto then = comparable(looked_at, by_name);
  const auto now = comparable(found, by_name);
  std::vector<std::string> lines;
  for (const auto& [name, value] : then) {
    const auto match = now.find(name);
    if (match == now.end()) {
      lines.push_back(name + " is missing");
    } else if (match->second != value) {
      lines.push_back(fmt::format("{} is {}, expected {}", name, match->second, value));
    }
  }
  for (const auto& [name, value] : now) {
    if (!then.contains(name)) lines.push_back(name + " was not expected");
  }
  if (lines.size() > differences_max) {
    const std::size_t more = lines.size() - differences_max;
    lines.resize(differences_max);
    lines.push_back(fmt::format("and {} more", more));
  }
  return lines;
}

}  // namespace holdfast::engine::mariadb
