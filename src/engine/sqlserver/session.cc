// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/session.h"

#include <fmt/format.h>
#include <sql.h>
#include <sqlext.h>
#include <sqlucode.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "engine/sqlserver/connection_text.h"
#include "engine/sqlserver/server_errors.h"
#include "engine/sqlserver/wide_text.h"
#include "engine/wide_row.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr SQLULEN connect_timeout_seconds = 15;
// SQL_COPT_SS_BCP and SQL_BCP_ON, of every driver that loads in bulk.
constexpr SQLINTEGER bulk_attribute = 1219;
constexpr SQLULEN bulk_on = 1;
// Types of SQL Server's own: sql_variant, CLR types, xml.
constexpr SQLSMALLINT type_variant = -150;
constexpr SQLSMALLINT type_clr = -151;
constexpr SQLSMALLINT type_xml = -152;
// What a driver is given to put rows into; a wider row comes alone.
constexpr std::size_t rowset_bytes = std::size_t{512} << 10U;
constexpr std::size_t rowset_rows_max = 4096;
// Longer values come in pieces.
constexpr std::size_t bound_characters_max = 8000;
constexpr std::size_t plain_value_bytes = 128;  // a number, a date or a GUID, as text
constexpr std::size_t name_units_max = 256;
constexpr std::size_t piece_bytes = std::size_t{64} << 10U;
constexpr auto cancel_interval = std::chrono::milliseconds(100);
constexpr int cancels_before_kill = 20;

static_assert(sizeof(SQLWCHAR) == sizeof(char16_t));

SQLWCHAR* units_of(std::u16string& text) {
  return reinterpret_cast<SQLWCHAR*>(text.data());
}

// The first `count` units of `text`, or all of it.
std::string to_utf8(const std::u16string& text, SQLSMALLINT count) {
  std::string utf8;
  const auto units = std::min(static_cast<std::size_t>(std::max<int>(count, 0)), text.size());
  append_utf8(utf8, {reinterpret_cast<const char*>(text.data()), units * sizeof(char16_t)});
  return utf8;
}

class Handle {
 public:
  Handle() = default;
  ~Handle() { reset(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  void allocate(SQLSMALLINT type, SQLHANDLE from) {
    reset();
    if (!SQL_SUCCEEDED(::SQLAllocHandle(type, from, &handle_)))
      throw Error(Errc::io, "ODBC has no memory for a connection");
    type_ = type;
  }
  void reset() noexcept {
    if (handle_ != nullptr) ::SQLFreeHandle(type_, std::exchange(handle_, nullptr));
  }
  [[nodiscard]] SQLHANDLE get() const noexcept { return handle_; }

 private:
  SQLSMALLINT type_ = 0;
  SQLHANDLE handle_ = nullptr;
};

std::vector<Message> diagnostics(SQLSMALLINT type, SQLHANDLE handle) {
  std::vector<Message> found;
  std::u16string state(6, u'\0'), text(4096, u'\0');
  for (SQLSMALLINT at = 1;; ++at) {
    SQLINTEGER number = 0;
    SQLSMALLINT length = 0;
    const SQLRETURN code =
        ::SQLGetDiagRecW(type, handle, at, units_of(state), &number, units_of(text),
                         static_cast<SQLSMALLINT>(text.size()), &length);
    if (!SQL_SUCCEEDED(code)) return found;
    length = std::min(length, static_cast<SQLSMALLINT>(text.size() - 1));
    found.push_back({number, to_utf8(state, 5), without_names(to_utf8(text, length))});
  }
}

SQLPOINTER as_value(SQLULEN value) {
  return reinterpret_cast<SQLPOINTER>(value);  // NOLINT(performance-no-int-to-ptr): ODBC's way
}

}  // namespace

struct Session::State {
  // While one lives, a stop request cancels; what is left of the statement goes with it.
  class Work {
   public:
    explicit Work(State& s) : s_(s) { s_.at_work = true; }
    ~Work();
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

   private:
    State& s_;
  };

  Location location;
  Secret password;
  bool in_database = false;
  Driver driver;
  std::string driver_name;
  Handle environment, connection, statement;  // freed from the last on
  bool is_connected = false;
  unsigned process_id = 0;
  std::stop_token stop;
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
  std::atomic<bool> at_work = false;  // with a statement that has not ended
  std::atomic<bool> in_call = false;  // of the driver, which may wait for the server
  std::jthread canceller;

  ~State() {
    on_stop.reset();
    if (canceller.joinable()) canceller.join();
    statement.reset();
    if (is_connected) ::SQLDisconnect(connection.get());
  }

  void connect();
  // The connection string, account and password at its end.
  [[nodiscard]] std::u16string words(bool doubles_braces) const;
  [[nodiscard]] bool doubles_braces() const;
  [[nodiscard]] SQLRETURN connect_by(std::u16string& words, SQLHANDLE to) const;
  void cancel();
  void kill() const;
  void check_stop() const {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("{}: interrupted", location.display()));
  }
  // What the last call says besides its result: errors are added, all else is told.
  void listen(SQLRETURN code, std::vector<Message>& errors, const Hear& hear);
  // Throws for what ends the connection, and after a stop request.
  void check(const Session& owner, std::span<const Message> errors) const;
  [[nodiscard]] SQLRETURN send(std::string_view sql);
};

namespace {

class Call {
 public:
  explicit Call(std::atomic<bool>& in_call) : in_call_(in_call) { in_call_ = true; }
  ~Call() { in_call_ = false; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  std::atomic<bool>& in_call_;
};

}  // namespace

Session::State::Work::~Work() {
  const Call call(s_.in_call);
  ::SQLFreeStmt(s_.statement.get(), SQL_CLOSE);
  ::SQLFreeStmt(s_.statement.get(), SQL_UNBIND);
  s_.at_work = false;
}

std::u16string Session::State::words(bool doubles_braces) const {
  std::string text = connection_text(location, driver, in_database);
  const auto add = [&](std::string_view name, std::string_view value) {
    auto one = keyword(name, value, doubles_braces);
    if (!one)
      throw Error(Errc::unsupported,
                  fmt::format("{}: this FreeTDS cannot be told a {} with `}};` in it",
                              location.display(), name == "PWD" ? "password" : "user"))
          .set_hint("FreeTDS can from 1.4 on, and so can Microsoft's driver; or change it.");
    text += *one;
    wipe(*one);
  };
  if (!location.user.empty()) {
    add("UID", location.user);
    add("PWD", password.reveal());
  }
  std::u16string wide = to_wide(text);
  wipe(text);
  return wide;
}

SQLRETURN Session::State::connect_by(std::u16string& words, SQLHANDLE to) const {
  const SQLRETURN code =
      ::SQLDriverConnectW(to, nullptr, units_of(words), static_cast<SQLSMALLINT>(words.size()),
                          nullptr, 0, nullptr, SQL_DRIVER_NOPROMPT);
  ::holdfast::wipe(words.data(), words.size() * sizeof(char16_t));
  return code;
}

// Asked without a server, so that nobody counts a failed login.
bool Session::State::doubles_braces() const {
  if (driver.kind == DriverKind::microsoft) return true;
  if (!depends_on_braces(location.user) && !depends_on_braces(password.reveal())) return false;
  Handle other;
  other.allocate(SQL_HANDLE_DBC, environment.get());
  std::u16string words = to_wide(fmt::format("Driver={};PWD={{a}}b}};", driver.library));
  static_cast<void>(connect_by(words, other.get()));
  return std::ranges::any_of(diagnostics(SQL_HANDLE_DBC, other.get()), [](const Message& one) {
    return one.text.find("Syntax error") != std::string::npos;
  });
}

void Session::State::connect() {
  driver = driver_for(location);
  environment.allocate(SQL_HANDLE_ENV, nullptr);
  ::SQLSetEnvAttr(environment.get(), SQL_ATTR_ODBC_VERSION, as_value(SQL_OV_ODBC3), 0);
  connection.allocate(SQL_HANDLE_DBC, environment.get());
  ::SQLSetConnectAttr(connection.get(), SQL_ATTR_LOGIN_TIMEOUT, as_value(connect_timeout_seconds),
                      SQL_IS_UINTEGER);
  ::SQLSetConnectAttr(connection.get(), bulk_attribute, as_value(bulk_on), SQL_IS_UINTEGER);
  std::u16string text = words(doubles_braces());
  const SQLRETURN code = connect_by(text, connection.get());
  if (!SQL_SUCCEEDED(code)) {
    std::vector<Message> errors = diagnostics(SQL_HANDLE_DBC, connection.get());
    if (std::ranges::any_of(errors, [](const Message& one) { return !is_information(one); }))
      std::erase_if(errors, [](const Message& one) {
        return is_information(one) && one.text.find("Can't open lib") == std::string::npos;
      });
    throw Error(errc_of(errors, Errc::unavailable),
                fmt::format("{}: {}", location.display(), words_of(errors)))
        .set_hint(connecting_hint(errors, location));
  }
  is_connected = true;
  statement.allocate(SQL_HANDLE_STMT, connection.get());
  const auto information = [&](SQLUSMALLINT what) {
    std::u16string said(name_units_max, u'\0');
    SQLSMALLINT size_bytes = 0;
    ::SQLGetInfoW(connection.get(), what, units_of(said),
                  static_cast<SQLSMALLINT>(said.size() * sizeof(char16_t)), &size_bytes);
    return to_utf8(said, static_cast<SQLSMALLINT>(size_bytes / 2));
  };
  const std::string library = information(SQL_DRIVER_NAME);
  if (library.find("tdsodbc") != std::string::npos) driver.kind = DriverKind::freetds;
  driver_name = fmt::format("{} {} ({})",
                            driver.kind == DriverKind::freetds     ? "FreeTDS"
                            : driver.kind == DriverKind::microsoft ? "Microsoft's driver"
                                                                   : "driver",
                            information(SQL_DRIVER_VER), library);
}

void Session::State::listen(SQLRETURN code, std::vector<Message>& errors, const Hear& hear) {
  if (code == SQL_SUCCESS || code == SQL_NO_DATA) return;
  const bool failed = code != SQL_SUCCESS_WITH_INFO;
  const std::size_t before = errors.size();
  for (Message& one : diagnostics(SQL_HANDLE_STMT, statement.get())) {
    if (!is_information(one)) {
      errors.push_back(std::move(one));
    } else if (hear) {
      hear(one);
    }
  }
  if (failed && errors.size() == before)
    errors.push_back({0, "HY000", "the driver says that it failed, and not why"});
}

void Session::State::check(const Session& owner, std::span<const Message> errors) const {
  check_stop();
  if (is_lost(errors)) owner.raise(errors, "the connection is gone");
}

SQLRETURN Session::State::send(std::string_view sql) {
  std::u16string text = to_wide(sql);
  return ::SQLExecDirectW(statement.get(), units_of(text), static_cast<SQLINTEGER>(text.size()));
}

// A cancel that comes before its statement is lost, so it comes again until that has ended. A
// server that only speaks the protocol may not hear it at all while it is at work.
void Session::State::cancel() {
  if (!at_work) return;
  ::SQLCancel(statement.get());
  canceller = std::jthread([this] {
    for (int unheard = 0; at_work;) {
      std::this_thread::sleep_for(cancel_interval);
      if (!at_work) return;
      // Whoever takes rows may be at something else.
      unheard = in_call ? unheard + 1 : 0;
      if (unheard == cancels_before_kill) kill();
      ::SQLCancel(statement.get());
    }
  });
}

void Session::State::kill() const {
  try {
    Session other(location, &password, false);
    if (at_work) other.run(fmt::format("KILL {}", process_id));
  } catch (const Error& error) {  // of a thread of ours; whoever stopped waits for the server then
    log(LogLevel::warn, "a stopped session could not be ended", {{"why", error.message()}});
  }
}

Session::Session(const Location& location, const Secret* password, bool in_database,
                 std::stop_token stop)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.location = location;
  if (password != nullptr) s.password = password->clone();
  s.in_database = in_database;
  s.stop = stop;
  s.check_stop();
  s.connect();
  stop_with(std::move(stop));
  s.process_id = set_up();
}

Session::~Session() = default;

std::unique_ptr<Session> Session::again() const {
  return std::make_unique<Session>(state_->location, &state_->password, state_->in_database);
}

void Session::stop_with(std::stop_token stop) {
  State& s = *state_;
  s.on_stop.reset();
  if (s.canceller.joinable()) s.canceller.join();
  s.stop = std::move(stop);
  if (s.stop.stop_possible()) s.on_stop.emplace(s.stop, [&s] { s.cancel(); });
}

void Session::check_stop() const {
  state_->check_stop();
}

std::vector<Message> Session::batch(std::string_view sql, const Hear& hear,
                                    std::optional<std::uint64_t>& changed) {
  State& s = *state_;
  std::vector<Message> errors;
  {
    const State::Work work(s);
    const Call call(s.in_call);
    s.check_stop();
    SQLRETURN code = s.send(sql);
    s.listen(code, errors, hear);
    while (SQL_SUCCEEDED(code) || code == SQL_NO_DATA) {
      SQLLEN rows = -1;
      if (SQL_SUCCEEDED(code) && SQL_SUCCEEDED(::SQLRowCount(s.statement.get(), &rows)) &&
          rows >= 0)
        changed = static_cast<std::uint64_t>(rows);
      code = ::SQLMoreResults(s.statement.get());
      s.listen(code, errors, hear);
      if (code == SQL_NO_DATA) break;
    }
  }
  s.check(*this, errors);
  return errors;
}

struct Rows::State {
  struct Column {
    enum class As : std::uint8_t { text, bytes, hex, units, real };
    As as = As::text;
    SQLSMALLINT c_type = SQL_C_CHAR;
    std::size_t width = 0;  // of a bound value; 0: it comes in pieces
    std::string name;
    std::vector<char> bound;
    std::vector<SQLLEN> sizes;
    // Of the current row: where it is in `bound` or `own`; nullptr for null.
    std::string own;
    const char* data = nullptr;
    std::size_t size = 0;

    // Whether it is told otherwise than it came.
    [[nodiscard]] bool is_own() const { return as == As::units || as == As::hex; }
    void make_own(std::string_view raw) {
      own.clear();
      if (as == As::units) {
        append_utf8(own, raw);
      } else {
        own = to_hex(as_bytes(raw));
      }
      data = own.data();
      size = own.size();
    }
  };
  State(Session& its_session, Session::State& its_state)
      : session(its_session), s(its_state), work(s) {}
  ~State() {
    SQLSetStmtAttr(s.statement.get(), SQL_ATTR_ROW_ARRAY_SIZE, as_value(1), 0);
    SQLSetStmtAttr(s.statement.get(), SQL_ATTR_ROWS_FETCHED_PTR, nullptr, 0);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Session& session;
  Session::State& s;
  Session::State::Work work;
  WideRowTurn turn;
  std::vector<Column> columns;
  std::vector<Message> errors;
  std::vector<Message>* heard = nullptr;  // gets a copy of them
  std::size_t rowset_rows = 1;
  bool has_long = false;
  SQLULEN fetched = 0;
  std::size_t at = 0;  // in the rowset, of the next row
  bool is_over = false;

  void open(std::string_view sql, std::span<const Fetch> fetch, bool all_text);
  void describe(SQLUSMALLINT number, Fetch fetch);
  void bind();
  [[nodiscard]] bool fetch_rowset();
  void take_row();
  void take_pieces(SQLUSMALLINT number, Column& column);
  void end();
  void fail_if_errors() {
    if (heard != nullptr) *heard = errors;
    s.check(session, errors);
    if (!errors.empty()) session.raise(errors, {});
  }
};

// As described by the driver; how wide a value can be in the form in which it is fetched.
void Rows::State::describe(SQLUSMALLINT number, Fetch fetch) {
  Column& column = columns.emplace_back();
  std::u16string name(name_units_max, u'\0');
  SQLSMALLINT length = 0, type = 0, digits = 0, nullable = 0;
  SQLULEN size = 0;
  const SQLRETURN code = ::SQLDescribeColW(s.statement.get(), number, units_of(name),
                                           static_cast<SQLSMALLINT>(name.size()), &length, &type,
                                           &size, &digits, &nullable);
  s.listen(code, errors, {});
  column.name = to_utf8(name, length);
  const bool is_wide = type == SQL_WCHAR || type == SQL_WVARCHAR;
  const bool is_text = type == SQL_CHAR || type == SQL_VARCHAR;
  const bool is_binary = type == SQL_BINARY || type == SQL_VARBINARY;
  const bool is_long =
      type == SQL_LONGVARCHAR || type == SQL_WLONGVARCHAR || type == SQL_LONGVARBINARY ||
      type == type_variant || type == type_clr || type == type_xml ||
      ((is_wide || is_text || is_binary) && (size == 0 || size > bound_characters_max));
  const bool is_microsoft = s.driver.kind == DriverKind::microsoft;
  if (fetch == Fetch::real) {
    column.as = Column::As::real;
    column.c_type = SQL_C_DOUBLE;
    column.width = sizeof(double);
    return;
  }
  if (fetch == Fetch::bytes || is_binary || type == SQL_LONGVARBINARY) {
    column.as = fetch == Fetch::bytes ? Column::As::bytes : Column::As::hex;
    column.c_type = SQL_C_BINARY;
    column.width = is_wide ? 2 * size : is_text || is_binary ? size : plain_value_bytes;
  } else if (is_microsoft) {  // its texts in bytes are of the locale's character set
    column.as = Column::As::units;
    column.c_type = SQL_C_WCHAR;
    column.width = 2 * (is_wide || is_text ? size : plain_value_bytes) + 2;
  } else if (is_wide || type == SQL_WLONGVARCHAR) {
    column.as = Column::As::units;
    column.c_type = SQL_C_BINARY;
    column.width = 2 * size;
  } else {
    column.width = 1 + (is_text ? 3 * size : plain_value_bytes);
  }
  if (is_long) column.width = 0;
}

void Rows::State::bind() {
  std::size_t row_bytes = 0;
  for (const Column& column : columns) {
    has_long = has_long || column.width == 0;
    row_bytes += column.width + sizeof(SQLLEN);
  }
  // Values in pieces are of one row, and come behind those that are bound.
  rowset_rows =
      has_long ? 1 : std::clamp<std::size_t>(rowset_bytes / row_bytes, 1, rowset_rows_max);
  ::SQLSetStmtAttr(s.statement.get(), SQL_ATTR_ROW_ARRAY_SIZE, as_value(rowset_rows), 0);
  ::SQLSetStmtAttr(s.statement.get(), SQL_ATTR_ROWS_FETCHED_PTR, &fetched, 0);
  SQLUSMALLINT number = 0;
  bool is_behind = false;
  for (Column& column : columns) {
    ++number;
    is_behind = is_behind || column.width == 0;
    if (is_behind) continue;
    column.bound.resize(column.width * rowset_rows);
    column.sizes.resize(rowset_rows);
    ::SQLBindCol(s.statement.get(), number, column.c_type, column.bound.data(),
                 static_cast<SQLLEN>(column.width), column.sizes.data());
  }
}

void Rows::State::open(std::string_view sql, std::span<const Fetch> fetch, bool all_text) {
  const Call call(s.in_call);
  s.check_stop();
  SQLRETURN code = s.send(sql);
  SQLSMALLINT count = 0;
  while (true) {
    s.listen(code, errors, {});
    fail_if_errors();
    if (SQL_SUCCEEDED(code) && SQL_SUCCEEDED(::SQLNumResultCols(s.statement.get(), &count)) &&
        count > 0)
      break;
    code = ::SQLMoreResults(s.statement.get());
    if (code != SQL_NO_DATA) continue;
    is_over = true;
    return;
  }
  check_rule(all_text || fetch.size() == static_cast<std::size_t>(count),
             "a way to fetch is named for each column");
  for (SQLSMALLINT i = 0; i < count; ++i)
    describe(static_cast<SQLUSMALLINT>(i + 1),
             all_text ? Fetch::text : fetch[static_cast<std::size_t>(i)]);
  fail_if_errors();
  bind();
}

bool Rows::State::fetch_rowset() {
  turn.done();
  if (has_long) turn.take_unseen(s.stop);
  fetched = 0;
  at = 0;
  const SQLRETURN code = ::SQLFetch(s.statement.get());
  s.listen(code, errors, {});
  fail_if_errors();
  // A cancelled statement may look like one that is over.
  if (code == SQL_NO_DATA) return false;
  return fetched > 0;
}

// A value of unknown size, read to its end.
void Rows::State::take_pieces(SQLUSMALLINT number, Column& column) {
  std::string raw;
  // A driver ends texts with a zero, for which it wants room, and counts it not.
  const std::size_t zero = column.c_type == SQL_C_CHAR ? 1 : column.c_type == SQL_C_WCHAR ? 2 : 0;
  std::size_t room = std::max(piece_bytes, column.width);
  column.data = nullptr;
  while (true) {
    const std::size_t before = raw.size();
    raw.resize(before + room);
    SQLLEN left = 0;
    const SQLRETURN code = ::SQLGetData(s.statement.get(), number, column.c_type,
                                        raw.data() + before, static_cast<SQLLEN>(room), &left);
    if (code == SQL_NO_DATA || left == SQL_NULL_DATA) {
      if (left == SQL_NULL_DATA && SQL_SUCCEEDED(code) && before == 0) return;
      raw.resize(before);
      break;
    }
    if (!SQL_SUCCEEDED(code)) {
      s.listen(code, errors, {});
      fail_if_errors();
    }
    const bool is_whole = left >= 0 && static_cast<std::size_t>(left) <= room - zero;
    raw.resize(before + (is_whole ? static_cast<std::size_t>(left) : room - zero));
    if (is_whole) break;
    // What is left is told, but of texts that change their size on the way.
    const std::size_t more = left > 0 ? static_cast<std::size_t>(left) - (room - zero) : raw.size();
    room = std::max(piece_bytes, more + zero);
  }
  if (column.is_own()) {
    column.make_own(raw);
  } else {
    column.own = std::move(raw);
    column.data = column.own.data();
    column.size = column.own.size();
  }
}

void Rows::State::take_row() {
  std::size_t row_bytes = 0;
  SQLUSMALLINT number = 0;
  for (Column& column : columns) {
    ++number;
    if (column.bound.empty()) {
      take_pieces(number, column);
    } else {
      const SQLLEN size = column.sizes[at];
      column.data = size == SQL_NULL_DATA ? nullptr : column.bound.data() + at * column.width;
      column.size = static_cast<std::size_t>(std::max<SQLLEN>(size, 0));
      if (column.as == Column::As::real) column.size = sizeof(double);
      if (size == SQL_NO_TOTAL || column.size > column.width)
        throw Error(Errc::io, fmt::format("{}: the driver cut a value of column {}",
                                          s.location.display(), column.name));
      if (column.data != nullptr && column.is_own()) column.make_own({column.data, column.size});
    }
    row_bytes += column.data == nullptr ? 0 : column.size;
  }
  ++at;
  if (has_long) turn.got(row_bytes, s.stop);
}

// What is behind the rows may still be an error.
void Rows::State::end() {
  is_over = true;
  SQLRETURN code = SQL_SUCCESS;
  while (SQL_SUCCEEDED(code)) {
    code = ::SQLMoreResults(s.statement.get());
    s.listen(code, errors, {});
  }
  fail_if_errors();
}

Rows::Rows(std::unique_ptr<State> state) : state_(std::move(state)) {}
Rows::Rows(Rows&&) noexcept = default;
Rows::~Rows() = default;

bool Rows::next() {
  State& rows = *state_;
  if (rows.is_over) return false;
  const Call call(rows.s.in_call);
  if (rows.at >= rows.fetched && !rows.fetch_rowset()) {
    rows.end();
    return false;
  }
  rows.take_row();
  return true;
}

const std::string& Rows::name(unsigned column) const noexcept {
  return state_->columns[column].name;
}

unsigned Rows::columns() const noexcept {
  return static_cast<unsigned>(state_->columns.size());
}

std::string_view Rows::field(unsigned column) const noexcept {
  const State::Column& one = state_->columns[column];
  return one.data == nullptr ? std::string_view() : std::string_view(one.data, one.size);
}

bool Rows::is_null(unsigned column) const noexcept {
  return state_->columns[column].data == nullptr;
}

double Rows::real(unsigned column) const noexcept {
  double value = 0;
  std::memcpy(&value, state_->columns[column].data, sizeof value);
  return value;
}

Rows Session::stream(std::string_view sql, std::span<const Fetch> fetch) {
  auto state = std::make_unique<Rows::State>(*this, *state_);
  state->open(sql, fetch, false);
  return Rows(std::move(state));
}

Rows Session::texts(std::string_view sql, std::vector<Message>* errors) {
  auto state = std::make_unique<Rows::State>(*this, *state_);
  state->heard = errors;
  state->open(sql, {}, true);
  return Rows(std::move(state));
}

void Session::moved_to(std::string_view database) {
  state_->location.database = std::string(database);
  state_->in_database = true;
}

const Location& Session::location() const noexcept {
  return state_->location;
}

unsigned Session::process_id() const noexcept {
  return state_->process_id;
}

bool Session::is_unverified() const noexcept {
  return state_->location.tls == Tls::verified && state_->driver.kind == DriverKind::other;
}

void* Session::handle() noexcept {
  return state_->connection.get();
}

void Session::raise(std::span<const Message> errors, std::string_view doing, Errc otherwise) const {
  state_->check_stop();
  Error error(errc_of(errors, otherwise),
              fmt::format("{}: {}{}{}", state_->location.display(), doing,
                          doing.empty() ? "" : ": ", words_of(errors)));
  throw Error(error);
}

std::string driver_name(const Session& session) {
  return session.state_->driver_name;
}

}  // namespace holdfast::engine::sqlserver
