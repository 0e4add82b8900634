// SPDX-License-Identifier: Apache-2.0
#include "harness/scripted_odbc/server.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "harness/scripted_odbc/backup.h"

namespace holdfast::test::scripted {
namespace {

namespace fs = std::filesystem;

constexpr const char* prefix = "[Scripted][SQL Server]";
constexpr int cancel_patience_ms = 60'000;

// "key=value;" or "key={value};" by turns.
std::map<std::string, std::string> keywords(const std::string& text) {
  std::map<std::string, std::string> found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t equals = text.find('=', at);
    if (equals == std::string::npos) break;
    std::string key;
    for (const char c : text.substr(at, equals - at))
      key += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    std::string value;
    at = equals + 1;
    if (at < text.size() && text[at] == '{') {
      const std::size_t end = std::min(text.find("};", at), text.size() - 1);
      value = text.substr(at + 1, end - at - 1);
      at = end + 1;
    } else {
      const std::size_t end = std::min(text.find(';', at), text.size());
      value = text.substr(at, end - at);
      at = end;
    }
    found.emplace(key, value);
    at = text.find_first_not_of(';', at);
    if (at == std::string::npos) break;
  }
  return found;
}

// What stands behind each `word = N'…'` of a statement, by number.
void find_devices(const std::string& sql, const std::string& word, const std::string& name,
                  Words& words) {
  int number = 0;
  for (std::size_t at = sql.find(word); at != std::string::npos; at = sql.find(word, at)) {
    at += word.size();
    const std::size_t end = sql.find('\'', at);
    if (end == std::string::npos) return;
    words[name + std::to_string(++number)] = sql.substr(at, end - at);
    at = end;
  }
}

}  // namespace

SQLRETURN Connection::connect(const std::string& text) {
  static std::atomic<unsigned> processes = 50;
  auto words = keywords(text);
  const char* const told = std::getenv("HOLDFAST_SCRIPTED_ODBC");
  fs::path home = words.contains("HOME") ? words["HOME"] : told == nullptr ? "" : told;
  if (fs::exists(home / words["SERVER"] / "scenario.toml")) home /= words["SERVER"];
  try {
    scenario = std::make_unique<Scenario>(home);
  } catch (const std::exception& error) {
    return fail("08001", 17, std::string(prefix) + "the scenario cannot be read: " + error.what());
  }
  if (!scenario->lets_in(words["UID"], words["PWD"]))
    return fail("28000", 18456,
                std::string(prefix) + "Login failed for user '" + words["UID"] + "'.");
  database = words.contains("DATABASE") ? words["DATABASE"] : "master";
  if (!scenario->has_database(database) && database != "master")
    return fail("42000", 4060,
                std::string(prefix) + "Cannot open database \"" + database +
                    "\" requested by the login. The login failed.");
  process_id = ++processes;
  return SQL_SUCCESS;
}

SQLRETURN Statement::execute(const std::string& sql) {
  close();
  if (connection.is_dead)
    return fail("08S01", 0, std::string(prefix) + "Communication link failure");
  const Scenario& scenario = *connection.scenario;
  sql_ = squeezed(sql);
  words_ = {{"home", scenario.home().native()},
            {"scenarios", scenario.folder()},
            {"database", connection.database},
            {"spid", std::to_string(connection.process_id)}};
  find_devices(sql_, "DISK = N'", "disk", words_);
  find_devices(sql_, "URL = N'", "url", words_);
  auto steps = connection.scenario->answer(sql_, words_);
  scenario.note((steps ? "" : "UNANSWERED ") + connection.database + ": " + sql_);
  if (!steps)
    return fail("42000", 50000, std::string(prefix) + "the scenario has no answer to: " + sql_);
  steps_ = std::move(*steps);
  {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = false;
  }
  if (const auto use = match("USE [*]", sql_)) connection.database = use->front();
  return advance(true);
}

SQLRETURN Statement::more() {
  result_.reset();
  row_ = nullptr;
  given.clear();
  row_count = -1;
  return advance(false);
}

void Statement::close() {
  if (at_ < steps_.size() && connection.scenario) connection.scenario->note("ABANDONED " + sql_);
  steps_.clear();
  at_ = 0;
  said_ = 0;
  has_information_ = false;
  result_.reset();
  row_ = nullptr;
  given.clear();
  row_count = -1;
}

void Statement::cancel() {
  const std::lock_guard lock(mutex_);
  is_cancelled_ = true;
  cancelled_.notify_all();
}

bool Statement::wait(int milliseconds) {
  std::unique_lock lock(mutex_);
  return cancelled_.wait_for(lock, std::chrono::milliseconds(milliseconds),
                             [&] { return is_cancelled_; });
}

const std::vector<Cell>* Statement::next_row() {
  given.clear();
  row_ = result_ && next_row_ < result_->rows.size() ? &result_->rows[next_row_++] : nullptr;
  return row_;
}

SQLRETURN Statement::advance(bool is_first) {
  while (at_ < steps_.size()) {
    const Step& step = steps_[at_];
    try {
      if (const auto code = take(step)) return *code;
    } catch (const std::exception& error) {
      steps_.clear();
      at_ = 0;
      return fail("HY000", 50001, std::string(prefix) + error.what());
    }
  }
  const bool tells = std::exchange(has_information_, false);
  if (tells) return SQL_SUCCESS_WITH_INFO;
  return is_first ? SQL_SUCCESS : SQL_NO_DATA;
}

// What ends a call; nothing: it goes on.
std::optional<SQLRETURN> Statement::take(const Step& step) {
  using Kind = Step::Kind;
  const Scenario& scenario = *connection.scenario;
  const auto told = [&] {
    return std::exchange(has_information_, false) ? SQL_SUCCESS_WITH_INFO : SQL_SUCCESS;
  };
  switch (step.kind) {
    case Kind::say:
      diagnostics.push_back({"01000", step.number, prefix + fill(step.text)});
      if (++said_ >= step.repeat) {
        said_ = 0;
        ++at_;
      }
      has_information_ = true;
      if (!scenario.gathers()) return told();
      return std::nullopt;
    case Kind::error:
      for (; at_ < steps_.size() && steps_[at_].kind == Kind::error; ++at_)
        diagnostics.push_back(
            {steps_[at_].state, steps_[at_].number, prefix + fill(steps_[at_].text)});
      has_information_ = false;
      return SQL_ERROR;
    case Kind::rows:
      result_ = step;
      for (auto& row : result_->rows)
        for (Cell& cell : row)
          if (cell) cell = fill(*cell);
      next_row_ = 0;
      ++at_;
      return told();
    case Kind::count:
      row_count = step.number;
      ++at_;
      return told();
    case Kind::wait_ms:
    case Kind::wait_cancel:
      if (wait(step.kind == Kind::wait_ms ? step.number : cancel_patience_ms)) {
        scenario.note("CANCELLED " + sql_);
        steps_.clear();
        at_ = 0;
        return fail("HY008", 0, std::string(prefix) + "Operation canceled");
      }
      break;
    case Kind::bak: {
      auto options = step.options;
      for (auto& [key, value] : options) value = fill(value);
      write_backup(scenario.real_path(options["bak"]), options);
      break;
    }
    case Kind::run: {
      const std::string command =
          "HOME='" + scenario.home().native() + "'; export HOME; " + fill(step.text);
      if (std::system(command.c_str()) != 0)
        throw std::runtime_error("a command of the scenario failed: " + command);
      break;
    }
    case Kind::kill:
      ::kill(::getpid(), SIGKILL);
      break;
    case Kind::break_connection:
      connection.is_dead = true;
      steps_.clear();
      at_ = 0;
      return fail("08S01", 20004, std::string(prefix) + "Read from the server failed");
    case Kind::set:
      scenario.set(fill(step.text));
      break;
    case Kind::unset:
      scenario.unset(fill(step.text));
      break;
  }
  ++at_;
  return std::nullopt;
}

}  // namespace holdfast::test::scripted
