// SPDX-License-Identifier: Apache-2.0
// Writes an instance as TOML, as `discover` prints it.
#include <algorithm>

#include "profile/instance_file.h"

namespace holdfast::profile {
namespace {

// A basic TOML string.
std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      static constexpr char digits[] = "0123456789ABCDEF";
      result += "\\u00";
      result += digits[byte >> 4U];
      result += digits[byte & 15U];
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string list(const std::vector<std::string>& texts) {
  std::string result = "[";
  for (const std::string& text : texts) {
    if (result.size() > 1) result += ", ";
    result += toml_string(text);
  }
  return result + "]";
}

class Writer {
 public:
  void table(std::string_view name, bool repeated) {
    text_ += repeated ? "\n[[" : "\n[";
    text_ += name;
    text_ += repeated ? "]]\n" : "]\n";
  }
  void comment(std::string_view lines) {
    while (!lines.empty()) {
      const std::size_t end = std::min(lines.find('\n'), lines.size());
      text_ += "# ";
      for (const char c : lines.substr(0, end))
        text_ += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
      text_ += '\n';
      lines.remove_prefix(std::min(end + 1, lines.size()));
    }
  }
  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) line(key, toml_string(value));
  }
  void texts(std::string_view key, const std::vector<std::string>& value) {
    if (!value.empty()) line(key, list(value));
  }
  void argvs(std::string_view key, const std::vector<std::vector<std::string>>& value) {
    if (value.empty()) return;
    std::string lists = "[";
    for (const auto& argv : value) {
      if (lists.size() > 1) lists += ", ";
      lists += list(argv);
    }
    line(key, lists + "]");
  }
  void number(std::string_view key, std::uint64_t value, std::uint64_t otherwise) {
    if (value != otherwise) line(key, std::to_string(value));
  }
  void names(std::string_view name, const std::map<std::string, std::string>& values) {
    if (values.empty()) return;
    table(name, false);
    for (const auto& [key, value] : values) line(toml_string(key), toml_string(value));
  }
  void password(const model::PasswordSource& source) {
    text("password_file", source.file);
    texts("password_command", source.command);
  }
  // Those of another writer.
  void lines(std::string_view text) { text_ += text; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void line(std::string_view key, const std::string& value) {
    text_ += key;
    text_ += " = " + value + "\n";
  }
  std::string text_;
};

bool any_hook(const model::HookSettings& hooks) {
  return !hooks.before_backup.empty() || !hooks.after_backup.empty() || !hooks.on_error.empty() ||
         !hooks.before_restore.empty() || !hooks.after_restore.empty();
}

void write_place(Writer& writer, const model::DatabaseSettings& database) {
  writer.text("uri", database.uri);
  writer.text("user", database.user);
  writer.password(database.password);
  for (const auto& [key, value] : database.options) writer.text(key, value);
}

void write_magnolia(Writer& writer, const model::MagnoliaSettings& magnolia) {
  if (magnolia.includes_search_index || !magnolia.persistence.empty() ||
      !magnolia.data_store.empty()) {
    writer.table("magnolia", false);
    writer.text("search_index", magnolia.includes_search_index ? "include" : "");
    writer.text("persistence", magnolia.persistence);
    writer.text("data_store", magnolia.data_store);
  }
  writer.names("magnolia.system_properties", magnolia.system_properties);
}

void write_migration_center(Writer& writer, const model::MigrationCenterSettings& settings) {
  const model::MigrationCenterSettings usual;
  Writer inner;
  inner.text("schema", settings.schema);
  inner.texts("jobservers", settings.jobservers);
  inner.number("jobserver_port", settings.jobserver_port, usual.jobserver_port);
  inner.text("web_client", settings.web_client);
  inner.texts("staging", settings.staging);
  inner.texts("logs", settings.logs);
  inner.text("schedulers", settings.disables_schedulers ? "disable" : "");
  inner.text("scheduler_column", settings.scheduler_column);
  inner.text("scheduler_on", settings.scheduler_on);
  inner.text("scheduler_off", settings.scheduler_off);
  if (const std::string lines = inner.take(); !lines.empty()) {
    writer.table("migration_center", false);
    writer.lines(lines);
  }
  writer.names("migration_center.status", settings.status);
  for (const model::StagedColumn& staged : settings.staged) {
    writer.table("migration_center.staged", true);
    writer.text("table", staged.table);
    writer.text("column", staged.column);
    writer.text("root", staged.root);
  }
}

void write_settings(Writer& writer, const model::Instance& instance) {
  if (!instance.quiesce.stop.empty()) {
    writer.table("quiesce", false);
    writer.texts("stop", instance.quiesce.stop);
    writer.texts("start", instance.quiesce.start);
    writer.text("when", instance.quiesce.when == model::QuiesceWhen::always ? "always" : "needed");
    writer.text("timeout", std::to_string(instance.quiesce.timeout.count()) + "ms");
  }
  if (any_hook(instance.hooks)) {
    writer.table("hooks", false);
    writer.argvs("before_backup", instance.hooks.before_backup);
    writer.argvs("after_backup", instance.hooks.after_backup);
    writer.argvs("on_error", instance.hooks.on_error);
    writer.argvs("before_restore", instance.hooks.before_restore);
    writer.argvs("after_restore", instance.hooks.after_restore);
  }
  const model::LimitSettings usual;
  const model::LimitSettings& limits = instance.limits;
  if (limits.fence_ms != usual.fence_ms || limits.writer_stall_ms != usual.writer_stall_ms ||
      limits.moments_apart_ms != usual.moments_apart_ms || limits.parallel != usual.parallel) {
    writer.table("limits", false);
    writer.number("fence_ms", limits.fence_ms, usual.fence_ms);
    writer.number("writer_stall_ms", limits.writer_stall_ms, usual.writer_stall_ms);
    writer.number("moments_apart_ms", limits.moments_apart_ms, usual.moments_apart_ms);
    writer.number("parallel", limits.parallel, usual.parallel);
  }
  if (!instance.drill.scratch_dir.empty() || !instance.drill.queries.empty() ||
      !instance.drill.user.empty() || !instance.drill.endpoints.empty()) {
    writer.table("drill", false);
    writer.text("user", instance.drill.user);
    writer.text("scratch_dir", instance.drill.scratch_dir);
    for (const model::DatabaseSettings& endpoint : instance.drill.endpoints) {
      writer.table("drill.endpoint", true);
      writer.text("component", endpoint.name);
      write_place(writer, endpoint);
    }
    for (const model::DrillQuery& query : instance.drill.queries) {
      writer.table("drill.query", true);
      writer.text("component", query.component);
      writer.text("sql", query.sql);
      writer.text("expect", query.expect);
    }
  }
  if (instance.restore_role != model::RestoreRole::unset) {
    writer.table("restore", false);
    writer.text("role",
                instance.restore_role == model::RestoreRole::clone ? "clone" : "replacement");
  }
  writer.names("restore.owner", instance.restore_names.owners);
  writer.names("restore.schema", instance.restore_names.schemas);
  writer.names("restore.tablespace", instance.restore_names.tablespaces);
  const model::NewUserSettings& user = instance.restore_user;
  if (!user.password.empty() || !user.default_tablespace.empty() || !user.quota.empty()) {
    writer.table("restore.user", false);
    writer.password(user.password);
    writer.text("default_tablespace", user.default_tablespace);
    writer.text("quota", user.quota);
  }
  for (const model::AcceptSetting& accept : instance.accepts) {
    writer.table("accept", true);
    writer.text("code", accept.code);
    writer.text("component", accept.component);
    writer.text("reason", accept.reason);
    writer.text("until", accept.until);
  }
}

}  // namespace

std::string to_toml(const model::Instance& instance,
                    const std::vector<std::pair<std::string, std::string>>& comments) {
  const auto comment_of = [&](std::string_view component) -> std::string_view {
    const auto found = std::find_if(comments.begin(), comments.end(),
                                    [&](const auto& entry) { return entry.first == component; });
    return found == comments.end() ? std::string_view{} : std::string_view(found->second);
  };
  Writer writer;
  writer.comment(comment_of(""));
  writer.text("name", instance.name);
  if (instance.profile != "custom") writer.text("profile", instance.profile);
  writer.text("home", instance.home);
  write_magnolia(writer, instance.magnolia);
  write_migration_center(writer, instance.migration_center);
  if (!instance.repository.location.empty()) {
    writer.table("repository", false);
    writer.text("location", instance.repository.location);
    writer.password(instance.repository.password);
    for (const model::RepositorySettings& extra : instance.repository.extra_locations) {
      writer.table("repository.extra_locations", true);
      writer.text("location", extra.location);
      writer.password(extra.password);
    }
  }
  for (const model::DatabaseSettings& database : instance.databases) {
    writer.table("database", true);
    writer.comment(comment_of(database.name));
    writer.text("name", database.name);
    if (!database.uri.starts_with(database.engine + ":")) writer.text("engine", database.engine);
    write_place(writer, database);
    writer.texts("after", database.after);
  }
  for (const model::FilesSettings& files : instance.files) {
    writer.table("files", true);
    writer.comment(comment_of(files.name));
    writer.text("name", files.name);
    writer.texts("paths", files.paths);
    writer.texts("exclude", files.exclude);
    writer.texts("after", files.after);
  }
  write_settings(writer, instance);
  return writer.take();
}

}  // namespace holdfast::profile
