// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/export_facts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::string_view export_form = "export";

bool is_word(char c) noexcept {
  constexpr std::string_view more = "_-:$.@";
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         static_cast<unsigned char>(c) >= 0x80U || more.find(c) != std::string_view::npos;
}

// Where the token at `at` ends; a text ends at its quote.
std::size_t end_of(std::string_view typeql, std::size_t at) {
  const char first = typeql[at++];
  if (first == '"' || first == '\'') {
    for (; at < typeql.size(); ++at) {
      if (typeql[at] == first) return at + 1;
      if (typeql[at] == '\\') ++at;
    }
    return typeql.size();
  }
  if (is_word(first))
    while (at < typeql.size() && is_word(typeql[at])) ++at;
  return at;
}

// Without what only separates.
std::vector<std::string_view> words_of(std::string_view typeql) {
  constexpr std::string_view separators = " \t\r\n,;";
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < typeql.size();) {
    if (typeql[at] == '#') {
      at = std::min(typeql.find('\n', at), typeql.size());
    } else if (separators.find(typeql[at]) != std::string_view::npos) {
      ++at;
    } else {
      const std::size_t end = end_of(typeql, at);
      const std::string_view word = typeql.substr(at, end - at);
      if (word != "define") words.push_back(word);
      at = end;
    }
  }
  return words;
}

}  // namespace

ExportFacts read_export(DatabaseExport& exported, const std::string& name,
                        const std::filesystem::path& scratch_directory, ByteSink* into,
                        const std::stop_token& stop) {
  ExportCheck check(name, scratch_directory, nullptr);
  for (;;) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while reading " + name);
    const std::vector<ByteView>& items = exported.next();
    if (items.empty()) return check.finish(stop);
    for (const ByteView item : items) {
      check.add(item);
      if (into != nullptr) write_item(*into, item);
    }
  }
}

void tell_schema(const std::string& database, std::string_view schema,
                 model::DatabaseFacts& facts) {
  facts.engine_facts = Json::object();
  facts.engine_facts.set("form", export_form).set("database", database);
  facts.engine_facts.set("schema_sha256", to_hex(sha256(as_bytes(schema))));
  facts.objects = {{"schema", "definition", schema_digest(schema)}};
}

void tell_things(const ExportFacts& found, model::DatabaseFacts& facts) {
  facts.version = found.version;
  facts.tables.clear();
  Json roles = Json::array();
  for (const LabelCount& one : found.labels) {
    if (one.kind != ItemKind::unknown) {
      facts.tables.push_back({std::string(item_kind_name(one.kind)), one.label, one.count, ""});
    } else {
      roles.push(Json::object().set("role", one.label).set("players", one.count));
    }
  }
  const ThingCounts& counted = found.counted;
  facts.engine_facts.set("entities", counted.entities).set("attributes", counted.attributes);
  facts.engine_facts.set("relations", counted.relations).set("players", counted.players);
  facts.engine_facts.set("ownerships", counted.ownerships).set("roles", std::move(roles));
}

bool is_export_copy(const Json& engine_facts) noexcept {
  const Json* const form = engine_facts.find("form");
  return form != nullptr && form->is_string() && form->as_string() == export_form;
}

std::string schema_digest(std::string_view typeql) {
  std::vector<std::string_view> words = words_of(typeql);
  std::sort(words.begin(), words.end());
  Sha256 hash;
  for (const std::string_view word : words) {
    hash.update(as_bytes(word));
    hash.update(as_bytes(std::string_view("\0", 1)));
  }
  return to_hex(hash.finish());
}

bool defines_nothing(std::string_view typeql) {
  return words_of(typeql).empty();
}

}  // namespace holdfast::engine::typedb
