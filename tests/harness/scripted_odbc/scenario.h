// SPDX-License-Identifier: Apache-2.0
// What a scripted SQL Server has been told to answer: a readable file of rules, and a directory in
// which it remembers what it was told.
//
// A scenario is a .toml file. `include` names another one, whose rules come behind its own, and
// whose words about the server count where it has none.
//
//   [server]
//   user, password    whom it lets in; without them everybody
//   databases         names of those that are there from the beginning: "database Shop" is set
//   marks             what else is set from the beginning
//   directories       {"E:\\Backup" = "exchange"}: its directories, and where they are below HOME
//   gathers = true    information comes with the next result, as of FreeTDS; without it each
//   message
//                     is a result of its own, as of Microsoft's driver
//
//   [[answer]]
//   when = "BACKUP DATABASE [*] TO *"   the statement; `*` is any text, {1}, {2} … are what it was;
//                                       or a list of such
//   if, unless = "restored {1}"         whether that was set
//   times = 1                           how often the rule holds
//   do = [ steps ]
//
// The first rule that holds answers. A statement without one is the error 50000, and stands in
// statements.log as UNANSWERED. Steps, one behind the other:
//
//   {say = 3211, text = "10 percent processed.", repeat = 1000}
//   {error = 3201, text = "…", state = "42000"}    those that follow each other come together
//   {columns = ["Position int", "BackupName"], rows = [[1, "x"]]}    nvarchar where no type stands
//   {count = 3}                 so many rows were changed
//   {wait_ms = 200}             or until it is cancelled
//   {wait = "cancel"}           for a minute at most
//   {bak = "{disk1}", …}        writes a backup file: backup.h
//   {run = "command"}           of a shell, with HOME set
//   {kill = "caller"}           ends this process at once
//   {break = "connection"}
//   {set = "restored {1}"}, {unset = "…"}
//
// In texts stand {1} …, {disk1} … and {url1} … for the devices of the statement, {home},
// {scenarios} for the directory of the file, {database} for the connection's and {spid}. A null is
// {}, a long value {of = "piece", times = 1000}; bytes are written in hex.
#pragma once

#include <toml++/toml.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::test::scripted {

// Bytes, of a text in UTF-8; nothing is null.
using Cell = std::optional<std::string>;

enum class ColumnType { nvarchar, nvarchar_max, varbinary, varbinary_max, integer, bigint, real };
struct Column {
  std::string name;
  ColumnType type = ColumnType::nvarchar;
};

struct Step {
  enum class Kind {
    say,
    error,
    rows,
    count,
    wait_ms,
    wait_cancel,
    bak,
    run,
    kill,
    break_connection,
    set,
    unset
  };
  Kind kind = Kind::say;
  int number = 0;
  int repeat = 1;
  std::string text, state = "42000";
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  std::map<std::string, std::string> options;  // of bak
};

// What stands for {…} in texts.
using Words = std::map<std::string, std::string>;

class Scenario {
 public:
  // HOME has scenario.toml. Throws std::exception.
  explicit Scenario(std::filesystem::path home);

  // Nothing: nobody foresaw it.
  [[nodiscard]] std::optional<std::vector<Step>> answer(const std::string& statement, Words& words);
  [[nodiscard]] bool lets_in(const std::string& user, const std::string& password) const;
  [[nodiscard]] bool has_database(const std::string& name) const;
  [[nodiscard]] bool gathers() const noexcept { return gathers_; }
  [[nodiscard]] const std::filesystem::path& home() const noexcept { return home_; }
  [[nodiscard]] std::string folder() const {
    return std::filesystem::canonical(home_ / "scenario.toml").parent_path().native();
  }

  void set(const std::string& what) const;
  void unset(const std::string& what) const;
  [[nodiscard]] bool is_set(const std::string& what) const;
  // A file of the server's, where it really is.
  [[nodiscard]] std::filesystem::path real_path(const std::string& server_path) const;
  // Adds a line to statements.log.
  void note(const std::string& line) const;

 private:
  struct Rule {
    std::string when, condition, unless;
    int times = 0;  // 0: always
    std::string id;
    std::vector<Step> steps;
  };
  void load(const std::filesystem::path& file);
  void take(const std::string& key, const toml::node& value);
  [[nodiscard]] bool holds(const Rule& rule, const std::string& statement, Words& words) const;
  [[nodiscard]] std::filesystem::path mark(const std::string& what) const;

  std::filesystem::path home_;
  std::vector<Rule> rules_;
  std::set<std::string> told_;  // keys of [server]
  std::string user_, password_;
  bool gathers_ = false;
  std::vector<std::string> databases_, marks_;
  std::map<std::string, std::string> directories_;
};

// One space for every run of white space, none at the ends.
[[nodiscard]] std::string squeezed(std::string_view text);
// With what stands for {…}; what does not is left.
[[nodiscard]] std::string filled(const std::string& text, const Words& words);
// Whether `text` is of that pattern, and what its `*` were. Case does not count.
[[nodiscard]] std::optional<std::vector<std::string>> match(std::string_view pattern,
                                                            std::string_view text);

}  // namespace holdfast::test::scripted
