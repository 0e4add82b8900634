// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <future>
#include <thread>
#include <utility>

#include "base/c_handle.h"
#include "base/log.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sqlstate.h"

namespace holdfast::engine::postgresql {
namespace {

using namespace std::chrono_literals;
using SteadyTime = std::chrono::steady_clock::time_point;
using PgConnection = CHandle<PGconn, PQfinish>;
using PgResult = CHandle<PGresult, PQclear>;

// How soon a stop request is noticed while waiting.
constexpr auto look_up = 50ms;
// How long a server may take to answer a cancellation before it is left alone.
constexpr auto cancel_wait = 5s;
// How long it may take to end a COPY that is given up before it is cancelled.
constexpr auto copy_end_wait = 200ms;
constexpr auto connect_wait = 30s;

std::string trimmed(const char* text) {
  std::string line = text == nullptr ? "" : text;
  std::replace(line.begin(), line.end(), '\n', ' ');
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

void log_notice(void* /*context*/, const PGresult* result) {
  log(LogLevel::debug, "PostgreSQL says",
      {{"notice", trimmed(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY))}});
}

std::int64_t to_integer(std::string_view text) {
  if (text.empty()) return 0;
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size())
    throw Error(Errc::corrupt,
                fmt::format("the server answered `{}` where a number is due", text.substr(0, 60)));
  return value;
}

enum class Waited : std::uint8_t { ready, stopped, timed_out };

}  // namespace

struct Rows::Result {
  PgResult result;
};

std::size_t Rows::size() const noexcept {
  return static_cast<std::size_t>(PQntuples(result_->result.get()));
}

std::size_t Rows::columns() const noexcept {
  return static_cast<std::size_t>(PQnfields(result_->result.get()));
}

std::string Rows::column_name(std::size_t column) const {
  const char* const name = PQfname(result_->result.get(), static_cast<int>(column));
  return name == nullptr ? "" : name;
}

bool Rows::is_null(std::size_t row, std::size_t column) const {
  return PQgetisnull(result_->result.get(), static_cast<int>(row), static_cast<int>(column)) == 1;
}

std::string_view Rows::view(std::size_t row, std::size_t column) const {
  check_rule(row < size() && column < columns(), "a cell is within its rows");
  const auto r = static_cast<int>(row);
  const auto c = static_cast<int>(column);
  return {PQgetvalue(result_->result.get(), r, c),
          static_cast<std::size_t>(PQgetlength(result_->result.get(), r, c))};
}

std::int64_t Rows::integer(std::size_t row, std::size_t column) const {
  return to_integer(view(row, column));
}

struct Connection::State {
  Location location;
  PgConnection connection;
  std::stop_token stop;
  std::optional<std::chrono::milliseconds> time_out;
  std::string encoding;
  std::uint64_t touched = 0;
  std::optional<std::uint64_t> changed;

  [[nodiscard]] PGconn* pg() const noexcept { return connection.get(); }

  [[nodiscard]] SteadyTime deadline() const {
    return time_out ? std::chrono::steady_clock::now() + *time_out : SteadyTime::max();
  }

  [[nodiscard]] Waited wait(short events, SteadyTime until, bool heed_stop) const noexcept {
    while (true) {
      if (heed_stop && stop.stop_requested()) return Waited::stopped;
      const auto now = std::chrono::steady_clock::now();
      if (now >= until) return Waited::timed_out;
      if (PQsocket(pg()) < 0) return Waited::ready;  // lost: reading on says how
      const auto slice = std::min<std::chrono::steady_clock::duration>(until - now, look_up);
      struct pollfd watched {
        PQsocket(pg()), events, 0
      };
      const int wait_ms =
          static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(slice).count());
      if (::poll(&watched, 1, std::max(wait_ms, 1)) > 0) return Waited::ready;
    }
  }

  // Tells the server to stop. False if it does not take that by `until`; it may do so later, and
  // what runs then ends. The library waits for the server without end, in a thread that is left to
  // it.
  [[nodiscard]] bool cancel(SteadyTime until) const noexcept {
    try {
      const std::shared_ptr<PGcancel> request(PQgetCancel(pg()), PQfreeCancel);
      if (!request) return false;
      std::promise<void> done;
      const std::future<void> answered = done.get_future();
      std::thread([request, done = std::move(done)]() mutable {
        std::array<char, 256> reason{};
        static_cast<void>(PQcancel(request.get(), reason.data(), reason.size()));
        done.set_value();
      }).detach();
      return answered.wait_until(until) == std::future_status::ready;
    } catch (const std::exception&) {
      return false;
    }
  }

  // Tells the server to stop, and waits until it has; a server that does not answer is left alone.
  void abandon() noexcept {
    if (!connection || PQstatus(pg()) != CONNECTION_OK) return;
    if (PQtransactionStatus(pg()) != PQTRANS_ACTIVE) return;
    const auto until = std::chrono::steady_clock::now() + cancel_wait;
    if (!cancel(until)) return connection.reset();
    while (true) {
      const PgResult result = take_result(until, false).first;
      if (!result) break;
      const auto status = PQresultStatus(result.get());
      if (status == PGRES_COPY_IN) {
        const int sent = PQputCopyEnd(pg(), "cancelled");
        if (sent < 0 || (sent == 0 && wait(POLLIN | POLLOUT, until, false) != Waited::ready)) break;
      } else if (status == PGRES_COPY_OUT && !drain_copy(until)) {
        break;
      }
    }
    if (PQtransactionStatus(pg()) == PQTRANS_ACTIVE) connection.reset();
  }

  [[nodiscard]] bool drain_copy(SteadyTime until) noexcept {
    while (true) {
      char* row = nullptr;
      const int count = PQgetCopyData(pg(), &row, 1);
      if (row != nullptr) PQfreemem(row);
      if (count < 0) return true;
      if (count > 0) continue;
      if (wait(POLLIN, until, false) != Waited::ready || PQconsumeInput(pg()) == 0) return false;
    }
  }

  // The next result, waited for; nullptr with `ready` at the end of the results.
  std::pair<PgResult, Waited> take_result(SteadyTime until, bool heed_stop) noexcept {
    while (true) {
      const int left = PQflush(pg());
      if (left == 0 && PQisBusy(pg()) == 0) return {PgResult(PQgetResult(pg())), Waited::ready};
      const short events = left > 0 ? POLLIN | POLLOUT : POLLIN;
      const Waited waited = wait(events, until, heed_stop);
      if (waited != Waited::ready) return {nullptr, waited};
      // What went wrong stands in the result that comes next.
      if (PQconsumeInput(pg()) == 0) return {PgResult(PQgetResult(pg())), Waited::ready};
    }
  }

  [[noreturn]] void refuse_wait(Waited waited) {
    abandon();
    if (waited == Waited::stopped)
      throw Error(Errc::cancelled, fmt::format("{}: stopped", location.component));
    throw Error(Errc::unavailable, fmt::format("{}: the server did not answer within {} ms",
                                               location.component, time_out.value_or(0ms).count()));
  }

  [[noreturn]] void lost() {
    const std::string message = connection ? trimmed(PQerrorMessage(pg())) : "";
    throw Error(Errc::unavailable,
                fmt::format("{}: the connection was lost: {}", location.component,
                            message.empty() ? "it has been closed" : message));
  }

  // The same while rows are sent: what the server said at its end lies behind the COPY, unread.
  [[noreturn]] void lost_in_copy() {
    constexpr int results_max = 4;
    // That a COPY has failed is no reason to wait for a session that lives.
    if (connection) static_cast<void>(PQputCopyEnd(pg(), "the connection was lost"));
    for (int i = 0; i < results_max && connection && PQstatus(pg()) != CONNECTION_OK; ++i) {
      const PgResult result(PQgetResult(pg()));
      if (!result) break;
      if (failed(result.get()) && !state_of(result.get()).empty()) throw error_of(result.get());
    }
    lost();
  }

  [[nodiscard]] PgResult next_result() {
    auto [result, waited] = take_result(deadline(), true);
    if (waited != Waited::ready) refuse_wait(waited);
    return std::move(result);
  }

  void require_idle() {
    if (!connection || PQstatus(pg()) != CONNECTION_OK) lost();
    check_rule(PQtransactionStatus(pg()) != PQTRANS_ACTIVE, "one statement at a time");
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("{}: stopped", location.component));
  }

  void send(std::string_view sql) {
    require_idle();
    if (PQsendQuery(pg(), std::string(sql).c_str()) == 0) lost();
  }

  [[nodiscard]] static bool failed(const PGresult* result) noexcept {
    const auto status = PQresultStatus(result);
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
  }

  [[nodiscard]] static std::string state_of(const PGresult* result) {
    const char* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state == nullptr ? "" : state;
  }

  [[nodiscard]] std::string message_of(const PGresult* result) const {
    const char* const primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    return primary != nullptr ? trimmed(primary) : trimmed(PQresultErrorMessage(result));
  }

  [[nodiscard]] Error error_of(const PGresult* result) const {
    const std::string state = state_of(result);
    if (state.empty()) {
      return Error(Errc::unavailable, fmt::format("{}: the connection was lost: {}",
                                                  location.component, message_of(result)));
    }
    return refusal(location.component, message_of(result), state);
  }

  // Reads all results of what was sent. The first failure is returned, the last good one kept.
  PgResult collect(PgResult& failure) {
    PgResult last;
    while (PgResult result = next_result()) {
      if (failed(result.get())) {
        if (!failure) failure = std::move(result);
        continue;
      }
      const auto status = PQresultStatus(result.get());
      if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
        abandon();
        throw Error(Errc::usage, fmt::format("{}: a statement began a COPY", location.component));
      }
      const std::string_view count = PQcmdTuples(result.get());
      touched = static_cast<std::uint64_t>(to_integer(count));
      changed.reset();
      if (status == PGRES_COMMAND_OK && !count.empty()) changed = touched;
      last = std::move(result);
    }
    return last;
  }

  // One statement's last result; or the failure, and nothing.
  PgResult ask(std::string_view sql, std::span<const std::optional<std::string>> parameters,
               PgResult& failure) {
    require_idle();
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& parameter : parameters)
      values.push_back(parameter ? parameter->c_str() : nullptr);
    if (PQsendQueryParams(pg(), std::string(sql).c_str(), static_cast<int>(values.size()), nullptr,
                          values.data(), nullptr, nullptr, 0) == 0)
      lost();
    PgResult last = collect(failure);
    if (!failure && !last) lost();
    return last;
  }

  // Throws what a statement failed with, after the rest of its results.
  [[noreturn]] void refuse(PgResult failure) {
    static_cast<void>(collect(failure));
    throw error_of(failure.get());
  }

  void connect();
  void set_up();
};

void Connection::State::connect() {
  std::vector<std::pair<std::string, std::string>> given = {
      {"dbname", location.database},
      {"host", location.host},
      {"port", location.port},
      {"user", location.user},
      {"fallback_application_name", "holdfast"},
      // The session that holds the moment may have nothing to say for hours: whatever lies between
      // is not to forget it. What the URI says comes later, and holds.
      {"keepalives_idle", "60"},
      {"keepalives_interval", "10"},
      {"keepalives_count", "6"}};
  given.insert(given.end(), location.parameters.begin(), location.parameters.end());
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : given) {
    if (value.empty()) continue;
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  Secret password;
  if (location.password && !location.password->empty()) {
    password = location.password->clone();
    keys.push_back("password");
    values.push_back(password.reveal().data());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  connection.reset(PQconnectStartParams(keys.data(), values.data(), 0));
  if (!connection) throw std::bad_alloc();
  PQsetNoticeReceiver(pg(), log_notice, nullptr);
  PQsetErrorVerbosity(pg(), PQERRORS_VERBOSE);
  const auto until = std::chrono::steady_clock::now() + connect_wait;
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  if (PQstatus(pg()) == CONNECTION_BAD) status = PGRES_POLLING_FAILED;
  while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
    const Waited waited = wait(status == PGRES_POLLING_READING ? POLLIN : POLLOUT, until, true);
    if (waited == Waited::stopped)
      throw Error(Errc::cancelled, fmt::format("{}: stopped", location.component));
    if (waited == Waited::timed_out) {
      throw Error(Errc::unavailable,
                  fmt::format("{}: {} did not answer within {} s", location.component,
                              location.display(), connect_wait.count()));
    }
    status = PQconnectPoll(pg());
  }
  if (status != PGRES_POLLING_OK) {
    const std::string message = PQerrorMessage(pg());
    connection.reset();
    throw connect_refusal(location.component, message);
  }
  PQsetErrorVerbosity(pg(), PQERRORS_DEFAULT);
}

void Connection::State::set_up() {
  if (PQserverVersion(pg()) < 110000) {
    throw Error(Errc::unsupported,
                fmt::format("{}: the server is of version {}, which is too old", location.component,
                            version_text(PQserverVersion(pg()))));
  }
  PQsetnonblocking(pg(), 1);
}

Connection::Connection(const Location& location, std::stop_token stop)
    : state_(std::make_unique<State>()) {
  state_->location = location;
  state_->stop = std::move(stop);
  state_->connect();
  state_->set_up();
  const Rows first = query(
      "SELECT pg_catalog.pg_encoding_to_char(encoding), pg_catalog.pg_backend_pid()"
      " FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()");
  if (first.size() != 1) state_->lost();
  if (first.integer(0, 1) != backend_pid()) {
    throw Error(Errc::unsupported,
                fmt::format("{}: between us and the server is a proxy that hands its connections "
                            "out by turns",
                            location.component))
        .set_hint(
            "A moment is held by one session: name the server itself in the URI, not its pooler.");
  }
  state_->encoding = first.text(0, 0);
  // Names and definitions travel as UTF-8; where the server cannot say them so, as they are.
  const bool raw = state_->encoding == "SQL_ASCII" || state_->encoding == "MULE_INTERNAL";
  std::string settings = exact_settings(raw ? state_->encoding : "UTF8");
  // The server notices within two minutes that our machine is gone, and lets our locks go.
  settings +=
      "SET tcp_keepalives_idle = 60;\nSET tcp_keepalives_interval = 10;\n"
      "SET tcp_keepalives_count = 6;\n";
  if (server_major() >= 14) settings += "SET idle_session_timeout = 0;\n";
  if (server_major() >= 17) settings += "SET transaction_timeout = 0;\n";
  run(settings);
}

Connection::~Connection() {
  if (state_) state_->abandon();
}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

const Location& Connection::location() const noexcept {
  return state_->location;
}

int Connection::server_version() const noexcept {
  return state_->connection ? PQserverVersion(state_->pg()) : 0;
}

std::string Connection::server_version_text() const {
  const char* const text =
      state_->connection ? PQparameterStatus(state_->pg(), "server_version") : nullptr;
  return text == nullptr ? version_text(server_version()) : text;
}

const std::string& Connection::encoding() const noexcept {
  return state_->encoding;
}

int Connection::backend_pid() const noexcept {
  return state_->connection ? PQbackendPID(state_->pg()) : 0;
}

bool Connection::alive() const noexcept {
  return state_->connection && PQstatus(state_->pg()) == CONNECTION_OK;
}

void Connection::stop_with(std::stop_token stop) {
  state_->stop = std::move(stop);
}

void Connection::time_out_after(std::optional<std::chrono::milliseconds> time_out) {
  state_->time_out = time_out;
}

void Connection::run(std::string_view sql) {
  state_->send(sql);
  PgResult failure;
  static_cast<void>(state_->collect(failure));
  if (failure) throw state_->error_of(failure.get());
}

std::string Connection::attempt(std::string_view sql, std::string* message) {
  state_->send(sql);
  PgResult failure;
  static_cast<void>(state_->collect(failure));
  if (!failure) return "";
  std::string state = State::state_of(failure.get());
  if (state.empty() || !alive()) throw state_->error_of(failure.get());
  if (message != nullptr) *message = state_->message_of(failure.get());
  return state;
}

Rows Connection::query(std::string_view sql,
                       std::span<const std::optional<std::string>> parameters) {
  PgResult failure;
  PgResult last = state_->ask(sql, parameters, failure);
  if (failure) throw state_->error_of(failure.get());
  return Rows(std::make_shared<const Rows::Result>(Rows::Result{std::move(last)}));
}

std::optional<Rows> Connection::attempt_query(std::string_view sql, std::string& state,
                                              std::string* message) {
  PgResult failure;
  PgResult last = state_->ask(sql, {}, failure);
  if (!failure) return Rows(std::make_shared<const Rows::Result>(Rows::Result{std::move(last)}));
  state = State::state_of(failure.get());
  if (state.empty() || !alive()) throw state_->error_of(failure.get());
  if (message != nullptr) *message = state_->message_of(failure.get());
  return std::nullopt;
}

Rows Connection::query(std::string_view sql,
                       std::initializer_list<std::optional<std::string>> parameters) {
  return query(sql,
               std::span<const std::optional<std::string>>(parameters.begin(), parameters.size()));
}

std::string Connection::value(std::string_view sql) {
  const Rows rows = query(sql);
  if (rows.size() != 1 || rows.columns() != 1) {
    throw Error(Errc::corrupt, fmt::format("{}: the server answered {} rows where one is due",
                                           state_->location.component, rows.size()));
  }
  return rows.text(0, 0);
}

std::uint64_t Connection::touched() const noexcept {
  return state_->touched;
}

std::optional<std::uint64_t> Connection::changed() const noexcept {
  return state_->changed;
}

std::uint64_t Connection::copy_out(std::string_view sql, const std::function<void(ByteView)>& piece,
                                   WideRowTurn* turn) {
  State& state = *state_;
  state.send(sql);
  // Whatever leaves by an exception leaves the connection free for the next statement.
  struct Leave {
    State* state;
    ~Leave() {
      if (state != nullptr) state->abandon();
    }
  } leave{&state};
  PgResult first = state.next_result();
  if (!first) state.lost();
  if (State::failed(first.get())) state.refuse(std::move(first));
  check_rule(PQresultStatus(first.get()) == PGRES_COPY_OUT, "the statement is a COPY TO STDOUT");
  std::size_t arrived_bytes = 0;  // at least, of a row that is not whole yet
  while (true) {
    char* data = nullptr;
    const int count = PQgetCopyData(state.pg(), &data, 1);
    if (count > 0) {
      const CHandle<char, PQfreemem> row(data);
      if (turn != nullptr) turn->got(static_cast<std::size_t>(count), state.stop);
      arrived_bytes = 0;
      piece(ByteView(reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(count)));
      continue;
    }
    if (turn != nullptr) turn->pass(arrived_bytes);
    if (count < 0) break;
    if (const Waited waited = state.wait(POLLIN, state.deadline(), true); waited != Waited::ready)
      state.refuse_wait(waited);
    if (turn != nullptr) {
      // The library goes on while more comes, up to the end of a row whose beginning it has seen.
      turn->take_unseen(state.stop);
      int waiting_bytes = 0;
      if (::ioctl(PQsocket(state.pg()), FIONREAD, &waiting_bytes) == 0 && waiting_bytes > 0)
        arrived_bytes += static_cast<std::size_t>(waiting_bytes);
    }
    if (PQconsumeInput(state.pg()) == 0) state.lost();
    if (state.stop.stop_requested()) state.refuse_wait(Waited::stopped);
  }
  PgResult failure;
  static_cast<void>(state.collect(failure));
  if (failure) throw state.error_of(failure.get());
  if (!alive()) state.lost();
  leave.state = nullptr;
  return state.touched;
}

Connection::CopyIn::CopyIn(Connection& connection, std::string_view sql) : connection_(connection) {
  State& state = *connection_.state_;
  state.send(sql);
  PgResult first = state.next_result();
  if (!first) state.lost();
  if (State::failed(first.get())) state.refuse(std::move(first));
  check_rule(PQresultStatus(first.get()) == PGRES_COPY_IN, "the statement is a COPY FROM STDIN");
}

Connection::CopyIn::~CopyIn() {
  if (!open_) return;
  State& state = *connection_.state_;
  if (!state.connection || PQstatus(state.pg()) != CONNECTION_OK) return;
  // The server fails the statement at once, and what it still has to say is read and dropped; one
  // that is at work on what it was given is told to cancel.
  const auto until = std::chrono::steady_clock::now() + copy_end_wait;
  while (PQputCopyEnd(state.pg(), "the copy was given up") == 0) {
    if (state.wait(POLLIN | POLLOUT, until, false) != Waited::ready) break;
    if (PQconsumeInput(state.pg()) == 0) break;
  }
  while (state.take_result(until, false).first) {
  }
  state.abandon();
}

void Connection::CopyIn::write(ByteView bytes) {
  State& state = *connection_.state_;
  constexpr std::size_t piece_bytes_max = 1U << 20U;
  while (!bytes.empty()) {
    const ByteView piece = bytes.first(std::min(bytes.size(), piece_bytes_max));
    const int taken = PQputCopyData(state.pg(), reinterpret_cast<const char*>(piece.data()),
                                    static_cast<int>(piece.size()));
    if (taken < 0) state.lost_in_copy();
    if (taken > 0) bytes = bytes.subspan(piece.size());
    // Nothing is let pile up here: the server sets the pace.
    while (const int left = PQflush(state.pg())) {
      if (left < 0) state.lost_in_copy();
      const Waited waited = state.wait(POLLIN | POLLOUT, state.deadline(), true);
      if (waited != Waited::ready) {
        open_ = false;
        state.refuse_wait(waited);
      }
      if (PQconsumeInput(state.pg()) == 0) state.lost_in_copy();
    }
    if (state.stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("{}: stopped", state.location.component));
  }
}

std::uint64_t Connection::CopyIn::end() {
  State& state = *connection_.state_;
  int sent = 0;
  while ((sent = PQputCopyEnd(state.pg(), nullptr)) == 0) {
    const Waited waited = state.wait(POLLIN | POLLOUT, state.deadline(), true);
    if (waited != Waited::ready) state.refuse_wait(waited);
    if (PQconsumeInput(state.pg()) == 0) state.lost_in_copy();
  }
  if (sent < 0) state.lost_in_copy();
  open_ = false;
  PgResult failure;
  static_cast<void>(state.collect(failure));
  if (failure) throw state.error_of(failure.get());
  return state.touched;
}

bool Connection::in_transaction() noexcept {
  if (!state_ || !state_->connection) return false;
  State& state = *state_;
  if (PQtransactionStatus(state.pg()) != PQTRANS_INTRANS) return false;
  const auto until = std::chrono::steady_clock::now() + cancel_wait;
  if (PQsendQuery(state.pg(), "SELECT 1") != 1) return false;
  while (state.take_result(until, false).first) {
  }
  return PQtransactionStatus(state.pg()) == PQTRANS_INTRANS;
}

void Connection::rollback() noexcept {
  if (!state_ || !state_->connection) return;
  State& state = *state_;
  state.abandon();
  if (!state.connection || PQstatus(state.pg()) != CONNECTION_OK) return;
  if (PQtransactionStatus(state.pg()) == PQTRANS_IDLE) return;
  const auto until = std::chrono::steady_clock::now() + cancel_wait;
  if (PQsendQuery(state.pg(), "ROLLBACK") == 1) {
    while (state.take_result(until, false).first) {
    }
  }
  // Whatever could not be rolled back goes with its session.
  if (PQtransactionStatus(state.pg()) != PQTRANS_IDLE) state.connection.reset();
}

std::string exact_settings(std::string_view encoding) {
  std::string settings;
  if (!encoding.empty())
    settings += fmt::format("SET client_encoding = {};\n", quote_text(encoding));
  return settings +
         "SET statement_timeout = 0;\n"
         "SET lock_timeout = 0;\n"
         "SET idle_in_transaction_session_timeout = 0;\n"
         "SET default_transaction_read_only = off;\n"
         "SET standard_conforming_strings = on;\n"
         "SET extra_float_digits = 3;\n"
         "SET datestyle = 'ISO, YMD';\n"
         "SET intervalstyle = 'postgres';\n"
         "SET timezone = 'UTC';\n"
         "SET bytea_output = 'hex';\n"
         "SET lc_monetary = 'C';\n"
         "SET xmloption = content;\n"
         "SET synchronize_seqscans = off;\n"
         "SET row_security = off;\n"
         "SET search_path = '';\n";
}

std::string version_text(int version) {
  if (version < 100000)
    return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
  return fmt::format("{}.{}", version / 10000, version % 10000);
}

std::string library_version() {
  return version_text(PQlibVersion());
}

}  // namespace holdfast::engine::postgresql
