// SPDX-License-Identifier: Apache-2.0
#include "harness/scripted_odbc/scenario.h"

#include <fcntl.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace holdfast::test::scripted {
namespace {

namespace fs = std::filesystem;

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

std::string text_of(const toml::node& node) {
  if (const auto text = node.value<std::string>(); node.is_string() && text) return *text;
  if (const auto number = node.value<std::int64_t>(); node.is_integer() && number)
    return std::to_string(*number);
  if (const auto flag = node.value<bool>(); node.is_boolean() && flag) return *flag ? "1" : "0";
  if (const auto real = node.value<double>(); node.is_floating_point() && real)
    return std::to_string(*real);
  throw std::runtime_error("a scenario has a value of a kind that stands for nothing");
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
  return bytes;
}

Column column_of(const std::string& text) {
  static const std::map<std::string, ColumnType> types{
      {"int", ColumnType::integer},
      {"bigint", ColumnType::bigint},
      {"float", ColumnType::real},
      {"varbinary", ColumnType::varbinary},
      {"varbinary(max)", ColumnType::varbinary_max},
      {"nvarchar(max)", ColumnType::nvarchar_max},
  };
  const std::size_t space = text.rfind(' ');
  if (space == std::string::npos) return {text, ColumnType::nvarchar};
  const auto type = types.find(text.substr(space + 1));
  if (type == types.end()) return {text, ColumnType::nvarchar};
  return {text.substr(0, space), type->second};
}

Cell cell_of(const toml::node& node, ColumnType type) {
  std::string text;
  if (const toml::table* const long_one = node.as_table()) {
    if (long_one->empty()) return std::nullopt;
    const std::string piece = text_of(*long_one->get("of"));
    for (std::int64_t left = (*long_one)["times"].value_or(std::int64_t{1}); left > 0; --left)
      text += piece;
  } else {
    text = text_of(node);
  }
  const bool is_binary = type == ColumnType::varbinary || type == ColumnType::varbinary_max;
  return is_binary ? from_hex(text) : text;
}

void take_rows(const toml::table& table, Step& step) {
  for (const toml::node& name : *table["columns"].as_array())
    step.columns.push_back(column_of(text_of(name)));
  if (const toml::array* const rows = table["rows"].as_array())
    for (const toml::node& row : *rows) {
      auto& cells = step.rows.emplace_back();
      for (const toml::node& cell : *row.as_array())
        cells.push_back(cell_of(cell, step.columns.at(cells.size()).type));
      if (cells.size() != step.columns.size())
        throw std::runtime_error("a row of a scenario has not as many cells as columns");
    }
}

Step step_of(const toml::table& table) {
  using Kind = Step::Kind;
  static const std::vector<std::pair<std::string, Kind>> kinds{
      {"say", Kind::say},     {"error", Kind::error},     {"columns", Kind::rows},
      {"count", Kind::count}, {"wait_ms", Kind::wait_ms}, {"wait", Kind::wait_cancel},
      {"bak", Kind::bak},     {"run", Kind::run},         {"kill", Kind::kill},
      {"set", Kind::set},     {"unset", Kind::unset},     {"break", Kind::break_connection},
  };
  const auto kind =
      std::ranges::find_if(kinds, [&](const auto& one) { return table.contains(one.first); });
  if (kind == kinds.end()) throw std::runtime_error("a scenario has a step that says nothing");
  Step step;
  step.kind = kind->second;
  step.repeat = table["repeat"].value_or(1);
  step.state = table["state"].value_or(std::string("42000"));
  switch (step.kind) {
    case Kind::rows:
      take_rows(table, step);
      break;
    case Kind::say:
    case Kind::error:
      step.text = table["text"].value_or(std::string());
      [[fallthrough]];
    case Kind::count:
    case Kind::wait_ms:
      step.number = table[kind->first].value_or(0);
      break;
    default:
      step.text = text_of(*table.get(kind->first));
  }
  if (step.kind == Kind::bak)
    for (const auto& [key, value] : table) step.options[std::string(key.str())] = text_of(value);
  return step;
}

}  // namespace

std::string squeezed(std::string_view text) {
  std::string one;
  for (const char c : text) {
    const bool is_space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!is_space) {
      one += c;
    } else if (!one.empty() && one.back() != ' ') {
      one += ' ';
    }
  }
  while (one.ends_with(' ') || one.ends_with(';')) one.pop_back();
  return one;
}

std::string filled(const std::string& text, const Words& words) {
  std::string full;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text[at] == '{' ? text.find('}', at) : std::string::npos;
    const auto word =
        end == std::string::npos ? words.end() : words.find(text.substr(at + 1, end - at - 1));
    if (word == words.end()) {
      full += text[at++];
      continue;
    }
    full += word->second;
    at = end + 1;
  }
  return full;
}

std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  const std::string_view plain = pattern.substr(0, star);
  if (text.size() < plain.size()) return std::nullopt;
  for (std::size_t i = 0; i < plain.size(); ++i)
    if (lower(plain[i]) != lower(text[i])) return std::nullopt;
  text.remove_prefix(plain.size());
  if (star == std::string_view::npos) {
    if (!text.empty()) return std::nullopt;
    return std::vector<std::string>{};
  }
  for (std::size_t count = 0; count <= text.size(); ++count) {
    auto rest = match(pattern.substr(star + 1), text.substr(count));
    if (!rest) continue;
    rest->insert(rest->begin(), std::string(text.substr(0, count)));
    return rest;
  }
  return std::nullopt;
}

Scenario::Scenario(fs::path home) : home_(std::move(home)) {
  const bool is_first = fs::create_directories(home_ / "marks");
  load(fs::canonical(home_ / "scenario.toml"));
  if (!is_first) return;
  for (const std::string& name : databases_) set("database " + name);
  for (const std::string& what : marks_) set(what);
}

void Scenario::take(const std::string& key, const toml::node& value) {
  const auto texts = [&] {
    std::vector<std::string> all;
    for (const toml::node& one : *value.as_array()) all.push_back(text_of(one));
    return all;
  };
  if (key == "user") user_ = text_of(value);
  if (key == "password") password_ = text_of(value);
  if (key == "gathers") gathers_ = value.value_or(false);
  if (key == "databases") databases_ = texts();
  if (key == "marks") marks_ = texts();
  if (key == "directories")
    for (const auto& [from, to] : *value.as_table())
      directories_.emplace(std::string(from.str()), text_of(to));
}

void Scenario::load(const fs::path& file) {
  const toml::table table = toml::parse_file(file.native());
  if (const toml::table* const server = table["server"].as_table()) {
    for (const auto& [key, value] : *server)
      if (told_.insert(std::string(key.str())).second) take(std::string(key.str()), value);
  }
  if (const toml::array* const answers = table["answer"].as_array()) {
    for (const toml::node& node : *answers) {
      const toml::table& answer = *node.as_table();
      Rule rule;
      rule.when = answer["when"].value_or(std::string());
      rule.condition = answer["if"].value_or(std::string());
      rule.unless = answer["unless"].value_or(std::string());
      rule.times = answer["times"].value_or(0);
      rule.id = file.filename().string() + std::to_string(rules_.size());
      if (const toml::array* const steps = answer["do"].as_array())
        for (const toml::node& step : *steps) rule.steps.push_back(step_of(*step.as_table()));
      if (const toml::array* const patterns = answer["when"].as_array()) {
        for (const toml::node& pattern : *patterns) {
          rule.when = text_of(pattern);
          rules_.push_back(rule);
        }
      } else {
        rules_.push_back(std::move(rule));
      }
    }
  }
  if (const auto other = table["include"].value<std::string>()) load(file.parent_path() / *other);
}

bool Scenario::holds(const Rule& rule, const std::string& statement, Words& words) const {
  const auto found = match(rule.when, statement);
  if (!found) return false;
  Words mine = words;
  for (std::size_t i = 0; i < found->size(); ++i) mine[std::to_string(i + 1)] = (*found)[i];
  if (!rule.condition.empty() && !is_set(filled(rule.condition, mine))) return false;
  if (!rule.unless.empty() && is_set(filled(rule.unless, mine))) return false;
  words = std::move(mine);
  return true;
}

std::optional<std::vector<Step>> Scenario::answer(const std::string& statement, Words& words) {
  for (const Rule& rule : rules_) {
    if (!holds(rule, statement, words)) continue;
    if (rule.times > 0) {
      bool is_left = false;
      for (int i = 0; i < rule.times && !is_left; ++i) {
        const std::string use = "used " + rule.id + " " + std::to_string(i);
        is_left = !is_set(use);
        if (is_left) set(use);
      }
      if (!is_left) continue;
    }
    return rule.steps;
  }
  return std::nullopt;
}

bool Scenario::lets_in(const std::string& user, const std::string& password) const {
  return user_.empty() || (user == user_ && password == password_);
}

bool Scenario::has_database(const std::string& name) const {
  return is_set("database " + name);
}

fs::path Scenario::mark(const std::string& what) const {
  std::string name;
  for (const char c : what) {
    const bool is_plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    name += is_plain ? std::string(1, lower(c)) : "_";
  }
  return home_ / "marks" / name;
}

void Scenario::set(const std::string& what) const {
  std::ofstream(mark(what)) << what;
}
void Scenario::unset(const std::string& what) const {
  fs::remove(mark(what));
}
bool Scenario::is_set(const std::string& what) const {
  return fs::exists(mark(what));
}

fs::path Scenario::real_path(const std::string& server_path) const {
  for (const auto& [from, to] : directories_) {
    if (!server_path.starts_with(from)) continue;
    std::string rest = server_path.substr(from.size());
    std::ranges::replace(rest, '\\', '/');
    rest.erase(0, rest.find_first_not_of('/'));
    return home_ / to / rest;
  }
  return server_path;
}

void Scenario::note(const std::string& line) const {
  const std::string whole = line + "\n";
  const int fd = ::open((home_ / "statements.log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0) return;
  [[maybe_unused]] const auto written = ::write(fd, whole.data(), whole.size());
  ::close(fd);
}

}  // namespace holdfast::test::scripted
