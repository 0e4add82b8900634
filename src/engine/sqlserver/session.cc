// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/log.h"
#include "engine/sqlserver/server_errors.h"
#include "engine/sqlserver/server_numbers.h"
#include "engine/sqlserver/session_state.h"
#include "engine/sqlserver/wide_text.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr SQLULEN connect_timeout_seconds = 15;
// SQL_COPT_SS_BCP and SQL_BCP_ON, of every driver that loads in bulk.
constexpr SQLINTEGER bulk_attribute = 1219;
constexpr SQLULEN bulk_on = 1;
constexpr auto cancel_interval = std::chrono::milliseconds(100);
constexpr int cancels_before_kill = 20;

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
    if (password.reveal().empty())
      throw Error(Errc::denied, fmt::format("{}: there is no password for user {}",
                                            location.display(), location.user))
          .set_hint("Name a file that holds it by `password_file`.");
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

namespace {

// Drivers say no more of it than that they could not connect.
void refuse_unknown_host(const Location& location, std::span<const Message> errors) {
  const bool is_mute =
      std::ranges::all_of(errors, [](const Message& one) { return one.number == 0; });
  if (!is_mute || errc_of(errors, Errc::unavailable) != Errc::unavailable ||
      is_known_host(location.host))
    return;
  throw Error(Errc::unavailable,
              fmt::format("{}: nobody knows a host {}", location.display(), location.host))
      .set_hint("Correct the host in `uri`, or ask whoever keeps the names of this network.");
}

}  // namespace

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
    refuse_unknown_host(location, errors);
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
  if (failed && errors.size() == before) errors.push_back(unexplained());
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
  if (is_lost(errors) && error.code() == Errc::unavailable)
    for (const Message& one : errors)
      if (const NumberMeaning* const known = meaning_of(one.number);
          known != nullptr && known->code == Errc::unavailable && !known->hint.empty())
        error.set_hint(known->hint);
  throw Error(error);
}

std::string driver_name(const Session& session) {
  return session.state_->driver_name;
}

}  // namespace holdfast::engine::sqlserver
