// SPDX-License-Identifier: Apache-2.0
// What is said of a copy by rows before it is made, and of the server that it is to go to.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/units.h"
#include "engine/finding.h"
#include "engine/sqlserver/logical_hold.h"
#include "engine/sqlserver/logical_load.h"
#include "engine/sqlserver/target_database.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Severity;

constexpr std::size_t told_max = 10;

std::string told(std::vector<std::string> lines) {
  const std::size_t all = lines.size();
  if (all > told_max) lines.resize(told_max);
  std::string text = fmt::format("{}", fmt::join(lines, "; "));
  return all > told_max ? fmt::format("{}; and {} more", text, all - told_max) : text;
}

class Findings {
 public:
  void add(std::string code, Severity severity, std::string seen, std::string why,
           std::string mend) {
    all.push_back(
        finding(std::move(code), severity, std::move(seen), std::move(why), std::move(mend)));
  }
  std::vector<model::Finding> all;
};

// Filters of row security hold for everybody, the owner too.
void look_at_row_security(Session& session, Findings& findings) {
  const auto policies = session.try_query(
      "SELECT DISTINCT p.name FROM sys.security_policies p JOIN sys.security_predicates q"
      " ON q.object_id = p.object_id WHERE p.is_enabled = 1 AND q.predicate_type = 0");
  if (!policies || policies->empty()) return;
  std::vector<std::string> names;
  for (const std::vector<Cell>& row : *policies) names.push_back(row[0].value_or(""));
  findings.add("sqlserver-row-security", Severity::blocker,
               "security policies filter rows: " + told(names),
               "rows that a policy hides from our user would be missing in the copy",
               "copy by method = \"physical\", or accept this if a policy lets our user see all");
}

void look_at_masks(Session& session, const Catalog& catalog, Findings& findings) {
  std::vector<std::string> masked;
  for (const CatalogTable& table : catalog.tables) {
    for (const CatalogColumn& column : table.columns)
      if (!column.mask.empty()) masked.push_back(table.name.display() + "." + column.column.name);
  }
  if (masked.empty()) return;
  const auto may = session.try_query("SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'UNMASK')");
  if (may && !may->empty() && may->front()[0].value_or("0") == "1") return;
  findings.add("sqlserver-masked", Severity::blocker, "columns are masked: " + told(masked),
               "the copy would hold masks in place of their values", "GRANT UNMASK TO our user");
}

}  // namespace

std::vector<model::Finding> logical_findings(Session& session, const Catalog& catalog) {
  Findings findings;
  std::vector<std::string> tables;
  for (const CatalogTable& table : catalog.tables)
    if (!table.left_out.empty())
      tables.push_back(fmt::format("{}: {}", table.name.display(), table.left_out));
  if (!tables.empty())
    findings.add("sqlserver-tables-left-out", Severity::blocker, told(tables),
                 "a copy by rows would be without these tables",
                 "copy by method = \"physical\", or accept this");
  std::vector<std::string> code;
  for (const CatalogModule& module : catalog.modules)
    if (module.definition.empty() || module.is_native)
      code.push_back(fmt::format("{} {}", module_kind_name(module.kind), module.name.display()));
  if (!code.empty())
    findings.add("sqlserver-code-left-out", Severity::blocker, told(code),
                 "its text is encrypted, or it is compiled for tables in memory: a copy by rows "
                 "would be without it",
                 "copy by method = \"physical\", or accept this");
  std::vector<std::string> others;
  for (const std::string& line : catalog.left_out) {
    const bool is_told =
        line.starts_with("table ") ||
        std::ranges::any_of(code, [&](const auto& one) { return line.starts_with(one); });
    if (!is_told) others.push_back(line);
  }
  if (!others.empty())
    findings.add("sqlserver-left-out", Severity::warning, told(others),
                 "a copy by rows holds nothing of this",
                 "copy by method = \"physical\" where it matters");
  std::vector<std::string> broken;
  for (const CatalogModule& module : catalog.modules)
    if (module.is_broken) broken.push_back(module.name.display());
  if (!broken.empty())
    findings.add("sqlserver-broken-views", Severity::note, told(broken),
                 "these views refer to what is not there; a restore leaves them out", "");
  if (!catalog.unobservable.empty())
    findings.add("sqlserver-catalog-partial", Severity::warning,
                 "the server does not show: " + told(catalog.unobservable),
                 "what it has of them is not in the copy", "");
  look_at_row_security(session, findings);
  look_at_masks(session, catalog, findings);
  return std::move(findings.all);
}

namespace {

class TargetCheck {
 public:
  TargetCheck(const model::DatabaseFacts& facts, const model::Endpoint& into,
              const LoadOptions& options, const std::stop_token& stop)
      : facts_(facts),
        options_(options),
        location_(location_of(into)),
        session_(location_, into.password.get(), false, stop),
        server_(read_server(session_)) {}

  std::vector<model::Finding> run() {
    const bool is_there = !options_.only_beside && !made_as(session_, location_.database).empty();
    look_at_release();
    look_at_rights(is_there);
    if (is_there && options_.replace) look_at_sessions();
    look_at_logins();
    look_at_room();
    return std::move(findings_.all);
  }

 private:
  void look_at_release() {
    const std::string version = facts_.engine_facts.string_or("server_version", "");
    unsigned then = 0;
    for (const char digit : version) {
      if (digit < '0' || digit > '9') break;
      then = then * 10 + static_cast<unsigned>(digit - '0');
    }
    if (!server_.is_sql_server || then <= server_.major) return;
    findings_.add("sqlserver-target-older", Severity::warning,
                  fmt::format("the server is {}, the copy comes from {}", server_.version, version),
                  "what is new in its definitions is refused, and the restore with it",
                  "restore into a server of the same release or a later one");
  }

  [[nodiscard]] bool lacks(std::string_view sql) {
    const auto may = session_.try_query(sql);
    return may && !may->empty() && may->front()[0].value_or("1") == "0";
  }

  void look_at_rights(bool is_there) {
    if (!is_there || options_.replace) {
      if (lacks("SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE')"))
        findings_.add("sqlserver-target-privilege", Severity::blocker,
                      "our login may not make databases",
                      "the copy is loaded into one beside its place",
                      "GRANT CREATE ANY DATABASE TO our login; or have an empty database made");
    }
    if (is_there && options_.replace &&
        lacks(fmt::format("SELECT HAS_PERMS_BY_NAME({}, 'DATABASE', 'ALTER')",
                          literal(location_.database))))
      findings_.add("sqlserver-target-privilege", Severity::blocker,
                    "our login may not rename database " + location_.database,
                    "what is replaced is kept under another name",
                    fmt::format("make our user a db_owner of {}", location_.database));
  }

  void look_at_sessions() {
    if (options_.is_stopped_first) return;
    const std::vector<std::string> who = sessions_in(session_, location_.database);
    if (who.empty()) return;
    findings_.add("sqlserver-target-in-use", Severity::blocker,
                  fmt::format("database {} is in use by {}", location_.database, told(who)),
                  "a database cannot be renamed while somebody is connected to it, and nobody is "
                  "thrown out",
                  "stop the application; [quiesce] does so by itself");
  }

  void look_at_logins() {
    const Json* const logins =
        facts_.engine_facts.is_object() ? facts_.engine_facts.find("logins") : nullptr;
    if (logins == nullptr || options_.on_scratch || options_.only_beside) return;
    std::vector<std::string> missing;
    for (const Json& login : logins->as_array()) {
      const auto id =
          session_.try_query(fmt::format("SELECT SUSER_ID({})", literal(login.as_string())));
      if (id && !id->empty() && !id->front()[0]) missing.push_back(login.as_string());
    }
    if (missing.empty()) return;
    findings_.add("sqlserver-target-logins", Severity::warning,
                  "the server has no logins " + told(missing),
                  "users of the database are made without them, so that nobody gets in by these",
                  "CREATE LOGIN before the restore; prerequisites.sql of the copy names them");
  }

  // Where new databases are made: model's file lies there unless somebody says otherwise.
  void look_at_room() {
    const std::uint64_t needed =
        facts_.engine_facts.is_object() ? facts_.engine_facts.uint_or("size_bytes", 0) : 0;
    const auto room = session_.try_query(
        "SELECT CONVERT(varchar(30), available_bytes) FROM sys.dm_os_volume_stats(3, 1)");
    if (!room || room->empty() || !room->front()[0] || options_.on_scratch) return;
    const std::uint64_t free = std::strtoull(room->front()[0]->c_str(), nullptr, 10);
    if (free >= needed) return;
    findings_.add("sqlserver-target-space", Severity::warning,
                  fmt::format("{} are free where the server makes databases, the tables of the "
                              "copy have {}",
                              format_bytes(free), format_bytes(needed)),
                  "a full disk would stop the server for everybody",
                  "make room, or set data_directory");
  }

  const model::DatabaseFacts& facts_;
  const LoadOptions& options_;
  const Location location_;
  Session session_;
  const ServerInfo server_;
  Findings findings_;
};

}  // namespace

std::vector<model::Finding> check_logical_target(const model::DatabaseFacts& facts,
                                                 const model::Endpoint& into,
                                                 const LoadOptions& options,
                                                 const std::stop_token& stop) {
  return TargetCheck(facts, into, options, stop).run();
}

}  // namespace holdfast::engine::sqlserver
