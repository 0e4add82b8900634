// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/gathering.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/uri.h"
#include "profile/magnolia/jdbc_sqlserver.h"
#include "profile/magnolia/jdbc_url.h"

namespace holdfast::profile::magnolia {
namespace {

namespace fs = std::filesystem;
using model::Severity;

std::string plain_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    name += is_plain ? c : '-';
  }
  while (name.starts_with('.') || name.starts_with('-')) name.erase(0, 1);
  return name.substr(0, 100);
}

bool climbs(std::string_view path) noexcept {
  while (!path.empty()) {
    const std::size_t end = std::min(path.find_first_of("/\\"), path.size());
    if (path.substr(0, end) == "..") return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

// Jackrabbit takes passwords in base64 too. Source: Jackrabbit 2.18, Base64.decodeIfEncoded.
std::string plain_password(const std::string& written) {
  constexpr std::string_view mark = "{base64}";
  if (!written.starts_with(mark)) return written;
  const auto bytes = from_base64(std::string_view(written).substr(mark.size()));
  return bytes ? std::string(as_text(*bytes)) : written;
}

// "magnolia" of "postgresql://host:5432/magnolia?sslmode=require".
std::string database_name(const std::string& uri) {
  const std::string_view place = without_query(uri);
  return plain_name(place.substr(place.rfind('/') + 1));
}

}  // namespace

model::Finding make_finding(std::string code, Severity severity, std::string component,
                            std::string seen, std::string why, std::string mend) {
  model::Finding finding;
  finding.code = std::move(code);
  finding.severity = severity;
  finding.component = std::move(component);
  finding.seen = std::move(seen);
  finding.why = std::move(why);
  finding.mend_class = mend.empty() ? model::MendClass::none : model::MendClass::manual;
  finding.mend = std::move(mend);
  return finding;
}

std::string clean_directory(const std::string& path) {
  return clean_path(path);
}

bool is_below(std::string_view path, std::string_view directory) noexcept {
  return path.starts_with(directory) &&
         (path.size() == directory.size() || directory == "/" || path[directory.size()] == '/');
}

// An open-file-description lock is asked for, so that nobody's is dropped when we close it.
bool is_locked(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct ::flock asked {};
  asked.l_type = F_WRLCK;
  return file && ::fcntl(file.get(), F_OFD_GETLK, &asked) == 0 && asked.l_type != F_UNLCK;
}

const Connection* MagnoliaFacts::connection(std::string_view component) const noexcept {
  for (const Connection& one : connections) {
    if (one.component == component) return &one;
  }
  return nullptr;
}

void Gathering::add(std::string code, Severity severity, std::string seen, std::string why,
                    std::string mend, std::string component) {
  model::Finding finding = make_finding(std::move(code), severity, std::move(component),
                                        std::move(seen), std::move(why), std::move(mend));
  const bool is_known = std::any_of(
      facts_.findings.begin(), facts_.findings.end(),
      [&](const auto& other) { return other.code == finding.code && other.seen == finding.seen; });
  if (!is_known) facts_.findings.push_back(std::move(finding));
}

std::optional<std::string> Gathering::resolve(const std::string& value, const Lookup& lookup,
                                              const std::string& where, const std::string& what) {
  const Expansion expansion =
      in_context("resolving " + what + " of " + where, [&] { return expand(value, lookup); });
  facts_.used_properties.insert(expansion.used.begin(), expansion.used.end());
  for (const std::string& name : expansion.undefined) {
    add("magnolia-variable-undefined", Severity::blocker,
        where + ": " + what + " names ${" + name + "}, which nothing defines",
        "what lies there would be left out of the copy",
        "Name it in [magnolia.system_properties], or discover the running process: pid:N.");
  }
  for (const std::string& name : expansion.circular) {
    add("magnolia-variable-circular", Severity::blocker,
        where + ": " + what + " names ${" + name + "}, whose value leads back to itself",
        "what lies there would be left out of the copy", "Correct the value.");
  }
  if (!expansion.is_whole()) return std::nullopt;
  return expansion.text;
}

std::string Gathering::path_of(const std::string& value, const Lookup& lookup,
                               const std::string& base, const std::string& where,
                               const std::string& what) {
  const auto text = resolve(value, lookup, where, what);
  if (!text || text->empty()) return {};
  const auto refuse = [&](const std::string& why) {
    add("magnolia-path-unclear", Severity::blocker,
        where + ": " + what + " is \"" + *text + "\", " + why,
        "what lies there would be left out of the copy, or something else copied in its place",
        "Write the absolute path of the directory without \"..\".");
    return std::string();
  };
  if (climbs(*text)) return refuse("which climbs by \"..\"");
  if (!text->starts_with('/') && base.empty())
    return refuse("which is relative to wherever the application was started");
  const std::string path = clean_path(text->starts_with('/') ? *text : base + "/" + *text);
  if (path == "/") return refuse("the root directory");
  look_for_links(path, where);
  return path;
}

void Gathering::look_for_links(const std::string& path, const std::string& where) {
  std::string home;
  for (const std::string& one : homes_) {
    if (is_below(path, one) && one.size() > home.size()) home = one;
  }
  if (home.empty()) return;
  fs::path walked = home;
  for (const fs::path& part : fs::path(path.substr(home.size())).relative_path()) {
    walked /= part;
    std::error_code failure;
    if (!fs::is_symlink(fs::symlink_status(walked, failure))) continue;
    const std::string target = fs::weakly_canonical(walked, failure).string();
    const bool stays = !failure && std::any_of(homes_.begin(), homes_.end(), [&](const auto& one) {
      std::error_code ignored;
      return is_below(target, one) || is_below(target, fs::weakly_canonical(one, ignored).string());
    });
    if (!stays) add_link(walked.string(), failure ? "" : target, where);
    return;
  }
}

void Gathering::look_for_link(const std::string& directory) {
  std::error_code failure;
  if (!fs::is_symlink(fs::symlink_status(directory, failure))) return;
  const std::string target = fs::weakly_canonical(directory, failure).string();
  add_link(directory, failure ? "" : target, "`home`");
}

void Gathering::add_link(const std::string& link, const std::string& target,
                         const std::string& where) {
  const std::string place = target.empty() ? "a place that cannot be told" : target;
  add("magnolia-link-out", Severity::blocker,
      link + " is a link to " + place + ", outside of the instance (" + where + ")",
      "a link is copied as a link; whether what it leads to belongs to the instance a person "
      "must say",
      "Write the real place into the configuration, or accept this: then " + place +
          " is copied too.");
  const bool is_known = std::any_of(facts_.led_out.begin(), facts_.led_out.end(),
                                    [&](const PathFact& one) { return one.where == link; });
  if (target.size() > 1 && !is_known) facts_.led_out.push_back({target, link});
}

std::optional<JndiResource> Gathering::jndi(const std::string& url, const std::string& where,
                                            const std::string& what) {
  std::string name = url;
  for (const std::string_view prefix : {"java:/comp/env/", "java:comp/env/", "java:/", "java:"}) {
    if (name.starts_with(prefix)) {
      name.erase(0, prefix.size());
      break;
    }
  }
  if (place_.tomcat != nullptr) {
    if (auto found = place_.tomcat->resource(place_.directory, name, facts_.findings);
        found && !found->url.empty())
      return found;
  }
  add("magnolia-jndi-unresolved", Severity::blocker,
      where + ": " + what + " is " + url + ", which " +
          (place_.tomcat == nullptr
               ? std::string("only the application server knows, and no Tomcat was found around " +
                             place_.directory)
               : "nothing in " + place_.tomcat->directory() +
                     "/conf or META-INF/context.xml defines"),
      "the database would be left out of the copy",
      place_.tomcat == nullptr
          ? "Name Tomcat's directory: catalina.base in [magnolia.system_properties]."
          : "Define the <Resource>, or discover the running process: pid:N.");
  return std::nullopt;
}

std::string Gathering::add_connection(Connection connection, const std::string& name,
                                      const std::string& otherwise) {
  for (const Connection& known : facts_.connections) {
    if (known.engine == connection.engine && known.uri == connection.uri &&
        known.user == connection.user && known.schema == connection.schema)
      return known.component;
  }
  const auto is_taken = [&](const std::string& wanted) {
    return wanted.empty() || wanted == "files" || wanted == "datastore" ||
           facts_.connection(wanted) != nullptr;
  };
  std::string chosen = plain_name(name);
  if (is_taken(chosen)) chosen = plain_name(otherwise);
  const std::string stem = chosen.empty() ? "database" : chosen;
  chosen = stem;
  for (unsigned number = 2; is_taken(chosen); ++number)
    chosen = stem + "-" + std::to_string(number);
  connection.component = chosen;
  facts_.connections.push_back(std::move(connection));
  return chosen;
}

std::string Gathering::embedded(Connection connection, const std::string& path,
                                const DatabaseUse& use) {
  const Lookup nothing = [](std::string_view) -> const Variable* { return nullptr; };
  connection.path = path_of(path, nothing, "", connection.where, "the database of " + use.what);
  if (connection.path.empty()) return {};
  const std::string old = connection.path.substr(0, connection.path.size() - 6) + ".h2.db";
  std::error_code ignored;
  if (connection.engine == "h2" && connection.path.ends_with(".mv.db") &&
      !fs::exists(connection.path, ignored) && fs::exists(old, ignored))
    connection.path = old;
  connection.uri = connection.engine + ":" + connection.path;
  return add_connection(std::move(connection), use.name, use.repository + "-" + use.name);
}

// The bean that has the url: itself, or the DataSource it names; nullptr with a finding.
const Bean* Gathering::source_of(const DatabaseUse& use, std::string& where) {
  where = use.file + ":" + std::to_string(use.bean->line);
  const std::string* source = use.bean->find("dataSourceName");
  if (source == nullptr) return use.bean;
  const auto name = resolve(*source, use.lookup, where, "dataSourceName of " + use.what);
  if (!name) return nullptr;
  const auto found = use.data_sources->find(*name);
  if (found == use.data_sources->end()) {
    add("magnolia-datasource-unknown", Severity::blocker,
        where + ": " + use.what + " names the DataSource \"" + *name +
            "\", which the repository's configuration has not",
        "its database would be left out of the copy", "Add it to <DataSources>.");
    return nullptr;
  }
  where = use.data_sources_file + ":" + std::to_string(found->second.line);
  return &found->second;
}

void Gathering::take_password(const DatabaseUse& use, const Bean& bean, Connection& connection) {
  const Expansion password = expand(bean.get("password"), use.lookup);
  facts_.secret_properties.insert(password.used.begin(), password.used.end());
  facts_.used_properties.insert(password.used.begin(), password.used.end());
  if (password.is_whole()) {
    if (!password.text.empty())
      connection.password = std::make_shared<const Secret>(plain_password(password.text));
    return;
  }
  const auto& names = password.undefined.empty() ? password.circular : password.undefined;
  add("magnolia-password-unknown", Severity::warning,
      connection.where + ": the password of " + use.what + " is ${" + names.front() +
          "}, which nothing defines",
      "without it the database may not let us in",
      "Give [[database]] of that name a password_file.");
}

std::string Gathering::connection_of(const DatabaseUse& use) {
  Connection connection;
  const Bean* bean = source_of(use, connection.where);
  if (bean == nullptr) return {};
  auto url = resolve(bean->find("url") == nullptr ? use.usual_url : bean->get("url"), use.lookup,
                     connection.where, "the database of " + use.what);
  if (!url) return {};
  const auto user =
      resolve(bean->get("user"), use.lookup, connection.where, "the user of " + use.what);
  connection.user = user.value_or("");
  take_password(use, *bean, connection);
  if (url->starts_with("java:") || bean->get("driver") == "javax.naming.InitialContext") {
    const auto resource = jndi(*url, connection.where, "the database of " + use.what);
    if (!resource) return {};
    url = resource->url;
    connection.where = resource->where;
    auto& files = facts_.configuration_files;
    std::string file = resource->where.substr(0, resource->where.rfind(':'));
    if (std::find(files.begin(), files.end(), file) == files.end())
      files.push_back(std::move(file));
    if (!resource->user.empty()) connection.user = resource->user;
    if (resource->password) connection.password = resource->password;
    // What Tomcat hands to the driver beside the URL.
    const bool is_sqlserver =
        url->starts_with("jdbc:sqlserver:") || url->starts_with("jdbc:jtds:sqlserver:");
    if (is_sqlserver && !resource->properties.empty()) *url += ";" + resource->properties;
  }
  return place_of(*url, std::move(connection), use);
}

std::string Gathering::place_of(const std::string& url, Connection connection,
                                const DatabaseUse& use) {
  const std::string seen = connection.where + ": the database of " + use.what + " is ";
  if (!url.starts_with("jdbc:")) {
    add("magnolia-database-unknown", Severity::blocker,
        seen + (url.empty() ? "not named" : "\"" + redacted_sqlserver(url) + "\", no JDBC URL"),
        "it would be left out of the copy", "Correct `url`.");
    return {};
  }
  const JdbcUrl parsed =
      in_context("reading " + connection.where, [&] { return parse_jdbc_url(url); });
  connection.engine = parsed.engine;
  connection.schema = parsed.schema;
  connection.options = parsed.options;
  connection.remarks = parsed.remarks;
  if (connection.user.empty()) connection.user = parsed.user;
  if (!connection.password) connection.password = parsed.password;
  if (parsed.has_login) {
    connection.user.clear();
    connection.password.reset();
  }
  const bool has_domain = connection.user.find('\\') != std::string::npos;
  if (!parsed.domain.empty() && !connection.user.empty() && !has_domain)
    connection.user = parsed.domain + '\\' + connection.user;
  switch (parsed.kind) {
    case JdbcKind::server:
      connection.uri = parsed.uri;
      return add_connection(std::move(connection), "db-" + database_name(parsed.uri), "database");
    case JdbcKind::embedded:
      return embedded(std::move(connection), parsed.path, use);
    case JdbcKind::memory:
      add("magnolia-in-memory", Severity::note, seen + "kept in memory",
          "it is empty again after each start; there is nothing to copy", "");
      return {};
    case JdbcKind::unknown:
      break;
  }
  add("magnolia-database-unknown", Severity::blocker,
      seen + "\"" + parsed.uri + "\", a form that is not understood",
      "it would be left out of the copy", "Name one server, one port and one database in the URL.");
  return {};
}

}  // namespace holdfast::profile::magnolia
