// SPDX-License-Identifier: Apache-2.0
// What a target lacks: check_target() of load.h.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "engine/finding.h"
#include "engine/oracle/load.h"
#include "engine/oracle/prerequisite_script.h"
#include "engine/oracle/probe.h"

namespace holdfast::engine::oracle {
namespace {

using model::Severity;

// (12, 2) of "12.2.0.1.0".
std::pair<unsigned, unsigned> release_of(std::string_view text) {
  std::pair<unsigned, unsigned> release{0, 0};
  const char* const last = text.data() + text.size();
  const char* const end = std::from_chars(text.data(), last, release.first).ptr;
  if (end != last && *end == '.') static_cast<void>(std::from_chars(end + 1, last, release.second));
  return release;
}

// Whether every character of `from` is one of `to`, in as many bytes.
bool is_within(std::string_view from, std::string_view to) {
  if (from == to || from == "US7ASCII") return true;
  return from == "WE8ISO8859P1" && to == "WE8MSWIN1252";
}

std::string joined(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

class TargetCheck {
 public:
  TargetCheck(const model::DatabaseFacts& facts, const Access& access, const LoadOptions& options,
              const std::stop_token& stop)
      : facts_(facts),
        access_(access),
        options_(options),
        session_(access, stop),
        server_(read_server(session_)) {}

  std::vector<model::Finding> run() {
    const std::string& schema = access_.location.schema;
    if (!has_schema(session_, schema)) look_at_new_user();
    look_at_characters();
    look_at_release();
    look_at_dump();
    look_at_rights();
    look_at_names("tablespaces", "name", "oracle-target-tablespace", "TABLESPACE_NAME",
                  "USER_TABLESPACES", "a tablespace that the copy names", options_.tablespaces);
    look_at_grantees();
    look_at_jobs();
    return std::move(findings_);
  }

 private:
  [[nodiscard]] std::string fact(std::string_view key) const {
    return facts_.engine_facts.is_object() ? facts_.engine_facts.string_or(key, "") : std::string();
  }
  void add(std::string code, Severity severity, std::string seen, std::string why,
           std::string mend) {
    findings_.push_back(
        finding(std::move(code), severity, std::move(seen), std::move(why), std::move(mend)));
  }

  void look_at_new_user() {
    const auto& user = options_.new_user;
    const std::string& schema = access_.location.schema;
    if (user.password == nullptr) {
      add("oracle-target-user", Severity::blocker, fmt::format("there is no user {}", schema),
          "a dump is loaded into a schema that is there",
          "Have a DBA run the copy's prerequisites.sql, or set [restore.user] password_command and "
          "connect as a DBA.");
    } else if (is_documented_password(*user.password)) {
      add("oracle-documented-password", Severity::blocker,
          fmt::format("{} would get the password that the vendor's documentation gives", schema),
          "everybody who has read it could do with the schema what the application can",
          "Choose another.");
    }
  }

  void look_at_characters() {
    const std::string source = fact("character_set");
    const std::string national = fact("national_character_set");
    if (!national.empty() && national != server_.national_character_set)
      add("oracle-target-national", Severity::warning,
          fmt::format("the copy's national character set is {}, the target's {}", national,
                      server_.national_character_set),
          "columns of NCHAR, NVARCHAR2 and NCLOB are converted, and may be too short", "");
    if (source.empty() || is_within(source, server_.character_set)) return;
    const bool is_wider = server_.character_set == "AL32UTF8";
    if (!is_wider) {
      add("oracle-target-characters", Severity::blocker,
          fmt::format("the copy is of {}, the target of {}", source, server_.character_set),
          "characters that the target does not know become question marks",
          fmt::format("Restore into a database of {} or AL32UTF8.", source));
      return;
    }
    add("oracle-target-characters-wider", Severity::warning,
        fmt::format("the copy is of {}, the target of {}", source, server_.character_set),
        "text grows: columns of BYTE length may be too short", "");
    const Json* const columns = facts_.engine_facts.find("too_long_in_utf8");
    if (columns == nullptr || columns->as_array().empty()) return;
    std::string seen;
    for (const Json& one : columns->as_array())
      seen += fmt::format("{}{} takes {} bytes of {}", seen.empty() ? "" : ", ",
                          one.string_or("column", ""), one.uint_or("longest_bytes", 0),
                          one.uint_or("declared_bytes", 0));
    add("oracle-target-text-too-long", Severity::blocker, seen,
        "rows would be rejected (ORA-12899)",
        fmt::format("Widen these columns at the source, or restore into a database of {}.",
                    source));
  }

  void look_at_release() {
    if (release_of(server_.version) >= release_of(facts_.version)) return;
    add("oracle-target-older", Severity::blocker,
        fmt::format("the copy is of {}, the target of {}", facts_.version, server_.version),
        "older servers do not read dumps of newer ones (IMP-00010, ORA-39142)",
        "Restore into a server of that release or a newer one.");
  }

  // IMP-00013, ORA-31655: only who may import for others can.
  void look_at_dump() {
    const bool is_of_dba =
        facts_.engine_facts.is_object() && facts_.engine_facts.bool_or("dump_of_dba", false);
    if (!is_of_dba || has_role("IMP_FULL_DATABASE") || has_role("DATAPUMP_IMP_FULL_DATABASE"))
      return;
    add("oracle-target-dba", Severity::blocker,
        fmt::format("a DBA made the dump, and {} is none", server_.user),
        "imp loads it for those alone that have IMP_FULL_DATABASE (IMP-00013)",
        fmt::format("GRANT IMP_FULL_DATABASE TO {};", server_.user));
  }
  [[nodiscard]] bool has_role(std::string_view role) {
    const auto rows = session_.try_rows(
        {"ROLE"}, fmt::format("FROM SESSION_ROLES WHERE ROLE = {}", literal(role)));
    return rows && !rows->empty();
  }

  // What the schema's user had and has not here, where somebody lets us see it.
  void look_at_rights() {
    const std::string& schema = access_.location.schema;
    if (!has_schema(session_, schema)) return;
    const Json here = read_prerequisites(session_, server_, schema);
    std::set<std::string> missing;
    for (const auto& [list, key] :
         std::initializer_list<std::pair<std::string_view, std::string_view>>{
             {"roles", "role"},
             {"system_privileges", "privilege"},
             {"directories", "name"},
             {"network_access", "host"},
             {"public_synonyms", "name"}}) {
      const Json* const there = here.find(list);
      if (there == nullptr || !there->is_array()) continue;
      std::set<std::string> names;
      for (const Json& one : there->as_array()) names.insert(one.string_or(key, ""));
      for (const Json& one : items_of(prerequisites_of(facts_), list))
        if (const std::string name = one.string_or(key, ""); !names.contains(name))
          missing.insert(fmt::format("{} ({})", name, list));
    }
    if (!missing.empty())
      add("oracle-target-rights", Severity::warning, joined(missing),
          fmt::format("{} had these where it was copied", schema),
          "Run what prerequisites.sql says of them.");
  }

  void look_at_names(std::string_view list, std::string_view key, std::string code,
                     std::string_view column, std::string_view view, std::string_view what,
                     const std::map<std::string, std::string>& names) {
    const auto rows = session_.try_rows({column}, fmt::format("FROM {}", view));
    if (!rows) return;
    std::set<std::string> there;
    for (const auto& row : *rows) there.insert(row[0]);
    std::string missing;
    for (const Json& one : items_of(prerequisites_of(facts_), list)) {
      std::string name = one.string_or(key, "");
      if (const auto to = names.find(name); to != names.end()) name = to->second;
      if (!there.contains(name)) missing += (missing.empty() ? "" : ", ") + name;
    }
    if (missing.empty()) return;
    add(std::move(code), Severity::warning, missing, fmt::format("the target has not {}", what),
        "Make it, or map it with [restore.tablespace] where the copy is of Data Pump; imp falls "
        "back to the user's default tablespace.");
  }

  void look_at_grantees() {
    std::set<std::string> wanted;
    for (const Json& one : items_of(prerequisites_of(facts_), "given"))
      wanted.insert(one.string_or("grantee", ""));
    std::string missing;
    for (const std::string& name : wanted) {
      if (name.empty() || name == "PUBLIC" || has_schema(session_, name)) continue;
      const auto roles =
          session_.try_rows({"ROLE"}, fmt::format("FROM DBA_ROLES WHERE ROLE = {}", literal(name)));
      if (!roles || !roles->empty()) continue;
      missing += (missing.empty() ? "" : ", ") + name;
    }
    if (!missing.empty())
      add("oracle-target-grantee", Severity::warning, missing,
          "these users or roles got rights on the schema and are not there: their grants are left "
          "out",
          "Make them before the restore.");
  }

  void look_at_jobs() {
    std::string jobs;
    for (const Json& one : items_of(prerequisites_of(facts_), "scheduler_jobs"))
      if (one.string_or("enabled", "") == "TRUE")
        jobs += (jobs.empty() ? "" : ", ") + one.string_or("name", "");
    if (jobs.empty()) return;
    if (options_.takes_place) {
      add("oracle-target-jobs", Severity::note, jobs,
          "these jobs of DBMS_SCHEDULER are enabled in the copy", "");
    } else {
      add("oracle-target-jobs-fire", Severity::warning, jobs,
          "the target's own server fires these jobs of DBMS_SCHEDULER, which may call the hosts of "
          "the source",
          "Set JOB_QUEUE_PROCESSES = 0 there before the restore, and DBMS_SCHEDULER.DISABLE them.");
    }
  }

  const model::DatabaseFacts& facts_;
  const Access& access_;
  const LoadOptions& options_;
  Session session_;
  Server server_;
  std::vector<model::Finding> findings_;
};

}  // namespace

std::vector<model::Finding> check_target(const model::DatabaseFacts& facts,
                                         const model::Endpoint& into, const LoadOptions& options,
                                         const std::stop_token& stop) {
  const Access access = access_to(into);
  return TargetCheck(facts, access, options, stop).run();
}

}  // namespace holdfast::engine::oracle
