// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/target_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/units.h"
#include "engine/postgresql/databases.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sessions.h"
#include "engine/postgresql/target.h"

namespace holdfast::engine::postgresql {
namespace {

using model::Severity;

// What superusers alone can make, as list_objects() calls it.
constexpr std::array<std::string_view, 2> superusers_kinds{"event trigger", "foreign-data wrapper"};

// What is known of the database into which the copy is to go.
struct Existing {
  std::string owner, encoding, collate, ctype;
  bool may_connect = false;
  bool ours = false;  // we have its owner's rights
};

class TargetChecks {
 public:
  TargetChecks(Connection& admin, const Location& into, const model::DatabaseFacts& facts,
               const NameMapping& mapping, bool only_beside)
      : admin_(admin), into_(into), facts_(facts), mapping_(mapping), only_beside_(only_beside) {}

  std::vector<model::Finding> run() {
    if (!facts_.engine_facts.is_object()) return {};
    const Rows role = admin_.query(
        "SELECT r.rolname, r.rolsuper, r.rolcreatedb FROM pg_catalog.pg_roles r"
        " WHERE r.rolname = current_user");
    role_ = quote_name(role.view(0, 0));
    may_create_ = role.boolean(0, 1) || role.boolean(0, 2);
    if (!only_beside_) look_at_existing();
    if (!role.boolean(0, 1)) {
      check_role(role.boolean(0, 2));
      check_extensions();
      check_objects();
    }
    if (existing_) check_sessions();
    if (fills_) check_settings();
    check_encoding();
    check_space();
    return std::move(findings_);
  }

 private:
  void find(std::string_view code, Severity severity, std::string seen, std::string why,
            std::string mend) {
    findings_.push_back({std::string(code), severity, into_.component, std::move(seen),
                         std::move(why), std::move(mend), model::MendClass::manual, false, ""});
  }

  void look_at_existing() {
    const Rows rows = admin_.query(
        "SELECT pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_encoding_to_char(d.encoding),"
        " d.datcollate, d.datctype, pg_catalog.has_database_privilege(d.oid, 'CONNECT'),"
        " pg_catalog.pg_has_role(d.datdba, 'USAGE')"
        " FROM pg_catalog.pg_database d WHERE d.datname = $1",
        {into_.database});
    if (rows.empty()) return;
    existing_ = {rows.text(0, 0), rows.text(0, 1),    rows.text(0, 2),
                 rows.text(0, 3), rows.boolean(0, 4), rows.boolean(0, 5)};
    if (!existing_->may_connect) return;
    Connection look(into_);
    fills_ = !may_create_ && is_empty(look);
    if (fills_) lasting_ = lasting_settings(look);
  }

  // Whether a new database is made, beside the one that is there or in its place.
  [[nodiscard]] bool makes() const { return !fills_; }

  void check_role(bool may_create) {
    constexpr std::string_view code = "postgresql-target-privilege";
    if (makes() && !may_create) {
      find(code, Severity::blocker, fmt::format("{} may make no databases", role_),
           "the copy is loaded into a new one", fmt::format("ALTER ROLE {} CREATEDB;", role_));
    }
    if (existing_ && !existing_->ours) {
      find(code, Severity::blocker,
           fmt::format("database {} belongs to {}", quote_name(into_.database),
                       quote_name(existing_->owner)),
           "only its owner's rights suffice to fill, rename or keep it",
           fmt::format("GRANT {} TO {};", quote_name(existing_->owner), role_));
    }
    const Json* const owners = facts_.engine_facts.find("owners");
    std::set<std::string> wanted;
    if (owners != nullptr) {
      for (const Json& owner : owners->as_array()) wanted.insert(mapping_.owner(owner.as_string()));
    }
    for (const std::string& owner : wanted) {
      // Whose it is may be set by who may become that role.
      const Rows rows = admin_.query(fmt::format("SELECT pg_catalog.pg_has_role(r.oid, 'USAGE') AND"
                                                 " pg_catalog.pg_has_role(r.oid, '{}')"
                                                 " FROM pg_catalog.pg_roles r WHERE r.rolname = $1",
                                                 admin_.server_major() >= 16 ? "SET" : "MEMBER"),
                                     {owner});
      if (rows.empty() || rows.boolean(0, 0)) continue;  // one that is missing is told elsewhere
      find(code, Severity::blocker, fmt::format("we have not the rights of {}", quote_name(owner)),
           "objects of the copy belong to it",
           fmt::format("GRANT {} TO {};", quote_name(owner), role_));
    }
    const Rows spaces = admin_.query(
        "SELECT t.spcname, pg_catalog.has_tablespace_privilege(t.oid, 'CREATE')"
        " FROM pg_catalog.pg_tablespace t WHERE t.spcname !~ '^pg_'");
    for (std::size_t i = 0; i < spaces.size(); ++i) {
      if (spaces.boolean(i, 1) || !uses_tablespace(spaces.text(i, 0))) continue;
      find(code, Severity::blocker,
           fmt::format("we may put nothing into tablespace {}", quote_name(spaces.view(i, 0))),
           "tables or indexes of the copy lie in it",
           fmt::format("GRANT CREATE ON TABLESPACE {} TO {};", quote_name(spaces.view(i, 0)),
                       role_));
    }
  }

  // Of a database that is filled where it stands some settings are others'.
  void check_settings() {
    if (lasting_.empty()) return;
    std::string seen;
    for (const auto& [role, entry] : lasting_) {
      seen += fmt::format("{}{}{}", seen.empty() ? "" : ", ", entry.substr(0, entry.find('=')),
                          role == "all" ? "" : " of " + role);
    }
    find("postgresql-target-settings", Severity::warning,
         fmt::format("the empty database {} has settings that {} may not take away: {}",
                     quote_name(into_.database), role_, seen),
         "they are in force for the restored database, whether the copy has them or not",
         fmt::format("ALTER DATABASE {} RESET …; by a superuser, if they shall not stay.",
                     quote_name(into_.database)));
  }

  // Nobody may be in a database while it is renamed, or filled where it stands. The application's
  // may be gone by then.
  void check_sessions() {
    const std::vector<std::string> lines = sessions_beyond_us(admin_, into_.database);
    if (lines.empty()) return;
    find("postgresql-target-sessions", Severity::warning,
         fmt::format("{} may not end {}{}", role_, lines.front(),
                     lines.size() > 1 ? fmt::format(" and {} more", lines.size() - 1) : ""),
         fills_
             ? "an empty database is filled when nobody is in it"
             : "a database is renamed when nobody is in it; if they stay, the restore fails then",
         fmt::format("End them before; or GRANT pg_signal_backend TO {}; which does not suffice "
                     "for those of superusers",
                     role_));
  }

  [[nodiscard]] bool uses_tablespace(const std::string& name) const {
    const Json* const used = facts_.engine_facts.find("tablespaces");
    if (used == nullptr) return false;
    const auto& list = used->as_array();
    return std::any_of(list.begin(), list.end(), [&](const Json& one) {
      return mapping_.tablespace(one.as_string()) == name;
    });
  }

  // Before 13 the scripts of most took a superuser; from then on some are trusted.
  void check_extensions() {
    const Json* const extensions = facts_.engine_facts.find("extensions");
    if (extensions == nullptr) return;
    const Rows rows = admin_.query(
        fmt::format("SELECT DISTINCT v.name FROM pg_catalog.pg_available_extension_versions v"
                    " WHERE v.superuser AND NOT ({})",
                    admin_.server_major() >= 13 ? "v.trusted" : "false"));
    std::set<std::string> guarded;
    for (std::size_t i = 0; i < rows.size(); ++i) guarded.insert(rows.text(i, 0));
    guarded.erase("plpgsql");  // is in every database from the start
    for (const Json& extension : extensions->as_array()) {
      const std::string& name = extension.at("name").as_string();
      if (!guarded.contains(name)) continue;
      find("postgresql-target-superuser", Severity::blocker,
           fmt::format("extension {} is made by superusers only", quote_name(name)),
           "the copy needs it", fmt::format("ALTER ROLE {} SUPERUSER; for this restore", role_));
    }
  }

  void check_objects() {
    for (const std::string_view kind : superusers_kinds) {
      const auto found = std::find_if(facts_.objects.begin(), facts_.objects.end(),
                                      [&](const auto& object) { return object.kind == kind; });
      if (found == facts_.objects.end()) continue;
      find("postgresql-target-superuser", Severity::blocker,
           fmt::format("{} {} is made by superusers only", kind, found->name),
           "the copy has one of these",
           fmt::format("ALTER ROLE {} SUPERUSER; for this restore", role_));
    }
  }

  void check_encoding() {
    const Json& own = facts_.engine_facts;
    const std::string encoding = own.string_or("encoding", "UTF8");
    const std::string collate = own.string_or("collate", "");
    const std::string ctype = own.string_or("ctype", "");
    if (fills_) {
      if (existing_->encoding != encoding &&
          (existing_->encoding != "UTF8" || encoding == "SQL_ASCII")) {
        find("postgresql-target-encoding", Severity::blocker,
             fmt::format("the empty database {} has encoding {}, the copy {}",
                         quote_name(into_.database), existing_->encoding, encoding),
             "it cannot hold every text of the copy",
             fmt::format("DROP DATABASE {}; it is then made with the encoding of the copy.",
                         quote_name(into_.database)));
      }
      if (existing_->collate != collate || existing_->ctype != ctype) {
        find("postgresql-target-collation", Severity::warning,
             fmt::format("the empty database {} sorts by {} (types by {}), the copy by {} ({})",
                         quote_name(into_.database), existing_->collate, existing_->ctype, collate,
                         ctype),
             "texts are sorted and compared differently afterwards",
             fmt::format("DROP DATABASE {}; it is then made with the collation of the copy.",
                         quote_name(into_.database)));
      }
      return;
    }
    if (own.string_or("locale_provider", "c") != "c" && admin_.server_major() < 15) return;
    for (const std::string& name : std::set<std::string>{collate, ctype}) {
      if (name.empty() || name == "C" || name == "POSIX") continue;
      const bool known = !admin_
                              .query(
                                  "SELECT 1 FROM pg_catalog.pg_collation WHERE collprovider = "
                                  "'c' AND $1 IN (collcollate, collctype)",
                                  {name})
                              .empty() ||
                         !admin_
                              .query(
                                  "SELECT 1 FROM pg_catalog.pg_database WHERE $1 IN"
                                  " (datcollate, datctype)",
                                  {name})
                              .empty();
      if (known) continue;
      find("postgresql-target-collation", Severity::warning,
           fmt::format("the server did not know the locale {} when it was made", name),
           "the database of the copy is made with it, which fails unless it has come since",
           "Install the locale on the server's machine and restart the server.");
    }
  }

  // The server's own disk, where it is this machine's. What the copy's tables took on theirs is
  // needed at least; indexes and the log of what is written come on top.
  void check_space() {
    const bool local = into_.host.empty() || into_.host.starts_with('/') ||
                       into_.host == "localhost" || into_.host == "127.0.0.1" ||
                       into_.host == "::1";
    const Json* const tables = facts_.engine_facts.find("tables");
    if (!local || tables == nullptr) return;
    std::uint64_t needed = 0;
    for (const Json& table : tables->as_array()) {
      const std::int64_t bytes = table.int_or("bytes", 0);
      needed += bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
    }
    // Shown to superusers and the members of pg_read_all_settings.
    const Rows place =
        admin_.query("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory'");
    if (place.empty() || place.view(0, 0).empty()) return;
    std::error_code failure;
    const std::filesystem::space_info space = std::filesystem::space(place.text(0, 0), failure);
    if (failure || space.available >= needed) return;
    find("postgresql-target-space", Severity::blocker,
         fmt::format("{} are free on the server's disk, the tables of the copy had {}",
                     format_bytes(space.available), format_bytes(needed)),
         "a full disk would stop the server for everybody",
         "Make room, or map tables elsewhere by [restore.tablespace].");
  }

  Connection& admin_;
  const Location& into_;
  const model::DatabaseFacts& facts_;
  const NameMapping& mapping_;
  bool only_beside_;
  std::string role_;
  std::optional<Existing> existing_;
  bool may_create_ = false;
  Settings lasting_;
  bool fills_ = false;  // an empty database that is there, as we may make none
  std::vector<model::Finding> findings_;
};

}  // namespace

std::vector<model::Finding> find_target_problems(Connection& admin, const Location& into,
                                                 const model::DatabaseFacts& facts,
                                                 const NameMapping& mapping,
                                                 const LoadOptions& options) {
  if (options.on_scratch || !options.tables.empty()) return {};
  return TargetChecks(admin, into, facts, mapping, options.only_beside).run();
}

}  // namespace holdfast::engine::postgresql
