// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <set>

#include "base/crew.h"
#include "base/error.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/content.h"
#include "engine/mariadb/copy_scripts.h"
#include "engine/mariadb/gate.h"
#include "engine/mariadb/insert_batches.h"
#include "engine/mariadb/proven.h"
#include "engine/mariadb/restore_accounts.h"
#include "engine/mariadb/scripts.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/switch.h"
#include "engine/mariadb/switch_tables.h"

namespace holdfast::engine::mariadb {
namespace {

// Smaller tables are not worth a second pass for their keys.
constexpr std::uint64_t deferring_bytes = 4U << 20U;
class Loader {
 public:
  Loader(const model::PartSource& parts, const model::DatabaseFacts& facts,
         const model::Endpoint& into, const LoadOptions& options, const std::stop_token& stop)
      : parts_(parts),
        facts_(facts),
        into_(into),
        options_(options),
        stop_(stop),
        location_(location_of(into)),
        password_(into.password),
        tables_(copied_tables(facts.engine_facts)),
        connection_(location_, password_.get(), false, stop) {
    check_rule(!options.replace || !options.kept_suffix.empty(),
               "what is replaced is kept under another name");
    for (const auto& entry : parts.list()) sizes_[entry.path] = entry.size_bytes;
    from_ = facts.engine_facts.string_or("schema", "");
    if (!options.tables.empty()) choose();
  }

  LoadReport run() {
    check_names();
    code_ = copied_code(parts_, server());
    const SwitchOptions how = switch_options();
    const TableArrival arrival = arrival_of();
    if (options_.only_beside) {
      // The place is no affair of ours.
    } else if (is_whole()) {
      check_place(connection_, location_.schema, how);
    } else {
      check_tables_place(connection_, location_.schema, arrival, how);
    }
    RestoredAccounts accounts;
    if (location_.restores_grants && is_whole()) read_accounts_of(accounts);
    const Announced announced(options_);
    const Beside beside(connection_, location_.schema, announced.announce());
    try {
      fill(beside.name());
      const auto filled = std::chrono::steady_clock::now();
      prove(beside.name());
      report_.proof_time = std::chrono::steady_clock::now() - filled;
    } catch (const std::exception&) {
      beside.give_up(connection_);
      throw;
    }
    if (options_.only_beside) {
      report_.beside = into_;
      report_.beside->uri = uri_of(location_, beside.name());
      report_.beside->user = location_.user;
      return std::move(report_);
    }
    const bool on_scratch = options_.on_scratch;
    hand_over({std::move(connection_), beside, how, arrival, std::move(accounts), is_whole(),
               on_scratch, [on_scratch](Connection& fresh) { settle(fresh, on_scratch); }},
              announced, options_, report_);
    return std::move(report_);
  }

 private:
  [[nodiscard]] ServerKind server() const {
    return {connection_.is_mariadb(), connection_.version_number()};
  }
  [[nodiscard]] bool is_whole() const { return options_.tables.empty(); }

  [[nodiscard]] SwitchOptions switch_options() const {
    SwitchOptions how;
    how.replace = options_.replace;
    how.kept_suffix = options_.kept_suffix;
    how.wakes_events = options_.takes_place && from_ == location_.schema;
    return how;
  }

  [[nodiscard]] TableArrival arrival_of() const {
    TableArrival arrival;
    arrival.triggers.from = from_;
    if (is_whole()) {
      arrival.triggers.code = code_;
      return arrival;
    }
    for (const CopiedTable& table : tables_) arrival.tables.push_back(table.name);
    for (const CodeDef& code : code_) {
      if (code.kind == CodeKind::trigger && is_chosen(code.table))
        arrival.triggers.code.push_back(code);
    }
    return arrival;
  }

  void read_accounts_of(RestoredAccounts& accounts) {
    each_statement(parts_, grants_part, [&](const Mark& mark, const std::string& sql) {
      accounts.add(mark.kind, mark.name, sql, from_);
    });
    accounts.check();
  }

  void fill(const std::string& schema) {
    settle(connection_, options_.on_scratch);
    connection_.use(schema);
    make_tables();
    load_rows(schema);
    connection_.use(schema);
    for (const CodeDef& one : code_) {
      if (one.kind == CodeKind::event && !one.time_zone.empty() && is_whole()) know_time_zone(one);
    }
    for (std::string& line :
         make_code(connection_, asleep(arrival_of().triggers.code), from_, Definers::mapped))
      report_.left_out.push_back(std::move(line));
  }

  void choose() {
    std::vector<CopiedTable> chosen;
    for (const model::TableName& wanted : options_.tables) {
      const bool fits = wanted.schema.empty() || wanted.schema == from_;
      bool found = false;
      for (const CopiedTable& table : tables_) {
        if (!fits || (wanted.table != "*" && wanted.table != table.name)) continue;
        found = true;
        const bool twice = std::any_of(chosen.begin(), chosen.end(),
                                       [&](const auto& one) { return one.name == table.name; });
        if (!twice) chosen.push_back(table);
      }
      if (!found)
        throw Error(Errc::not_found, fmt::format("the copy has no table {}", wanted.display()));
    }
    tables_ = std::move(chosen);
  }

  // A server that writes names in lower case would make other tables than those of the copy.
  void check_names() {
    if (connection_.number("SELECT @@lower_case_table_names") != 1) return;
    for (const CopiedTable& table : tables_) {
      const bool changes = std::any_of(table.name.begin(), table.name.end(),
                                       [](char c) { return c >= 'A' && c <= 'Z'; });
      if (changes)
        throw Error(Errc::unsupported,
                    fmt::format("the server writes names of tables in lower case, and the copy has "
                                "a table {}",
                                table.name))
            .set_hint("Restore into a server with lower_case_table_names=0.");
    }
  }

  static void settle(Connection& connection, bool on_scratch) {
    const auto settings = load_settings(connection.is_mariadb(), connection.version_number());
    connection.run(settings[0]);
    for (std::size_t i = 1; i < settings.size(); ++i)
      static_cast<void>(connection.try_run(settings[i]));
    // A throw-away server makes nothing outside of its own directory.
    if (on_scratch)
      connection.run(fmt::format("SET sql_mode='{},NO_DIR_IN_CREATE'", plain_sql_mode));
  }

  [[nodiscard]] bool is_chosen(const std::string& table) const {
    return std::any_of(tables_.begin(), tables_.end(),
                       [&](const CopiedTable& one) { return one.name == table; });
  }

  void make_tables() {
    std::set<std::string> made;
    each_statement(parts_, schema_part, [&](const Mark& mark, const std::string& sql) {
      connection_.check_stop();
      if (mark.kind == "schema") {
        set_character_set();
      } else if (mark.kind == "sequence") {
        if (!is_whole()) return;
        const bool sets = sql.starts_with("DO SETVAL(");
        connection_.run(
            sets ? checked_setval(mark.name, sql) : checked_statement(mark, sql, "", server()),
            Errc::unsupported);
      } else if (mark.kind == "table") {
        if (!is_chosen(mark.name)) return;
        const std::string run = with_names(checked_statement(mark, sql, "", server()));
        in_context("making table " + mark.name, [&] { make_table(mark.name, run); });
        made.insert(mark.name);
      }
    });
    for (const CopiedTable& table : tables_) {
      if (!made.contains(table.name))
        throw Error(Errc::corrupt,
                    fmt::format("the copy has rows of table {}, and no definition", table.name));
    }
  }

  // Defaults draw from the sequences beside; tables that come alone from those that are in their
  // place, to which they refer, too.
  [[nodiscard]] std::string with_names(const std::string& sql) const {
    const std::string bare = with_bare_sequences(sql, from_);
    if (is_whole()) return bare;
    auto table = split_table(with_sequences_of(bare, location_.schema));
    if (!table) return bare;
    for (std::string& line : table->lines) {
      if (key_of(line).kind == KeyLine::Kind::foreign_key && !is_chosen(referenced_table(line)))
        line = with_qualified_reference(line, location_.schema);
    }
    return join_table(*table);
  }

  void make_table(const std::string& name, const std::string& sql) {
    if (size_of(name) < deferring_bytes) return connection_.run(sql, Errc::unsupported);
    DeferredKeys keys = defer_keys(sql);
    connection_.run(keys.create, Errc::unsupported);
    if (!keys.lines.empty()) deferred_[name] = std::move(keys.lines);
  }

  [[nodiscard]] std::uint64_t size_of(const std::string& table) const {
    std::uint64_t bytes = 0;
    for (const CopiedTable& one : tables_) {
      if (one.name != table) continue;
      for (const std::string& part : one.parts) {
        const auto found = sizes_.find(part);
        if (found != sizes_.end()) bytes += found->second;
      }
    }
    return bytes;
  }

  // All keys of a table at once, so that its rows are read once.
  void make_keys(Connection& connection, const std::string& table) {
    const auto found = deferred_.find(table);
    if (found == deferred_.end()) return;
    std::string sql;
    for (const std::string& line : found->second) sql += (sql.empty() ? " ADD " : ", ADD ") + line;
    in_context("making the keys of table " + table, [&] {
      connection.run("ALTER TABLE " + quote_name(table) + sql, Errc::unsupported);
    });
  }

  void set_character_set() {
    const auto word = [&](std::string_view key) {
      std::string text = facts_.engine_facts.string_or(key, "");
      const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
               (c >= 'A' && c <= 'Z');
      });
      if (!plain) throw Error(Errc::corrupt, fmt::format("`{}` is no {}", text, key));
      return text;
    };
    connection_.run(fmt::format("ALTER DATABASE CHARACTER SET {} COLLATE {}", word("character_set"),
                                word("collation")),
                    Errc::unsupported);
  }

  void load_rows(const std::string& schema) {
    struct Task {
      const CopiedTable* table;
      const std::string* part;
      std::uint64_t size_bytes;
    };
    std::vector<Task> tasks;
    std::map<const CopiedTable*, std::size_t> parts_left;
    for (const CopiedTable& table : tables_) {
      parts_left[&table] = table.parts.size();
      for (const std::string& part : table.parts) tasks.push_back({&table, &part, sizes_[part]});
    }
    // Parts of a large table go to several sessions; so the large ones come first, after those for
    // which writers may be waiting.
    std::stable_sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) {
      if (a.table->transactional != b.table->transactional) return !a.table->transactional;
      return a.size_bytes > b.size_bytes;
    });
    std::mutex mutex;  // guards next, parts_left and the report
    std::size_t next = 0;
    Crew crew;
    const std::stop_callback forward(stop_, [&] { crew.request_stop(); });
    const std::size_t sessions =
        std::min<std::size_t>(std::max(1U, options_.parallel), tasks.size());
    for (std::size_t i = 0; i < sessions; ++i) {
      crew.start([&](const std::stop_token& stop) {
        Connection connection(location_, password_.get(), false, stop);
        connection.use(schema);
        settle(connection, options_.on_scratch);
        // Another part may be on its way into the same table.
        connection.run("SET innodb_lock_wait_timeout=86400");
        while (true) {
          std::unique_lock lock(mutex);
          if (next == tasks.size()) return;
          const Task task = tasks[next++];
          lock.unlock();
          const std::uint64_t rows = in_context("loading " + *task.part, [&] {
            return load_part(connection, *task.table, *task.part);
          });
          lock.lock();
          report_.rows += rows;
          if (--parts_left[task.table] > 0) continue;
          lock.unlock();
          make_keys(connection, task.table->name);
        }
      });
    }
    crew.join();
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  }

  std::uint64_t load_part(Connection& connection, const CopiedTable& table,
                          const std::string& part) {
    // Without these checks the first load of an empty table locks all of it.
    connection.run(fmt::format("SET unique_checks={}", table.parts.size() > 1 ? 1 : 0));
    if (!without_local_ && connection.number("SELECT @@local_infile") != 0) {
      Connection::Loaded loaded;
      const std::unique_ptr<ByteSource> source = parts_.open(part);
      const auto failure = connection.load_local(
          load_statement(part, table.name, load_columns(table.columns)), *source, loaded);
      if (!failure) {
        if (loaded.skipped > 0)
          throw Error(Errc::differs, fmt::format("{} rows of {} were refused as duplicates",
                                                 loaded.skipped, table.name));
        return loaded.rows;
      }
      if (!is_forbidden_locally(*failure)) connection.raise(*failure);
    }
    without_local_ = true;
    const std::unique_ptr<ByteSource> source = parts_.open(part);
    return insert_rows(connection, table, *source);
  }

  void refuse_difference(const model::DatabaseFacts& expected, const model::DatabaseFacts& found) {
    const std::vector<std::string> lines = differences(expected, found);
    if (lines.empty()) return;
    throw Error(Errc::differs,
                fmt::format("{} differs from its manifest: {}", facts_.name, lines.front()))
        .set_hint("Run `holdfast check --read-data` on the repository.");
  }

  // All of it, where nobody else knows of it.
  void prove(const std::string& schema) {
    const bool promises = !facts_.tables.empty() || !facts_.objects.empty();
    if (!promises && !options_.leave_beside && !options_.only_beside) return;
    Location location = location_;
    location.schema = schema;
    location.restores_grants = false;  // they come last
    model::DatabaseFacts found;
    found.engine_facts = facts_.engine_facts;
    describe_schema(location, password_.get(), std::max(1U, options_.parallel), found, stop_);
    found.engine_facts.set("schema", location_.schema);  // its name when all is done
    if (!is_whole()) {
      report_.found = found;
      if (promises) prove_tables(schema, found);
      return;
    }
    if (promises && !options_.only_beside) refuse_difference(facts_, found);
    report_.found = std::move(found);
  }

  // Of single tables; they have their definitions once they are in their place.
  void prove_tables(const std::string& schema, model::DatabaseFacts& found) {
    const auto is_ours = [&](const model::ObjectFacts& object) {
      if (object.kind == "table") return is_chosen(object.name);
      if (object.kind == "trigger")
        return std::any_of(code_.begin(), code_.end(), [&](const CodeDef& code) {
          return code.kind == CodeKind::trigger && code.name == object.name &&
                 is_chosen(code.table);
        });
      if (object.kind != "index" && object.kind != "foreign key") return false;
      return std::any_of(tables_.begin(), tables_.end(), [&](const CopiedTable& table) {
        return object.name.starts_with(table.name + ".");
      });
    };
    model::DatabaseFacts expected;
    expected.engine_facts = facts_.engine_facts;
    for (const model::TableFacts& table : facts_.tables) {
      if (is_chosen(table.table)) expected.tables.push_back(table);
    }
    for (const model::ObjectFacts& object : facts_.objects) {
      if (is_ours(object)) expected.objects.push_back(object);
    }
    SchemaDef now = read_schema(connection_, schema);
    for (TableDef& table : now.tables) {
      auto text = split_table(with_bare_sequences(table.create, location_.schema));
      if (!text) continue;
      for (std::string& line : text->lines) {
        if (key_of(line).kind == KeyLine::Kind::foreign_key)
          line = without_reference(line, location_.schema);
      }
      table.create = join_table(*text);
    }
    found.objects.clear();
    for (model::ObjectFacts& object : objects_of(now)) {
      if (is_ours(object)) found.objects.push_back(std::move(object));
    }
    refuse_difference(expected, found);
  }

  // "REFERENCES `shop`.`customers`" as "REFERENCES `customers`".
  static std::string without_reference(const std::string& line, const std::string& schema) {
    const std::string qualified = "REFERENCES " + quote_name(schema) + ".";
    const std::size_t at = line.find(qualified);
    if (at == std::string::npos) return line;
    return line.substr(0, at) + "REFERENCES " + line.substr(at + qualified.size());
  }

  // The server needs its tables of time zones for names of them.
  void know_time_zone(const CodeDef& event) {
    const std::string set = "SET time_zone=" + quote_text(event.time_zone);
    const auto failure = connection_.try_run(set);
    connection_.run("SET time_zone='+00:00'");
    if (!failure) return;
    if (failure->number != error_unknown_time_zone) connection_.raise(*failure);
    if (!options_.on_scratch) {
      throw Error(Errc::unsupported,
                  fmt::format("event {} is of the time zone {}, which the server does not know",
                              event.name, event.time_zone))
          .set_hint(
              "Load its time zones: mariadb-tzinfo-to-sql /usr/share/zoneinfo | mariadb mysql");
    }
    // On a throw-away server no event runs: the name is enough.
    connection_.run("INSERT INTO mysql.time_zone (Use_leap_seconds) VALUES ('N')");
    connection_.run("SET @zone = LAST_INSERT_ID()");
    connection_.run(fmt::format("INSERT INTO mysql.time_zone_name VALUES ({}, @zone)",
                                quote_text(event.time_zone)));
    connection_.run("INSERT INTO mysql.time_zone_transition_type VALUES (@zone, 0, 0, 0, 'UTC')");
  }

  const model::PartSource& parts_;
  const model::DatabaseFacts& facts_;
  const model::Endpoint& into_;
  const LoadOptions& options_;
  std::stop_token stop_;
  Location location_;
  std::shared_ptr<const Secret> password_;
  std::vector<CopiedTable> tables_;
  Connection connection_;
  std::string from_;
  std::atomic<bool> without_local_{false};
  std::map<std::string, std::uint64_t> sizes_;                // of parts
  std::map<std::string, std::vector<std::string>> deferred_;  // keys by table
  std::vector<CodeDef> code_;
  LoadReport report_;
};

}  // namespace

LoadReport load_parts(const model::PartSource& parts, const model::DatabaseFacts& facts,
                      const model::Endpoint& into, const LoadOptions& options,
                      const std::stop_token& stop) {
  return Loader(parts, facts, into, options, stop).run();
}

}  // namespace holdfast::engine::mariadb
