// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/hold.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/mariadb/accounts.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/client.h"
#include "engine/mariadb/content.h"
#include "engine/mariadb/held_schema.h"
#include "engine/mariadb/server_lock.h"
#include "engine/mariadb/sessions.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/table_fence.h"
#include "engine/mariadb/table_locks.h"
#include "engine/mariadb/table_stream.h"
#include "engine/mariadb/target.h"

namespace holdfast::engine::mariadb {
namespace {

using namespace std::chrono_literals;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr unsigned lock_tries = 3;
// How often a moment without open transactions is looked for, before commits alone are stopped.
constexpr unsigned fence_refusals_max = 4;

// What is left of a fence's time once its locks are had is for fixing the moment.
SteadyTime waiting_until(SteadyTime deadline) {
  const SteadyTime now = std::chrono::steady_clock::now();
  return now + (deadline - now) * 3 / 5;
}

// Reads within a transaction and lets the definitions of what was read go again, so that whoever
// wants to change one waits for this alone.
template <typename Body>
auto in_savepoint(Connection& connection, Body body) {
  connection.run("SAVEPOINT holdfast");
  auto result = body();
  connection.run("ROLLBACK TO SAVEPOINT holdfast");
  return result;
}

class MariaHold final : public Hold {
 public:
  MariaHold(std::span<const model::Endpoint> endpoints, const HoldOptions& options);

  [[nodiscard]] bool fence(SteadyTime deadline) override;
  void capture() override;
  void unfence() override;
  [[nodiscard]] bool lets_writers_work() const override { return locks_.tables().empty(); }
  [[nodiscard]] model::Moment moment(std::size_t database) const override;
  [[nodiscard]] std::vector<model::Part> parts(std::size_t database) override;
  void copy(std::size_t database, const model::Part& part, model::PartSink& into,
            std::stop_token stop) override;
  void describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void outline(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void release() override;

 private:
  enum class Stage : std::uint8_t { held, fenced, captured, released };

  [[nodiscard]] HeldSchema& captured(std::size_t database);
  [[nodiscard]] Connection::Ended take_lock(SteadyTime deadline);
  [[nodiscard]] bool fence_tables(SteadyTime deadline);
  [[nodiscard]] bool lock_for_capture();
  void check_stop() const {
    if (options_.stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("{}: interrupted", location_.display()));
  }
  AccountSessions& account_of(const model::Endpoint& endpoint);
  void add_fence();
  void check_one_server();
  void begin_snapshots();
  void note_position();
  void check_definitions();
  void set_facts(HeldSchema& schema, model::DatabaseFacts& facts, const std::stop_token& stop);
  [[nodiscard]] PartRead read_part(HeldSchema& schema, const HeldTable& table, const HeldPart& part,
                                   ByteSink* into, const std::stop_token& stop);
  void copy_table(HeldSchema& schema, HeldTable& table, HeldPart& part, model::PartSink& into,
                  const std::stop_token& stop);
  void refuse_lost_lock(const TableDef& table);
  void refuse_another(HeldSchema& schema, const TableDef& def, const std::stop_token& stop);

  const HoldOptions options_;
  Location location_;  // of the first, for messages
  std::vector<std::unique_ptr<AccountSessions>> accounts_;
  std::vector<std::unique_ptr<HeldSchema>> schemas_;
  TableFence fence_;
  unsigned fence_refusals_left_ = 0;  // none: commits alone are stopped
  std::string_view fence_kind_;
  std::optional<ServerLock> lock_;
  Stage stage_ = Stage::held;
  bool was_fenced_ = false;
  bool fence_failed_ = false;
  SteadyTime deadline_{};  // of whatever is done under the server's lock
  SteadyTime locked_since_{};
  std::chrono::milliseconds lock_time_{0};
  model::Moment moment_;
  Json position_ = Json::object();
  std::mutex check_mutex_;  // guards the next; not the catalogs
  bool checked_ = false;    // the definitions, against those of before the moment
  std::mutex mutex_;        // guards what was copied
  TableLocks locks_;        // of tables without transactions; uses accounts_
};

MariaHold::MariaHold(std::span<const model::Endpoint> endpoints, const HoldOptions& options)
    : options_(options) {
  check_rule(!endpoints.empty(), "a hold has databases");
  location_ = location_of(endpoints[0]);
  for (const model::Endpoint& endpoint : endpoints) {
    const Location location = location_of(endpoint);
    auto schema = std::make_unique<HeldSchema>();
    schema->component = endpoint.component;
    schema->account = &account_of(endpoint);
    Connection& catalog = *schema->account->catalog;
    schema->def = read_schema(catalog, location.schema);
    schema->accounts = read_accounts(catalog, schema->def.name);
    std::vector<std::string> without_snapshots;
    for (const TableDef& table : schema->def.tables) {
      if (table.transactional || options.only_outline) continue;
      if (location.non_transactional == NonTransactional::refuse) {
        throw Error(Errc::not_consistent,
                    fmt::format("table {} of {} has the engine {}, which knows no transactions",
                                table.name, location.schema, table.engine))
            .set_hint("Convert it to InnoDB, or set nontransactional = \"lock\".");
      }
      without_snapshots.push_back(quote_name(schema->def.name, table.name));
    }
    locks_.add(*schema->account, without_snapshots);
    schema->plan(catalog);
    schemas_.push_back(std::move(schema));
  }
  add_fence();
  AccountSessions& first = *accounts_.front();
  lock_.emplace(first.location, first.password.get(), !locks_.tables().empty(), options.fence_max);
  for (const auto& account : accounts_) {
    for (unsigned i = 0; i < std::max(1U, options.parallel); ++i) {
      Connection session(account->location, account->password.get(), false);
      session.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
      account->in_snapshot.add(std::move(session));
    }
  }
  check_one_server();
}

// Only InnoDB's tables are refused to whoever wants to lock them while a transaction has written to
// them; others have their commits stopped.
void MariaHold::add_fence() {
  if (!options_.with_other_servers) return;
  std::map<AccountSessions*, std::vector<std::string>> tables;
  for (const auto& schema : schemas_) {
    for (const TableDef& table : schema->def.tables) {
      if (table.rows_elsewhere) continue;
      if (table.engine != "InnoDB") return;
      tables[schema->account].push_back(quote_name(schema->def.name, table.name));
    }
  }
  for (const auto& [account, names] : tables)
    fence_.add(account->location, account->password.get(), names, 3 * options_.fence_max);
  fence_refusals_left_ = fence_.is_known_to_server() ? fence_refusals_max : 0;
}

AccountSessions& MariaHold::account_of(const model::Endpoint& endpoint) {
  const Location location = location_of(endpoint);
  for (const auto& account : accounts_) {
    if (account->location.user == location.user) return *account;
  }
  auto account = std::make_unique<AccountSessions>();
  account->location = location;
  account->password = endpoint.password;
  account->catalog.emplace(location, endpoint.password.get(), false, options_.stop);
  return *accounts_.emplace_back(std::move(account));
}

// Something between us and several servers may give each session another one.
void MariaHold::check_one_server() {
  const std::string identity = server_identity(lock_->connection());
  const auto check = [&](Connection& session) {
    if (server_identity(session) == identity) return;
    throw Error(Errc::unsupported,
                fmt::format("{}: sessions reach different servers", location_.display()))
        .set_hint("Name the server itself, not a proxy that spreads sessions.");
  };
  for (const auto& account : accounts_) {
    check(*account->catalog);
    for (Connection& session : account->in_snapshot.all()) check(session);
  }
  locks_.each_session(check);
  fence_.each_session(check);
}

HeldSchema& MariaHold::captured(std::size_t database) {
  check_rule(stage_ == Stage::captured || stage_ == Stage::released, "the hold was captured");
  check_rule(database < schemas_.size(), "the hold has this database");
  return *schemas_[database];
}

// Waits for a part of the time only: a lock keeps writers waiting while it is waited for, and while
// the moment is fixed.
Connection::Ended MariaHold::take_lock(SteadyTime deadline) {
  check_stop();
  deadline_ = deadline;
  const auto ended = lock_->take(waiting_until(deadline), options_.stop);
  locked_since_ = std::chrono::steady_clock::now();
  return ended;
}

bool MariaHold::fence_tables(SteadyTime deadline) {
  check_stop();
  deadline_ = deadline;
  bool taken = false;
  try {
    taken = fence_.take(waiting_until(deadline), options_.stop);
  } catch (const Error& error) {
    // Without LOCK TABLES, or the session: commits alone can still be stopped.
    if (error.code() != Errc::denied && error.code() != Errc::unavailable) throw;
    fence_refusals_left_ = 1;
  }
  locked_since_ = std::chrono::steady_clock::now();
  if (!taken) --fence_refusals_left_;
  return taken;
}
bool MariaHold::fence(SteadyTime deadline) {
  check_rule(stage_ == Stage::held, "a fence comes first");
  const bool by_tables = fence_refusals_left_ > 0;
  if (by_tables) {
    if (!fence_tables(deadline)) return false;
  } else {
    const auto ended = take_lock(deadline);
    if (ended == Connection::Ended::denied)
      throw Error(Errc::unsupported,
                  fmt::format("{}: our account lacks RELOAD, without which writers cannot be "
                              "stopped",
                              location_.display()));
    fence_failed_ = ended == Connection::Ended::late;
    if (fence_failed_) return false;
  }
  fence_kind_ = by_tables ? "tables" : "commits";
  stage_ = Stage::fenced;
  was_fenced_ = true;
  return true;
}

// For several sessions to begin at one moment nobody may commit between them. True if that is so.
bool MariaHold::lock_for_capture() {
  if (fence_.is_held() || lock_->is_held()) return true;
  if (options_.only_outline) return false;
  const bool one_session = accounts_.size() == 1 && options_.parallel <= 1;
  const bool needs_lock = !locks_.tables().empty() || accounts_.size() > 1;
  if (one_session && !needs_lock) return false;
  // What fences have tried in vain is tried again only if nothing goes without it.
  const unsigned tries = !fence_failed_ ? lock_tries : (needs_lock ? 1 : 0);
  for (unsigned attempt = 0; attempt < tries; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(100ms);
    const auto ended = take_lock(std::chrono::steady_clock::now() + options_.fence_max);
    if (ended == Connection::Ended::done) return true;
    if (ended == Connection::Ended::late) continue;
    if (!needs_lock) return false;  // one session alone needs no lock
    throw Error(Errc::denied,
                fmt::format("{}: our account lacks RELOAD, without which writers cannot be stopped",
                            location_.display()))
        .set_hint("`holdfast grants backup -I FILE` prints what the user needs.");
  }
  if (accounts_.size() > 1) {
    throw Error(Errc::unavailable,
                fmt::format("{}: writers could not be stopped within {} ms, which the sessions of "
                            "several accounts need for one moment",
                            location_.display(), options_.fence_max.count()))
        .set_hint("Raise limits.fence_ms, or give the databases of the server one user.");
  }
  if (!locks_.tables().empty()) {
    throw Error(Errc::unavailable,
                fmt::format("{}: writers of {} could not be stopped within {} ms",
                            location_.display(), locks_.tables()[0], options_.fence_max.count()))
        .set_hint("Raise limits.fence_ms, or convert the table to InnoDB.");
  }
  return false;
}

void MariaHold::capture() {
  check_rule(stage_ == Stage::held || stage_ == Stage::fenced, "a hold is captured once");
  try {
    check_stop();
    const bool locked = lock_for_capture();
    if (!locked) {
      std::vector<Connection>& all = accounts_.front()->in_snapshot.all();
      while (all.size() > 1) all.pop_back();
    }
    moment_.fenced = was_fenced_;
    begin_snapshots();
    note_position();
    locks_.take(deadline_, options_.writer_stall_max, location_.display());
    if (locked && !was_fenced_) unfence();
    // Where others wait for us, later.
    if (!was_fenced_ && locks_.tables().empty()) check_definitions();
    check_stop();
    for (const auto& account : accounts_) account->catalog->stop_with({});
  } catch (const Error&) {
    locks_.let_go();
    fence_ = {};
    lock_.reset();
    accounts_.clear();
    throw;
  }
  stage_ = Stage::captured;
}

void MariaHold::begin_snapshots() {
  moment_.earliest = system_clock().now();
  for (const auto& account : accounts_) {
    for (Connection& session : account->in_snapshot.all())
      session.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
  }
  moment_.latest = system_clock().now();
  // Sequences know no snapshots. Not through a session that would keep its definition still.
  for (const auto& schema : schemas_) {
    for (SequenceDef& sequence : schema->def.sequences)
      read_sequence(*schema->account->catalog, schema->def.name, sequence);
  }
}

// Where the log stood. Not knowing it spoils nothing but following the log from here.
void MariaHold::note_position() {
  Connection& first = accounts_.front()->in_snapshot.all().front();
  std::string file;
  std::string offset;
  std::string gtid;
  if (first.is_mariadb()) {
    // These belong to the snapshot itself, lock or no lock.
    for (const auto& line : first.query("SHOW STATUS LIKE 'binlog\\_snapshot\\_%'")) {
      const std::string name = line[0].value_or("");
      if (name == "Binlog_snapshot_file") file = line[1].value_or("");
      if (name == "Binlog_snapshot_position") offset = line[1].value_or("");
    }
    const std::string ask =
        fmt::format("SELECT BINLOG_GTID_POS({}, {})", quote_text(file), quote_text(offset));
    if (!file.empty() && !first.try_run(ask)) gtid = first.value(ask);
  } else if (lock_->is_held() || fence_.is_held()) {
    const bool renamed = first.version_number() >= 80'400;
    Connection& connection = lock_->connection();
    if (!connection.try_run(renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS")) {
      const auto status =
          connection.query(renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
      if (!status.empty()) {
        file = status[0][0].value_or("");
        offset = status[0][1].value_or("");
      }
      gtid = connection.value("SELECT @@GLOBAL.gtid_executed");
    }
  }
  if (file.empty()) return;
  moment_.position = gtid.empty() ? file + ":" + offset : gtid;
  position_.set("binlog_file", file).set("binlog_position", offset).set("gtid", gtid);
}

void MariaHold::unfence() {
  if (!fence_.is_held() && !(lock_ && lock_->is_held())) return;
  try {
    if (fence_.is_held())
      fence_.let_go();
    else
      lock_->let_go();
  } catch (const Error&) {
    if (stage_ != Stage::fenced) throw;  // a try that failed loses nothing
    fence_refusals_left_ = 0;
  }
  lock_time_ = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - locked_since_);
  if (stage_ == Stage::fenced) {
    stage_ = Stage::held;
    was_fenced_ = false;
  }
}

model::Moment MariaHold::moment(std::size_t database) const {
  check_rule(stage_ == Stage::captured || stage_ == Stage::released, "the hold was captured");
  check_rule(database < schemas_.size(), "the hold has this database");
  return moment_;
}

// Definitions know no snapshots: what was read before the moment must be there after it. A change
// in between shows here, a later one when the table is read. Tables that keep writers out do not
// wait for this.
void MariaHold::check_definitions() {
  const std::lock_guard check_guard(check_mutex_);
  if (checked_) return;
  for (const auto& schema : schemas_) {
    const std::lock_guard guard(schema->account->catalog_mutex);
    const SchemaDef now = read_schema(*schema->account->catalog, schema->def.name);
    if (const auto found = difference(schema->def, now)) {
      throw Error(Errc::not_consistent,
                  fmt::format("while the moment of {} was fixed, {}", schema->def.name, *found))
          .set_hint("Run the backup again when nobody changes definitions.");
    }
    // Counters only grow: these are as high as the rows of the moment at least.
    for (TableDef& table : schema->def.tables) {
      if (const TableDef* const later = now.table(table.name)) table.recount(*later);
    }
  }
  checked_ = true;
}

std::vector<model::Part> MariaHold::parts(std::size_t database) {
  HeldSchema& schema = captured(database);
  if (locks_.tables().empty()) check_definitions();
  const std::lock_guard guard(check_mutex_);
  return schema.parts();
}

void MariaHold::copy(std::size_t database, const model::Part& part, model::PartSink& into,
                     std::stop_token stop) {
  HeldSchema& schema = captured(database);
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  for (HeldTable& table : schema.tables) {
    for (HeldPart& candidate : table.parts) {
      if (candidate.path == part.path) return copy_table(schema, table, candidate, into, stop);
    }
  }
  check_definitions();
  const std::string text = schema.script(part.path);
  if (text.empty())
    throw Error(Errc::not_found,
                fmt::format("schema {} has no part {}", schema.def.name, part.path));
  const auto segment = into.segment(0);
  segment->write(as_bytes(text));
  segment->finish();
}

void MariaHold::refuse_lost_lock(const TableDef& table) {
  if (!locks_.ran_out()) return;
  throw Error(
      Errc::not_consistent,
      fmt::format("table {} knows no transactions, and copying such tables took longer than "
                  "the {} ms for which writers may be kept waiting",
                  table.name, options_.writer_stall_max.count()))
      .set_hint("Convert it to InnoDB, or raise limits.writer_stall_ms.");
}

// Reading keeps the definition still until the savepoint is gone back to: what is there then is
// what was read.
PartRead MariaHold::read_part(HeldSchema& schema, const HeldTable& table, const HeldPart& part,
                              ByteSink* into, const std::stop_token& stop) {
  const TableDef& def = schema.def_of(table);
  if (def.transactional) check_definitions();
  Sessions::Lease lease = schema.account->in_snapshot.take(stop);
  PartRead read = in_savepoint(*lease, [&] {
    PartRead found;
    const auto shown_to =
        options_.row_tap ? options_.row_tap(schema.component, {"", def.name}) : nullptr;
    found.rows = read_table(*lease, schema.def.name, def, part.range, into, shown_to.get(),
                            Errc::not_consistent);
    found.highest = highest_number(*lease, schema.def.name, def);
    if (def.transactional) refuse_another(schema, def, stop);
    return found;
  });
  if (!def.transactional) refuse_lost_lock(def);
  return read;
}

void MariaHold::refuse_another(HeldSchema& schema, const TableDef& def,
                               const std::stop_token& stop) {
  const std::lock_guard guard(schema.account->catalog_mutex);
  Connection& catalog = *schema.account->catalog;
  catalog.stop_with(stop);
  const bool is_same = is_same_table(catalog, schema.def.name, def);
  catalog.stop_with({});
  if (is_same) return;
  throw Error(Errc::not_consistent,
              fmt::format("table {} of {} was altered, or another took its name, before it was "
                          "copied",
                          def.name, schema.def.name))
      .set_hint("Run the backup again when nobody changes definitions.");
}

void MariaHold::copy_table(HeldSchema& schema, HeldTable& table, HeldPart& part,
                           model::PartSink& into, const std::stop_token& stop) {
  const auto segment = into.segment(0);
  PartRead read = read_part(schema, table, part, segment.get(), stop);
  segment->finish();
  const bool is_first = [&] {
    const std::lock_guard guard(mutex_);
    return !std::exchange(part.copied, std::move(read)).has_value();
  }();
  if (!schema.def_of(table).transactional && is_first) locks_.part_copied();
}

void MariaHold::describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) {
  HeldSchema& schema = captured(database);
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  check_definitions();
  const std::lock_guard guard(mutex_);
  std::uint64_t widest = 0;
  facts.tables.clear();
  facts.objects = objects_of(schema.def);
  for (HeldTable& table : schema.tables) {
    const TableDef& def = schema.def_of(table);
    model::TableDigest digest;
    std::string highest;
    for (HeldPart& part : table.parts) {
      if (!part.copied) part.copied = read_part(schema, table, part, nullptr, stop);
      digest.add(part.copied->rows.digest);
      widest = std::max(widest, part.copied->rows.widest_row_bytes);
      highest = part.copied->highest;
    }
    facts.tables.push_back({"", def.name, digest.rows(), digest.hex()});
    if (auto counter = counter_fact(def, highest)) facts.objects.push_back(std::move(*counter));
  }
  set_facts(schema, facts, stop);
  add_grants(schema.accounts, facts);
  facts.engine_facts.set("widest_row_bytes", widest);
}

// All that a load goes by; not how wide the rows are, which only reading them tells.
void MariaHold::outline(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) {
  HeldSchema& schema = captured(database);
  check_definitions();
  set_facts(schema, facts, stop);
  model::DatabaseFacts with_grants;
  add_grants(schema.accounts, with_grants);
  facts.engine_facts.set("grants", *with_grants.engine_facts.find("grants"));
}

void MariaHold::set_facts(HeldSchema& schema, model::DatabaseFacts& facts,
                          const std::stop_token& stop) {
  Sessions::Lease lease = schema.account->in_snapshot.take(stop);
  facts.version = (*lease).version();
  facts.engine_facts = server_facts(*lease, schema.def);
  {
    const std::lock_guard guard(schema.account->catalog_mutex);
    add_needs(*schema.account->catalog, schema.def, facts.engine_facts);
  }
  add_fragile(schema.def, facts.engine_facts);
  facts.engine_facts.set("accounts_hidden", schema.accounts.hidden);
  facts.engine_facts.set("tables", schema.table_facts());
  facts.engine_facts.set("position", position_);
  if (moment_.fenced) facts.engine_facts.set("fence", std::string(fence_kind_));
  facts.engine_facts.set("lock_ms", static_cast<std::uint64_t>(lock_time_.count()));
}

void MariaHold::release() {
  check_rule(stage_ == Stage::captured, "a captured hold is released once");
  locks_.let_go();
  std::optional<Failure> lost = locks_.lost();
  for (const auto& account : accounts_) {
    for (Connection& session : account->in_snapshot.all()) {
      if (!lost) lost = session.ping();
    }
  }
  if (lost) {
    throw Error(Errc::not_consistent, fmt::format("{}: a session that held the moment is gone: {}",
                                                  location_.display(), lost->display()))
        .set_hint("Run the backup again; the server's log may say who ended the session.");
  }
  stage_ = Stage::released;
}

}  // namespace

std::unique_ptr<Hold> make_hold(std::span<const model::Endpoint> endpoints,
                                const HoldOptions& options) {
  return std::make_unique<MariaHold>(endpoints, options);
}

}  // namespace holdfast::engine::mariadb
