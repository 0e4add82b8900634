// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/make_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "engine/mariadb/scripts.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

bool is_one_of(CodeKind kind, std::initializer_list<CodeKind> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// Makes code in the connection's default schema, one by one.
class Maker {
 public:
  Maker(Connection& connection, std::string from, Definers definers)
      : connection_(connection), from_(std::move(from)), definers_(definers) {
    here_ = connection.location().schema;
    collation_ = connection.value("SELECT @@collation_database");
  }

  std::optional<Failure> make(const CodeDef& one) {
    std::optional<Failure> failure;
    for (const std::string& statement : statements_of(changed(one))) {
      failure = connection_.try_run(statement);
      if (failure) break;
    }
    if (!one.database_collation.empty()) connection_.run("ALTER DATABASE COLLATE " + collation_);
    connection_.run(fmt::format(
        "SET NAMES utf8mb4, character_set_results=NULL, time_zone='+00:00', sql_mode='{}'",
        plain_sql_mode));
    return failure;
  }

 private:
  [[nodiscard]] CodeDef changed(const CodeDef& one) const {
    CodeDef result = one;
    if (one.kind == CodeKind::view && from_ != here_)
      result.create = with_schema(result.create, from_, here_);
    const std::string& definer = connection_.location().definer;
    if (definers_ == Definers::kept || definer.empty()) return result;
    if (definer == "current") {
      result.create = without_definer(result.create);
    } else {
      const std::size_t at = definer.rfind('@');
      result.create = with_definer(result.create, quote_name(definer.substr(0, at)) + "@" +
                                                      quote_name(definer.substr(at + 1)));
    }
    return result;
  }

  Connection& connection_;
  std::string from_, here_, collation_;
  Definers definers_;
};

}  // namespace

std::string NotMade::display() const {
  return fmt::format("{} {}: {}", code_kind_name(code.kind), code.name, failure.display());
}

std::vector<NotMade> try_make_code(Connection& connection, const std::vector<CodeDef>& code,
                                   const std::string& from, Definers definers) {
  Maker maker(connection, from, definers);
  std::vector<const CodeDef*> left;
  for (const CodeDef& one : code) left.push_back(&one);
  while (!left.empty()) {
    std::vector<const CodeDef*> again;
    std::vector<NotMade> failed;
    for (const CodeDef* one : left) {
      auto failure = maker.make(*one);
      if (!failure) continue;
      again.push_back(one);
      failed.push_back({*one, std::move(*failure)});
    }
    if (failed.size() == left.size()) return failed;
    left = std::move(again);
  }
  return {};
}

std::vector<std::string> make_code(Connection& connection, const std::vector<CodeDef>& code,
                                   const std::string& from, Definers definers) {
  std::vector<std::string> lines;
  for (const NotMade& one : try_make_code(connection, code, from, definers)) {
    if (!one.code.broken)
      in_context(fmt::format("making {} {}", code_kind_name(one.code.kind), one.code.name),
                 [&] { connection.raise(one.failure); });
    lines.push_back(fmt::format("{} {} was broken when it was copied, and is still: {}",
                                code_kind_name(one.code.kind), one.code.name,
                                one.failure.display()));
  }
  return lines;
}

std::optional<Failure> try_drop_code(Connection& connection, const std::string& schema,
                                     const std::vector<CodeDef>& code) {
  for (auto one = code.rbegin(); one != code.rend(); ++one) {
    const bool is_package = one->kind == CodeKind::package || one->kind == CodeKind::package_body;
    // Elsewhere the word is not known, before 11.4.
    if (is_package) connection.run("SET sql_mode='ORACLE'");
    auto failure = connection.try_run(fmt::format(
        "DROP {} IF EXISTS {}", code_kind_words(one->kind), quote_name(schema, one->name)));
    if (is_package) connection.run(fmt::format("SET sql_mode='{}'", plain_sql_mode));
    if (failure) return failure;
  }
  return std::nullopt;
}

void drop_code(Connection& connection, const std::string& schema,
               const std::vector<CodeDef>& code) {
  if (const auto failure = try_drop_code(connection, schema, code)) connection.raise(*failure);
}

std::string definer_clause(std::string_view create) {
  const std::string bare = without_definer(create);
  const auto [at, other] = std::mismatch(create.begin(), create.end(), bare.begin(), bare.end());
  return std::string(at, at + static_cast<std::ptrdiff_t>(create.size() - bare.size()));
}

std::vector<CodeDef> of_kinds(const std::vector<CodeDef>& code,
                              std::initializer_list<CodeKind> kinds) {
  std::vector<CodeDef> result;
  for (const CodeDef& one : code) {
    if (is_one_of(one.kind, kinds)) result.push_back(one);
  }
  return result;
}

std::vector<CodeDef> without_kinds(const std::vector<CodeDef>& code,
                                   std::initializer_list<CodeKind> kinds) {
  std::vector<CodeDef> result;
  for (const CodeDef& one : code) {
    if (!is_one_of(one.kind, kinds)) result.push_back(one);
  }
  return result;
}

std::vector<CodeDef> missing_code(const std::vector<CodeDef>& wanted,
                                  const std::vector<CodeDef>& there) {
  std::vector<CodeDef> missing;
  for (const CodeDef& code : wanted) {
    const bool is_there = std::any_of(there.begin(), there.end(), [&](const CodeDef& other) {
      return other.kind == code.kind && other.name == code.name;
    });
    if (!is_there) missing.push_back(code);
  }
  return missing;
}

std::vector<CodeDef> asleep(std::vector<CodeDef> code) {
  for (CodeDef& one : code) {
    if (one.kind == CodeKind::event) one.create = with_event_disabled(one.create);
  }
  return code;
}

Json code_to_json(const std::vector<CodeDef>& code) {
  Json list = Json::array();
  for (const CodeDef& one : code)
    list.push(Json::object()
                  .set("kind", static_cast<std::uint64_t>(one.kind))
                  .set("name", one.name)
                  .set("table", one.table)
                  .set("create", one.create)
                  .set("sql_mode", one.sql_mode)
                  .set("character_set", one.character_set)
                  .set("collation", one.collation)
                  .set("time_zone", one.time_zone)
                  .set("database_collation", one.database_collation)
                  .set("broken", one.broken));
  return list;
}

std::vector<CodeDef> code_from_json(const Json& list) {
  std::vector<CodeDef> code;
  for (const Json& one : list.as_array()) {
    const std::uint64_t kind = one.at("kind").as_uint();
    if (kind > static_cast<std::uint64_t>(CodeKind::event))
      throw Error(Errc::corrupt, "the journal names an unknown kind of object");
    CodeDef& def = code.emplace_back();
    def.kind = static_cast<CodeKind>(kind);
    def.name = one.at("name").as_string();
    def.table = one.at("table").as_string();
    def.create = one.at("create").as_string();
    def.sql_mode = one.at("sql_mode").as_string();
    def.character_set = one.at("character_set").as_string();
    def.collation = one.at("collation").as_string();
    def.time_zone = one.at("time_zone").as_string();
    def.database_collation = one.at("database_collation").as_string();
    def.broken = one.at("broken").as_bool();
  }
  return code;
}

}  // namespace holdfast::engine::mariadb
