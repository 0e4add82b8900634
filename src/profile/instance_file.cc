// SPDX-License-Identifier: Apache-2.0
#include "profile/instance_file.h"

#include <sys/stat.h>

#include "base/error.h"

namespace {
// What toml++ asserts of its own parser does not hold for every malformed file: that must end in an
// Error, neither in an abort nor, where NDEBUG turns its assertions into assumptions, in undefined
// behaviour.
[[noreturn]] void refuse_toml() {
  throw holdfast::Error(holdfast::Errc::usage, "no valid TOML: the parser lost its way");
}
}  // namespace
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(condition) (static_cast<bool>(condition) ? void() : refuse_toml())
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/units.h"
#include "profile/instance_keys.h"
#include "profile/registry.h"

namespace holdfast::profile {
namespace {

// Where something stands in the file, for messages: "shop.toml:12:3".
class Place {
 public:
  Place(std::string_view file, const toml::source_region& region) : file_(file), region_(region) {}
  [[nodiscard]] Error error(const std::string& message, Errc code = Errc::usage) const {
    return Error(code, std::string(file_) + ":" + std::to_string(region_.begin.line) + ":" +
                           std::to_string(region_.begin.column) + ": " + message);
  }

 private:
  std::string_view file_;
  toml::source_region region_;
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string table_title(std::string_view table) {
  if (table.empty()) return "at the top";
  for (const InstanceTable& known : instance_tables()) {
    if (known.name == table && known.repeated) return "in [[" + std::string(table) + "]]";
  }
  return "in [" + std::string(table) + "]";
}

// Reads the keys of one table, each at most once, and complains about those that nobody read.
class Table {
 public:
  Table(std::string_view file, std::string_view name, const toml::table& table)
      : file_(file), name_(name), table_(table) {
    check_known();
  }

  [[nodiscard]] Place place() const { return Place(file_, table_.source()); }
  [[nodiscard]] Place place(std::string_view key) const {
    const toml::node* node = table_.get(key);
    return Place(file_, node != nullptr ? node->source() : table_.source());
  }
  [[nodiscard]] int line() const { return static_cast<int>(table_.source().begin.line); }
  [[nodiscard]] const toml::node* get(std::string_view key) const { return table_.get(key); }

  [[nodiscard]] std::string text(std::string_view key) const {
    const toml::node* node = find(key);
    if (node == nullptr) return {};
    const auto* value = node->as_string();
    if (value == nullptr) throw wrong_type(key, "a text in quotes");
    if (value->get().empty()) throw place(key).error("`" + std::string(key) + "` is empty");
    if (value->get().find('\0') != std::string::npos) {
      throw place(key).error("`" + std::string(key) + "` holds a NUL byte");
    }
    return value->get();
  }

  [[nodiscard]] std::string path(std::string_view key) const {
    std::string value = text(key);
    if (!value.empty() && value[0] != '/') throw relative(key, value);
    return value;
  }

  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const {
    const toml::node* node = find(key);
    if (node == nullptr) return {};
    return texts_of(*node, key);
  }

  [[nodiscard]] std::vector<std::string> paths(std::string_view key) const {
    std::vector<std::string> values = texts(key);
    for (const std::string& value : values) {
      if (value[0] != '/') throw relative(key, value);
    }
    return values;
  }

  [[nodiscard]] std::vector<std::vector<std::string>> argvs(std::string_view key) const {
    const toml::node* node = find(key);
    if (node == nullptr) return {};
    const toml::array* array = node->as_array();
    if (array == nullptr) throw wrong_type(key, "a list of programs, each a list of texts");
    std::vector<std::vector<std::string>> values;
    for (const toml::node& element : *array) {
      values.push_back(texts_of(element, key));
      if (values.back().empty()) throw Place(file_, element.source()).error("a program is missing");
    }
    return values;
  }

  [[nodiscard]] std::uint64_t number(std::string_view key, std::uint64_t otherwise) const {
    const toml::node* node = find(key);
    if (node == nullptr) return otherwise;
    const auto* value = node->as_integer();
    if (value == nullptr || value->get() < 0) throw wrong_type(key, "a whole number, 0 or more");
    return static_cast<std::uint64_t>(value->get());
  }

  [[nodiscard]] std::chrono::milliseconds duration(std::string_view key,
                                                   std::chrono::milliseconds otherwise) const {
    const std::string value = text(key);
    if (value.empty()) return otherwise;
    try {
      return parse_duration(value);
    } catch (const Error& error) {
      throw place(key).error(error.message());
    }
  }

  [[nodiscard]] model::PasswordSource password() const {
    model::PasswordSource source{path("password_file"), texts("password_command")};
    if (!source.file.empty() && !source.command.empty()) {
      throw place("password_command")
          .error("password_file and password_command exclude each other");
    }
    struct ::stat status {};
    if (!source.file.empty() && ::stat(source.file.c_str(), &status) == 0 &&
        (status.st_mode & 0007U) != 0) {
      throw place("password_file")
          .error("password file " + source.file + " can be read by every user of this machine",
                 Errc::denied)
          .set_hint("Run `chmod o-rwx " + source.file +
                    "`, and change the password if others may have seen it.");
    }
    return source;
  }

  // The inner table or tables of that name.
  [[nodiscard]] std::vector<Table> inner(std::string_view key, std::string_view full_name,
                                         bool repeated) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return {};
    std::vector<Table> result;
    if (repeated) {
      const toml::array* array = node->as_array();
      if (array == nullptr) throw wrong_type(key, "written as [[" + std::string(full_name) + "]]");
      for (const toml::node& element : *array) {
        const toml::table* table = element.as_table();
        if (table == nullptr)
          throw wrong_type(key, "written as [[" + std::string(full_name) + "]]");
        result.emplace_back(file_, full_name, *table);
      }
    } else {
      const toml::table* table = node->as_table();
      if (table == nullptr) throw wrong_type(key, "written as [" + std::string(full_name) + "]");
      result.emplace_back(file_, full_name, *table);
    }
    return result;
  }

 private:
  [[nodiscard]] const toml::node* find(std::string_view key) const { return table_.get(key); }

  [[nodiscard]] Error wrong_type(std::string_view key, const std::string& wanted) const {
    return place(key).error("`" + std::string(key) + "` must be " + wanted);
  }
  [[nodiscard]] Error relative(std::string_view key, const std::string& value) const {
    return place(key).error("`" + std::string(key) + "` must be an absolute path, not \"" + value +
                            "\"");
  }

  [[nodiscard]] std::vector<std::string> texts_of(const toml::node& node,
                                                  std::string_view key) const {
    const toml::array* array = node.as_array();
    if (array == nullptr) throw wrong_type(key, "a list of texts");
    std::vector<std::string> values;
    for (const toml::node& element : *array) {
      const auto* value = element.as_string();
      if (value == nullptr || value->get().empty() ||
          value->get().find('\0') != std::string::npos) {
        throw Place(file_, element.source())
            .error("`" + std::string(key) + "` must hold non-empty texts only");
      }
      values.push_back(value->get());
    }
    return values;
  }

  void check_known() const {
    const std::string prefix = name_.empty() ? "" : std::string(name_) + ".";
    std::vector<std::string_view> known;
    for (const InstanceKey& key : instance_keys()) {
      if (key.table == name_) known.push_back(key.name);
    }
    for (const InstanceTable& table : instance_tables()) {
      if (!table.name.empty() && table.name.starts_with(prefix) &&
          table.name.find('.', prefix.size()) == std::string_view::npos) {
        known.push_back(table.name.substr(prefix.size()));
      }
    }
    for (const auto& [key, value] : table_) {
      const std::string_view name = key.str();
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      Error error = Place(file_, key.source())
                        .error("unknown key `" + std::string(name) + "` " + table_title(name_));
      const auto nearest = std::min_element(known.begin(), known.end(), [&](auto a, auto b) {
        return edit_distance(a, name) < edit_distance(b, name);
      });
      if (name == "password") {
        error.set_hint(
            "A password never stands in the file: use password_file or password_command.");
      } else if (nearest != known.end() && edit_distance(*nearest, name) <= 3) {
        error.set_hint("Did you mean `" + std::string(*nearest) + "`?");
      } else {
        error.set_hint("docs/instance-file.md lists every key.");
      }
      throw error;
    }
    for (const InstanceKey& key : instance_keys()) {
      if (key.table == name_ && key.required && table_.get(key.name) == nullptr) {
        throw place().error("`" + std::string(key.name) + "` is missing " + table_title(name_));
      }
    }
  }

  std::string_view file_;
  std::string_view name_;
  const toml::table& table_;
};

// A component or instance name: what people type and paths are made of.
void check_name(const Table& table, const std::string& name) {
  if (name.size() > 200 || name == "." || name == ".." ||
      name.find_first_of("/\n\r\t") != std::string::npos) {
    throw table.place("name").error("`name` must be at most 200 bytes without slash or line break");
  }
}

// "scheme://user:secret@host" holds a password.
bool holds_password(std::string_view uri) {
  const std::size_t start = uri.find("://");
  if (start == std::string_view::npos) return false;
  const std::string_view rest = uri.substr(start + 3);
  const std::size_t at = rest.substr(0, rest.find('/')).rfind('@');
  return at != std::string_view::npos && rest.substr(0, at).find(':') != std::string_view::npos;
}

model::DatabaseSettings read_database(const Table& table) {
  model::DatabaseSettings database;
  database.name = table.text("name");
  check_name(table, database.name);
  database.uri = table.text("uri");
  database.engine = table.text("engine");
  if (holds_password(database.uri)) {
    throw table.place("uri")
        .error("`uri` holds a password", Errc::denied)
        .set_hint("Move it to a file of its own and name that as password_file.");
  }
  if (database.engine.empty()) {
    const std::size_t colon = database.uri.find(':');
    if (colon == std::string::npos || colon == 0) {
      throw table.place("uri").error("`uri` names no engine; write engine = \"…\" or \"engine:…\"");
    }
    database.engine = database.uri.substr(0, colon);
  }
  database.user = table.text("user");
  database.password = table.password();
  database.after = table.texts("after");
  database.line = table.line();
  return database;
}

model::FilesSettings read_files(const Table& table) {
  model::FilesSettings files;
  files.name = table.text("name");
  check_name(table, files.name);
  files.paths = table.paths("paths");
  if (files.paths.empty()) throw table.place("paths").error("`paths` is empty");
  files.exclude = table.texts("exclude");
  files.after = table.texts("after");
  files.line = table.line();
  return files;
}

void read_quiesce(const Table& table, model::Instance& instance) {
  instance.quiesce.stop = table.texts("stop");
  instance.quiesce.start = table.texts("start");
  if (instance.quiesce.stop.empty() || instance.quiesce.start.empty()) {
    throw table.place().error("`stop` and `start` must each name a program");
  }
  const std::string when = table.text("when");
  if (when == "always") {
    instance.quiesce.when = model::QuiesceWhen::always;
  } else if (when == "needed") {
    instance.quiesce.when = model::QuiesceWhen::needed;
  } else if (!when.empty()) {
    throw table.place("when").error("`when` must be \"always\" or \"needed\"");
  }
  instance.quiesce.timeout = table.duration("timeout", instance.quiesce.timeout);
}

void read_limits(const Table& table, model::LimitSettings& limits) {
  limits.fence_ms = table.number("fence_ms", limits.fence_ms);
  limits.writer_stall_ms = table.number("writer_stall_ms", limits.writer_stall_ms);
  limits.moments_apart_ms = table.number("moments_apart_ms", limits.moments_apart_ms);
  const std::uint64_t parallel = table.number("parallel", limits.parallel);
  if (parallel > 1024) throw table.place("parallel").error("`parallel` must be at most 1024");
  limits.parallel = static_cast<unsigned>(parallel);
}

void read_drill(const Table& table, model::DrillSettings& drill) {
  drill.scratch_dir = table.path("scratch_dir");
  for (const Table& query : table.inner("query", "drill.query", true)) {
    drill.queries.push_back({query.text("component"), query.text("sql"), query.text("expect")});
  }
}

void read_restore(const Table& table, model::Instance& instance) {
  const std::string role = table.text("role");
  if (role == "clone") {
    instance.restore_role = model::RestoreRole::clone;
  } else if (role == "replacement") {
    instance.restore_role = model::RestoreRole::replacement;
  } else if (!role.empty()) {
    throw table.place("role").error("`role` must be \"clone\" or \"replacement\"");
  }
}

bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  for (const std::size_t i : {0U, 1U, 2U, 3U, 5U, 6U, 8U, 9U}) {
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  const int month = (text[5] - '0') * 10 + (text[6] - '0');
  const int day = (text[8] - '0') * 10 + (text[9] - '0');
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

// Names are unique across all components, `after` and drill queries name components that exist, and
// `after` has no circle.
void check_references(const Table& top, const model::Instance& instance) {
  std::set<std::string> names;
  const auto add = [&](const std::string& name) {
    if (!names.insert(name).second)
      throw top.place().error("two components are named \"" + name + "\"");
  };
  std::vector<std::pair<std::string, std::vector<std::string>>> after;
  for (const auto& database : instance.databases) {
    add(database.name);
    after.emplace_back(database.name, database.after);
  }
  for (const auto& files : instance.files) {
    add(files.name);
    after.emplace_back(files.name, files.after);
  }
  for (const auto& [name, earlier] : after) {
    for (const std::string& other : earlier) {
      if (!names.contains(other)) {
        throw top.place().error("`after` of \"" + name + "\" names \"" + other +
                                "\", which is no component");
      }
    }
  }
  for (const auto& query : instance.drill.queries) {
    if (!names.contains(query.component)) {
      throw top.place().error("[[drill.query]] names \"" + query.component +
                              "\", which is no component");
    }
  }
  std::set<std::string> placed;
  for (std::size_t placed_before = 0;; placed_before = placed.size()) {
    for (const auto& [name, earlier] : after) {
      if (std::all_of(earlier.begin(), earlier.end(),
                      [&](const auto& other) { return placed.contains(other); })) {
        placed.insert(name);
      }
    }
    if (placed.size() == names.size()) return;
    if (placed.size() == placed_before) throw top.place().error("`after` runs in a circle");
  }
}

model::Instance read_instance(const toml::table& document, std::string_view file) {
  const Table top(file, "", document);
  model::Instance instance;
  instance.file = file;
  instance.name = top.text("name");
  check_name(top, instance.name);
  if (const std::string name = top.text("profile"); !name.empty()) instance.profile = name;
  const model::Profile* profile = find_profile(instance.profile);
  if (profile == nullptr) {
    std::string known;
    for (const model::Profile* candidate : all_profiles()) {
      known += (known.empty() ? "" : ", ") + std::string(candidate->name());
    }
    throw top.place("profile").error("unknown profile \"" + instance.profile +
                                     "\"; known: " + known);
  }
  instance.quiesce.when = profile->quiesce_default();
  instance.home = top.path("home");
  for (const Table& table : top.inner("repository", "repository", false)) {
    instance.repository = {table.text("location"), table.password()};
  }
  for (const Table& table : top.inner("database", "database", true)) {
    instance.databases.push_back(read_database(table));
  }
  for (const Table& table : top.inner("files", "files", true))
    instance.files.push_back(read_files(table));
  for (const Table& table : top.inner("quiesce", "quiesce", false)) read_quiesce(table, instance);
  for (const Table& table : top.inner("hooks", "hooks", false)) {
    instance.hooks = {table.argvs("before_backup"), table.argvs("after_backup"),
                      table.argvs("on_error"), table.argvs("before_restore"),
                      table.argvs("after_restore")};
  }
  for (const Table& table : top.inner("limits", "limits", false))
    read_limits(table, instance.limits);
  for (const Table& table : top.inner("drill", "drill", false)) read_drill(table, instance.drill);
  for (const Table& table : top.inner("restore", "restore", false)) read_restore(table, instance);
  for (const Table& table : top.inner("accept", "accept", true)) {
    instance.accepts.push_back(
        {table.text("code"), table.text("component"), table.text("reason"), table.text("until")});
    if (!instance.accepts.back().until.empty() && !is_date(instance.accepts.back().until)) {
      throw table.place("until").error("`until` must be a date as in \"2027-01-31\"");
    }
  }
  check_references(top, instance);
  return instance;
}

}  // namespace

std::filesystem::path find_instance_file(std::string_view name) {
  const std::filesystem::path direct(name);
  std::error_code ignored;
  const bool is_path = name.find('/') != std::string_view::npos || name.ends_with(".toml");
  if (is_path || std::filesystem::is_regular_file(direct, ignored)) {
    if (std::filesystem::exists(direct, ignored)) return std::filesystem::absolute(direct);
    if (is_path) {
      throw Error(Errc::not_found, "no instance file " + direct.string())
          .set_hint("`holdfast discover DIRECTORY` writes one.");
    }
  }
  const std::filesystem::path shared =
      std::filesystem::path("/etc/holdfast") / (std::string(name) + ".toml");
  if (std::filesystem::exists(shared, ignored)) return shared;
  throw Error(Errc::not_found, "no instance file for \"" + std::string(name) + "\": neither " +
                                   std::filesystem::absolute(direct).string() + " nor " +
                                   shared.string())
      .set_hint("`holdfast discover DIRECTORY` writes one.");
}

model::Instance parse_instance(std::string_view toml, std::string_view file_name) {
  const std::string file(file_name);
  try {
    return read_instance(toml::parse(toml, file), file);
  } catch (const toml::parse_error& error) {
    throw Place(file, error.source()).error("no valid TOML: " + std::string(error.description()));
  }
}

model::Instance read_instance_file(const std::filesystem::path& file) {
  const std::string text = read_text_file(file, 1U << 20U);
  return parse_instance(text, file.string());
}

std::shared_ptr<const Secret> resolve_password(const model::PasswordSource& source,
                                               std::string_view whose) {
  const auto trimmed = [](std::string text) {
    const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
    while (!text.empty() && space(text.back())) text.pop_back();
    std::size_t first = 0;
    while (first < text.size() && space(text[first])) ++first;
    std::string result = text.substr(first);
    wipe(text.data(), text.size());
    return std::make_shared<const Secret>(std::move(result));
  };
  if (!source.file.empty()) {
    return in_context("reading the password of " + std::string(whose),
                      [&] { return trimmed(read_text_file(source.file, 64U * 1024)); });
  }
  if (source.command.empty()) return nullptr;
  Command command{.argv = source.command,
                  .environment = {},
                  .directory = {},
                  .timeout = std::chrono::seconds(60)};
  ProcessResult result = run_process(command);
  if (result.timed_out || result.exit_code != 0) {
    wipe(result.output.data(), result.output.size());
    throw Error(Errc::failed_child,
                "password_command of " + std::string(whose) +
                    " failed: " + display(source.command) + ": " +
                    (result.timed_out ? "no end after 60 s"
                                      : "exit code " + std::to_string(result.exit_code)));
  }
  return trimmed(std::move(result.output));
}

}  // namespace holdfast::profile
