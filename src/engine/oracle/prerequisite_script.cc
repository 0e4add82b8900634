// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/prerequisite_script.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/oracle/sqlplus.h"

namespace holdfast::engine::oracle {
namespace {

std::string mapped(const std::map<std::string, std::string>& names, const std::string& name) {
  const auto found = names.find(name);
  return found == names.end() ? name : found->second;
}

std::string option_of(const Json& item, std::string_view key, std::string_view yes) {
  return item.string_or(key, "") == "YES" ? fmt::format(" WITH {} OPTION", yes) : std::string();
}

// Rights as "SELECT" on an object; those of directories say so.
std::string object_of(const Json& prerequisites, const Json& item) {
  const std::string object = item.string_or("object", "");
  for (const Json& directory : items_of(prerequisites, "directories"))
    if (directory.string_or("name", "") == object && item.string_or("owner", "") == "SYS")
      return "DIRECTORY " + identifier(object);
  return identifier(item.string_or("owner", "")) + "." + identifier(object);
}

// Words of SQL that stand in a copy: whoever has written it may be nobody we trust.
std::string words_of(const Json& item, std::string_view key, std::string_view otherwise = {}) {
  std::string words = item.string_or(key, otherwise);
  const auto is_harmless = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || c == '_' || c == '-';
  };
  if (words.find("--") != std::string::npos ||
      !std::all_of(words.begin(), words.end(), is_harmless))
    throw Error(Errc::corrupt, fmt::format("the copy says `{}` for a {}", words, key));
  return words;
}

// One line of a comment, whatever is in it.
std::string comment(std::string_view text) {
  std::string line = "-- ";
  for (const char c : text) line += c == '\n' || c == '\r' ? ' ' : c;
  // A `-` at the end would go on with the next line.
  return line + " .\n";
}

void add_surroundings(const Json& prerequisites, const std::string& schema, std::string& text) {
  for (const Json& one : items_of(prerequisites, "network_access"))
    text += fmt::format(
        "BEGIN\n  DBMS_NETWORK_ACL_ADMIN.APPEND_HOST_ACE({}{},\n    ace => XS$ACE_TYPE("
        "privilege_list => XS$NAME_LIST({}),\n      principal_name => {}, principal_type => "
        "XS_ACL.PTYPE_DB));\nEND;\n/\n",
        "host => " + literal(one.string_or("host", "")),
        one.string_or("lower_port", "").empty()
            ? std::string()
            : fmt::format(", lower_port => {}, upper_port => {}", words_of(one, "lower_port"),
                          words_of(one, "upper_port")),
        literal(one.string_or("privilege", "")), literal(schema));
  for (const Json& one : items_of(prerequisites, "public_synonyms"))
    text +=
        fmt::format("CREATE PUBLIC SYNONYM {} FOR {}.{};\n", identifier(one.string_or("name", "")),
                    identifier(schema), identifier(one.string_or("object", "")));
  for (const Json& one : items_of(prerequisites, "scheduler_jobs"))
    text += comment(fmt::format("scheduler job {}: {} {} repeats {} enabled {}",
                                one.string_or("name", ""), one.string_or("type", ""),
                                one.string_or("action", ""), one.string_or("repeat", ""),
                                one.string_or("enabled", "")));
  for (const Json& one : items_of(prerequisites, "jobs"))
    text += comment(fmt::format("job {}: {} interval {}", one.string_or("job", ""),
                                one.string_or("what", ""), one.string_or("interval", "")));
}

}  // namespace

const Json& prerequisites_of(const model::DatabaseFacts& facts) {
  static const Json none = Json::object();
  if (!facts.engine_facts.is_object()) return none;
  const Json* const found = facts.engine_facts.find("prerequisites");
  return found == nullptr || !found->is_object() ? none : *found;
}

const Json::Array& items_of(const Json& prerequisites, std::string_view key) {
  static const Json::Array none;
  const Json* const list = prerequisites.find(key);
  return list == nullptr || !list->is_array() ? none : list->as_array();
}

std::vector<std::string> right_statements(const Json& prerequisites, std::string_view schema,
                                          const LoadOptions& options) {
  const std::string user = identifier(schema);
  std::vector<std::string> statements;
  for (const Json& one : items_of(prerequisites, "quotas")) {
    const std::string bytes = words_of(one, "max_bytes", "-1");
    const std::string tablespace = mapped(options.tablespaces, one.string_or("tablespace", ""));
    // What the instance file says of it holds.
    if (!options.new_user.quota.empty() && tablespace == options.new_user.default_tablespace)
      continue;
    statements.push_back(fmt::format("ALTER USER {} QUOTA {} ON {}", user,
                                     bytes.starts_with('-') ? "UNLIMITED" : bytes,
                                     identifier(tablespace)));
  }
  for (const Json& one : items_of(prerequisites, "roles"))
    statements.push_back(fmt::format("GRANT {} TO {}{}", identifier(one.string_or("role", "")),
                                     user, option_of(one, "admin", "ADMIN")));
  for (const Json& one : items_of(prerequisites, "system_privileges"))
    statements.push_back(fmt::format("GRANT {} TO {}{}", words_of(one, "privilege"), user,
                                     option_of(one, "admin", "ADMIN")));
  for (const Json& one : items_of(prerequisites, "received"))
    statements.push_back(fmt::format("GRANT {} ON {} TO {}{}", words_of(one, "privilege"),
                                     object_of(prerequisites, one), user,
                                     option_of(one, "grantable", "GRANT")));
  return statements;
}

std::string prerequisite_script(const Json& prerequisites, std::string_view schema,
                                const LoadOptions& options) {
  std::string text = comment(fmt::format(
      "What schema {} needs in a database, as it was when it was copied. For a DBA, in sqlplus.",
      schema));
  const Json::Array& users = items_of(prerequisites, "user");
  text += "SET DEFINE OFF\nSET VERIFY OFF\n";
  for (const Json& one : items_of(prerequisites, "tablespaces"))
    text += comment(fmt::format("tablespace {} is used",
                                mapped(options.tablespaces, one.string_or("name", ""))));
  for (const Json& one : items_of(prerequisites, "directories"))
    text += fmt::format("CREATE DIRECTORY {} AS {};\n", identifier(one.string_or("name", "")),
                        literal(one.string_or("path", "")));
  if (!users.empty())
    text += fmt::format(
        "SET DEFINE ON\nACCEPT password CHAR PROMPT 'New password of {0}: ' HIDE\nCREATE USER {1} "
        "IDENTIFIED BY \"&password\"\n  DEFAULT TABLESPACE {2} TEMPORARY TABLESPACE {3};\n"
        "SET DEFINE OFF\nALTER USER {1} PROFILE {4};\n",
        schema, identifier(schema),
        identifier(mapped(options.tablespaces, users[0].string_or("default_tablespace", "USERS"))),
        identifier(users[0].string_or("temporary_tablespace", "TEMP")),
        identifier(users[0].string_or("profile", "DEFAULT")));
  for (const std::string& statement : right_statements(prerequisites, schema, options))
    text += statement + ";\n";
  add_surroundings(prerequisites, std::string(schema), text);
  return text;
}

namespace {

// Everybody has these, unless a site took them away.
std::string packages_for_files(const std::string& user) {
  std::string text;
  for (const char* package : {"UTL_FILE", "DBMS_LOB", "UTL_RAW", "UTL_ENCODE"})
    text += fmt::format("GRANT EXECUTE ON SYS.{} TO {};\n", package, user);
  return text;
}

}  // namespace

std::string grants_for(std::string_view purpose, const Location& location) {
  const std::string user = location.user.empty() ? location.schema : location.user;
  const bool is_own = user == location.schema;
  std::string text;
  if (purpose == "backup") {
    text = fmt::format(
        "GRANT CREATE SESSION TO {0};\nGRANT EXECUTE ON SYS.DBMS_FLASHBACK TO {0};\n", user);
    if (!is_own)
      text += fmt::format(
          "GRANT EXP_FULL_DATABASE TO {0};\nGRANT SELECT_CATALOG_ROLE TO {0};\nGRANT FLASHBACK ANY "
          "TABLE TO {0};\nGRANT SELECT ANY TABLE TO {0};\n",
          user);
    text += fmt::format(
        "GRANT SELECT ON SYS.V_$PARAMETER TO {0};\n"
        "-- who is at work, for profiles that look whether an application rests:\n"
        "GRANT SELECT ON SYS.GV_$SESSION TO {0};\nGRANT SELECT ON SYS.GV_$LOCKED_OBJECT TO {0};\n"
        "GRANT SELECT ON SYS.DBA_2PC_PENDING TO {0};\n",
        user);
    if (!location.directory.empty())
      text += fmt::format(
          "GRANT READ, WRITE ON DIRECTORY {1} TO {0};\n-- the table of a job of Data Pump:\n"
          "GRANT CREATE TABLE TO {0};\n{2}",
          user, location.directory, packages_for_files(user));
    return text;
  }
  if (purpose == "restore") {
    text = fmt::format("GRANT CREATE SESSION TO {0};\n", user);
    if (is_own) {
      text += fmt::format(
          "GRANT RESOURCE, CREATE VIEW, CREATE SYNONYM, CREATE JOB TO {0};\n"
          "ALTER USER {0} QUOTA UNLIMITED ON USERS;\n",
          user);
    } else {
      text += fmt::format(
          "GRANT IMP_FULL_DATABASE TO {0};\nGRANT SELECT_CATALOG_ROLE TO {0};\nGRANT CREATE USER, "
          "ALTER USER TO {0};\n",
          user);
    }
    if (!location.directory.empty())
      text += fmt::format("GRANT READ, WRITE ON DIRECTORY {1} TO {0};\n{2}", user,
                          location.directory, packages_for_files(user));
    return text;
  }
  if (purpose == "application")
    return fmt::format(
        "-- the application connects as the schema's owner\nGRANT CREATE SESSION TO {};\n",
        location.schema);
  throw Error(Errc::usage, fmt::format("the oracle engine knows no grants for {}", purpose));
}

std::string restore_text(const model::DatabaseFacts& facts) {
  const bool has_facts = facts.engine_facts.is_object();
  const auto fact = [&](std::string_view key, std::string_view otherwise) {
    return has_facts ? facts.engine_facts.string_or(key, otherwise) : std::string(otherwise);
  };
  const bool is_exp = fact("method", "exp") == "exp";
  std::string text = fmt::format(
      "`{0}/schema.dmp` is schema {1} of an Oracle database, of release {2}, as {3} writes it;\n"
      "`{0}/prerequisites.sql` says what the schema needs around it. As a DBA, in a database of "
      "the "
      "same character set,\n{4}, make the user and its rights; the script asks for a password:\n\n"
      "    sqlplus -L / as sysdba @{0}/prerequisites.sql\n\n",
      facts.directory, fact("schema", "?"), facts.version, is_exp ? "exp" : "expdp",
      fact("character_set", "?"));
  if (is_exp) {
    text += fmt::format(
        "Then load it with the `imp` of that database's own release; it asks for the user and the "
        "password:\n\n"
        "    NLS_LANG={1} imp FILE={0}/schema.dmp FROMUSER={2} TOUSER={2} STATISTICS=NONE "
        "LOG=import.log\n\n",
        facts.directory, fact("nls_lang", "?"), fact("schema", "?"));
  } else {
    text += fmt::format(
        "Then copy the file into a directory of the server, here the one of DATA_PUMP_DIR, and "
        "load "
        "it; it asks for the\npassword:\n\n"
        "    NLS_LANG={0} impdp system DIRECTORY=DATA_PUMP_DIR DUMPFILE=schema.dmp SCHEMAS={1} "
        "LOGFILE=import.log\n\n",
        fact("nls_lang", "?"), fact("schema", "?"));
  }
  return text +
         "Its exit code says nothing: look for IMP- and ORA- in the log, and compare the rows of "
         "each table with the\nmanifest.\n";
}

}  // namespace holdfast::engine::oracle
