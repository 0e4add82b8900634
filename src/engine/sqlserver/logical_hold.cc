// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/logical_hold.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>
#include <optional>

#include "base/crew.h"
#include "base/error.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "engine/sqlserver/database_snapshot.h"
#include "engine/sqlserver/schema_script.h"
#include "engine/sqlserver/session_pool.h"
#include "engine/sqlserver/table_copy.h"

namespace holdfast::engine::sqlserver {
namespace {

struct HeldTable {
  SqlTable rows;
  std::string path;
  std::uint64_t size_bytes = 0;
  std::optional<model::TableDigest> read;
};

// What a catalog says, as it goes into a manifest and its scripts.
struct Described {
  ServerInfo server;
  Catalog catalog;
  std::vector<Statement> statements;
  std::vector<HeldTable> tables;
};

struct Held {
  std::string component;
  Location location;
  std::shared_ptr<const Secret> password;
  Described content;
  std::string isolation, why;                  // "session", and why no database snapshot
  std::unique_ptr<DatabaseSnapshot> snapshot;  // outlives the sessions that read it
  std::optional<SessionPool> sessions;
  model::Moment moment;
  std::mutex mutex;  // guards HeldTable::read
};

Described describe_content(Session& session) {
  Described content;
  content.server = read_server(session);
  content.catalog = read_catalog(session);
  content.statements = statements_of(content.catalog);
  for (const CatalogTable& table : content.catalog.tables) {
    if (!table.left_out.empty()) continue;
    content.tables.push_back({table.rows(), rows_part(table.name), table.size_bytes, {}});
  }
  return content;
}

// Whatever fails because the database snapshot has gone meanwhile says that.
template <typename Body>
auto reading(const Held& held, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    if (held.snapshot != nullptr && error.code() != Errc::cancelled)
      held.snapshot->check_there(error);
    throw;
  }
}

Json to_json(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push(text);
  return list;
}

void tell_content(const Described& content, model::DatabaseFacts& facts) {
  const Catalog& catalog = content.catalog;
  facts.version = content.server.version;
  Json& told = facts.engine_facts;
  told = Json::object();
  told.set("method", "logical");
  told.set("server_version", content.server.version);
  told.set("product", content.server.product);
  told.set("edition", content.server.edition_name);
  told.set("is_sql_server", content.server.is_sql_server);
  told.set("database", catalog.database);
  told.set("collation", catalog.collation);
  told.set("owner", catalog.owner);
  std::uint64_t bytes = 0;
  Json tables = Json::array();
  for (const HeldTable& table : content.tables) {
    const CatalogTable& of = *catalog.table(table.rows.name);
    Json one = to_json(table.rows);
    one.set("path", table.path);
    for (const CatalogColumn& column : of.columns)
      if (column.column.is_identity && !column.last.empty()) one.set("last_identity", column.last);
    tables.push(std::move(one));
    bytes += table.size_bytes;
  }
  told.set("tables", std::move(tables));
  told.set("size_bytes", bytes);
  std::vector<std::string> logins;
  for (const CatalogUser& user : catalog.users)
    if (!user.login.empty()) logins.push_back(user.login);
  told.set("logins", to_json(logins));
  std::vector<std::string> broken;
  for (const CatalogModule& module : catalog.modules)
    if (module.is_broken) broken.push_back(module.name.display());
  told.set("broken_views", to_json(broken));
  told.set("left_out", to_json(catalog.left_out));
  told.set("unobservable", to_json(catalog.unobservable));
}

// What was read of the tables, in their order; and hashes of definitions.
void tell_rows(const Described& content, std::span<const model::TableDigest> digests,
               model::DatabaseFacts& facts) {
  facts.objects = objects_of(content.statements);
  facts.tables.clear();
  for (std::size_t i = 0; i < content.tables.size(); ++i) {
    const SqlName& name = content.tables[i].rows.name;
    facts.tables.push_back({name.schema, name.table, digests[i].rows(), digests[i].hex()});
  }
}

class LogicalHold final : public Hold {
 public:
  LogicalHold(std::span<const model::Endpoint> endpoints, const HoldOptions& options)
      : options_(options) {
    check_rule(!endpoints.empty(), "a hold has databases");
    for (const model::Endpoint& endpoint : endpoints) {
      auto held = std::make_unique<Held>();
      held->component = endpoint.component;
      held->location = location_of(endpoint);
      held->password = endpoint.password;
      // Whoever cannot get in is told before anything is stopped.
      const Session session(held->location, held->password.get(), true, options_.stop);
      databases_.push_back(std::move(held));
    }
  }

  void capture() override;
  [[nodiscard]] model::Moment moment(std::size_t database) const override {
    return databases_.at(database)->moment;
  }
  [[nodiscard]] std::vector<model::Part> parts(std::size_t database) override;
  void copy(std::size_t database, const model::Part& part, model::PartSink& into,
            std::stop_token stop) override;
  void describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void outline(std::size_t database, model::DatabaseFacts& facts,
               std::stop_token /*stop*/) override {
    tell(captured(database), facts);
  }
  void release() override;

 private:
  enum class Stage : std::uint8_t { held, captured, released };

  [[nodiscard]] Held& captured(std::size_t database) {
    check_rule(stage_ == Stage::captured || stage_ == Stage::released, "the hold was captured");
    return *databases_.at(database);
  }
  void capture_one(Held& held);
  [[nodiscard]] bool take_snapshot(Held& held, Session& session);
  void begin_transaction(Held& held);
  static void tell(const Held& held, model::DatabaseFacts& facts);
  [[nodiscard]] std::unique_ptr<model::RowSink> tap(const Held& held, const SqlTable& table) const {
    return options_.row_tap ? options_.row_tap(held.component, table.name) : nullptr;
  }
  [[nodiscard]] model::TableDigest read(Held& held, const SqlTable& table, ByteSink* into,
                                        const std::stop_token& stop);

  const HoldOptions options_;
  std::vector<std::unique_ptr<Held>> databases_;
  Stage stage_ = Stage::held;
};

void LogicalHold::capture() {
  check_rule(stage_ == Stage::held, "a hold is captured once");
  try {
    for (const auto& held : databases_)
      in_context("capturing " + held->location.display(), [&] { capture_one(*held); });
  } catch (const Error&) {
    databases_.clear();
    throw;
  }
  stage_ = Stage::captured;
}

void LogicalHold::capture_one(Held& held) {
  auto session = std::make_unique<Session>(held.location, held.password.get(), true, options_.stop);
  held.moment.earliest = held.moment.latest = system_clock().now();
  if (options_.only_outline) {
    held.content = describe_content(*session);
    return;
  }
  if (held.location.isolation != Isolation::session && take_snapshot(held, *session)) {
    auto reader = std::make_unique<Session>(held.snapshot->location(), held.password.get(), true,
                                            options_.stop);
    held.content = describe_content(*reader);
    reader->stop_with({});
    held.sessions.emplace(held.snapshot->location(), held.password, std::move(reader),
                          std::max(1U, options_.parallel));
    return;
  }
  if (held.location.isolation == Isolation::database_snapshot)
    throw Error(Errc::unsupported, fmt::format("{}: no database snapshot could be made: {}",
                                               held.location.display(), held.why))
        .set_hint("Give the user CREATE ANY DATABASE, or set isolation = \"session\".");
  begin_transaction(held);
}

bool LogicalHold::take_snapshot(Held& held, Session& session) {
  const DatabaseSnapshot::Announce announce = [&](std::string_view what, const Json& undo) {
    if (options_.before_change) options_.before_change(held.component, what, undo);
  };
  held.moment.earliest = system_clock().now();
  held.snapshot =
      DatabaseSnapshot::make(session, read_server(session), held.password, announce, held.why);
  held.moment.latest = system_clock().now();
  if (held.snapshot == nullptr) return false;
  held.isolation = "database_snapshot";
  return true;
}

// The view of the transaction begins with the first row it reads. Definitions know no such view:
// what was read before it must be there after it, and a table that is altered later is refused by
// the server (3961).
void LogicalHold::begin_transaction(Held& held) {
  held.isolation = "session";
  Session catalog(held.location, held.password.get(), true, options_.stop);
  held.content = describe_content(catalog);
  auto reader = std::make_unique<Session>(held.location, held.password.get(), true, options_.stop);
  reader->run("SET TRANSACTION ISOLATION LEVEL SNAPSHOT");
  held.moment.earliest = system_clock().now();
  reader->run("BEGIN TRANSACTION");
  if (!held.content.tables.empty()) {
    const auto errors = reader->try_run(
        fmt::format("SELECT TOP (1) 1 FROM {}", quoted(held.content.tables.front().rows.name)));
    if (std::ranges::any_of(errors, [](const Message& one) { return one.number == 3952; }))
      throw Error(Errc::unsupported, fmt::format("{}: SNAPSHOT isolation is off, and there is no "
                                                 "database snapshot ({})",
                                                 held.location.display(), held.why))
          .set_hint(fmt::format("ALTER DATABASE {} SET ALLOW_SNAPSHOT_ISOLATION ON; it needs no "
                                "pause.",
                                identifier(held.location.database)));
    if (!errors.empty()) reader->raise(errors, "fixing the moment");
  }
  held.moment.latest = system_clock().now();
  // Counters are those of afterwards: as far as the rows at least.
  Described now = describe_content(catalog);
  const auto before = objects_of(held.content.statements);
  const auto after = objects_of(now.statements);
  const bool is_same = std::ranges::equal(before, after, [](const auto& one, const auto& other) {
    return one.kind == other.kind && one.name == other.name &&
           one.definition_sha256 == other.definition_sha256;
  });
  if (!is_same)
    throw Error(Errc::not_consistent, fmt::format("{}: definitions changed while the moment was "
                                                  "fixed",
                                                  held.location.display()))
        .set_hint("Run the backup again when nobody changes definitions.");
  held.content = std::move(now);
  reader->stop_with({});
  held.sessions.emplace(held.location, held.password, std::move(reader), 1U);
}

std::vector<model::Part> LogicalHold::parts(std::size_t database) {
  const Held& held = captured(database);
  std::vector<model::Part> parts;
  for (const HeldTable& table : held.content.tables) {
    model::Part part;
    part.path = table.path;
    part.bytes_estimate = table.size_bytes;
    parts.push_back(std::move(part));
  }
  std::ranges::stable_sort(parts, std::greater<>(), &model::Part::bytes_estimate);
  for (const std::string_view path : {schema_part, prerequisites_part}) {
    model::Part part;
    part.path = path;
    parts.insert(parts.begin(), std::move(part));
  }
  return parts;
}

model::TableDigest LogicalHold::read(Held& held, const SqlTable& table, ByteSink* into,
                                     const std::stop_token& stop) {
  check_rule(held.sessions.has_value(), "rows are read while they are held");
  SessionPool::Lease session = reading(held, [&] { return held.sessions->take(stop); });
  const auto shown_to = tap(held, table);
  try {
    return reading(held, [&] { return copy_rows(*session, table, into, shown_to.get(), stop); });
  } catch (Error& error) {
    error.add_context("reading table " + table.name.display());
    if (error.code() != Errc::not_found) throw;
    throw Error(Errc::not_consistent, error.message())
        .set_hint("Run the backup again when nobody changes definitions.");
  }
}

void LogicalHold::copy(std::size_t database, const model::Part& part, model::PartSink& into,
                       std::stop_token stop) {
  Held& held = captured(database);
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  const auto table = std::ranges::find(held.content.tables, part.path, &HeldTable::path);
  if (table == held.content.tables.end()) {
    if (part.path != schema_part && part.path != prerequisites_part)
      throw Error(Errc::not_found,
                  fmt::format("{} has no part {}", held.location.display(), part.path));
    const std::string text = part.path == schema_part ? script_of(held.content.statements)
                                                      : prerequisites_of(held.content.catalog);
    const auto segment = into.segment(0);
    segment->write(as_bytes(text));
    segment->finish();
    return;
  }
  const auto segment = into.segment(0);
  model::TableDigest digest = read(held, table->rows, segment.get(), stop);
  segment->finish();
  const std::lock_guard guard(held.mutex);
  table->read = digest;
}

void LogicalHold::tell(const Held& held, model::DatabaseFacts& facts) {
  tell_content(held.content, facts);
  if (held.isolation.empty()) return;
  facts.engine_facts.set("isolation", held.isolation);
  if (!held.why.empty()) facts.engine_facts.set("isolation_why", held.why);
}

// What was not copied is read now.
void LogicalHold::describe(std::size_t database, model::DatabaseFacts& facts,
                           std::stop_token stop) {
  Held& held = captured(database);
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  tell(held, facts);
  std::vector<HeldTable>& tables = held.content.tables;
  std::vector<model::TableDigest> digests(tables.size());
  std::vector<DigestTask> tasks;
  {
    const std::lock_guard guard(held.mutex);
    for (std::size_t i = 0; i < tables.size(); ++i) {
      if (tables[i].read)
        digests[i] = *tables[i].read;
      else
        tasks.push_back({&tables[i].rows, &digests[i],
                         [this, &held, &table = tables[i].rows] { return tap(held, table); }});
    }
  }
  if (!tasks.empty()) {
    check_rule(held.sessions.has_value(), "rows are read while they are held");
    const bool is_shared = held.snapshot != nullptr;
    reading(held,
            [&] { digest_tables(*held.sessions, tasks, is_shared ? options_.parallel : 1, stop); });
  }
  tell_rows(held.content, digests, facts);
}

void LogicalHold::release() {
  check_rule(stage_ == Stage::captured, "a captured hold is released once");
  for (const auto& held : databases_) {
    if (!held->sessions) continue;
    bool is_there = false;
    try {
      SessionPool::Lease session = held->sessions->take({});
      is_there = held->snapshot != nullptr || session->value("SELECT @@TRANCOUNT") == "1";
      if (held->snapshot == nullptr && is_there) session->run("COMMIT TRANSACTION");
    } catch (const Error& error) {
      log(LogLevel::warn, "a session that held the moment is gone", {{"why", error.what()}});
      is_there = false;
    }
    held->sessions.reset();
    held->snapshot.reset();
    if (!is_there)
      throw Error(Errc::not_consistent,
                  fmt::format("{}: the session that held the moment is gone, or its transaction",
                              held->location.display()));
  }
  stage_ = Stage::released;
}

}  // namespace

std::unique_ptr<Hold> make_logical_hold(std::span<const model::Endpoint> endpoints,
                                        const HoldOptions& options) {
  return std::make_unique<LogicalHold>(endpoints, options);
}

void describe_database(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                       const std::stop_token& stop) {
  const Location location = location_of(endpoint);
  auto session = std::make_unique<Session>(location, endpoint.password.get(), true, stop);
  Described content = describe_content(*session);
  std::vector<model::TableDigest> digests(content.tables.size());
  std::vector<DigestTask> tasks;
  for (std::size_t i = 0; i < content.tables.size(); ++i)
    tasks.push_back({&content.tables[i].rows, &digests[i]});
  const unsigned parallel = cores_available();
  SessionPool pool(location, endpoint.password, std::move(session), parallel);
  digest_tables(pool, tasks, parallel, stop);
  tell_content(content, facts);
  tell_rows(content, digests, facts);
}

}  // namespace holdfast::engine::sqlserver
