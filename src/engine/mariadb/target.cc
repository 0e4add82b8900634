// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/units.h"
#include "engine/mariadb/child_keys.h"
#include "engine/mariadb/privileges.h"
#include "engine/mariadb/room.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

using model::MendClass;
using model::Severity;

// "10.11" of "10.11.19-MariaDB-log".
std::string series_of(const std::string& version) {
  const std::size_t first = version.find('.');
  if (first == std::string::npos) return version;
  return version.substr(0, version.find('.', first + 1));
}

std::set<std::string> first_column(Connection& connection, std::string_view sql) {
  std::set<std::string> texts;
  for (const auto& line : connection.query(sql)) texts.insert(line[0].value_or(""));
  return texts;
}

class Findings {
 public:
  void add(std::string_view code, Severity severity, std::string seen, std::string why,
           std::string mend) {
    all.push_back({std::string(code), severity, "", std::move(seen), std::move(why),
                   std::move(mend), MendClass::manual, false, ""});
  }
  std::vector<model::Finding> all;
};

}  // namespace

void add_needs(Connection& connection, const SchemaDef& schema, Json& engine_facts) {
  const std::string name = quote_text(schema.name);
  Json collations = Json::array();
  for (const std::string& one : first_column(
           connection,
           fmt::format("SELECT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "
                       "{0} AND COLLATION_NAME IS NOT NULL UNION SELECT TABLE_COLLATION FROM "
                       "information_schema.TABLES WHERE TABLE_SCHEMA = {0} AND TABLE_COLLATION IS "
                       "NOT NULL UNION SELECT DEFAULT_COLLATION_NAME FROM "
                       "information_schema.SCHEMATA WHERE SCHEMA_NAME = {0}",
                       name)))
    collations.push(one);
  engine_facts.set("collations", std::move(collations));
  // "ann@%"; a role's has nothing behind the @.
  Json definers = Json::array();
  std::string ask = fmt::format(
      "SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {0} UNION SELECT "
      "DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {0} UNION SELECT DEFINER FROM "
      "information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {0}",
      name);
  if (shows_events(connection))
    ask += fmt::format(
        " UNION SELECT DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {}", name);
  for (const std::string& one : first_column(connection, ask)) definers.push(one);
  engine_facts.set("definers", std::move(definers));
}

std::vector<model::Finding> target_findings(Connection& connection, const Json& engine_facts,
                                            bool is_scratch) {
  Findings findings;
  if (!engine_facts.is_object()) return {};
  if (const Json* wanted = engine_facts.find("collations")) {
    // Collations of no single character set are listed without it.
    std::set<std::string> known =
        first_column(connection, "SELECT COLLATION_NAME FROM information_schema.COLLATIONS");
    if (connection.is_mariadb() && connection.version_number() >= 101'001)
      known.merge(first_column(connection,
                               "SELECT FULL_COLLATION_NAME FROM "
                               "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"));
    std::string missing;
    for (const Json& one : wanted->as_array()) {
      if (!known.contains(one.as_string()))
        missing += (missing.empty() ? "" : ", ") + one.as_string();
    }
    if (!missing.empty())
      findings.add("mariadb-collation-missing", Severity::blocker,
                   "the server does not know the collations " + missing,
                   "columns of the copy have them", "restore into a server that knows them");
  }
  if (const Json* tables = engine_facts.find("tables")) {
    const std::set<std::string> known = first_column(
        connection,
        "SELECT ENGINE FROM information_schema.ENGINES WHERE SUPPORT IN ('YES', 'DEFAULT')");
    std::set<std::string> missing;
    for (const Json& table : tables->as_array()) {
      const std::string engine = table.string_or("engine", "");
      if (!engine.empty() && !known.contains(engine)) missing.insert(engine);
    }
    for (const std::string& engine : missing)
      findings.add("mariadb-engine-missing", Severity::blocker,
                   fmt::format("the server has no storage engine {}", engine),
                   "tables of the copy are kept in it", "install the engine's plugin");
  }
  const std::uint64_t packet = connection.number("SELECT @@max_allowed_packet");
  const Json* const widest = engine_facts.find("widest_row_bytes");
  const bool local = connection.number("SELECT @@local_infile") != 0;
  // Escaped, a value may take twice its bytes.
  if (widest != nullptr && !local && widest->as_uint() * 2 + 4096 > packet)
    findings.add("mariadb-max-allowed-packet", Severity::blocker,
                 fmt::format("max_allowed_packet is {}, local_infile is OFF, and the copy has a "
                             "row of {}",
                             format_bytes(packet), format_bytes(widest->as_uint())),
                 "such a row does not go into one statement",
                 "SET GLOBAL local_infile=ON, or raise max_allowed_packet");
  const std::uint64_t here = connection.number("SELECT @@lower_case_table_names");
  const Json* const there = engine_facts.find("lower_case_table_names");
  if (!is_scratch && there != nullptr && there->as_uint() != here)
    findings.add("mariadb-lower-case-table-names", Severity::warning,
                 fmt::format("lower_case_table_names is {} and was {} where the copy was made",
                             here, there->as_uint()),
                 "statements that write a table's name in another case may find it in the one and "
                 "not in the other",
                 "restore into a server with the same setting");
  return std::move(findings.all);
}

namespace {

// What stands in the way of writing to this server with this account.
class PlaceCheck {
 public:
  PlaceCheck(Connection& connection, const model::DatabaseFacts& facts, const LoadOptions& options)
      : connection_(connection),
        facts_(facts),
        options_(options),
        place_(connection.location().schema),
        privileges_(connection, place_) {}

  std::vector<model::Finding> run() {
    look_at_server();
    look_at_definers();
    look_at_keys();
    look_at_room();
    return std::move(findings_.all);
  }

 private:
  [[nodiscard]] bool has_code(std::initializer_list<std::string_view> kinds) const {
    return std::any_of(facts_.objects.begin(), facts_.objects.end(), [&](const auto& object) {
      return std::find(kinds.begin(), kinds.end(), object.kind) != kinds.end();
    });
  }
  [[nodiscard]] bool is_super() const { return privileges_.has_global("SUPER"); }
  [[nodiscard]] bool is_on(std::string_view variable) {
    return connection_.number(fmt::format("SELECT @@{}", variable)) != 0;
  }

  void look_at_server() {
    if (is_on("global.read_only") && !is_super() && !privileges_.has_global("READ_ONLY ADMIN") &&
        privileges_.can_be_told())
      findings_.add("mariadb-target-read-only", Severity::blocker, "the server is read only",
                    "nothing can be restored into it", "SET GLOBAL read_only=OFF");
    const bool says_replica = !connection_.is_mariadb() && connection_.version_number() >= 80'022;
    const std::string status = says_replica ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS";
    if (!connection_.try_run(status) && !connection_.query(status).empty())
      findings_.add("mariadb-target-replica", Severity::blocker, "the server is a replica",
                    "what is written to it besides its source makes it differ from that, and may "
                    "stop it",
                    "restore into its source, or accept this if it replicates another schema");
    if (!shows_events(connection_) && (has_code({"event"}) || options_.replace))
      findings_.add("mariadb-target-events", Severity::blocker,
                    "event_scheduler is DISABLED, so that the server neither shows nor makes "
                    "events",
                    "events of the copy cannot be made, and those that are there are not seen",
                    "start the server with event_scheduler=OFF");
  }

  // Those that are not ours, and are not mapped to another.
  [[nodiscard]] std::vector<std::string> wanted_definers() const {
    std::vector<std::string> wanted;
    if (!connection_.location().definer.empty()) return wanted;
    const Json* const all = facts_.engine_facts.find("definers");
    if (all == nullptr) return wanted;
    for (const Json& one : all->as_array()) {
      const std::string& text = one.as_string();
      const std::size_t at = text.rfind('@');
      const std::string name = at == std::string::npos ? text
                                                       : quote_name(text.substr(0, at)) + "@" +
                                                             quote_name(text.substr(at + 1));
      if (name != privileges_.account()) wanted.push_back(text);
    }
    return wanted;
  }

  void look_at_definers() {
    if (options_.on_scratch) return;
    const std::vector<std::string> wanted = wanted_definers();
    if (wanted.empty()) return;
    const std::string sql = "SELECT CONCAT(User, '@', Host) FROM mysql.user";
    if (connection_.try_run(sql)) {
      findings_.add("mariadb-target-definer-unobservable", Severity::warning,
                    "our account may not read mysql.user",
                    "whether the definers of the copy are there is not known",
                    "GRANT SELECT ON `mysql`.* TO " + privileges_.account());
      return;
    }
    const std::set<std::string> known = first_column(connection_, sql);
    std::string missing;
    for (const std::string& one : wanted) {
      // A role has no host.
      if (!known.contains(one) && !known.contains(one + "@") && !comes_along(one))
        missing += (missing.empty() ? "" : ", ") + one;
    }
    look_at_mighty(wanted);
    if (missing.empty()) return;
    findings_.add("mariadb-target-definer", Severity::blocker,
                  "the server has no accounts " + missing,
                  "they define views, routines, triggers or events of the copy, which fail when "
                  "they are used",
                  "make them, or set `definer` (an account, or \"current\") for this database");
  }

  // From MySQL 8.0.16 on an account with SYSTEM_USER, as root has it, is named as a definer by such
  // accounts only. Source: dev.mysql.com/doc/refman/8.4/en/stored-objects-security.html.
  void look_at_mighty(const std::vector<std::string>& wanted) {
    if (connection_.is_mariadb() || connection_.version_number() < 80'016 ||
        privileges_.has_global("SYSTEM_USER"))
      return;
    const std::string sql =
        "SELECT CONCAT(USER, '@', HOST) FROM mysql.global_grants WHERE PRIV = 'SYSTEM_USER'";
    if (connection_.try_run(sql)) return;
    const std::set<std::string> mighty = first_column(connection_, sql);
    const auto one = std::find_if(wanted.begin(), wanted.end(),
                                  [&](const auto& name) { return mighty.contains(name); });
    if (one == wanted.end()) return;
    findings_.add("mariadb-target-privilege", Severity::blocker,
                  "account " + *one + " has SYSTEM_USER, and ours has not",
                  "it defines views, routines, triggers or events of the copy, which only such "
                  "accounts can make in its name",
                  "GRANT SYSTEM_USER ON *.* TO " + privileges_.account() +
                      "; or set `definer` (an account, or \"current\") for this database");
  }

  // With their rights, as part of the copy.
  [[nodiscard]] bool comes_along(const std::string& definer) const {
    const Json* const grants = facts_.engine_facts.find("grants");
    if (!connection_.location().restores_grants || grants == nullptr) return false;
    const std::size_t at = definer.rfind('@');
    const std::string name = quote_name(definer.substr(0, at)) + "@" +
                             quote_name(definer.substr(at == std::string::npos ? 0 : at + 1));
    return std::any_of(grants->as_array().begin(), grants->as_array().end(), [&](const Json& one) {
      return one.at("name").as_string().starts_with(name + " ");
    });
  }

  void look_at_keys() {
    if (!options_.replace || !schema_exists(connection_, place_) || !may_hide_keys(connection_) ||
        privileges_.has_global("SELECT"))
      return;
    findings_.add("mariadb-foreign-keys-unobservable", Severity::warning,
                  "foreign keys of other schemas that refer to this one are not shown to our "
                  "account",
                  "such a key would refer to what is kept, not to what is restored",
                  "GRANT PROCESS ON *.* TO " + privileges_.account());
  }

  // What is replaced is kept, so that the rows need room beside it. Keys and the log of what is
  // written come on top.
  void look_at_room() {
    if (options_.on_scratch) return;
    const std::optional<Room> room = data_room(connection_);
    const std::uint64_t needed = room_needed(facts_, options_);
    if (!room || room->free_bytes >= needed) return;
    // What answers at a port of this machine may be a tunnel's other end, and the disk another's.
    const bool is_sure = connection_.location().host.empty();
    findings_.add(
        "mariadb-target-space", is_sure ? Severity::blocker : Severity::warning,
        fmt::format("{} are free in {}, the rows of the copy have {}",
                    format_bytes(room->free_bytes), room->directory, format_bytes(needed)),
        "a full disk would stop the server for everybody",
        "make room, or restore into another server");
  }

  Connection& connection_;
  const model::DatabaseFacts& facts_;
  const LoadOptions& options_;
  std::string place_;
  Privileges privileges_;
  Findings findings_;
};

}  // namespace

std::vector<model::Finding> place_findings(Connection& connection,
                                           const model::DatabaseFacts& facts,
                                           const LoadOptions& options) {
  if (!facts.engine_facts.is_object()) return {};
  return PlaceCheck(connection, facts, options).run();
}

bool words_alike(const Json& one_facts, const Json& other_facts) {
  const auto text = [](const Json& facts, std::string_view key) {
    return facts.is_object() ? facts.string_or(key, "") : "";
  };
  const auto flavour = [&](const Json& facts) {
    const std::string version = text(facts, "server_version");
    return std::string(version.find("MariaDB") != std::string::npos ? "mariadb" : "mysql");
  };
  const std::string one = text(one_facts, "server_version");
  const std::string other = text(other_facts, "server_version");
  if (one.empty() || other.empty()) return true;
  return flavour(one_facts) == flavour(other_facts) && series_of(one) == series_of(other);
}

}  // namespace holdfast::engine::mariadb
