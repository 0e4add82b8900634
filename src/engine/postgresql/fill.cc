// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/fill.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "base/crew.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/postgresql/catalog.h"
#include "engine/postgresql/plain_dump.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sql.h"
#include "engine/postgresql/sqlstate.h"
#include "engine/postgresql/table_copy.h"

namespace holdfast::engine::postgresql {
namespace {

constexpr std::size_t copy_bytes = 64U << 10U;
constexpr std::size_t shown_bytes = 120;
constexpr int lock_tries = 8;
// Less than that is logged at the end of its transaction (wal_skip_threshold).
constexpr std::uint64_t unlogged_bytes_min = std::uint64_t{2} << 20U;

// Statements that may hold passwords: of servers and their users, subscriptions, roles.
bool is_secret(const std::vector<Token>& tokens) {
  if (tokens.size() < 2 || !(tokens[0].is("CREATE") || tokens[0].is("ALTER"))) return false;
  for (const std::string_view kind : {"SERVER", "USER", "SUBSCRIPTION", "ROLE", "GROUP"}) {
    if (tokens[1].is(kind)) return true;
  }
  return tokens.size() > 3 && tokens[1].is("FOREIGN") && tokens[3].is("WRAPPER");
}

// COMMENT ON, ALTER, GRANT … ON, REVOKE … ON SCHEMA public.
bool is_about_public(const std::vector<Token>& tokens) {
  if (tokens.empty() || tokens[0].is("CREATE") || tokens[0].is("DROP")) return false;
  for (std::size_t i = 1; i + 1 < tokens.size(); ++i)
    if (tokens[i].is("SCHEMA")) return tokens[i + 1].is_name() && tokens[i + 1].name() == "public";
  return false;
}

// ALTER … schema.name OWNER TO role takes, of who is no superuser, that the role may make things in
// the schema; where it was made it may have been otherwise. The right for that one statement: who
// gets it, and in which schema.
struct OwnerChange {
  std::string schema, role;
};
std::optional<OwnerChange> owner_change_of(std::string_view statement) {
  constexpr std::size_t longest = 4096;
  if (statement.size() > longest) return std::nullopt;
  const std::vector<Token> tokens = tokens_of(statement);
  const std::size_t count = tokens.size();
  if (count < 7 || !tokens[0].is("ALTER") || !tokens[count - 3].is("OWNER") ||
      !tokens[count - 2].is("TO") || !tokens[count - 1].is_name())
    return std::nullopt;
  for (std::size_t i = 2; i + 5 < count; ++i) {
    if (tokens[i].is_name() && tokens[i + 1].is_symbol('.'))
      return OwnerChange{quote_name(tokens[i].name()), quote_name(tokens[count - 1].name())};
  }
  return std::nullopt;
}

constexpr std::string_view passed_over = "passed over";

// Runs a statement. The SQLSTATE of a refusal, or nothing if all went well; `passed_over` for
// settings of other versions, and where the schema `public` is not ours, as up to version 14: it
// stays as it is there, and the proof knows whether that is as in the copy.
std::string try_statement(Connection& connection, const SchemaStatement& statement,
                          std::string& message) {
  const bool secret = is_secret(tokens_of(statement.text, 4));
  // The server's log would have it whole.
  const bool hushed =
      secret && connection.value("SELECT pg_catalog.current_setting('is_superuser')") == "on";
  if (hushed) {
    connection.run(
        "SET log_min_error_statement = panic; SET log_statement = none;"
        " SET log_min_duration_statement = -1");
  }
  std::string state = connection.attempt(statement.text, &message);
  if (hushed && state.empty()) {
    connection.run(
        "RESET log_min_error_statement; RESET log_statement; RESET log_min_duration_statement");
  }
  if (statement.kind == StatementKind::setting && state == "42704") return std::string(passed_over);
  if (state == "42501" && is_about_public(tokens_of(statement.text, 20))) {
    log(LogLevel::info, "the schema public is not ours and stays as it is",
        {{"statement", statement.text}});
    return std::string(passed_over);
  }
  if (const auto change = state == "42501" ? owner_change_of(statement.text) : std::nullopt) {
    const std::string right = fmt::format("CREATE ON SCHEMA {}", change->schema);
    const std::string lent =
        fmt::format("BEGIN; GRANT {0} TO {1}; {2}; REVOKE {0} FROM {1}; COMMIT", right,
                    change->role, statement.text);
    const std::string refused = connection.attempt(lent);
    if (refused.empty()) return "";
    if (refused != "25P02") connection.rollback();  // that is somebody else's transaction
  }
  // Of a syntax error the server says what stands there.
  if (secret && state == "42601") message = "a syntax error";
  return state;
}

// Other than refusal()'s: what is said of a definition tells of the copy.
Errc code_of(std::string_view state) {
  if (state == "42501") return Errc::denied;
  if (state == "53100") return Errc::no_space;
  // Connections, memory and locks of the server, others who have won a deadlock or hold a lock, and
  // its end.
  for (const char* group : {"08", "53", "40", "57"})
    if (state.starts_with(group)) return Errc::unavailable;
  if (state == "55P03" || state == "55006") return Errc::unavailable;
  // What the server lacks: extensions, their files, features.
  if (state.starts_with("0A") || state == "58P01") return Errc::unsupported;
  if (state.starts_with("58")) return Errc::io;
  return Errc::not_consistent;
}

[[noreturn]] void refuse(const Connection& connection, std::string_view text,
                         std::string_view state, std::string_view message) {
  Error error(code_of(state),
              fmt::format("{}: {} (SQLSTATE {}) in: {}", connection.location().component, message,
                          state, shown_statement(text)));
  std::string_view hint = hint_of(state);
  if (state == "42501") {
    hint =
        "`holdfast grants restore` prints what the role needs; [restore.owner] maps "
        "owners to others.";
  }
  if (!hint.empty()) error.set_hint(hint);
  throw error;
}

// What one session copies at a time.
struct CopyTask {
  const TableLoad* table;
  std::span<const TableLoad::Piece> pieces;
  std::uint64_t size_bytes;
  bool skips_log;
};

std::uint64_t size_of(std::span<const TableLoad::Piece> pieces) {
  std::uint64_t size_bytes = 0;
  for (const TableLoad::Piece& piece : pieces) size_bytes += piece.size_bytes;
  return size_bytes;
}

// Tables up to a session's share stay whole, so that their rows lie as they lay; of larger ones the
// sessions take the pieces in turn. Where a session may do without the log if it has a table to
// itself (`can_skip_log`), that is worth waiting for its end a little.
std::vector<CopyTask> cut_tasks(const std::vector<TableLoad>& tables, unsigned parallel,
                                bool can_skip_log) {
  std::uint64_t total = 0;
  for (const TableLoad& table : tables) total += size_of(table.pieces);
  const std::uint64_t share = total / std::max(parallel, 1U);
  const std::uint64_t whole_max = can_skip_log ? share + share / 2 : share;
  std::vector<CopyTask> tasks;
  for (const TableLoad& table : tables) {
    const std::span<const TableLoad::Piece> pieces = table.pieces;
    const std::uint64_t size_bytes = size_of(pieces);
    if (size_bytes <= whole_max || pieces.size() == 1) {
      // Sizes are unknown in archives.
      const bool pays = size_bytes == 0 ? !pieces.empty() : size_bytes >= unlogged_bytes_min;
      tasks.push_back({&table, pieces, size_bytes, can_skip_log && pays});
      continue;
    }
    for (std::size_t i = 0; i < pieces.size(); ++i)
      tasks.push_back({&table, pieces.subspan(i, 1), pieces[i].size_bytes, false});
  }
  std::stable_sort(tasks.begin(), tasks.end(), [](const CopyTask& a, const CopyTask& b) {
    return a.size_bytes > b.size_bytes;
  });
  return tasks;
}

// A table that was emptied in the same transaction needs no log where none is kept for others
// (wal_level = minimal), and its rows may come frozen: who reads them first need not write each
// page again. Not what others have their rows in, or their keys: extensions fill their tables
// themselves, and such keys forbid it. False: the table is as it was.
bool empty_without_log(Connection& connection, const model::TableName& table) {
  const std::string name = quote_name(table);
  const std::string of_table = fmt::format(
      " FROM pg_catalog.pg_class c WHERE c.oid = {}::pg_catalog.regclass", quote_text(name));
  const bool may =
      connection.value(
          "SELECT c.relkind = 'r' AND pg_catalog.has_table_privilege(c.oid, 'TRUNCATE')"
          " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE objid = c.oid"
          " AND classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND deptype = 'e')"
          " AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE contype = 'f'"
          " AND confrelid = c.oid)" +
          of_table) == "t";
  if (!may) return false;
  connection.run(fmt::format("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE", name));
  if (connection.value("SELECT pg_catalog.pg_relation_size(c.oid) = 0" + of_table) != "t")
    return false;
  connection.run("TRUNCATE ONLY " + name);
  return true;
}

std::uint64_t copy_task(Connection& connection, const CopyTask& task) {
  const TableLoad& table = *task.table;
  std::uint64_t count = 0;
  in_context("loading rows of " + table.name.display(), [&] {
    bool frozen = false;
    if (task.skips_log) {
      connection.run("BEGIN");
      frozen = empty_without_log(connection, table.name);
    }
    TableCopy copy(connection, table.name, table.columns, table.encoding, frozen);
    for (const TableLoad::Piece& piece : task.pieces) {
      const std::unique_ptr<ByteSource> source = piece.open();
      if (source) count += copy.copy(*source);
    }
    if (task.skips_log) connection.run("COMMIT");
  });
  return count;
}

// A crew in which every thread has a connection of its own.
class Workers {
 public:
  Workers(const Location& place, unsigned count, const std::vector<SchemaStatement>& settings,
          const std::stop_token& stop)
      : forward_(stop, [this] { crew_.request_stop(); }),
        place_(place),
        count_(count),
        settings_(settings),
        stop_(stop) {}

  // Runs `work` on each thread until it returns; at most `needed` threads.
  void run(std::size_t needed,
           const std::function<void(Connection&, const std::stop_token&)>& work) {
    const std::size_t threads = std::min<std::size_t>(needed, std::max(count_, 1U));
    for (std::size_t i = 0; i < threads; ++i) {
      crew_.start([&](const std::stop_token& crew_stop) {
        Connection connection(place_, crew_stop);
        for (const SchemaStatement& setting : settings_) run_statement(connection, setting);
        work(connection, crew_stop);
      });
    }
    crew_.join();
    if (stop_.stop_requested())
      throw Error(Errc::cancelled, fmt::format("{}: stopped", place_.component));
  }

 private:
  Crew crew_;
  std::stop_callback<std::function<void()>> forward_;
  const Location& place_;
  unsigned count_;
  const std::vector<SchemaStatement>& settings_;
  std::stop_token stop_;
};

std::uint64_t copy_tables(Connection& main, const Location& place,
                          const std::vector<TableLoad>& tables, unsigned parallel,
                          const std::stop_token& stop) {
  const bool can_skip_log =
      main.value("SELECT pg_catalog.current_setting('wal_level')") == "minimal";
  const std::vector<CopyTask> tasks = cut_tasks(tables, parallel, can_skip_log);
  std::atomic<std::size_t> next{0};
  std::atomic<std::uint64_t> rows{0};
  const std::vector<SchemaStatement> no_settings;
  Workers workers(place, parallel, no_settings, stop);
  workers.run(tasks.size(), [&](Connection& connection, const std::stop_token& crew_stop) {
    while (!crew_stop.stop_requested()) {
      const std::size_t taken = next++;
      if (taken >= tasks.size()) return;
      rows += copy_task(connection, tasks[taken]);
    }
  });
  return rows;
}

// Statements that may run side by side, each on its tables alone.
class Schedule {
 public:
  explicit Schedule(std::vector<const SchemaStatement*> statements, bool exclusive)
      : waiting_(std::move(statements)), exclusive_(exclusive) {}

  // The next whose tables are free; nothing when all have been handed out.
  const SchemaStatement* take(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!waiting_.empty() && !stop.stop_requested()) {
      const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto* one) {
        return !exclusive_ || std::none_of(one->tables.begin(), one->tables.end(),
                                           [&](const auto& name) { return busy_.contains(name); });
      });
      if (found != waiting_.end()) {
        const SchemaStatement* taken = *found;
        waiting_.erase(found);
        if (exclusive_) busy_.insert(taken->tables.begin(), taken->tables.end());
        return taken;
      }
      changed_.wait_for(lock, std::chrono::milliseconds(50));
    }
    return nullptr;
  }
  void done(const SchemaStatement& statement) {
    const std::lock_guard lock(mutex_);
    for (const model::TableName& name : statement.tables) busy_.erase(name);
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::vector<const SchemaStatement*> waiting_;
  std::set<model::TableName> busy_;
  bool exclusive_;
};

class PostData {
 public:
  PostData(const Location& place, const std::vector<SchemaStatement>& statements, unsigned parallel,
           const std::stop_token& stop)
      : place_(place), statements_(statements), parallel_(parallel), stop_(stop) {
    for (const SchemaStatement& statement : statements) {
      if (statement.kind == StatementKind::setting && statement.tablespace.empty())
        settings_.push_back(statement);
    }
  }

  // Indexes, then foreign keys, then the rest as it stands in the script; event triggers last, so
  // that they see nothing of all this.
  void run(Connection& main) {
    for (const SchemaStatement& setting : settings_) run_statement(main, setting);
    run_parallel(StatementKind::index);
    run_in_order(main,
                 [](const SchemaStatement& one) { return one.kind == StatementKind::attach; });
    run_parallel(StatementKind::foreign_key);
    run_in_order(main, [&](const SchemaStatement& one) {
      return one.kind == StatementKind::other ||
             (one.kind != StatementKind::setting && late_.contains(&one));
    });
    run_in_order(
        main, [](const SchemaStatement& one) { return one.kind == StatementKind::event_trigger; });
  }

 private:
  // What failed for want of something that comes later in the script is left for its turn.
  static bool may_wait(std::string_view state) {
    return state == "42P01" || state == "42704" || state == "42883" || state == "42830" ||
           state == "55000";
  }

  void set_tablespace(Connection& connection, const SchemaStatement& statement,
                      std::string& in_force) const {
    if (statement.tablespace == in_force || statement.tablespace.empty()) return;
    connection.run(statement.tablespace);
    in_force = statement.tablespace;
  }

  void run_parallel(StatementKind kind) {
    std::vector<const SchemaStatement*> chosen;
    for (const SchemaStatement& one : statements_) {
      if (one.kind == kind) chosen.push_back(&one);
    }
    if (chosen.empty()) return;
    const std::size_t count = chosen.size();
    Schedule schedule(std::move(chosen), kind == StatementKind::foreign_key);
    Workers workers(place_, parallel_, settings_, stop_);
    workers.run(count, [&](Connection& connection, const std::stop_token& crew_stop) {
      std::string tablespace;
      while (const SchemaStatement* statement = schedule.take(crew_stop)) {
        set_tablespace(connection, *statement, tablespace);
        run_one(connection, *statement);
        schedule.done(*statement);
      }
    });
  }

  void run_one(Connection& connection, const SchemaStatement& statement) {
    std::string message, state;
    for (int attempt = 0; attempt < lock_tries; ++attempt) {
      state = try_statement(connection, statement, message);
      if (state != "40P01") break;  // a deadlock with another of ours
    }
    if (state.empty() || state == passed_over) return;
    if (!may_wait(state)) refuse(connection, statement.text, state, message);
    const std::lock_guard lock(mutex_);
    late_.insert(&statement);
  }

  template <typename Wanted>
  void run_in_order(Connection& main, Wanted wanted) {
    std::string tablespace;
    for (const SchemaStatement& statement : statements_) {
      if (statement.kind == StatementKind::setting || !wanted(statement)) continue;
      set_tablespace(main, statement, tablespace);
      run_statement(main, statement);
    }
  }

  const Location& place_;
  const std::vector<SchemaStatement>& statements_;
  unsigned parallel_;
  std::stop_token stop_;
  std::vector<SchemaStatement> settings_;
  std::mutex mutex_;  // guards the next
  std::set<const SchemaStatement*> late_;
};

}  // namespace

std::string shown_statement(std::string_view statement) {
  const std::vector<Token> tokens = tokens_of(statement, 12);
  std::size_t length = std::min(statement.size(), shown_bytes);
  if (is_secret(tokens)) {  // up to where its options begin
    for (std::size_t i = 2; i < tokens.size(); ++i) {
      const Token& token = tokens[i];
      const bool begins = token.is("OPTIONS") || token.is("CONNECTION") || token.is("PASSWORD") ||
                          token.is("WITH") || token.is_symbol('(') ||
                          token.kind == TokenKind::string;
      if (begins || i + 1 == tokens.size()) {
        length = std::min(length, token.offset);
        break;
      }
    }
  }
  std::string text(statement.substr(0, length));
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (text.ends_with(' ')) text.pop_back();
  return length < statement.size() ? text + " …" : text;
}

bool run_statement(Connection& connection, const SchemaStatement& statement) {
  std::string message;
  const std::string state = try_statement(connection, statement, message);
  if (state == passed_over) return false;
  if (!state.empty()) refuse(connection, statement.text, state, message);
  return true;
}

void run_in_transaction(Connection& connection, const SchemaStatement& statement) {
  connection.run("SAVEPOINT holdfast_statement");
  if (!run_statement(connection, statement))
    connection.run("ROLLBACK TO SAVEPOINT holdfast_statement");
  connection.run("RELEASE SAVEPOINT holdfast_statement");
}

std::uint64_t run_script(Connection& connection, ByteSource& script, const NameMapping& mapping,
                         const std::function<bool(std::string_view)>& skip) {
  ScriptReader reader(script);
  std::uint64_t rows = 0;
  while (auto piece = reader.next()) {
    if (piece->kind == ScriptPiece::Kind::command) continue;
    if (!piece->is_terminated) {
      throw Error(Errc::corrupt, fmt::format("the script ends within the statement that begins at "
                                             "byte {}",
                                             piece->offset));
    }
    if (skip && skip(piece->text)) continue;
    if (piece->kind == ScriptPiece::Kind::statement) {
      run_statement(connection, classify(rewrite(piece->text, mapping)));
      continue;
    }
    in_context(fmt::format("loading rows of {}", parse_copy(piece->text).table.display()), [&] {
      Connection::CopyIn copy(connection, piece->text);
      Bytes buffer;
      while (const auto line = reader.copy_line()) {
        append(buffer, *line);
        append(buffer, "\n");
        if (buffer.size() < copy_bytes) continue;
        copy.write(buffer);
        buffer.clear();
      }
      if (!reader.copy_is_whole())
        throw Error(Errc::corrupt, "the data end without their end mark");
      if (!buffer.empty()) copy.write(buffer);
      rows += copy.end();
    });
  }
  return rows;
}

std::uint64_t fill_database(const Location& place, const Filling& filling,
                            const NameMapping& mapping, unsigned parallel,
                            const std::stop_token& stop) {
  Connection main(place, stop);
  in_context("making tables and the like", [&] {
    for (const SchemaStatement& statement : filling.pre_data) run_statement(main, statement);
  });
  const std::uint64_t rows = copy_tables(main, place, filling.tables, parallel, stop);
  // What a script sets for its session must not reach the next.
  const auto afresh = [&] { main = Connection(place, stop); };
  for (const OpenStream& open : filling.scripts) {
    afresh();
    run_script(main, *open(), mapping);
  }
  if (filling.large_objects) {
    afresh();
    in_context("loading large objects", [&] { filling.large_objects(main); });
  }
  afresh();
  in_context("making indexes, keys and the like",
             [&] { PostData(place, filling.post_data, parallel, stop).run(main); });
  afresh();
  main.run("ANALYZE");
  return rows;
}

}  // namespace holdfast::engine::postgresql
