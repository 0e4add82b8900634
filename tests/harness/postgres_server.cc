// SPDX-License-Identifier: Apache-2.0
#include "harness/postgres_server.h"

#include <cstdlib>
#include <string>
#include <utility>

#include "base/error.h"

namespace holdfast::test {

namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end > 0) lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

// Ends the sessions of a database, as DROP DATABASE … WITH (FORCE) does from version 13 on.
std::string ending(std::string_view name) {
  return "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE quote_ident(datname) = "
         "quote_ident($name$" +
         std::string(name) + "$name$);\n";
}

}  // namespace

std::string sql_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

PostgresServer::PostgresServer(std::vector<std::pair<std::string, std::string>> settings)
    : directory_("hf-pg", "/tmp") {
  engine::postgresql::PrivateServerOptions options;
  options.directory = directory_.path();
  options.settings = std::move(settings);
  // Of several versions that are installed: the one to test with.
  if (const char* const major = std::getenv("HOLDFAST_TEST_POSTGRESQL"))
    options.major_needed = static_cast<unsigned>(std::stoul(major));
  server_ = std::make_unique<engine::postgresql::PrivateServer>(options);
  const unsigned found = server_->binaries().major;
  if (options.major_needed != 0 && found != options.major_needed) {
    throw Error(Errc::unsupported, "PostgreSQL " + std::to_string(options.major_needed) +
                                       " is to be tested, and there is " + std::to_string(found));
  }
}

PostgresServer& PostgresServer::shared() {
  static PostgresServer the_server({{"wal_level", "logical"},
                                    {"max_wal_senders", "4"},
                                    {"max_prepared_transactions", "8"},
                                    {"timezone", "Asia/Kolkata"}});
  return the_server;
}

model::Endpoint PostgresServer::endpoint(const std::string& database,
                                         const std::string& user) const {
  model::Endpoint endpoint;
  endpoint.component = database;
  endpoint.engine = "postgresql";
  endpoint.uri = server_->uri(database);
  endpoint.user = user;
  return endpoint;
}

Command PostgresServer::command(std::vector<std::string> argv) const {
  Command command;
  argv[0] = (server_->binaries().directory / argv[0]).native();
  command.argv = std::move(argv);
  command.environment = {{"PGHOST", server_->socket_directory().native()},
                         {"PGPORT", std::to_string(engine::postgresql::PrivateServer::port())},
                         {"PGUSER", server_->superuser()},
                         {"PGCLIENTENCODING", "UTF8"},
                         {"LC_ALL", "C"}};
  return command;
}

std::string PostgresServer::psql(const std::string& database, std::string_view script,
                                 const std::string& user) const {
  const ProcessResult result = run_process(command({"psql", "-X", "-q", "-A", "-t", "-v",
                                                    "ON_ERROR_STOP=1", "-U", user, "-d", database}),
                                           script.empty() ? std::string_view("\n") : script);
  if (result.exit_code != 0) throw Error(Errc::failed_child, "psql: " + result.errors);
  return result.output;
}

std::string PostgresServer::conninfo(const std::string& database) {
  std::string text = "dbname='";
  for (const char c : database) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

std::string PostgresServer::program(const std::vector<std::string>& argv) const {
  const ProcessResult result = run_process(command(argv), {}, {}, std::size_t{1} << 30U);
  if (result.exit_code != 0) throw Error(Errc::failed_child, argv[0] + ": " + result.errors);
  return result.output;
}

model::Endpoint PostgresServer::make_database(const std::string& name,
                                              std::string_view script) const {
  psql("postgres", ending(name) + "DROP DATABASE IF EXISTS " + sql_name(name) +
                       ";\nCREATE DATABASE " + sql_name(name) + " TEMPLATE template0;");
  if (!script.empty()) psql(name, script);
  return endpoint(name);
}

std::vector<std::string> PostgresServer::databases() const {
  return lines_of(psql("postgres",
                       "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', "
                       "'template0', 'template1') ORDER BY 1;"));
}

void PostgresServer::drop_database(const std::string& name) const {
  psql(name,
       "SET search_path = '';\n"
       "SELECT format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I SET (slot_name = "
       "NONE); DROP SUBSCRIPTION %1$I;', subname) FROM pg_subscription s JOIN pg_database d"
       " ON d.oid = s.subdbid WHERE d.datname = current_database()\n\\gexec\n");
  psql("postgres", ending(name) + "DROP DATABASE " + sql_name(name) + ";");
}

void PostgresServer::clean() const {
  for (const std::string& name : databases()) drop_database(name);
  std::string script;
  for (const std::string& name :
       lines_of(psql("postgres",
                     "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> "
                     "'postgres';")))
    script += "DROP OWNED BY " + sql_name(name) + "; DROP ROLE " + sql_name(name) + ";\n";
  psql("postgres", script);
}

}  // namespace holdfast::test
