// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "engine/postgresql/databases.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sessions.h"
#include "engine/postgresql/target_undo.h"

namespace holdfast::engine::postgresql {
namespace {

std::string undone_suffix(std::string_view kept_suffix) {
  constexpr std::string_view before = "_before_";
  if (!kept_suffix.starts_with(before)) return "_undone" + random_suffix();
  return "_undone_" + std::string(kept_suffix.substr(before.size()));
}

Json undo_of(std::string_view kind) {
  Json undo;
  undo.set("kind", kind);
  return undo;
}

// What a database that is there was made with.
DatabaseProperties properties_of_existing(Connection& admin, const std::string& name) {
  const int major = admin.server_major();
  const Rows row = admin.query(
      fmt::format("SELECT pg_catalog.pg_get_userbyid(d.datdba),"
                  " pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, {}, {},"
                  " {}, t.spcname, d.datconnlimit FROM pg_catalog.pg_database d"
                  " JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace"
                  " WHERE d.datname = $1",
                  major >= 15 ? "d.datlocprovider" : "'c'",
                  major >= 17   ? "d.datlocale"
                  : major >= 15 ? "d.daticulocale"
                                : "NULL",
                  major >= 16 ? "d.daticurules" : "NULL"),
      {name});
  if (row.empty()) throw Error(Errc::not_found, fmt::format("database {} is gone", name));
  DatabaseProperties properties;
  properties.owner = row.text(0, 0);
  properties.encoding = row.text(0, 1);
  properties.collate = row.text(0, 2);
  properties.ctype = row.text(0, 3);
  properties.provider = row.text(0, 4);
  properties.icu_locale = row.text(0, 5);
  properties.icu_rules = row.text(0, 6);
  if (row.view(0, 7) != "pg_default") properties.tablespace = row.text(0, 7);
  properties.connection_limit = row.integer(0, 8);
  return properties;
}

std::string create_statement(const std::string& name, const DatabaseProperties* properties,
                             int major) {
  std::string sql = fmt::format("CREATE DATABASE {} TEMPLATE template0", quote_name(name));
  if (properties == nullptr) return sql;
  const DatabaseProperties& wanted = *properties;
  if (!wanted.owner.empty()) sql += " OWNER " + quote_name(wanted.owner);
  sql += " ENCODING " + quote_text(wanted.encoding);
  if (!wanted.collate.empty()) sql += " LC_COLLATE " + quote_text(wanted.collate);
  if (!wanted.ctype.empty()) sql += " LC_CTYPE " + quote_text(wanted.ctype);
  if (wanted.provider == "i" && major >= 15) {
    sql += " LOCALE_PROVIDER icu ICU_LOCALE " + quote_text(wanted.icu_locale);
    if (!wanted.icu_rules.empty() && major >= 16)
      sql += " ICU_RULES " + quote_text(wanted.icu_rules);
  } else if (wanted.provider == "b" && major >= 17) {
    sql += " LOCALE_PROVIDER builtin BUILTIN_LOCALE " + quote_text(wanted.icu_locale);
  } else if (major >= 15) {
    sql += " LOCALE_PROVIDER libc";
  }
  if (!wanted.tablespace.empty()) sql += " TABLESPACE " + quote_name(wanted.tablespace);
  return sql;
}

}  // namespace

DatabaseProperties properties_of(const Json& facts, const NameMapping& mapping) {
  DatabaseProperties properties;
  properties.owner = facts.string_or("owner", "");
  if (!properties.owner.empty()) properties.owner = mapping.owner(properties.owner);
  properties.encoding = facts.string_or("encoding", "UTF8");
  properties.collate = facts.string_or("collate", "");
  properties.ctype = facts.string_or("ctype", "");
  properties.provider = facts.string_or("locale_provider", "c");
  properties.icu_locale = facts.string_or("icu_locale", "");
  properties.icu_rules = facts.string_or("icu_rules", "");
  const std::string tablespace = facts.string_or("tablespace", "");
  if (!tablespace.empty() && tablespace != "pg_default")
    properties.tablespace = mapping.tablespace(tablespace);
  properties.connection_limit = facts.int_or("connection_limit", -1);
  return properties;
}

bool may_create_databases(Connection& admin) {
  return admin.value(
             "SELECT rolsuper OR rolcreatedb FROM pg_catalog.pg_roles"
             " WHERE rolname = current_user") == "t";
}

Target::Target(const Location& into, const LoadOptions& options, const std::stop_token& stop)
    : into_(into), options_(options), stop_(stop), place_(into) {
  check_rule(!options.replace || !options.kept_suffix.empty(),
             "what is replaced is kept under another name");
  if (options.only_beside) return;
  exists_ = oid_of(admin(), into.database).has_value();
  if (!exists_ || options.replace) return;
  Connection look(into, stop);
  if (!is_empty(look)) refuse_content();
}

Connection& Target::admin() {
  if (!admin_) admin_.emplace(connect_admin(into_, stop_));
  return *admin_;
}

void Target::refuse_content() const {
  throw Error(Errc::exists, fmt::format("{} exists and is not empty", into_.display()))
      .set_hint("Give --replace: it is then kept under a new name.");
}

void Target::announce(std::string_view what, const Json& undo) const {
  if (options_.before_change) options_.before_change(what, undo);
}

void Target::prepare_in_place(bool as_there) {
  mark_ = "holdfast_filling_" + random_digits();
  {
    Connection connection(into_, stop_);
    lasting_ = lasting_settings(connection);
    const Json before = remember_database(connection, into_.database, lasting_);
    if (as_there) like_ = before;
    for (const auto& [role, entry] : lasting_) {
      log(LogLevel::warn, "a setting of the empty database stays, as others rule it",
          {{"database", into_.database}, {"role", role}, {"setting", entry}});
    }
    if (before.at("public").as_array().empty()) {
      log(LogLevel::warn, "the schema public of the empty database is not ours and stays as it is",
          {{"database", into_.database}});
    }
    made_ = undo_of("filled")
                .set("database", into_.database)
                .set("oid", oid_of(admin(), into_.database).value_or(0))
                .set("system", system_of(admin()))
                .set("mark", mark_)
                .set("before", before);
    announce("filled the empty database " + into_.database, made_);
    close_marked(connection, mark_);
  }
  end_sessions(admin(), into_.database);
  Connection connection(into_, stop_);
  if (!is_empty(connection, mark_)) refuse_content();  // and give it back as it is
  mark_ours(connection, mark_);
  if (as_there) static_cast<void>(give_public(connection, like_.at("public")));
}

void Target::prepare(const DatabaseProperties* properties, bool as_there) {
  DatabaseProperties there;
  if (exists_) {
    Connection look(into_, stop_);
    const bool empty = is_empty(look);
    if (!empty && !options_.replace) refuse_content();
    if (empty && !may_create_databases(admin())) {
      prepare_in_place(as_there);
      return admin_.reset();
    }
    if (as_there) {
      there = properties_of_existing(admin(), into_.database);
      properties = &there;
    }
  }
  is_new_ = true;
  place_ = into_.with_database(free_name(admin(), with_suffix(into_.database, random_suffix())));
  if (exists_ && as_there) {
    Connection look(into_, stop_);
    like_ = remember_database(look, place_.database);
  }
  if (properties != nullptr) connection_limit_ = properties->connection_limit;
  const std::string sql = create_statement(place_.database, properties, admin().server_major());
  made_ = undo_of("created").set("database", place_.database).set("system", system_of(admin()));
  announce("made the database " + place_.database, made_);
  in_context("making database " + place_.database, [&] { admin().run(sql); });
  if (!like_.is_null()) {
    Connection place(place_, stop_);
    static_cast<void>(give_public(place, like_.at("public")));
  }
  // It may be in template1, from which others make databases.
  admin_.reset();
}

void Target::finish(const std::function<void(Connection&)>& about) {
  Connection connection(place_, stop_);
  const auto all = [&](Connection& open) {
    if (!like_.is_null()) {
      for (const std::string& statement : give_settings(open, like_.at("database")))
        log(LogLevel::warn, "not taken over from the database that is there",
            {{"database", into_.database}, {"statement", statement}});
    }
    about(open);
  };
  if (!is_new_) {
    view_ = run_closed(connection, all);
    return;
  }
  connection.run("BEGIN");
  all(connection);
  connection.run("COMMIT");
}

void Target::correct(const model::DatabaseFacts& expected, model::DatabaseFacts& found) const {
  found.engine_facts.set("database", into_.database);
  if (is_new_) return;
  const bool has_public = !made_.at("before").at("public").as_array().empty();
  const auto is_foreign = [&](const model::ObjectFacts& object) {
    return !has_public && object.name == "public" && object.kind.ends_with("schema");
  };
  std::erase_if(found.objects, [&](const model::ObjectFacts& object) {
    return object.kind == "setting" || object.name.find(mark_) != std::string::npos ||
           is_foreign(object);
  });
  // What was there before and stays is no difference, unless it is in the copy too.
  Settings copied;
  std::set_difference(view_.settings.begin(), view_.settings.end(), lasting_.begin(),
                      lasting_.end(), std::inserter(copied, copied.end()));
  std::vector<model::ObjectFacts> settings = objects_of(copied);
  for (model::ObjectFacts& all : objects_of(view_.settings)) {
    const bool is_copied = std::any_of(expected.objects.begin(), expected.objects.end(),
                                       [&](const model::ObjectFacts& one) {
                                         return one.kind == all.kind && one.name == all.name &&
                                                one.definition_sha256 == all.definition_sha256;
                                       });
    if (!is_copied) continue;
    std::erase_if(settings, [&](const auto& one) { return one.name == all.name; });
    settings.push_back(std::move(all));
  }
  found.objects.insert(found.objects.end(), settings.begin(), settings.end());
  std::copy_if(expected.objects.begin(), expected.objects.end(), std::back_inserter(found.objects),
               is_foreign);
  std::sort(found.objects.begin(), found.objects.end(), [](const auto& a, const auto& b) {
    return std::tie(a.kind, a.name, a.definition_sha256) <
           std::tie(b.kind, b.name, b.definition_sha256);
  });
}

// In one transaction it gets its grants and loses its mark: it is somebody's from then on.
void Target::open_in_place() {
  announce("opened the filled database " + into_.database, undo_of("opened")
                                                               .set("database", into_.database)
                                                               .set("oid", made_.at("oid"))
                                                               .set("system", made_.at("system"))
                                                               .set("mark", mark_));
  Connection place(place_);
  open_filled(place, mark_, view_.opening);
}

// An application may have begun to use the empty database while the copy was loaded.
void Target::refuse_filled_meanwhile() {
  end_sessions(admin(), into_.database);
  Connection look(into_);
  if (!is_empty(look)) refuse_content();
}

std::optional<std::string> Target::switch_in() {
  stop_ = {};
  admin_.reset();  // other components may have taken their time
  if (!is_new_) {
    open_in_place();
    return std::nullopt;
  }
  if (connection_limit_ >= 0) {
    admin().run(fmt::format("ALTER DATABASE {} CONNECTION LIMIT {}", quote_name(place_.database),
                            connection_limit_));
  }
  const auto fresh = oid_of(admin(), place_.database);
  check_rule(fresh.has_value(), "the database that was filled is there");
  const auto there = oid_of(admin(), into_.database);
  const std::string undone = with_suffix(into_.database, undone_suffix(options_.kept_suffix));
  Json undo = undo_of("switched")
                  .set("name", into_.database)
                  .set("beside", place_.database)
                  .set("oid", *fresh)
                  .set("system", system_of(admin()))
                  .set("undone", free_name(admin(), undone));
  if (!there) {
    announce("named the new database " + into_.database, undo);
    rename_databases(admin(), into_, std::array{DatabaseRename{place_.database, into_.database}});
    return std::nullopt;
  }
  if (!options_.replace) refuse_filled_meanwhile();
  const std::string suffix =
      options_.kept_suffix.empty() ? "_before" + random_suffix() : options_.kept_suffix;
  const std::string kept = free_name(admin(), with_suffix(into_.database, suffix));
  undo.set("kept", kept).set("kept_oid", *there);
  announce(fmt::format("put the new database in the place of {}", into_.database), undo);
  rename_databases(admin(), into_,
                   std::array{DatabaseRename{into_.database, kept},
                              DatabaseRename{place_.database, into_.database}});
  if (options_.replace) return kept;
  // Somebody could still have come in between; from now on nobody finds it.
  Connection look(into_.with_database(kept));
  if (is_empty(look)) return kept;
  look = connect_admin(into_, {});
  log(LogLevel::warn, undo_change(undo, into_));
  refuse_content();
}

void Target::give_up() noexcept {
  if (made_.is_null()) return;
  try {
    admin_.reset();
    if (const std::string left = undo_change(made_, into_); !left.empty())
      log(LogLevel::warn, left, {{"database", into_.database}});
  } catch (const std::exception& error) {
    log(LogLevel::warn, "what a restore made could not be removed",
        {{"database", place_.database}, {"reason", error.what()}});
  }
}

}  // namespace holdfast::engine::postgresql
