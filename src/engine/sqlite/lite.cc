// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/lite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>
#include <thread>
#include <utility>

#include "base/log.h"

namespace holdfast::engine::sqlite {
namespace {

// Virtual-machine steps between two looks at the stop token: well below a millisecond.
constexpr int steps_between_looks = 4000;
constexpr std::chrono::microseconds busy_pause{500};

Errc code_of(int result, Errc sql_error, Errc damage) noexcept {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return Errc::unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
      return damage;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return Errc::denied;
    case SQLITE_FULL:
      return Errc::no_space;
    case SQLITE_INTERRUPT:
      return Errc::cancelled;
    case SQLITE_MISUSE:
      return Errc::bug;
    case SQLITE_ERROR:
      return sql_error;
    default:
      return Errc::io;
  }
}

Error make_error(int result, sqlite3* connection, std::string_view name,
                 Errc sql_error = Errc::corrupt, Errc damage = Errc::corrupt) {
  // The connection's message is of its last failure; it is the more telling one if it is of this.
  const bool same =
      connection != nullptr && (sqlite3_errcode(connection) & 0xff) == (result & 0xff);
  const char* const reason = same ? sqlite3_errmsg(connection) : sqlite3_errstr(result);
  Error error(code_of(result, sql_error, damage), fmt::format("{}: {}", name, reason));
  switch (result & 0xff) {
    case SQLITE_NOTADB:
      error.set_hint("The file is not an SQLite database, or it is encrypted.");
      break;
    case SQLITE_BUSY:
      error.set_hint("Another program holds the database locked; try again when it is done.");
      break;
    default:
      break;
  }
  return error;
}

std::string uri_of(const std::filesystem::path& path, std::string_view parameters) {
  std::string uri = "file:";
  for (const char c : path.native()) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '.' ||
                       c == '_' || c == '-';
    if (plain) {
      uri += c;
    } else {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return uri.append(parameters);
}

}  // namespace

struct Connection::State {
  std::string name;
  CHandle<sqlite3, sqlite3_close_v2> handle;
  SteadyTime deadline{};
  std::stop_token stop;
  Errc damage = Errc::corrupt;

  // Checks and checkpoints look for this alone, not at the progress handler.
  struct Interrupt {
    sqlite3* connection;
    void operator()() const noexcept { sqlite3_interrupt(connection); }
  };
  std::optional<std::stop_callback<Interrupt>> interrupting;  // goes before the handle

  [[nodiscard]] sqlite3* get() const noexcept { return handle.get(); }

  static int on_busy(void* self, int /*count*/) noexcept {
    const auto& state = *static_cast<const State*>(self);
    if (state.stop.stop_requested()) return 0;
    if (std::chrono::steady_clock::now() >= state.deadline) return 0;
    std::this_thread::sleep_for(busy_pause);
    return 1;
  }
  static int on_progress(void* self) noexcept {
    return static_cast<const State*>(self)->stop.stop_requested() ? 1 : 0;
  }

  void check(int result) const {
    if (result != SQLITE_OK) throw make_error(result, get(), name, damage, damage);
  }

  // Runs one statement that takes locks; a lock that is not had is a value.
  Begin attempt(const char* sql) const {
    const int result = sqlite3_exec(get(), sql, nullptr, nullptr, nullptr);
    if (result == SQLITE_OK) return Begin::done;
    if (stop.stop_requested()) throw Error(Errc::cancelled, fmt::format("{}: stopped", name));
    if (result == SQLITE_READONLY_ROLLBACK) return Begin::hot_journal;
    if ((result & 0xff) == SQLITE_BUSY) return Begin::busy;
    throw make_error(result, get(), name, damage, damage);
  }

  [[nodiscard]] sqlite3_file* file() const {
    sqlite3_file* file = nullptr;
    check(
        sqlite3_file_control(get(), "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file)));
    check_rule(file != nullptr && file->pMethods != nullptr, "an open connection has an open file");
    return file;
  }
};

Statement::Statement(sqlite3_stmt* statement, sqlite3* connection, std::string name, Errc damage)
    : connection_(connection), name_(std::move(name)), damage_(damage), statement_(statement) {}

int Statement::finalize(sqlite3_stmt* statement) {
  return sqlite3_finalize(statement);
}

void Statement::fail(int code) const {
  throw make_error(code, connection_, name_, damage_, damage_);
}

bool Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) fail(result);
  return false;
}

void Statement::reset() {
  // Repeats the result of the last step, which has been thrown already.
  static_cast<void>(sqlite3_reset(statement_.get()));
}

int Statement::columns() const {
  return sqlite3_column_count(statement_.get());
}

std::string Statement::column_name(int column) const {
  const char* const text = sqlite3_column_name(statement_.get(), column);
  return text == nullptr ? "" : text;
}

std::string Statement::column_type(int column) const {
  const char* const text = sqlite3_column_decltype(statement_.get(), column);
  return text == nullptr ? "" : text;
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) {
  const auto* const text =
      reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return {};
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {text, static_cast<std::size_t>(size)};
}

void Statement::read(model::Row& row) {
  const int count = sqlite3_data_count(statement_.get());
  row.resize(static_cast<std::size_t>(count));
  for (int column = 0; column < count; ++column) {
    model::Value& value = row[static_cast<std::size_t>(column)];
    switch (sqlite3_column_type(statement_.get(), column)) {
      case SQLITE_INTEGER:
        value = model::Value::integer(sqlite3_column_int64(statement_.get(), column));
        break;
      case SQLITE_FLOAT:
        value = model::Value::of_real(sqlite3_column_double(statement_.get(), column));
        break;
      case SQLITE_TEXT:
        value = model::Value::of_text(text(column));
        break;
      case SQLITE_BLOB: {
        const void* const bytes = sqlite3_column_blob(statement_.get(), column);
        const int size = sqlite3_column_bytes(statement_.get(), column);
        value = model::Value::of_bytes(
            {static_cast<const std::byte*>(bytes), static_cast<std::size_t>(size)});
        break;
      }
      default:
        value = model::Value::null();
        break;
    }
  }
}

bool Statement::writes() const {
  return sqlite3_stmt_readonly(statement_.get()) == 0;
}

void Statement::bind(int parameter, std::string_view text) {
  const int result = sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(),
                                         SQLITE_TRANSIENT, SQLITE_UTF8);
  if (result != SQLITE_OK) fail(result);
}

void Statement::bind(int parameter, std::int64_t value) {
  const int result = sqlite3_bind_int64(statement_.get(), parameter, value);
  if (result != SQLITE_OK) fail(result);
}

void Statement::bind(int parameter, const model::Value& value) {
  int result = SQLITE_OK;
  const char* const begin = value.text.data();
  std::int64_t number = 0;
  switch (value.kind) {
    case model::ValueKind::null:
      result = sqlite3_bind_null(statement_.get(), parameter);
      break;
    case model::ValueKind::number: {
      const char* const end = begin + value.text.size();
      const auto [last, failure] = std::from_chars(begin, end, number);
      if (failure != std::errc() || last != end)
        throw Error(Errc::unsupported, fmt::format("{}: no integer of SQLite's: {}", name_,
                                                   value.text.substr(0, 100)));
      return bind(parameter, number);
    }
    case model::ValueKind::real:
      if (std::isnan(value.real))
        throw Error(Errc::unsupported, fmt::format("{}: SQLite keeps no NaN", name_));
      result = sqlite3_bind_double(statement_.get(), parameter, value.real);
      break;
    case model::ValueKind::bytes:  // a null pointer would be null
      result = sqlite3_bind_blob64(statement_.get(), parameter, begin, value.text.size(),
                                   SQLITE_TRANSIENT);
      break;
    default:
      return bind(parameter, std::string_view(value.text));
  }
  if (result != SQLITE_OK) fail(result);
}

void Statement::bind(int parameter, const Statement& row, int column) {
  const int result = sqlite3_bind_value(statement_.get(), parameter,
                                        sqlite3_column_value(row.statement_.get(), column));
  if (result != SQLITE_OK) fail(result);
}

Connection::Connection(const std::filesystem::path& path, Access access)
    : state_(std::make_unique<State>()) {
  state_->name = path.native();
  int flags = SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  std::string where = path.native();
  switch (access) {
    case Access::read_only:
      flags |= SQLITE_OPEN_READONLY;
      break;
    case Access::read_write:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case Access::create:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
    case Access::immutable:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
      where = uri_of(path, "?immutable=1");
      break;
  }
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(where.c_str(), &handle, flags, nullptr);
  state_->handle.reset(handle);
  if (result != SQLITE_OK) {
    const int number = handle == nullptr ? 0 : sqlite3_system_errno(handle);
    if (number != 0) throw system_error(number, fmt::format("opening {}", state_->name));
    throw make_error(result, handle, state_->name);
  }
  const auto configure = [&](int what, int value) {
    state_->check(sqlite3_db_config(handle, what, value, static_cast<int*>(nullptr)));
  };
  configure(SQLITE_DBCONFIG_DEFENSIVE, 1);
  configure(SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0);
  configure(SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0);
  configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1);
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(handle, SQLITE_LIMIT_WORKER_THREADS, 0);
  state_->check(sqlite3_busy_handler(handle, State::on_busy, state_.get()));
  sqlite3_progress_handler(handle, steps_between_looks, State::on_progress, state_.get());
  run("PRAGMA cell_size_check=ON");
}

Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

const std::string& Connection::name() const noexcept {
  return state_->name;
}

void Connection::wait_until(SteadyTime deadline) noexcept {
  state_->deadline = deadline;
}

void Connection::wait_for(std::chrono::milliseconds duration) noexcept {
  state_->deadline = std::chrono::steady_clock::now() + duration;
}

void Connection::report_damage_as(Errc code) noexcept {
  state_->damage = code;
}

void Connection::stop_with(std::stop_token stop) {
  state_->interrupting.reset();
  state_->stop = std::move(stop);
  state_->interrupting.emplace(state_->stop, State::Interrupt{state_->get()});
}

void Connection::check_stop() const {
  if (state_->stop.stop_requested())
    throw Error(Errc::cancelled, fmt::format("{}: stopped", name()));
}

void Connection::tidy_on_close(bool allowed) {
  state_->check(sqlite3_db_config(state_->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, allowed ? 0 : 1,
                                  static_cast<int*>(nullptr)));
}

void Connection::pretend_collations() {
  const auto compare = [](void*, int a_bytes, const void* a, int b_bytes, const void* b) -> int {
    const int order = std::memcmp(a, b, static_cast<std::size_t>(std::min(a_bytes, b_bytes)));
    return order != 0 ? order : a_bytes - b_bytes;
  };
  using Compare = int (*)(void*, int, const void*, int, const void*);
  static const Compare compare_bytes = compare;
  const auto needed = [](void*, sqlite3* connection, int encoding, const char* name) {
    static_cast<void>(sqlite3_create_collation(connection, name, encoding, nullptr, compare_bytes));
  };
  state_->check(sqlite3_collation_needed(state_->get(), nullptr, needed));
}

void Connection::run(const std::string& sql) {
  const int result = sqlite3_exec(state_->get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK)
    throw make_error(result, state_->get(), state_->name, state_->damage, state_->damage);
}

Statement Connection::prepare(std::string_view sql, Errc error) {
  // SQLite takes an int; statements come from schemas and from people, so the length is not ours.
  if (sql.size() > 1U << 30U)
    throw Error(error, fmt::format("{}: a statement of {} bytes", name(), sql.size()));
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const int result = sqlite3_prepare_v2(state_->get(), sql.data(), static_cast<int>(sql.size()),
                                        &statement, &rest);
  Statement prepared(statement, state_->get(), state_->name, state_->damage);
  if (result != SQLITE_OK)
    throw make_error(result, state_->get(), state_->name, error, state_->damage);
  const std::string_view after = sql.substr(static_cast<std::size_t>(rest - sql.data()));
  if (statement == nullptr || after.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
    throw Error(error,
                fmt::format("{}: not exactly one statement: {}", name(), sql.substr(0, 200)));
  }
  return prepared;
}

std::optional<Statement> Connection::try_prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v2(state_->get(), sql.data(), static_cast<int>(sql.size()),
                                        &statement, nullptr);
  Statement prepared(statement, state_->get(), state_->name, state_->damage);
  if ((result & 0xff) == SQLITE_ERROR) return std::nullopt;
  if (result != SQLITE_OK)
    throw make_error(result, state_->get(), state_->name, state_->damage, state_->damage);
  return prepared;
}

std::int64_t Connection::integer(std::string_view sql) {
  Statement statement = prepare(sql);
  if (!statement.step())
    throw Error(Errc::corrupt, fmt::format("{}: no answer to {}", name(), sql));
  return statement.integer(0);
}

std::string Connection::text(std::string_view sql) {
  Statement statement = prepare(sql);
  if (!statement.step())
    throw Error(Errc::corrupt, fmt::format("{}: no answer to {}", name(), sql));
  return statement.text(0);
}

Begin Connection::begin_read() {
  // BEGIN alone takes no lock: only a page that is read fixes the state.
  const Begin begun = state_->attempt("BEGIN; SELECT count(*) FROM sqlite_schema");
  if (begun != Begin::done) rollback();
  return begun;
}

Begin Connection::begin_immediate() {
  return state_->attempt("BEGIN IMMEDIATE");
}

void Connection::rollback() noexcept {
  if (sqlite3_get_autocommit(state_->get()) != 0) return;
  static_cast<void>(sqlite3_exec(state_->get(), "ROLLBACK", nullptr, nullptr, nullptr));
}

std::size_t Connection::read_front(std::span<std::byte> into) {
  sqlite3_file* const file = state_->file();
  const int result = file->pMethods->xRead(file, into.data(), static_cast<int>(into.size()), 0);
  if (result == SQLITE_OK) return into.size();
  if (result != SQLITE_IOERR_SHORT_READ) throw make_error(result, nullptr, state_->name);
  return static_cast<std::size_t>(std::min<std::uint64_t>(file_bytes(), into.size()));
}

std::uint64_t Connection::file_bytes() {
  sqlite3_file* const file = state_->file();
  sqlite3_int64 size_bytes = 0;
  const int result = file->pMethods->xFileSize(file, &size_bytes);
  if (result != SQLITE_OK) throw make_error(result, nullptr, state_->name);
  return static_cast<std::uint64_t>(size_bytes);
}

bool Connection::writer_is_active() {
  sqlite3_file* const file = state_->file();
  int active = 0;
  const int result = file->pMethods->xCheckReservedLock(file, &active);
  if (result != SQLITE_OK) throw make_error(result, nullptr, state_->name);
  return active != 0;
}

PageCopy::PageCopy(Connection& target, Connection& source)
    : target_(target),
      source_(source),
      backup_(sqlite3_backup_init(target.state_->get(), "main", source.state_->get(), "main")) {
  if (!backup_)
    throw make_error(sqlite3_errcode(target.state_->get()), target.state_->get(), target.name());
}

int PageCopy::close(sqlite3_backup* backup) {
  return sqlite3_backup_finish(backup);
}

PageCopy::Step PageCopy::step(int pages) {
  const int result = sqlite3_backup_step(backup_.get(), pages);
  if (result == SQLITE_OK) return Step::more;
  if (result == SQLITE_DONE) return Step::done;
  if (result == SQLITE_READONLY_ROLLBACK) return Step::hot_journal;
  if ((result & 0xff) == SQLITE_BUSY || (result & 0xff) == SQLITE_LOCKED) return Step::busy;
  // Which side failed is not told; a full disk can only be the target's.
  const bool of_target = (result & 0xff) == SQLITE_FULL;
  throw make_error(result, nullptr, of_target ? target_.name() : source_.name());
}

std::int64_t PageCopy::copied() const {
  return sqlite3_backup_pagecount(backup_.get()) - sqlite3_backup_remaining(backup_.get());
}

void PageCopy::finish() {
  const int result = sqlite3_backup_finish(backup_.release());
  if (result != SQLITE_OK) throw make_error(result, target_.state_->get(), target_.name());
}

std::string quote_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + '"';
}

std::string library_version() {
  return sqlite3_libversion();
}

std::string version_text(std::uint32_t number) {
  return fmt::format("{}.{}.{}", number / 1'000'000, number / 1000 % 1000, number % 1000);
}

}  // namespace holdfast::engine::sqlite
