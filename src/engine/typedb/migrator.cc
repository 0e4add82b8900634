// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/migrator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::chrono::seconds pulse_interval{5};
// How long a server may be silent beyond what it was told to wait for.
constexpr std::chrono::seconds answer_time{5};
// How long a schema may take, which has nothing to do with the wait for the lock.
constexpr std::chrono::minutes define_time{5};
// Of SCHEMA_ACQUIRE_LOCK_TIMEOUT, in every release; all failures of 2.x are INTERNAL.
constexpr std::string_view lock_refusal = "not acquire lock for schema session";

struct Method {
  std::string_view exports, imports;
  SchemaPlace schema;
};
// The newest first: what a server does not know it says so, and has done nothing.
constexpr std::array<Method, 3> methods{{
    {"ExportDatabase", "ImportDatabase", SchemaPlace::beside},
    {"ExportData", "ImportData", SchemaPlace::apart},
    {"exportData", "importData", SchemaPlace::apart},
}};

}  // namespace

SchemaPlace run_job(Connection& connection, MigratorJob job, const std::string& database,
                    const JobFiles& files, const JobProgress& progress,
                    const std::stop_token& stop) {
  const bool exports = job == MigratorJob::exports;
  const std::string doing =
      fmt::format("{} database {}", exports ? "exporting" : "importing into", database);
  for (const Method& method : methods) {
    const std::unique_ptr<RpcCall> call =
        connection.begin_job(exports ? method.exports : method.imports, stop);
    const bool with_schema = method.schema == SchemaPlace::beside;
    const Bytes request = migrator_request(database, files.data, with_schema ? files.schema : "");
    RpcStatus status = in_context(doing, [&] {
      if (call->write(request)) {
        call->end_writes();
        while (const std::optional<Bytes> message = call->read()) {
          const MigratorProgress told = parse_progress(*message, job);
          if (progress) progress(told);
        }
      }
      return call->finish();
    });
    if (status.ok()) return method.schema;
    if (status.code != RpcCode::unimplemented) connection.refuse(status, doing);
  }
  throw Error(Errc::unsupported, fmt::format("TypeDB at {} has no service that exports and imports",
                                             connection.address()))
      .set_hint("Use the program that came with the server, or copy the directory.");
}

std::optional<SchemaPlace> find_jobs(Connection& connection, const std::stop_token& stop) {
  for (const Method& method : methods) {
    const std::unique_ptr<RpcCall> call = connection.begin_job(method.exports, stop);
    const RpcStatus status = in_context("asking for the migrator", [&] {
      if (call->write(migrator_request("", "", ""))) {
        call->end_writes();
        while (call->read()) {
        }
      }
      return call->finish();
    });
    if (status.code == RpcCode::unavailable) connection.refuse(status, "asking for the migrator");
    if (status.code != RpcCode::unimplemented) return method.schema;
  }
  return std::nullopt;
}

struct SchemaSession::State {
  State(ServerAccess access, const std::string& named, std::chrono::milliseconds wait,
        const std::stop_token& stop)
      : connection(patient(std::move(access), wait), stop), database(named) {}

  static ServerAccess patient(ServerAccess access, std::chrono::milliseconds wait) {
    access.target.patience = std::min(access.target.patience, wait + answer_time);
    return access;
  }

  [[nodiscard]] bool pulse() {
    const RpcAnswer answer = connection.call("session_pulse", session_request(id), {});
    return answer.status.ok() && parse_session_alive(answer.message);
  }
  void keep_awake(const std::stop_token& end) {
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, end, pulse_interval, [] { return false; }) &&
           !end.stop_requested()) {
      try {
        lost = lost || !pulse();
      } catch (const Error& error) {
        lost = true;
        log(LogLevel::debug, "a session was lost", {{"why", error.what()}});
      }
    }
  }

  Connection connection;
  std::string database;
  Bytes id;
  std::mutex mutex;  // guards the connection while the thread runs
  std::condition_variable_any changed;
  std::atomic<bool> lost = false;
  std::jthread awake;
};

SchemaSession::SchemaSession(const ServerAccess& access, const std::string& database,
                             std::chrono::milliseconds wait, const std::stop_token& stop)
    : state_(std::make_unique<State>(access, database, wait, stop)) {
  State& state = *state_;
  if (state.connection.generation() == Generation::v3) {
    throw Error(Errc::unsupported,
                fmt::format("TypeDB at {} has no sessions", state.connection.address()));
  }
  const auto millis = static_cast<std::uint32_t>(std::max<std::int64_t>(wait.count(), 1));
  const RpcAnswer answer =
      state.connection.call("session_open", schema_session_request(database, millis), {});
  const std::string doing = fmt::format("keeping writers from database {}", database);
  if (answer.status.message.find(lock_refusal) != std::string::npos) {
    throw Error(Errc::unavailable, fmt::format("writers of database {} at {} did not end in time",
                                               database, state.connection.address()))
        .set_hint("Make the backup again, or raise limits.fence_ms.");
  }
  if (!answer.status.ok()) state.connection.refuse(answer.status, doing);
  state.id = in_context(doing, [&] { return parse_session(answer.message); });
  state.awake = std::jthread([&state](const std::stop_token& end) { state.keep_awake(end); });
}

SchemaSession::~SchemaSession() {
  if (!state_) return;
  try {
    release();
  } catch (const std::exception& failure) {
    log(LogLevel::debug, "a session was not closed", {{"why", failure.what()}});
  }
}

void SchemaSession::define(std::string_view typeql, const std::stop_token& stop) {
  State& state = *state_;
  const std::string doing = fmt::format("defining the schema of database {}", state.database);
  const std::unique_ptr<RpcCall> call = [&] {
    const std::lock_guard lock(state.mutex);
    return state.connection.begin("transaction", stop);
  }();
  const auto ask = [&](DefineStep step, ByteView content) {
    const bool answered = in_context(doing, [&] {
      std::optional<Bytes> answer;
      if (call->write(define_request(step, content))) answer = call->read(define_time);
      if (answer) check_define_answer(*answer, step);
      return answer.has_value();
    });
    if (answered) return;
    const RpcStatus status = in_context(doing, [&] { return call->finish(); });
    if (!status.ok()) state.connection.refuse(status, doing);
    throw Error(Errc::corrupt, fmt::format("TypeDB at {} ends the transaction before it is done",
                                           state.connection.address()))
        .add_context(doing);
  };
  ask(DefineStep::open, state.id);
  ask(DefineStep::define, as_bytes(typeql));
  ask(DefineStep::commit, {});
}

void SchemaSession::release() {
  const std::unique_ptr<State> state = std::move(state_);
  state->awake.request_stop();
  state->awake.join();
  const RpcAnswer answer = state->connection.call("session_close", session_request(state->id), {});
  if (answer.status.ok() && !state->lost) return;
  throw Error(
      Errc::not_consistent,
      fmt::format("the session that kept writers from database {} did not last", state->database));
}

}  // namespace holdfast::engine::typedb
