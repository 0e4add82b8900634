// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/relocate.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/uri.h"
#include "profile/magnolia/java_properties.h"
#include "profile/magnolia/jdbc_sqlserver.h"
#include "profile/magnolia/jdbc_url.h"

namespace holdfast::profile::magnolia {
namespace {

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

constexpr std::pair<std::string_view, char> entities[] = {
    {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};

std::string xml_decoded(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto found =
        std::find_if(std::begin(entities), std::end(entities),
                     [&](const auto& entity) { return text.starts_with(entity.first); });
    const bool is_entity = found != std::end(entities);
    result += is_entity ? found->second : text[0];
    text.remove_prefix(is_entity ? found->first.size() : 1);
  }
  return result;
}

std::string xml_encoded(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto found = std::find_if(std::begin(entities), std::end(entities),
                                    [&](const auto& entity) { return entity.second == c; });
    if (found == std::end(entities)) {
      result += c;
    } else {
      result += found->first;
    }
  }
  return result;
}

// Walks over a document that was found well-formed when it was copied.
class XmlMapper {
 public:
  XmlMapper(std::string_view text, const MapValue& map) : text_(text), map_(map) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (text_[at_] != '<') {
        map_text();
      } else if (!skip("<!--", "-->") && !skip("<![CDATA[", "]]>") && !skip("<?", "?>") &&
                 !skip("<!", ">") && !skip_end()) {
        map_tag();
      }
    }
    return std::move(result_);
  }

 private:
  bool skip(std::string_view begin, std::string_view end) {
    if (!text_.substr(at_).starts_with(begin)) return false;
    const std::size_t found = text_.find(end, at_ + begin.size());
    take(found == std::string_view::npos ? text_.size() : found + end.size());
    return true;
  }
  bool skip_end() {
    if (!skip("</", ">")) return false;
    if (!open_.empty()) open_.pop_back();
    return true;
  }
  void take(std::size_t end) {
    result_ += text_.substr(at_, end - at_);
    at_ = end;
  }
  void put(std::size_t end, std::string_view attribute) {
    const std::string_view raw = text_.substr(at_, end - at_);
    const std::size_t depth = open_.size();
    const auto mapped = map_(
        {element_, attribute, depth > 0 ? open_[depth - 1] : 0, depth > 1 ? open_[depth - 2] : 0},
        xml_decoded(raw));
    result_ += mapped ? xml_encoded(*mapped) : std::string(raw);
    at_ = end;
  }
  void map_text() {
    while (at_ < text_.size() && is_space(text_[at_])) take(at_ + 1);
    std::size_t end = std::min(text_.find('<', at_), text_.size());
    while (end > at_ && is_space(text_[end - 1])) --end;
    if (end > at_) put(end, "");
    take(std::min(text_.find('<', at_), text_.size()));
  }
  void map_tag() {
    take(at_ + 1);
    std::size_t end = at_;
    while (end < text_.size() && !is_space(text_[end]) && text_[end] != '>' && text_[end] != '/')
      ++end;
    element_ = text_.substr(at_, end - at_);
    open_.push_back(++elements_);
    take(end);
    while (at_ < text_.size() && text_[at_] != '>') {
      if (is_space(text_[at_]) || text_[at_] == '/') {
        take(at_ + 1);
        continue;
      }
      const std::size_t equals = text_.find('=', at_);
      const std::size_t quote = text_.find_first_of("\"'", at_);
      if (equals == std::string_view::npos || quote == std::string_view::npos || quote < equals)
        return take(text_.size());
      std::string_view name = text_.substr(at_, equals - at_);
      while (!name.empty() && is_space(name.back())) name.remove_suffix(1);
      take(quote + 1);
      put(std::min(text_.find(text_[quote], at_), text_.size()), name);
      take(std::min(at_ + 1, text_.size()));
    }
    const bool is_empty = at_ > 0 && text_[at_ - 1] == '/';
    take(std::min(at_ + 1, text_.size()));
    if (is_empty) open_.pop_back();
  }

  const std::string_view text_;
  const MapValue& map_;
  std::vector<std::size_t> open_;  // elements, by their numbers
  std::size_t elements_ = 0;
  std::string_view element_;
  std::size_t at_ = 0;
  std::string result_;
};

// As Java reads it back: everything but printable ASCII as \\uXXXX.
std::string property_encoded(std::string_view text) {
  std::string written;
  while (!text.empty()) {
    const Utf8Rune rune = decode_utf8(text);
    const std::size_t size_bytes = std::max<std::size_t>(rune.size_bytes, 1);
    const auto unit = [&](std::uint32_t value) { written += fmt::format("\\u{:04x}", value); };
    if (rune.size_bytes == 0) {
      unit(static_cast<unsigned char>(text[0]));
    } else if (rune.rune == '\\') {
      written += "\\\\";
    } else if (rune.rune >= 0x20 && rune.rune < 0x7f) {
      written += static_cast<char>(rune.rune);
    } else if (rune.rune < 0x10000) {
      unit(rune.rune);
    } else {
      unit(0xd800 + ((rune.rune - 0x10000) >> 10U));
      unit(0xdc00 + ((rune.rune - 0x10000) & 0x3ffU));
    }
    text.remove_prefix(size_bytes);
  }
  return written;
}

// One line of a property file. What goes on in the next line, and what Java could not read, stays
// as it is.
std::string map_property(std::string_view whole, const MapValue& map) {
  std::string_view line = whole;
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  std::size_t key = 0;
  while (key < line.size() && is_space(line[key])) ++key;
  const bool is_comment = key == line.size() || line[key] == '#' || line[key] == '!';
  if (is_comment || line.ends_with('\\')) return std::string(whole);
  std::size_t end = key;
  while (end < line.size() && line[end] != '=' && line[end] != ':' && !is_space(line[end]))
    end += line[end] == '\\' ? 2 : 1;
  end = std::min(end, line.size());
  std::size_t value = end;
  while (value < line.size() && is_space(line[value])) ++value;
  if (value < line.size() && (line[value] == '=' || line[value] == ':')) ++value;
  while (value < line.size() && is_space(line[value])) ++value;
  std::string plain;
  try {
    const auto properties = parse_java_properties("v=" + std::string(line.substr(value)), "");
    if (properties.size() != 1) return std::string(whole);
    plain = properties[0].value;
  } catch (const Error&) {
    return std::string(whole);
  }
  const auto mapped = map({"", line.substr(key, end - key)}, plain);
  if (!mapped) return std::string(whole);
  return std::string(line.substr(0, value)) + property_encoded(*mapped) +
         std::string(whole.substr(line.size()));
}

// What the names of moved databases are now.
class Relocation {
 public:
  explicit Relocation(const model::RestoredInstance& restored) : restored_(restored) {
    for (const auto& database : restored.databases)
      moved_[plain_place(database.old_uri)] = &database;
  }

  // Of files that are not in force nothing is missed.
  [[nodiscard]] std::optional<std::string> operator()(const std::string& value, bool is_in_force,
                                                      std::vector<std::string>& made) {
    if (value.starts_with("jdbc:")) return map_url(value, is_in_force, made);
    if (!value.starts_with('/')) return std::nullopt;
    const std::string place = restored_.place_of(value);
    if (place.empty() || place == value) return std::nullopt;
    made.push_back("path " + place);
    return place;
  }

  // What is another in a file than it was, by the number of the value: accounts of databases that
  // are elsewhere.
  [[nodiscard]] std::map<std::size_t, std::string> accounts(std::string_view text, bool is_in_force,
                                                            std::vector<std::string>& made);

  // What could not be rewritten and leads somewhere else than it must.
  [[nodiscard]] std::vector<std::string> left(std::set<std::string>& components) const {
    std::vector<std::string> lines = untold_;
    for (const auto& database : restored_.databases) {
      const std::string old_place = redacted_uri(database.old_uri);
      if (database.uri.empty()) {
        if (restored_.is_clone)
          lines.push_back(fmt::format("{} was not restored, and the application still uses {}",
                                      database.component, old_place));
        continue;
      }
      if (done_.contains(database.component) || is_where_it_moved(database)) continue;
      components.insert(database.component);
      lines.push_back(fmt::format(
          "{}: the connection to {} stands in no file that was restored, or cannot be written as "
          "Java's: let the application use {}",
          database.component, old_place, redacted_uri(database.uri)));
    }
    return lines;
  }

 private:
  // Its place did not change, or what leads to it from its own directory does so still.
  [[nodiscard]] bool is_where_it_moved(const model::RestoredInstance::Database& database) const {
    if (database.uri == database.old_uri) return true;
    const std::string path = database.old_uri.substr(database.old_uri.find(':') + 1);
    return path.starts_with('/') && !path.starts_with("//") &&
           database.uri.ends_with(":" + restored_.place_of(path));
  }

  // The database that a URL leads to, if it is elsewhere now.
  [[nodiscard]] const model::RestoredInstance::Database* moved_database(
      const std::string& value) const {
    try {
      const auto found = moved_.find(plain_place(parse_jdbc_url(value).uri));
      if (found == moved_.end()) return nullptr;
      const auto* database = found->second;
      return database->uri == database->old_uri || database->uri.empty() ? nullptr : database;
    } catch (const Error&) {
      return nullptr;  // no URL that Java could use either
    }
  }

  std::optional<std::string> map_url(const std::string& value, bool is_in_force,
                                     std::vector<std::string>& made) {
    JdbcUrl old;
    try {
      old = parse_jdbc_url(value);
    } catch (const Error&) {
      return std::nullopt;  // no URL that Java could use either
    }
    const bool is_embedded = old.engine == "derby" || old.engine == "h2";
    if (restored_.is_clone && !is_embedded && value.find("${") != std::string::npos) {
      if (!is_in_force) return std::nullopt;
      untold_.push_back("a connection holds variables and was not changed: " +
                        redacted_sqlserver(value));
      return std::nullopt;
    }
    const auto* const found = moved_database(value);
    if (found == nullptr) return std::nullopt;
    const model::RestoredInstance::Database& database = *found;
    auto url = redirected_url(value, database.uri);
    if (!url) {
      untold_.push_back(fmt::format("{}: {} could not be changed to {}", database.component,
                                    redacted_sqlserver(value), redacted_uri(database.uri)));
      return std::nullopt;
    }
    if (is_in_force) done_.insert(database.component);
    made.push_back("connection of " + database.component + " to " + redacted_uri(database.uri));
    return url;
  }

  const model::RestoredInstance& restored_;
  std::map<std::string, const model::RestoredInstance::Database*> moved_;  // by place
  std::set<std::string> done_;                                             // components
  std::vector<std::string> untold_;
};

// A value of a file, with where it stands.
struct Value {
  std::string element, attribute, text;
  std::size_t number = 0, parent = 0;
};

std::vector<Value> all_values(std::string_view text) {
  std::vector<Value> values;
  static_cast<void>(map_values(text, [&](const ValuePlace& place, const std::string& value) {
    values.push_back({std::string(place.element), std::string(place.attribute), value, place.number,
                      place.parent});
    return std::optional<std::string>();
  }));
  return values;
}

// Of a file, what stands beside each other: `of` a value by a name, or nothing. In XML the
// parameters of one bean and the attributes of one element; in property files the keys that begin
// alike: db.url, db.user.
class Neighbours {
 public:
  explicit Neighbours(const std::vector<Value>& values) : values_(values) {
    for (const Value& value : values) {
      if (value.element == "param" && value.attribute == "name") names_[value.number] = value.text;
    }
  }

  [[nodiscard]] std::optional<std::size_t> of(const Value& value,
                                              std::initializer_list<std::string_view> names) const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (scope_of(values_[i]) != scope_of(value)) continue;
      const std::string name = name_of(values_[i]);
      if (std::find(names.begin(), names.end(), name) != names.end()) return i;
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] bool is_parameter(const Value& value) const {
    return value.element == "param" && value.attribute == "value";
  }
  [[nodiscard]] std::string name_of(const Value& value) const {
    if (is_parameter(value)) {
      const auto found = names_.find(value.number);
      return found == names_.end() ? "" : found->second;
    }
    if (value.number != 0) return value.attribute;
    return value.attribute.substr(value.attribute.find_last_of("._-") + 1);
  }
  [[nodiscard]] std::string scope_of(const Value& value) const {
    if (value.number != 0)
      return std::to_string(is_parameter(value) ? value.parent : value.number) +
             (is_parameter(value) ? " parameters" : " attributes");
    return value.attribute.substr(0, value.attribute.find_last_of("._-") + 1);
  }

  const std::vector<Value>& values_;
  std::map<std::size_t, std::string> names_;  // of parameters, by their numbers
};

bool holds_variable(std::string_view text) {
  return text.find("${") != std::string_view::npos;
}

std::map<std::size_t, std::string> Relocation::accounts(std::string_view text, bool is_in_force,
                                                        std::vector<std::string>& made) {
  std::map<std::size_t, std::string> changes;
  const std::vector<Value> values = all_values(text);
  const Neighbours neighbours(values);
  for (const Value& value : values) {
    if (!value.text.starts_with("jdbc:") || holds_variable(value.text)) continue;
    const auto* const database = moved_database(value.text);
    if (database == nullptr || database->user.empty()) continue;
    const auto tell = [&](const std::string& what) {
      if (is_in_force) untold_.push_back(database->component + ": " + what);
    };
    const auto user = neighbours.of(value, {"user", "username"});
    const auto password = neighbours.of(value, {"password"});
    const JdbcUrl url = parse_jdbc_url(value.text);
    const std::string log_in = "let the application log in as " + database->user;
    if (!user || holds_variable(values[*user].text) || !url.user.empty()) {
      const std::string named = !url.user.empty() ? url.user : user ? values[*user].text : "";
      if (named != database->user || database->password)
        tell(log_in + ", whose name stands in no plain value beside the URL");
      continue;
    }
    // Of a domain, or of no password: the URL says how.
    const bool has_way = url.has_login || !url.domain.empty();
    if (has_way || (url.engine == "sqlserver" && database->user.find('\\') != std::string::npos)) {
      const std::string now =
          url.domain.empty() ? values[*user].text : url.domain + '\\' + values[*user].text;
      if (now != database->user || url.has_login)
        tell(log_in + ": how the URL lets it log in is to be changed with that");
      continue;
    }
    const bool is_other = values[*user].text != database->user;
    if (is_other) {
      changes[*user] = database->user;
      made.push_back("user of " + database->component + ": " + database->user);
    }
    const bool is_plain = password && !holds_variable(values[*password].text);
    if (database->password && is_plain && !holds_variable(database->password->reveal())) {
      changes[*password] = std::string(database->password->reveal());
      made.push_back("password of " + database->component);
    } else if (is_other || database->password) {
      tell(log_in + ": its password could not be written beside the URL");
    }
  }
  return changes;
}

std::vector<std::string> texts(const Json& facts, std::string_view key) {
  std::vector<std::string> found;
  if (const Json* const list = facts.find(key)) {
    for (const Json& one : list->as_array()) found.push_back(one.as_string());
  }
  return found;
}

// A name that no node of the old cluster has: made of the place where the clone lives.
std::string new_node_id(const std::string& old_id, const std::string& place) {
  const Sha256Digest hash = sha256(as_bytes(place));
  return old_id + "-" + to_hex(ByteView(hash)).substr(0, 8);
}

// What lay outside of the instance, and came along, is elsewhere too.
void redirect_links(const model::RestoredInstance& restored, model::Adaptation& adaptation) {
  const Json* const list = restored.facts.find("links");
  if (list == nullptr) return;
  for (const Json& one : list->as_array()) {
    const std::string link = one.string_or("link", "");
    const std::string target = one.string_or("target", "");
    const std::string place = restored.place_of(target);
    const std::string now = restored.place_of(link);
    if (now.empty() || place == target) continue;
    if (!place.empty()) {
      adaptation.changes.push_back({link, place, now + ": a link to " + place, true});
    } else if (restored.is_clone) {
      adaptation.by_hand.push_back(now + " is a link to " + target +
                                   ", which was not restored: let it lead elsewhere");
    }
  }
}

}  // namespace

std::string map_values(std::string_view text, const MapValue& map) {
  std::size_t first = 0;
  if (text.starts_with("\xEF\xBB\xBF")) first = 3;
  while (first < text.size() && is_space(text[first])) ++first;
  if (first < text.size() && text[first] == '<') return XmlMapper(text, map).run();
  std::string result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    result += map_property(text.substr(0, end), map);
    text.remove_prefix(end);
  }
  return result;
}

std::optional<std::string> redirected_url(std::string_view jdbc_url, std::string_view uri) {
  const JdbcUrl old = parse_jdbc_url(jdbc_url);
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  if (old.kind == JdbcKind::embedded) {
    std::string path(uri.substr(colon + 1));
    std::string was = old.path;
    for (const std::string_view suffix : {".mv.db", ".h2.db"}) {
      if (old.engine != "h2" || !was.ends_with(suffix)) continue;
      was.resize(was.size() - suffix.size());
      if (path.ends_with(suffix)) path.resize(path.size() - suffix.size());
    }
    const std::size_t at = jdbc_url.find(was);
    if (was.empty() || at == std::string_view::npos || !path.starts_with('/')) return std::nullopt;
    return std::string(jdbc_url.substr(0, at)) + path +
           std::string(jdbc_url.substr(at + was.size()));
  }
  if (old.engine == "sqlserver" && old.kind == JdbcKind::server)
    return redirected_sqlserver(jdbc_url, uri);
  // What the driver is told as //host:port/name stands between the same signs in our URI.
  const std::size_t begin = jdbc_url.find("//");
  if (old.kind != JdbcKind::server || begin == std::string_view::npos) return std::nullopt;
  if (old.engine != "postgresql" && old.engine != "mariadb") return std::nullopt;
  if (!uri.substr(colon + 1).starts_with("//") || uri.substr(colon + 3).starts_with('/'))
    return std::nullopt;
  const std::string_view place = uri.substr(colon + 3, uri.find('?') - (colon + 3));
  const std::size_t end = std::min(jdbc_url.find('?', begin), jdbc_url.size());
  std::string account;
  const std::string_view authority = jdbc_url.substr(begin + 2, end - begin - 2);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos)
    account = authority.substr(0, at + 1);
  return std::string(jdbc_url.substr(0, begin + 2)) + account + std::string(place) +
         std::string(jdbc_url.substr(end));
}

model::Adaptation adapt_instance(const model::RestoredInstance& restored) {
  model::Adaptation adaptation;
  Relocation relocation(restored);
  std::map<std::string, std::string> new_ids;  // by file and old id, once it was found
  std::vector<std::pair<std::string, std::string>> clusters;
  if (const Json* const list = restored.facts.find("clusters"); list && restored.is_clone) {
    for (const Json& one : list->as_array())
      clusters.emplace_back(one.string_or("file", ""), one.string_or("id", ""));
  }
  const auto adapt_file = [&](const std::string& path, bool is_in_force) {
    const auto text = restored.read(path);
    if (!text) return;
    std::vector<std::string> made;
    const std::map<std::size_t, std::string> accounts =
        relocation.accounts(*text, is_in_force, made);
    std::size_t number = 0;
    const auto map = [&](const ValuePlace& place,
                         const std::string& value) -> std::optional<std::string> {
      if (const auto account = accounts.find(number++); account != accounts.end())
        return account->second;
      const bool is_id = place.element == "Cluster" && place.attribute == "id";
      if (!is_id ||
          std::find(clusters.begin(), clusters.end(), std::pair(path, value)) == clusters.end())
        return relocation(value, is_in_force, made);
      std::string id = new_node_id(value, restored.place_of(path));
      made.push_back("cluster node id " + id);
      new_ids[path + "\n" + value] = id;
      return id;
    };
    const std::string changed = map_values(*text, map);
    if (made.empty()) return;
    std::sort(made.begin(), made.end());
    made.erase(std::unique(made.begin(), made.end()), made.end());
    adaptation.changes.push_back(
        {path, changed, fmt::format("{}: {}", restored.place_of(path), fmt::join(made, ", "))});
  };
  for (const std::string& path : texts(restored.facts, "configuration_files"))
    adapt_file(path, true);
  for (const std::string& path : texts(restored.facts, "other_files")) adapt_file(path, false);
  redirect_links(restored, adaptation);
  const std::vector<std::string> left = relocation.left(adaptation.left_databases);
  adaptation.by_hand.insert(adaptation.by_hand.end(), left.begin(), left.end());
  for (const auto& [file, id] : clusters) {
    if (new_ids.contains(file + "\n" + id)) continue;
    adaptation.by_hand.push_back("the cluster node id " + id +
                                 " stands in no file that was restored: give the clone another");
  }
  for (const std::string& path : texts(restored.facts, "remove")) {
    const std::string place = restored.place_of(path);
    if (!place.empty()) {
      adaptation.changes.push_back({path, std::nullopt, place + ": removed"});
    } else if (!restored.is_clone) {
      adaptation.by_hand.push_back(path +
                                   " was not restored: remove it before the application "
                                   "starts, as it may not fit what was");
    }
  }
  return adaptation;
}

}  // namespace holdfast::profile::magnolia
