// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/target_privileges.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "engine/mariadb/grant_text.h"
#include "engine/mariadb/privileges.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

using model::Severity;

constexpr std::size_t name_characters_max = 64;
// What follows the name of a schema: examples, for their length.
constexpr std::string_view beside_suffix = "_holdfast_0123456789ab";
constexpr std::string_view kept_suffix = "_before_20261120T105601Z";
constexpr std::string_view undone_suffix = "_undone_20261120T105601Z";

// As much of a name as leaves place for the suffix.
std::string_view cut_for(std::string_view schema, std::string_view suffix) {
  std::size_t bytes = 0;
  for (std::size_t characters = suffix.size(); bytes < schema.size(); ++characters) {
    if (characters == name_characters_max) break;
    bytes += std::max<std::size_t>(decode_utf8(schema.substr(bytes)).size_bytes, 1);
  }
  return schema.substr(0, bytes);
}

class Looker {
 public:
  Looker(Connection& connection, const Location& location, const model::DatabaseFacts& facts,
         const LoadOptions& options)
      : connection_(connection), location_(location), facts_(facts), options_(options) {}

  std::vector<model::Finding> run() {
    const Privileges here(connection_, location_.schema);
    account_ = here.account();
    if (!here.can_be_told()) {
      find("SHOW GRANTS is refused to our account",
           "what it lacks would show only in the middle of the restore",
           "accept this if the account has what `holdfast grants restore` prints");
      return std::move(findings_);
    }
    const Needs needs = restore_needs({connection_.is_mariadb(), connection_.version_number()});
    const bool is_replacing = options_.replace || !options_.tables.empty();
    if (!options_.only_beside) look_at_schema(needs, here, schema_pattern(location_.schema));
    look_beside(needs, beside_suffix, beside_pattern(location_.schema));
    if (options_.tables.empty() && !options_.only_beside) {
      look_beside(needs, undone_suffix, undone_pattern(location_.schema));
      if (options_.replace) look_beside(needs, kept_suffix, kept_pattern(location_.schema));
    }
    if (has({"view", "function", "procedure", "trigger", "event", "package", "package body"}))
      look_at_definers(needs, here);
    if (has({"function", "trigger", "package body"})) look_at_binary_log(here);
    if ((is_replacing || location_.restores_grants) &&
        connection_.try_run("SELECT User FROM mysql.db LIMIT 1"))
      find("our account may not read mysql.db", "rights on routines would be lost",
           fmt::format("GRANT SELECT ON `mysql`.* TO {};", account_));
    return std::move(findings_);
  }

 private:
  void find(std::string seen, std::string_view why, std::string mend) {
    findings_.push_back({"mariadb-target-privilege", Severity::blocker, "", std::move(seen),
                         std::string(why), std::move(mend), model::MendClass::manual, false, ""});
  }

  // Whether there is anything of these kinds in the copy. Of a migration nothing is known yet.
  [[nodiscard]] bool has(std::initializer_list<std::string_view> kinds) const {
    return facts_.objects.empty() ||
           std::any_of(facts_.objects.begin(), facts_.objects.end(), [&](const auto& object) {
             return std::find(kinds.begin(), kinds.end(), object.kind) != kinds.end();
           });
  }

  void look_at_schema(const Needs& needs, const Privileges& privileges,
                      const std::string& pattern) {
    for (const std::string& privilege : needs.local) {
      if (privileges.has(privilege)) continue;
      find(fmt::format("our account lacks {} on {}", privilege, pattern),
           "the copy is loaded, and what it replaces is kept, there",
           fmt::format("GRANT {} ON {}.* TO {};", privilege, quote_name(pattern), account_));
    }
  }

  void look_beside(const Needs& needs, std::string_view suffix, const std::string& pattern) {
    look_at_schema(
        needs, {connection_, std::string(cut_for(location_.schema, suffix)) + std::string(suffix)},
        pattern);
  }

  void look_at_definers(const Needs& needs, const Privileges& privileges) {
    if (location_.definer == "current") return;
    for (const std::string& privilege : needs.global) {
      if (privileges.has_global(privilege) || privileges.has_global("SUPER")) continue;
      find(fmt::format("our account lacks {}", privilege),
           "views and code of the copy may be defined by other accounts",
           fmt::format("GRANT {} ON *.* TO {}; or definer = \"current\"", privilege, account_));
    }
  }

  // Source: mariadb.com/kb/en/binary-logging-of-stored-routines.
  void look_at_binary_log(const Privileges& privileges) {
    if (privileges.has_global("SUPER") || connection_.number("SELECT @@log_bin") == 0 ||
        connection_.number("SELECT @@log_bin_trust_function_creators") != 0)
      return;
    find("the server keeps a binary log, and lets only SUPER make functions and triggers",
         "those of the copy could not be made",
         fmt::format("SET GLOBAL log_bin_trust_function_creators=ON, or GRANT SUPER ON *.* TO {};",
                     account_));
  }

  Connection& connection_;
  const Location& location_;
  const model::DatabaseFacts& facts_;
  const LoadOptions& options_;
  std::string account_;
  std::vector<model::Finding> findings_;
};

}  // namespace

std::string beside_pattern(std::string_view schema) {
  return schema_pattern(cut_for(schema, beside_suffix)) + "\\_holdfast\\_%";
}

std::string kept_pattern(std::string_view schema) {
  return schema_pattern(cut_for(schema, kept_suffix)) + "\\_before\\_%";
}

std::string undone_pattern(std::string_view schema) {
  return schema_pattern(cut_for(schema, undone_suffix)) + "\\_undone\\_%";
}

std::vector<model::Finding> privilege_findings(Connection& connection, const Location& location,
                                               const model::DatabaseFacts& facts,
                                               const LoadOptions& options) {
  return Looker(connection, location, facts, options).run();
}

}  // namespace holdfast::engine::mariadb
