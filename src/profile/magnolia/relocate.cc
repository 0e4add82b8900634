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
                 !skip("<!", ">") && !skip("</", ">")) {
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
  void take(std::size_t end) {
    result_ += text_.substr(at_, end - at_);
    at_ = end;
  }
  void put(std::size_t end, std::string_view attribute) {
    const std::string_view raw = text_.substr(at_, end - at_);
    const auto mapped = map_({element_, attribute}, xml_decoded(raw));
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
    take(std::min(at_ + 1, text_.size()));
  }

  const std::string_view text_;
  const MapValue& map_;
  std::string_view element_;
  std::size_t at_ = 0;
  std::string result_;
};

// The parts of a property's line: its value may go on in the next lines, which are then mapped as
// lines of their own: such a value is no URL and no path in practice.
std::string map_property(std::string_view whole, const MapValue& map) {
  std::string_view line = whole;
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  std::size_t key = 0;
  while (key < line.size() && is_space(line[key])) ++key;
  if (key == line.size() || line[key] == '#' || line[key] == '!') return std::string(whole);
  std::size_t end = key;
  while (end < line.size() && line[end] != '=' && line[end] != ':' && !is_space(line[end]))
    end += line[end] == '\\' ? 2 : 1;
  std::size_t value = std::min(end, line.size());
  while (value < line.size() && is_space(line[value])) ++value;
  if (value < line.size() && (line[value] == '=' || line[value] == ':')) ++value;
  while (value < line.size() && is_space(line[value])) ++value;
  const std::string_view raw = line.substr(value);
  std::string plain;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\\' && i + 1 < raw.size()) ++i;
    plain += raw[i];
  }
  const std::size_t key_end = std::min(end, line.size());
  const auto mapped = map({"", line.substr(key, key_end - key)}, plain);
  if (!mapped) return std::string(whole);
  std::string written;
  for (const char c : *mapped) {
    if (c == '\\') written += '\\';
    written += c;
  }
  return std::string(line.substr(0, value)) + written + std::string(whole.substr(line.size()));
}

// What the names of moved databases are now.
class Relocation {
 public:
  explicit Relocation(const model::RestoredInstance& restored) : restored_(restored) {
    for (const auto& database : restored.databases) moved_[database.old_uri] = &database;
  }

  [[nodiscard]] std::optional<std::string> operator()(const std::string& value,
                                                      std::vector<std::string>& made) {
    if (value.starts_with("jdbc:")) return map_url(value, made);
    if (!value.starts_with('/')) return std::nullopt;
    const std::string place = restored_.place_of(value);
    if (place.empty() || place == value) return std::nullopt;
    made.push_back("path " + place);
    return place;
  }

  // Of those on servers, whose connections stand in no file that was restored.
  [[nodiscard]] std::vector<std::string> not_found() const {
    std::vector<std::string> lines;
    for (const auto& database : restored_.databases) {
      const bool is_embedded = database.engine == "derby" || database.engine == "h2";
      if (is_embedded || database.uri == database.old_uri || done_.contains(database.component))
        continue;
      lines.push_back(fmt::format(
          "{}: the connection to {} stands in no file that was restored, or cannot be written as "
          "Java's: let the application use {}",
          database.component, redacted_uri(database.old_uri), redacted_uri(database.uri)));
    }
    return lines;
  }

 private:
  std::optional<std::string> map_url(const std::string& value, std::vector<std::string>& made) {
    const auto found = moved_.find(parse_jdbc_url(value).uri);
    if (found == moved_.end()) return std::nullopt;
    const model::RestoredInstance::Database& database = *found->second;
    if (database.uri == database.old_uri) return std::nullopt;
    auto url = redirected_url(value, database.uri);
    if (!url) return std::nullopt;
    done_.insert(database.component);
    made.push_back("connection of " + database.component + " to " + redacted_uri(database.uri));
    return url;
  }

  const model::RestoredInstance& restored_;
  std::map<std::string, const model::RestoredInstance::Database*> moved_;
  std::set<std::string> done_;  // components
};

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
  std::string cluster_file, cluster_id;
  if (const Json* const cluster = restored.facts.find("cluster"); cluster && restored.is_clone) {
    cluster_file = cluster->string_or("file", "");
    cluster_id = cluster->string_or("id", "");
  }
  bool has_new_id = cluster_id.empty();
  for (const std::string& path : texts(restored.facts, "configuration_files")) {
    const auto text = restored.read(path);
    if (!text) continue;
    std::vector<std::string> made;
    const std::string changed =
        map_values(*text, [&](const ValuePlace& place, const std::string& value) {
          if (path == cluster_file && !has_new_id && place.element == "Cluster" &&
              place.attribute == "id" && value == cluster_id) {
            has_new_id = true;
            std::string id = new_node_id(cluster_id, restored.place_of(path));
            made.push_back("cluster node id " + id);
            return std::optional(std::move(id));
          }
          return relocation(value, made);
        });
    if (made.empty()) continue;
    std::sort(made.begin(), made.end());
    made.erase(std::unique(made.begin(), made.end()), made.end());
    adaptation.changes.push_back(
        {path, changed, fmt::format("{}: {}", restored.place_of(path), fmt::join(made, ", "))});
  }
  for (const std::string& path : texts(restored.facts, "remove")) {
    adaptation.changes.push_back({path, std::nullopt, restored.place_of(path) + ": removed"});
  }
  adaptation.by_hand = relocation.not_found();
  if (!has_new_id) {
    adaptation.by_hand.push_back("the cluster node id " + cluster_id +
                                 " stands in no file that was restored: give the clone another");
  }
  return adaptation;
}

}  // namespace holdfast::profile::magnolia
