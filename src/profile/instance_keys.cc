// SPDX-License-Identifier: Apache-2.0
#include "profile/instance_keys.h"

#include <string>

#include "base/json.h"
#include "profile/instance_file.h"

namespace holdfast::profile {
namespace {

constexpr InstanceTable tables[] = {
    {"", false, "The instance itself."},
    {"magnolia", false, "What profile magnolia is told; everything else it reads in `home`."},
    {"migration_center", false,
     "What profile migration-center is told; its vendor publishes neither the schema nor its "
     "codes."},
    {"migration_center.staged", true,
     "A column that names staged files: after a copy it is looked whether it has them."},
    {"repository", false, "Where its snapshots go."},
    {"repository.extra_locations", true,
     "In place of a text in `extra_locations` of [repository]: one with a password of its own."},
    {"database", true, "One database."},
    {"files", true, "One set of files."},
    {"quiesce", false,
     "How the application is stopped and started for a backup or a migration. Both commands run "
     "without the "
     "variables that hold passwords, in URLs too; a service manager has its own."},
    {"hooks", false,
     "Programs run around a job. Each entry is a program with its arguments; no shell."},
    {"limits", false, "What the application may be asked to bear."},
    {"drill", false, "Where and how a restore is rehearsed."},
    {"drill.endpoint", true,
     "A server on which one component is rehearsed, instead of a private one. A database, or "
     "schema, of a random name is made there, and dropped again; nothing else is changed. For "
     "components of kind postgresql, mariadb and sqlserver, and of kind typedb that are copied "
     "from a server."},
    {"drill.query", true, "A question the restored instance must answer."},
    {"restore", false, "What this instance is when a snapshot is restored into it."},
    {"restore.user", false,
     "The user that is made for a schema of Oracle where there is none, by a DBA's connection."},
    {"accept", true, "A blocker that is accepted, with the reason; it stands in every manifest."},
};

constexpr InstanceKey keys[] = {
    {"", "name", KeyType::text, true, "", "Name of the instance; snapshots are grouped by it."},
    {"", "profile", KeyType::text, false, "custom",
     "Kind of application: custom, magnolia, migration-center, typedb."},
    {"", "home", KeyType::path, false, "",
     "Directory of the application; what lay below the old home moves with it. Of magnolia: the "
     "web application's, with WEB-INF in it. Of typedb: the distribution's, or that of its data. "
     "Of migration-center: one with Jobservers and a WebClient in it."},

    {"magnolia", "search_index", KeyType::text, false, "skip",
     "\"skip\": search indexes are left out, and built anew from the content; \"include\": they "
     "are copied, which takes [quiesce] with when = \"always\"."},
    {"magnolia", "persistence", KeyType::text, false, "as it is",
     "Of the target of a migration: the kind of database that all content goes to: derby, h2, "
     "postgresql, mariadb or sqlserver. Of a server's, the file has one [[database]]."},
    {"magnolia", "data_store", KeyType::text, false, "as it is",
     "Of the target of a migration: where binaries go: \"files\" or \"database\"."},
    {"magnolia", "system_properties", KeyType::names, false, "",
     "System properties of its JVM, as -D gives them, where no file of Tomcat's names them: "
     "[magnolia.system_properties] \"magnolia.home\" = \"/srv/magnolia\". No passwords."},

    {"migration_center", "schema", KeyType::text, false,
     "oracle: that of [[database]]; postgresql: the one with a table SCHEDULERS",
     "Schema of its tables."},
    {"migration_center", "jobservers", KeyType::texts, false, "that of `home`",
     "Its Jobservers: \"host\", \"host:port\". Those of other hosts cannot be seen from here."},
    {"migration_center", "jobserver_port", KeyType::integer, false, "9700",
     "Port of Jobservers that name none."},
    {"migration_center", "web_client", KeyType::path, false, "that of `home`",
     "Directory of the Tomcat with the WebClient."},
    {"migration_center", "staging", KeyType::paths, false, "",
     "Where content is staged: component `staging`."},
    {"migration_center", "logs", KeyType::paths, false, "log and logs of Jobservers and WebClient",
     "Further directories with logs: component `logs`, and watched while a copy is made."},
    {"migration_center", "schedulers", KeyType::text, false, "leave",
     "\"disable\": enabled schedulers are disabled for a copy and enabled again after it, or by "
     "the guardian; \"leave\": they are a finding."},
    {"migration_center", "scheduler_column", KeyType::text, false, "one named like it",
     "Column that enables schedulers: \"SCHEDULERS.ENABLED\"."},
    {"migration_center", "scheduler_on", KeyType::text, false, "",
     "Its value of those that are enabled."},
    {"migration_center", "scheduler_off", KeyType::text, false, "",
     "Its value of those that are not."},
    {"migration_center", "status", KeyType::names, false, "by their words",
     "Codes of what is at work, by column: [migration_center.status] \"SCHEDULER_RUNS.STATUS\" = "
     "\"2, 3\", and all others mean rest; \"not 1, 4\": all but these; \"not *\": none. Preflight "
     "prints the lines for what it does not know."},
    {"migration_center.staged", "table", KeyType::text, true, "",
     "The table, with or without schema."},
    {"migration_center.staged", "column", KeyType::text, true, "", "The column."},
    {"migration_center.staged", "root", KeyType::path, false, "",
     "Where relative paths in it begin."},

    {"repository", "location", KeyType::text, true, "",
     "Repository, as for --repo. If a password stands in it, others must not read this file."},
    {"repository", "password_file", KeyType::path, false, "",
     "File with the repository's password; not readable by others."},
    {"repository", "password_command", KeyType::argv, false, "",
     "Program that prints the repository's password."},
    {"repository", "extra_locations", KeyType::texts, false, "",
     "Further repositories that a backup goes to from the same read, each a copy of its own. One "
     "that fails stops no other: it is reported, and the exit code is 3. Their password is the "
     "one above, unless they are written as [[repository.extra_locations]]."},
    {"repository.extra_locations", "location", KeyType::text, true, "",
     "Repository, as for --repo. If a password stands in it, others must not read this file."},
    {"repository.extra_locations", "password_file", KeyType::path, false, "that of [repository]",
     "File with the repository's password; not readable by others."},
    {"repository.extra_locations", "password_command", KeyType::argv, false, "that of [repository]",
     "Program that prints the repository's password."},

    {"database", "name", KeyType::text, true, "", "Name of the component."},
    {"database", "engine", KeyType::text, false, "from the uri",
     "Kind of database: sqlite, postgresql, mariadb (MySQL too), derby, h2, typedb, oracle, "
     "sqlserver."},
    {"database", "uri", KeyType::text, true, "",
     "Where it is: \"sqlite:/srv/shop/orders.db\", \"postgresql://host:5432/shop\", "
     "\"postgresql:///shop?host=/run/postgresql\", \"mysql://host:3306/schema\", "
     "\"mysql:///schema?socket=/run/mysqld/mysqld.sock\", \"derby:/directory\" (the one with "
     "service.properties), \"h2:/file.mv.db\", \"typedb:/data/directory/name\", "
     "\"typedb://host:1729/name\", \"oracle://host:1521/SERVICE\", \"oracle:ALIAS\", "
     "\"sqlserver://host:1433/shop\", \"sqlserver://host/shop?instance=NAME\". Never holds a "
     "password."},
    {"database", "user", KeyType::text, false, "", "Who we are there."},
    {"database", "password_file", KeyType::path, false, "",
     "File with the user's password; not readable by others."},
    {"database", "password_command", KeyType::argv, false, "",
     "Program that prints the user's password."},
    {"database", "application_user", KeyType::text, false, "magnolia: its configuration's",
     "postgresql, mariadb, sqlserver: whom the application connects as. Preflight checks that it "
     "may read, "
     "write and make its tables; `holdfast grants application` prints what that takes."},
    {"database", "application_schema", KeyType::text, false,
     "magnolia: its URL's, else those of the user's own search_path; others: every one",
     "postgresql: the schemas with the application's tables, as in search_path; new ones are made "
     "in the first that is there."},
    {"database", "bin_dir", KeyType::path, false, "newest that fits",
     "postgresql: directory of pg_dump, psql and the like."},
    {"database", "driver", KeyType::path, false, "what this machine has",
     "derby and h2: the application's own JDBC driver, a jar. sqlserver: the library of an ODBC "
     "driver, else FreeTDS's."},
    {"database", "maintenance_database", KeyType::text, false, "postgres",
     "postgresql: database from which others are made and renamed."},
    {"database", "nontransactional", KeyType::text, false, "lock",
     "mariadb: tables that know no transactions are kept still until they are copied (\"lock\"), "
     "or block the backup (\"refuse\")."},
    {"database", "definer", KeyType::text, false, "keep",
     "mariadb, in restores and imports: who defines views, routines, triggers and events: "
     "\"keep\", \"current\" or \"name@host\". Imports of foreign dumps take \"current\" unless it "
     "is set."},
    {"database", "grants", KeyType::text, false, "leave",
     "mariadb, in restores: what becomes of accounts and their rights: \"leave\" or \"restore\"."},
    {"database", "tls", KeyType::text, false, "preferred; typedb: off; sqlserver: verified",
     "mariadb: \"off\", \"preferred\", \"required\" or \"verified\"; typedb, of a server: \"off\" "
     "or \"verified\"; sqlserver: \"off\", \"required\" (any certificate) or \"verified\"."},
    {"database", "tls_ca", KeyType::path, false, "sqlserver: the machine's",
     "mariadb, typedb, sqlserver: certificates of those whom \"verified\" trusts."},
    {"database", "home", KeyType::path, false, "",
     "typedb, of a directory: where the server's distribution is unpacked or installed, which "
     "tells its release in restores. oracle: the Oracle home or Instant Client with sqlplus and "
     "the tools; else they are looked for in PATH."},
    {"database", "release", KeyType::text, false, "what the server or its distribution says",
     "typedb: the release of the server, \"3.11.5\", where nothing else tells it."},
    {"database", "method", KeyType::text, false, "auto",
     "typedb, of a directory: \"cold\" copies it while no server has it open, \"hot\" beside its "
     "server, \"auto\" as it is found. oracle: \"exp\", \"datapump\", or \"auto\": Data Pump where "
     "`directory` is set. sqlserver: \"physical\" copies by the server's BACKUP, \"logical\" by "
     "rows, \"auto\" by BACKUP where `exchange_directory` or `receiver` lets it come to us."},
    {"database", "isolation", KeyType::text, false, "auto",
     "sqlserver, in copies by rows: what has one moment of all tables: \"database_snapshot\", "
     "\"session\" (SNAPSHOT isolation, one table after the other), or \"auto\"."},
    {"database", "backup_directory", KeyType::text, false, "",
     "sqlserver: the directory in which the server writes its backups, in its own words: "
     "\"/var/opt/mssql/backup\", \"D:\\\\backup\"."},
    {"database", "receiver", KeyType::text, false, "",
     "sqlserver of 2022 or later: host and port of ours at which the server finds us, "
     "\"backup.example:9443\": it writes its backups there, and needs no room for them."},
    {"database", "receiver_certificate", KeyType::path, false, "",
     "sqlserver: the certificate that is shown there, of an authority that the server knows."},
    {"database", "receiver_key", KeyType::path, false, "", "sqlserver: its private key."},
    {"database", "compress", KeyType::text, false, "no",
     "sqlserver: \"yes\" lets the server compress its backups, of which less is found again in the "
     "repository then."},
    {"database", "data_directory", KeyType::text, false, "as the server has it",
     "sqlserver, in restores: the server's directory for data files."},
    {"database", "log_directory", KeyType::text, false, "as the server has it",
     "sqlserver, in restores: the server's directory for log files."},
    {"database", "schema", KeyType::text, false, "the user's own", "oracle: the schema."},
    {"database", "directory", KeyType::text, false, "",
     "oracle: the directory object in which Data Pump writes on the server."},
    {"database", "tns_admin", KeyType::path, false, "as the client finds it",
     "oracle: directory of tnsnames.ora, sqlnet.ora and a wallet."},
    {"database", "kept_directory", KeyType::path, false, "/var/tmp",
     "oracle, in restores: where the export of what is replaced stays."},
    {"database", "program", KeyType::path, false, "",
     "typedb, of a server of 2.x: the vendor's program, \"/opt/typedb/core/typedb\", where the "
     "server's own export does not answer."},
    {"database", "exchange_directory", KeyType::path, false, "pipes in the scratch directory",
     "typedb, of a server of 2.x: a directory that the server and we see under the same path. "
     "oracle: where we see what is in `directory`; else files come through the session. "
     "sqlserver: where we see what is in `backup_directory`."},
    {"database", "after", KeyType::texts, false, "", "Components that are copied before this one."},

    {"files", "name", KeyType::text, true, "", "Name of the component."},
    {"files", "paths", KeyType::paths, true, "", "Files and directories, each with all below it."},
    {"files", "exclude", KeyType::texts, false, "", "Patterns left out, as for --exclude."},
    {"files", "after", KeyType::texts, false, "all databases",
     "Components that are copied before this one."},

    {"quiesce", "stop", KeyType::argv, true, "",
     "Stops the application: it is down when this has returned and nobody has its lock files, its "
     "repository's and its databases'."},
    {"quiesce", "start", KeyType::argv, true, "",
     "Starts it; must do no harm when it runs already."},
    {"quiesce", "when", KeyType::text, false, "always for custom, else needed",
     "\"always\", or \"needed\": only if a component cannot be copied while it runs."},
    {"quiesce", "timeout", KeyType::duration, false, "2m",
     "How long start may take, and stop until the application is down."},

    {"hooks", "before_backup", KeyType::argv_list, false, "",
     "After preflight, before anything is stopped."},
    {"hooks", "after_backup", KeyType::argv_list, false, "",
     "After the snapshot or the export is written; a failure makes the exit code 1, the copy "
     "stays."},
    {"hooks", "on_error", KeyType::argv_list, false, "",
     "After a backup, export, restore or import failed, preflight blockers included, and "
     "everything is put back."},
    {"hooks", "before_restore", KeyType::argv_list, false, "",
     "After preflight of the target, before anything is written."},
    {"hooks", "after_restore", KeyType::argv_list, false, "",
     "After everything is in place and compared; a failure makes the exit code 1."},

    {"limits", "fence_ms", KeyType::integer, false, "500",
     "Longest time in milliseconds that writers are fenced, and the lock time-out."},
    {"limits", "writer_stall_ms", KeyType::integer, false, "1000",
     "Longest time in milliseconds that a copy may keep a writer waiting."},
    {"limits", "moments_apart_ms", KeyType::integer, false, "5000",
     "Distance in milliseconds between unfenced moments above which a finding says so."},
    {"limits", "parallel", KeyType::integer, false, "cores", "Parts copied at once."},

    {"drill", "user", KeyType::text, false, "the engine's own, as postgres",
     "User of the scratch servers that refuse to run as root."},
    {"drill", "scratch_dir", KeyType::path, false, "TMPDIR, else /var/tmp",
     "Where the rehearsal happens."},
    {"drill.endpoint", "component", KeyType::text, true, "", "Database that is rehearsed there."},
    {"drill.endpoint", "uri", KeyType::text, true, "",
     "Where the server is, as in [[database]]. What is made begins with the name of the database "
     "in it, which need not be there and is not changed."},
    {"drill.endpoint", "user", KeyType::text, false, "",
     "Who we are there; `holdfast grants restore` prints what that takes."},
    {"drill.endpoint", "password_file", KeyType::path, false, "",
     "File with the user's password; not readable by others."},
    {"drill.endpoint", "password_command", KeyType::argv, false, "",
     "Program that prints the user's password."},
    {"drill.endpoint", "bin_dir", KeyType::path, false, "newest that fits",
     "postgresql: directory of psql and the like."},
    {"drill.endpoint", "maintenance_database", KeyType::text, false, "postgres",
     "postgresql: database from which others are made."},
    {"drill.endpoint", "tls", KeyType::text, false, "preferred; typedb: off; sqlserver: verified",
     "mariadb: \"off\", \"preferred\", \"required\" or \"verified\"; typedb: \"off\" or "
     "\"verified\"; sqlserver: \"off\", \"required\" or \"verified\"."},
    {"drill.endpoint", "tls_ca", KeyType::path, false, "sqlserver: the machine's",
     "mariadb, typedb, sqlserver: certificates of those whom \"verified\" trusts."},
    {"drill.endpoint", "driver", KeyType::path, false, "FreeTDS's",
     "sqlserver: the library of an ODBC driver."},
    {"drill.endpoint", "backup_directory", KeyType::text, false, "",
     "sqlserver: the directory from which the server restores, as in [[database]]."},
    {"drill.endpoint", "receiver", KeyType::text, false, "",
     "sqlserver: where the server finds us, as in [[database]]."},
    {"drill.endpoint", "receiver_certificate", KeyType::path, false, "",
     "sqlserver: the certificate that is shown there."},
    {"drill.endpoint", "receiver_key", KeyType::path, false, "", "sqlserver: its private key."},
    {"drill.endpoint", "data_directory", KeyType::text, false, "as the server has it",
     "sqlserver: the server's directory for data files."},
    {"drill.endpoint", "log_directory", KeyType::text, false, "as the server has it",
     "sqlserver: the server's directory for log files."},
    {"drill.endpoint", "release", KeyType::text, false, "what the server says",
     "typedb: the release of the server, where nothing else tells it."},
    {"drill.endpoint", "program", KeyType::path, false, "",
     "typedb, of a server of 2.x: the vendor's program, as in [[database]]."},
    {"drill.endpoint", "exchange_directory", KeyType::path, false, "pipes in the scratch directory",
     "typedb, of a server of 2.x: a directory that the server and we see under the same path. "
     "sqlserver: where we see what is in `backup_directory`."},
    {"drill.query", "component", KeyType::text, true, "", "Database that is asked."},
    {"drill.query", "sql", KeyType::text, true, "", "Statement that yields one value."},
    {"drill.query", "expect", KeyType::text, true, "", "The value, as text."},

    {"restore", "role", KeyType::text, false,
     "clone, or replacement where home and every uri equal the manifest's",
     "\"clone\" or \"replacement\"."},
    {"restore", "owner", KeyType::names, false, "",
     "New owner by old: [restore.owner] shop = \"shop_test\"; \"*\" is every other."},
    {"restore", "schema", KeyType::names, false, "", "New schema by old."},
    {"restore", "tablespace", KeyType::names, false, "", "New tablespace by old."},

    {"restore.user", "password_file", KeyType::path, false, "",
     "File with the new user's password; not readable by others."},
    {"restore.user", "password_command", KeyType::argv, false, "",
     "Program that prints the new user's password."},
    {"restore.user", "default_tablespace", KeyType::text, false, "as the copy says",
     "His default tablespace."},
    {"restore.user", "quota", KeyType::text, false, "as the copy says",
     "How much of it he may fill: \"UNLIMITED\", \"10G\"."},

    {"accept", "code", KeyType::text, true, "", "Code of the finding."},
    {"accept", "component", KeyType::text, false, "any", "Component it is accepted for."},
    {"accept", "reason", KeyType::text, true, "",
     "Why; a sentence for whoever reads the manifest."},
    {"accept", "until", KeyType::text, false, "for good", "Last day it holds: \"2027-01-31\"."},
};

std::string heading(const InstanceTable& table) {
  if (table.name.empty()) return "top";
  return table.repeated ? "[[" + std::string(table.name) + "]]"
                        : "[" + std::string(table.name) + "]";
}

Json type_schema(KeyType type) {
  const auto array_of = [](Json items) {
    Json schema;
    schema.set("type", "array");
    schema.set("items", std::move(items));
    return schema;
  };
  Json text;
  text.set("type", "string");
  switch (type) {
    case KeyType::text:
    case KeyType::duration:
      return text;
    case KeyType::path:
      text.set("pattern", "^/");
      return text;
    case KeyType::integer: {
      Json schema;
      schema.set("type", "integer");
      schema.set("minimum", 0);
      return schema;
    }
    case KeyType::argv:
    case KeyType::texts:
      return array_of(text);
    case KeyType::argv_list:
      return array_of(array_of(text));
    case KeyType::paths:
      text.set("pattern", "^/");
      return array_of(text);
    case KeyType::names: {
      Json schema;
      schema.set("type", "object");
      schema.set("additionalProperties", std::move(text));
      return schema;
    }
  }
  return {};
}

Json table_schema(const InstanceTable& table) {
  Json schema;
  schema.set("type", "object");
  schema.set("description", table.meaning);
  schema.set("additionalProperties", false);
  Json properties = Json::object();
  Json required = Json::array();
  for (const InstanceKey& key : keys) {
    if (key.table != table.name) continue;
    Json property = type_schema(key.type);
    property.set("description", key.meaning);
    properties.set(key.name, std::move(property));
    if (key.required) required.push(key.name);
  }
  for (const InstanceTable& inner : tables) {
    const bool below = table.name.empty()
                           ? !inner.name.empty() && inner.name.find('.') == std::string_view::npos
                           : inner.name.starts_with(std::string(table.name) + ".");
    if (!below) continue;
    Json inner_schema = table_schema(inner);
    const std::size_t dot = inner.name.rfind('.');
    const std::string_view name = inner.name.substr(dot == std::string_view::npos ? 0 : dot + 1);
    if (inner.repeated) {
      Json array;
      array.set("type", "array");
      if (const Json* const list = properties.find(name)) {  // of texts, or of such tables
        array.set("description", list->at("description"));
        Json either = Json::array();
        either.push(list->at("items"));
        either.push(std::move(inner_schema));
        inner_schema = Json::object().set("anyOf", std::move(either));
      }
      array.set("items", std::move(inner_schema));
      inner_schema = std::move(array);
    }
    properties.set(name, std::move(inner_schema));
  }
  schema.set("properties", std::move(properties));
  schema.set("required", std::move(required));
  return schema;
}

}  // namespace

std::span<const InstanceKey> instance_keys() noexcept {
  return keys;
}
std::span<const InstanceTable> instance_tables() noexcept {
  return tables;
}

std::string_view key_type_name(KeyType type) noexcept {
  switch (type) {
    case KeyType::text:
      return "text";
    case KeyType::path:
      return "absolute path";
    case KeyType::integer:
      return "whole number";
    case KeyType::duration:
      return "duration";
    case KeyType::argv:
      return "program and arguments";
    case KeyType::argv_list:
      return "list of programs with arguments";
    case KeyType::texts:
      return "list of texts";
    case KeyType::paths:
      return "list of absolute paths";
    case KeyType::names:
      return "table of texts";
  }
  return "";
}

std::string keys_as_markdown() {
  std::string text;
  for (const InstanceTable& table : tables) {
    text += "### `" + heading(table) + "`\n\n" + std::string(table.meaning) + "\n\n";
    text += "| key | type | default | meaning |\n| --- | --- | --- | --- |\n";
    for (const InstanceKey& key : keys) {
      if (key.table != table.name) continue;
      text += "| `" + std::string(key.name) + "` | " + std::string(key_type_name(key.type)) + " | ";
      text += key.required            ? "required"
              : key.otherwise.empty() ? "none"
                                      : std::string(key.otherwise);
      text += " | " + std::string(key.meaning) + " |\n";
    }
    text += "\n";
  }
  return text;
}

std::string keys_as_json_schema() {
  Json schema;
  schema.set("$schema", "https://json-schema.org/draft/2020-12/schema");
  schema.set("title", "Holdfast instance file");
  const Json top = table_schema(tables[0]);
  for (const auto& [key, value] : top.as_object()) schema.set(key, value);
  return schema.dump_indented() + "\n";
}

}  // namespace holdfast::profile
