// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/client.h"

#include <errmsg.h>
#include <fmt/format.h>
#include <mysql.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "engine/mariadb/sql_text.h"
#include "engine/wide_row.h"

// Exported by the library for its plugins, declared in none of the headers that are installed.
extern "C" int ma_pvio_register_callback(my_bool add, void (*heard)(int mode, MYSQL* handle,
                                                                    const unsigned char* bytes,
                                                                    std::size_t size_bytes));

namespace holdfast::engine::mariadb {
namespace {

constexpr unsigned connect_timeout_seconds = 10;
constexpr unsigned kill_timeout_seconds = 2;
constexpr int send_timeout_ms = 120'000;
constexpr std::size_t packet_bytes_max = (std::size_t{1} << 32U) - 1;
// All that the client library knows but those that send the password as it is.
constexpr const char* ways_to_log_in =
    "mysql_native_password,client_ed25519,parsec,caching_sha2_password,sha256_password,"
    "auth_gssapi_client";
// How long we wait for whoever keeps a table or its definition locked.
constexpr unsigned lock_patience_seconds = 120;

// How long what we send may stay unanswered; 0: as long as the system tries. Nothing of a socket in
// the file system.
void set_send_timeout(int socket, int timeout_ms) {
  static_cast<void>(
      ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms));
}

// Firewalls forget connections that are idle, long before the system's first probe after two hours.
void keep_alive(int socket) {
  const auto set = [&](int level, int option, int value) {
    static_cast<void>(::setsockopt(socket, level, option, &value, sizeof value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 6);
  set_send_timeout(socket, send_timeout_ms);
}

// What answers a server that asks for a local file: only while load_local() runs.
struct Feed {
  ByteSource* source = nullptr;
  std::exception_ptr failure;
};

int feed_begin(void** handle, const char* /*file*/, void* data) {
  *handle = data;
  return static_cast<Feed*>(data)->source == nullptr ? 1 : 0;
}

int feed_read(void* handle, char* into, unsigned size_bytes) {
  auto* feed = static_cast<Feed*>(handle);
  // The library's C code is no place for an exception to pass through.
  try {
    return static_cast<int>(feed->source->read(
        {reinterpret_cast<std::byte*>(into), static_cast<std::size_t>(size_bytes)}));
  } catch (...) {  // thrown on by load_local()
    feed->failure = std::current_exception();
    return -1;
  }
}

void feed_end(void* /*handle*/) {}

int feed_error(void* /*handle*/, char* text, unsigned size_bytes) {
  std::snprintf(text, size_bytes, "no file is sent");
  return CR_UNKNOWN_ERROR;
}

// A row on its way in. The library takes it in whole, however wide it is, and tells of each piece.
struct Arrival {
  MYSQL* handle = nullptr;
  std::size_t bytes = 0;
  WideRowTurn turn;
};
// Of the row that this thread reads just now.
thread_local Arrival* arriving = nullptr;
thread_local const std::stop_token* arriving_stop = nullptr;

void hear_piece(int mode, MYSQL* handle, const unsigned char* /*bytes*/, std::size_t size_bytes) {
  // Reads are of mode 0; failed ones have a size of -1.
  if (mode != 0 || arriving == nullptr || arriving->handle != handle ||
      size_bytes > packet_bytes_max)
    return;
  arriving->bytes += size_bytes;
  // The library's C code is no place for an exception to pass through.
  try {
    arriving->turn.take(arriving->bytes, *arriving_stop);
  } catch (const Error&) {  // stopped: that breaks the connection off, and its reader hears of it
    ::shutdown(static_cast<int>(::mysql_get_socket(handle)), SHUT_RDWR);
  }
}

// The library keeps its buffer as large as the widest row of a session was, and a session that has
// a snapshot cannot be exchanged for another: so its memory goes back to the system page by page.
void free_pages(const NET& net) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(net.buff) + 2 * page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(net.buff_end) / page * page;
  if (net.buff == nullptr || net.compress != 0 || begin >= end) return;
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

// "Records: 3  Deleted: 0  Skipped: 0  Warnings: 0"
std::uint64_t number_after(const char* info, const char* word) {
  if (info == nullptr) return 0;
  const char* at = std::strstr(info, word);
  return at == nullptr ? 0 : std::strtoull(at + std::strlen(word), nullptr, 10);
}

}  // namespace

unsigned parse_version(std::string_view text) {
  // Servers that replicate say "5.5.5-10.11.19-MariaDB".
  if (text.starts_with("5.5.5-")) text.remove_prefix(6);
  unsigned parts[3] = {0, 0, 0};
  std::size_t at = 0;
  for (unsigned& part : parts) {
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && part < 1000)
      part = part * 10 + static_cast<unsigned>(text[at++] - '0');
    if (at >= text.size() || text[at] != '.') break;
    ++at;
  }
  return parts[0] * 10'000 + parts[1] * 100 + parts[2];
}

std::string session_statement(bool is_mariadb, unsigned version_number) {
  std::string sql = fmt::format(
      "SET NAMES utf8mb4, character_set_results=NULL, time_zone='+00:00', sql_mode='{0}', "
      "autocommit=1, completion_type=0, sql_quote_show_create=1, sql_safe_updates=0, "
      "sql_select_limit=18446744073709551615, net_write_timeout={1}, net_read_timeout={1}, "
      "wait_timeout={1}, "
      "lock_wait_timeout={2}",
      plain_sql_mode, session_patience.count(), lock_patience_seconds);
  if (is_mariadb) {
    sql += ", max_statement_time=0";
    // Rows as they are now, whatever the server shows to others.
    if (version_number >= 100'304) sql += ", system_versioning_asof=DEFAULT";
    // What keeps a snapshot is idle for long.
    if (version_number >= 100'300)
      sql += ", idle_transaction_timeout=0, idle_readonly_transaction_timeout=0";
    // `utf8` in definitions of older servers is what it was there.
    if (version_number >= 100'601) sql += ", old_mode='UTF8_IS_UTF8MB3'";
  } else {
    sql += ", max_execution_time=0";
    if (version_number >= 80'000) sql += ", information_schema_stats_expiry=0";
    // A key that the server made is a column with values.
    if (version_number >= 80'030) sql += ", show_gipk_in_create_table_and_information_schema=ON";
  }
  return sql;
}

struct Connection::State {
  struct Close {
    void operator()(MYSQL* handle) const noexcept { ::mysql_close(handle); }
  };
  Location location;
  Secret password;
  std::unique_ptr<MYSQL, Close> handle;
  Feed feed;
  std::uint64_t id = 0;
  std::string version;
  unsigned version_number = 0;
  bool is_mariadb = false;
  std::stop_token stop;
  std::atomic<bool> broken_off{false};
  // Last, so that it is gone before what it touches.
  std::optional<std::stop_callback<std::function<void()>>> on_stop;

  void connect(bool in_schema, unsigned timeout_seconds);
  [[nodiscard]] std::optional<Failure> try_connect(bool in_schema, unsigned timeout_seconds,
                                                   bool encrypted);
  [[nodiscard]] Failure failure() const {
    return {::mysql_errno(handle.get()), ::mysql_sqlstate(handle.get()),
            ::mysql_error(handle.get())};
  }
  [[nodiscard]] bool is_lost(const Failure& failure) const {
    return failure.number == CR_SERVER_GONE_ERROR || failure.number == CR_SERVER_LOST ||
           failure.number == 1927 || failure.number == 1053;
  }
  // The statement's failure, if it failed. A broken connection is an Error.
  [[nodiscard]] std::optional<Failure> send(const Connection& owner, std::string_view sql) {
    owner.check_stop();
    if (::mysql_real_query(handle.get(), sql.data(), sql.size()) == 0) return std::nullopt;
    return failed(owner);
  }
  [[nodiscard]] Failure failed(const Connection& owner) {
    Failure failure = this->failure();
    owner.check_stop();
    if (is_lost(failure)) owner.raise(failure);
    return failure;
  }
  // Ends what another session does. False if the server does not, or does not answer in time.
  [[nodiscard]] bool kill(const std::string& sql) {
    if (::mysql_send_query(handle.get(), sql.data(), sql.size()) != 0) return false;
    // The library's own time-out would be one for all that a session does.
    pollfd answer{static_cast<int>(::mysql_get_socket(handle.get())), POLLIN, 0};
    int ready = 0;
    do {
      ready = ::poll(&answer, 1, static_cast<int>(kill_timeout_seconds * 1000));
    } while (ready < 0 && errno == EINTR);
    if (ready > 0) return ::mysql_read_query_result(handle.get()) == 0;
    ::shutdown(answer.fd, SHUT_RDWR);  // a late answer would be taken for another's
    return false;
  }
  void drain() {
    while (true) {
      if (MYSQL_RES* result = ::mysql_use_result(handle.get())) {
        // Some statements fail after they have named their columns.
        while (::mysql_fetch_row(result) != nullptr) continue;
        const bool failed = ::mysql_errno(handle.get()) != 0;
        ::mysql_free_result(result);
        if (failed) return;
      }
      if (::mysql_next_result(handle.get()) != 0) return;
    }
  }
};

void Connection::State::connect(bool in_schema, unsigned timeout_seconds) {
  const bool over_network = !location.host.empty();
  auto why = try_connect(in_schema, timeout_seconds, over_network && location.tls != Tls::off);
  // Preferred: a server that has no TLS is spoken to without.
  if (why && why->number == CR_SSL_CONNECTION_ERROR && over_network &&
      location.tls == Tls::preferred)
    why = try_connect(in_schema, timeout_seconds, false);
  if (why)
    throw Error(code_of(*why, Errc::unavailable),
                fmt::format("{}: {}", location.display(), why->display()));
}

std::optional<Failure> Connection::State::try_connect(bool in_schema, unsigned timeout_seconds,
                                                      bool encrypted) {
  handle.reset(::mysql_init(nullptr));
  if (!handle) throw Error(Errc::io, "no memory for a connection");
  MYSQL* const h = handle.get();
  ::mysql_options(h, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_seconds);
  ::mysql_options(h, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  ::mysql_options(h, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_bytes_max);
  const unsigned local_infile = 1;
  ::mysql_options(h, MYSQL_OPT_LOCAL_INFILE, &local_infile);
  const unsigned protocol = location.host.empty() ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
  ::mysql_options(h, MYSQL_OPT_PROTOCOL, &protocol);
  const my_bool enforce = encrypted ? 1 : 0;
  const my_bool verify = encrypted && location.tls == Tls::verified ? 1 : 0;
  if (encrypted && !location.tls_ca.empty())
    ::mysql_options(h, MYSQL_OPT_SSL_CA, location.tls_ca.c_str());
  ::mysql_options(h, MYSQL_OPT_SSL_ENFORCE, &enforce);
  ::mysql_options(h, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  // Over the network whoever answers is sent no password in the clear, unless we know who it is.
  if (!location.host.empty() && location.tls != Tls::verified)
    ::mysql_optionsv(h, MARIADB_OPT_RESTRICTED_AUTH, ways_to_log_in);
  ::mysql_set_local_infile_handler(h, feed_begin, feed_read, feed_end, feed_error, &feed);
  const std::string secret(password.reveal());
  const char* const host = location.host.empty() ? nullptr : location.host.c_str();
  const char* const socket = location.host.empty() ? location.socket.c_str() : nullptr;
  const bool connected =
      ::mysql_real_connect(h, host, location.user.empty() ? nullptr : location.user.c_str(),
                           secret.c_str(), in_schema ? location.schema.c_str() : nullptr,
                           location.port, socket, CLIENT_MULTI_RESULTS) != nullptr;
  wipe(const_cast<char*>(secret.data()), secret.size());
  if (connected) return std::nullopt;
  return failure();
}

Connection::Connection(const Location& location, const Secret* password, bool in_schema,
                       std::stop_token stop)
    : state_(std::make_unique<State>()) {
  static const bool hears = ::ma_pvio_register_callback(1, hear_piece) == 0;
  check_rule(hears, "the client library tells of what arrives");
  State& s = *state_;
  s.location = location;
  if (password != nullptr) s.password = password->clone();
  s.connect(in_schema, connect_timeout_seconds);
  s.id = ::mysql_thread_id(s.handle.get());
  const char* const version = ::mysql_get_server_info(s.handle.get());
  s.version = version == nullptr ? "" : version;
  if (s.version.starts_with("5.5.5-")) s.version.erase(0, 6);
  s.version_number = parse_version(s.version);
  s.is_mariadb = s.version.find("MariaDB") != std::string::npos;
  keep_alive(static_cast<int>(::mysql_get_socket(s.handle.get())));
  run(session_statement(s.is_mariadb, s.version_number));
  refuse_proxy();
  stop_with(std::move(stop));
}

// A KILL of what we take for our session must not end another one. The first packet has 32 bits of
// its number.
void Connection::refuse_proxy() {
  const std::uint64_t id = number("SELECT CONNECTION_ID()");
  if (id == 0) return;
  const std::uint64_t greeted = state_->id;
  state_->id = id;
  if ((id & 0xFFFF'FFFFU) == (greeted & 0xFFFF'FFFFU)) return;
  throw Error(Errc::unsupported,
              fmt::format("{}: the server numbers our session {}, and greeted it as {}",
                          state_->location.display(), id, greeted))
      .set_hint("Name the server itself, not a proxy before it.");
}

Connection::Connection(Connection&& other) noexcept = default;

Connection::~Connection() {
  if (!state_) return;
  State& s = *state_;
  s.on_stop.reset();
  if (!s.broken_off || !s.handle) return;
  // The server may still be at work for us: an index, a lock.
  try {
    State other;
    other.location = s.location;
    other.password = std::move(s.password);
    other.connect(false, kill_timeout_seconds);
    static_cast<void>(other.kill(fmt::format("KILL {}", s.id)));
  } catch (const Error& error) {  // a destructor; the server ends what has lost its client anyway
    log(LogLevel::warn, "a stopped session could not be ended", {{"why", error.message()}});
  }
}

Connection Connection::again() const {
  return {state_->location, &state_->password, false};
}

void Connection::stop_with(std::stop_token stop) {
  State& s = *state_;
  s.on_stop.reset();
  s.stop = std::move(stop);
  if (!s.stop.stop_possible()) return;
  s.on_stop.emplace(s.stop, [&s] {
    s.broken_off = true;
    ::shutdown(static_cast<int>(::mysql_get_socket(s.handle.get())), SHUT_RDWR);
  });
}

const std::stop_token& Connection::stop() const noexcept {
  return state_->stop;
}

void Connection::check_stop() const {
  if (state_->stop.stop_requested())
    throw Error(Errc::cancelled, fmt::format("{}: interrupted", state_->location.display()));
}

void Connection::raise(const Failure& failure, Errc otherwise) const {
  Error error(code_of(failure, otherwise),
              fmt::format("{}: {}", state_->location.display(), failure.display()));
  if (failure.number == error_lock_wait_timeout)
    error.set_hint("Another session holds a lock; see SHOW PROCESSLIST.");
  if (error.code() == Errc::no_space)
    error.set_hint("Make room where the server keeps its data and its temporary files (tmpdir).");
  throw Error(error);
}

void Connection::run(std::string_view sql, Errc otherwise) {
  if (const auto failure = try_run(sql)) raise(*failure, otherwise);
}

std::uint64_t Connection::change(std::string_view sql) {
  if (const auto failure = state_->send(*this, sql)) raise(*failure);
  const std::uint64_t rows = ::mysql_affected_rows(state_->handle.get());
  state_->drain();
  if (::mysql_errno(state_->handle.get()) != 0) raise(state_->failed(*this));
  // What is no change of rows has no number of them.
  return rows == static_cast<std::uint64_t>(-1) ? 0 : rows;
}

std::uint64_t Connection::warnings() const noexcept {
  return ::mysql_warning_count(state_->handle.get());
}

std::optional<Failure> Connection::try_run(std::string_view sql) {
  if (auto failure = state_->send(*this, sql)) return failure;
  state_->drain();
  if (::mysql_errno(state_->handle.get()) != 0) return state_->failed(*this);
  return std::nullopt;
}

Connection::Ended Connection::run_until(std::string_view sql,
                                        std::chrono::steady_clock::time_point deadline,
                                        Connection& killer) {
  const auto left = deadline - std::chrono::steady_clock::now();
  run(fmt::format(
      "SET lock_wait_timeout={}",
      std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(left).count(), 1)));
  std::mutex mutex;
  std::condition_variable_any changed;
  bool done = false;
  bool killed = false;
  std::jthread watchdog([&](const std::stop_token& over) {
    std::unique_lock lock(mutex);
    if (changed.wait_until(lock, over, deadline, [&] { return done; }) || over.stop_requested())
      return;
    killed = true;
    // Under the mutex: the next statement must not begin before the kill is out.
    if (killer.state_->kill(fmt::format("KILL QUERY {}", id()))) return;
    ::shutdown(static_cast<int>(::mysql_get_socket(state_->handle.get())), SHUT_RDWR);
  });
  const auto failure = state_->send(*this, sql);
  {
    const std::lock_guard lock(mutex);
    done = true;
  }
  changed.notify_all();
  watchdog.join();
  if (!failure) state_->drain();
  // A kill that came too late must not hit what comes next.
  if (killed && !failure) static_cast<void>(try_run("DO 0"));
  run(fmt::format("SET lock_wait_timeout={}", lock_patience_seconds));
  if (!failure) return Ended::done;
  if (failure->number == error_query_interrupted || failure->number == error_lock_wait_timeout ||
      failure->number == error_statement_timeout || failure->number == 3024)
    return Ended::late;
  if (code_of(*failure, Errc::io) == Errc::denied) return Ended::denied;
  raise(*failure);
}

std::vector<std::vector<Cell>> Connection::query(std::string_view sql, Errc otherwise) {
  std::vector<std::vector<Cell>> table;
  Rows rows = stream(sql, otherwise);
  while (rows.next()) {
    std::vector<Cell>& row = table.emplace_back();
    for (unsigned i = 0; i < rows.columns(); ++i) {
      if (rows.is_null(i)) {
        row.emplace_back();
      } else {
        row.emplace_back(rows.field(i));
      }
    }
  }
  return table;
}

std::vector<std::map<std::string, Cell>> Connection::query_named(std::string_view sql) {
  std::vector<std::map<std::string, Cell>> table;
  Rows rows = stream(sql);
  while (rows.next()) {
    std::map<std::string, Cell>& row = table.emplace_back();
    for (unsigned i = 0; i < rows.columns(); ++i)
      row[rows.name(i)] = rows.is_null(i) ? Cell() : Cell(std::string(rows.field(i)));
  }
  return table;
}

std::string Connection::value(std::string_view sql) {
  const auto table = query(sql);
  return table.empty() || table[0].empty() ? "" : table[0][0].value_or("");
}

std::uint64_t Connection::number(std::string_view sql) {
  return std::strtoull(value(sql).c_str(), nullptr, 10);
}

void Connection::use(std::string_view schema) {
  const std::string name(schema);
  if (::mysql_select_db(state_->handle.get(), name.c_str()) != 0) raise(state_->failed(*this));
  state_->location.schema = name;
}

std::optional<Failure> Connection::load_local(std::string_view sql, ByteSource& source,
                                              Loaded& loaded) {
  State& s = *state_;
  s.feed = {&source, nullptr};
  // A server that waits for a lock takes no rows for as long, and is there all the same.
  const int socket = static_cast<int>(::mysql_get_socket(s.handle.get()));
  set_send_timeout(socket, 0);
  auto failure = s.send(*this, sql);
  set_send_timeout(socket, send_timeout_ms);
  s.feed.source = nullptr;
  if (s.feed.failure) std::rethrow_exception(std::exchange(s.feed.failure, nullptr));
  if (failure) return failure;
  const char* const info = ::mysql_info(s.handle.get());
  loaded.rows = ::mysql_affected_rows(s.handle.get());
  loaded.skipped = number_after(info, "Skipped: ");
  loaded.warnings = ::mysql_warning_count(s.handle.get());
  s.drain();
  return std::nullopt;
}

std::uint64_t Connection::id() const noexcept {
  return state_->id;
}
const std::string& Connection::version() const noexcept {
  return state_->version;
}
bool Connection::is_mariadb() const noexcept {
  return state_->is_mariadb;
}
unsigned Connection::version_number() const noexcept {
  return state_->version_number;
}
const Location& Connection::location() const noexcept {
  return state_->location;
}
std::optional<Failure> Connection::ping() {
  if (::mysql_ping(state_->handle.get()) == 0) return std::nullopt;
  return state_->failure();
}

struct Rows::State {
  MYSQL_RES* result = nullptr;
  MYSQL_ROW row = nullptr;
  unsigned long* lengths = nullptr;  // NOLINT(google-runtime-int): the library's type
  Arrival arrival;

  void fetch(const std::stop_token& stop) {
    let_go();
    arriving = &arrival;
    arriving_stop = &stop;
    row = ::mysql_fetch_row(result);
    arriving = nullptr;
    arrival.turn.got(arrival.bytes, stop);
  }
  // The row that was read last is not needed any longer.
  void let_go() {
    if (arrival.bytes >= wide_row_bytes) free_pages(arrival.handle->net);
    arrival.bytes = 0;
    arrival.turn.done();
  }
};

Rows Connection::stream(std::string_view sql, Errc otherwise) {
  if (const auto failure = state_->send(*this, sql)) raise(*failure, otherwise);
  auto rows = std::make_unique<Rows::State>();
  rows->arrival.handle = state_->handle.get();
  rows->result = ::mysql_use_result(state_->handle.get());
  if (rows->result == nullptr && ::mysql_errno(state_->handle.get()) != 0)
    raise(state_->failed(*this), otherwise);
  const unsigned columns = rows->result == nullptr ? 0 : ::mysql_num_fields(rows->result);
  return {*this, std::move(rows), columns};
}

Rows::Rows(Connection& connection, std::unique_ptr<State> state, unsigned columns)
    : connection_(&connection), state_(std::move(state)), columns_(columns) {}
Rows::Rows(Rows&&) noexcept = default;

Rows::~Rows() {
  if (!state_ || state_->result == nullptr) return;
  if (state_->row != nullptr) {
    // Given up in the middle: what is left may be gigabytes. The session ends with it.
    Connection::State& connection = *connection_->state_;
    connection.broken_off = true;
    ::shutdown(static_cast<int>(::mysql_get_socket(connection.handle.get())), SHUT_RDWR);
  }
  ::mysql_free_result(state_->result);
  state_->let_go();
}

bool Rows::next() {
  if (state_->result == nullptr) return false;
  state_->fetch(connection_->state_->stop);
  if (state_->row != nullptr) {
    state_->lengths = ::mysql_fetch_lengths(state_->result);
    return true;
  }
  Connection::State& connection = *connection_->state_;
  if (::mysql_errno(connection.handle.get()) != 0)
    connection_->raise(connection.failed(*connection_));
  connection_->check_stop();
  return false;
}

std::string_view Rows::field(unsigned column) const noexcept {
  return state_->row[column] == nullptr
             ? std::string_view()
             : std::string_view(state_->row[column], state_->lengths[column]);
}

bool Rows::is_null(unsigned column) const noexcept {
  return state_->row[column] == nullptr;
}

std::string Rows::name(unsigned column) const {
  return ::mysql_fetch_field_direct(state_->result, column)->name;
}

std::string client_version() {
  return ::mysql_get_client_info();
}

}  // namespace holdfast::engine::mariadb
