// SPDX-License-Identifier: Apache-2.0
// What belongs to a schema and lies outside of it: read_prerequisites() of catalog.h.
#include <fmt/format.h>

#include "base/log.h"
#include "engine/oracle/catalog.h"

namespace holdfast::engine::oracle {
namespace {

class Reader {
 public:
  Reader(Session& session, const Server& server, std::string_view schema)
      : session_(session),
        sees_all_(server.sees_everything),
        is_own_(server.user == schema),
        owner_(literal(schema)),
        result_(Json::object()) {}

  // What a DBA sees, or who looks at his own; neither: `key` is null, nobody could look. Views of
  // one's own say nothing of another's schema.
  void read(std::string_view key, std::initializer_list<std::string_view> names,
            std::initializer_list<std::string_view> columns, const std::string& as_dba,
            const std::string& as_owner) {
    auto rows = sees_all_ ? session_.try_rows(columns, as_dba)
                          : std::optional<std::vector<Session::Fields>>();
    if (!rows && is_own_) rows = session_.try_rows(columns, as_owner);
    if (!rows) {
      result_.set(key, nullptr);
      return;
    }
    Json list = Json::array();
    for (const auto& row : *rows) {
      Json item = Json::object();
      std::size_t at = 0;
      for (const std::string_view name : names) item.set(name, row.at(at++));
      list.push(std::move(item));
    }
    result_.set(key, std::move(list));
  }
  [[nodiscard]] const std::string& owner() const { return owner_; }
  [[nodiscard]] Json take() { return std::move(result_); }

 private:
  Session& session_;
  bool sees_all_, is_own_;
  std::string owner_;
  Json result_;
};

void read_user(Reader& reader) {
  const std::string& owner = reader.owner();
  reader.read(
      "user", {"name", "default_tablespace", "temporary_tablespace", "profile", "status"},
      {"USERNAME", "DEFAULT_TABLESPACE", "TEMPORARY_TABLESPACE", "PROFILE", "ACCOUNT_STATUS"},
      fmt::format("FROM DBA_USERS WHERE USERNAME = {}", owner),
      fmt::format("FROM (SELECT USERNAME, DEFAULT_TABLESPACE, TEMPORARY_TABLESPACE,"
                  " 'DEFAULT' PROFILE, ACCOUNT_STATUS FROM USER_USERS)"
                  " WHERE USERNAME = {}",
                  owner));
  reader.read("quotas", {"tablespace", "max_bytes"}, {"TABLESPACE_NAME", "TO_CHAR(MAX_BYTES)"},
              fmt::format("FROM DBA_TS_QUOTAS WHERE USERNAME = {} ORDER BY TABLESPACE_NAME", owner),
              "FROM USER_TS_QUOTAS ORDER BY TABLESPACE_NAME");
  const auto used = [&](std::string_view prefix) {
    return fmt::format(
        "FROM (SELECT TABLESPACE_NAME FROM {0}TABLES WHERE OWNER = {1} UNION SELECT"
        " TABLESPACE_NAME FROM {0}INDEXES WHERE OWNER = {1} UNION SELECT TABLESPACE_NAME FROM"
        " {0}LOBS WHERE OWNER = {1} UNION SELECT TABLESPACE_NAME FROM {0}TAB_PARTITIONS WHERE"
        " TABLE_OWNER = {1}) WHERE TABLESPACE_NAME IS NOT NULL ORDER BY TABLESPACE_NAME",
        prefix, owner);
  };
  // ALL_INDEXES and the like of one's own schema are whole; DBA_ has them in the same form.
  reader.read("tablespaces", {"name"}, {"TABLESPACE_NAME"}, used("DBA_"), used("ALL_"));
}

void read_rights(Reader& reader) {
  const std::string& owner = reader.owner();
  reader.read("roles", {"role", "admin", "default"},
              {"GRANTED_ROLE", "ADMIN_OPTION", "DEFAULT_ROLE"},
              fmt::format("FROM DBA_ROLE_PRIVS WHERE GRANTEE = {} ORDER BY GRANTED_ROLE", owner),
              "FROM USER_ROLE_PRIVS WHERE USERNAME <> 'PUBLIC' ORDER BY GRANTED_ROLE");
  reader.read("system_privileges", {"privilege", "admin"}, {"PRIVILEGE", "ADMIN_OPTION"},
              fmt::format("FROM DBA_SYS_PRIVS WHERE GRANTEE = {} ORDER BY PRIVILEGE", owner),
              "FROM USER_SYS_PRIVS WHERE USERNAME <> 'PUBLIC' ORDER BY PRIVILEGE");
  reader.read("received", {"owner", "object", "privilege", "grantable"},
              {"OWNER", "TABLE_NAME", "PRIVILEGE", "GRANTABLE"},
              fmt::format("FROM DBA_TAB_PRIVS WHERE GRANTEE = {} ORDER BY OWNER, TABLE_NAME,"
                          " PRIVILEGE",
                          owner),
              "FROM USER_TAB_PRIVS_RECD ORDER BY OWNER, TABLE_NAME, PRIVILEGE");
  reader.read("given", {"grantee", "object", "privilege", "grantable"},
              {"GRANTEE", "TABLE_NAME", "PRIVILEGE", "GRANTABLE"},
              fmt::format("FROM DBA_TAB_PRIVS WHERE OWNER = {} ORDER BY GRANTEE, TABLE_NAME,"
                          " PRIVILEGE",
                          owner),
              "FROM USER_TAB_PRIVS_MADE ORDER BY GRANTEE, TABLE_NAME, PRIVILEGE");
}

void read_surroundings(Reader& reader) {
  const std::string& owner = reader.owner();
  reader.read("directories", {"name", "path"}, {"DIRECTORY_NAME", "DIRECTORY_PATH"},
              fmt::format("FROM DBA_DIRECTORIES WHERE DIRECTORY_NAME IN (SELECT TABLE_NAME FROM"
                          " DBA_TAB_PRIVS WHERE GRANTEE = {}) ORDER BY DIRECTORY_NAME",
                          owner),
              "FROM ALL_DIRECTORIES ORDER BY DIRECTORY_NAME");
  reader.read(
      "network_access", {"host", "lower_port", "upper_port", "privilege"},
      {"HOST", "TO_CHAR(LOWER_PORT)", "TO_CHAR(UPPER_PORT)", "PRIVILEGE"},
      fmt::format("FROM DBA_HOST_ACES WHERE PRINCIPAL = {} AND GRANT_TYPE = 'GRANT' ORDER BY HOST,"
                  " PRIVILEGE",
                  owner),
      "FROM USER_NETWORK_ACL_PRIVILEGES WHERE STATUS = 'GRANTED' ORDER BY HOST, PRIVILEGE");
  reader.read("public_synonyms", {"name", "object"}, {"SYNONYM_NAME", "TABLE_NAME"},
              fmt::format("FROM DBA_SYNONYMS WHERE OWNER = 'PUBLIC' AND TABLE_OWNER = {} ORDER BY"
                          " SYNONYM_NAME",
                          owner),
              fmt::format("FROM ALL_SYNONYMS WHERE OWNER = 'PUBLIC' AND TABLE_OWNER = {} ORDER BY"
                          " SYNONYM_NAME",
                          owner));
  const auto jobs = [&](std::string_view prefix) {
    return fmt::format("FROM {}SCHEDULER_JOBS WHERE OWNER = {} ORDER BY JOB_NAME", prefix, owner);
  };
  reader.read("scheduler_jobs", {"name", "type", "action", "repeat", "enabled"},
              {"JOB_NAME", "JOB_TYPE", "SUBSTRB(JOB_ACTION,1,900)",
               "SUBSTRB(REPEAT_INTERVAL,1,300)", "ENABLED"},
              jobs("DBA_"), jobs("ALL_"));
  reader.read("jobs", {"job", "what", "interval", "broken"},
              {"TO_CHAR(JOB)", "SUBSTRB(WHAT,1,900)", "INTERVAL", "BROKEN"},
              fmt::format("FROM DBA_JOBS WHERE SCHEMA_USER = {} ORDER BY JOB", owner),
              "FROM USER_JOBS ORDER BY JOB");
}

// Each line a comment.
std::string as_comments(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    if (!line.empty()) lines += fmt::format("-- {} .\n", line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

}  // namespace

std::string job_definitions(Session& session, const Catalog& catalog, std::string_view schema) {
  std::string text;
  for (const std::string& job : catalog.scheduler_jobs) {
    std::string definition, said;
    const bool is_told = session.try_block(
        fmt::format("DECLARE\nc CLOB;\nBEGIN\n"
                    "c := DBMS_METADATA.GET_DDL('PROCOBJ', {}, {});\n"
                    "FOR i IN 0..TRUNC((DBMS_LOB.GETLENGTH(c) - 1) / 4000) LOOP\n{}\nEND LOOP;\n"
                    "END;",
                    literal(job), literal(schema),
                    put_line(framed("DBMS_LOB.SUBSTR(c, 4000, i * 4000 + 1)"))),
        [&](const Session::Fields& fields) { definition += fields.at(0); }, said);
    if (!is_told)
      log(LogLevel::warn, "a job's definition was not shown, and is not in prerequisites.sql",
          {{"schema", std::string(schema)}, {"job", job}, {"why", first_code(said)}});
    text += is_told ? fmt::format("-- job {}, to be made by {} after the import:\n{}", job, schema,
                                  as_comments(definition))
                    : fmt::format("-- job {}: its definition was not shown: {}\n", job,
                                  first_code(said));
  }
  return text;
}

Json read_prerequisites(Session& session, const Server& server, std::string_view schema) {
  Reader reader(session, server, schema);
  read_user(reader);
  read_rights(reader);
  read_surroundings(reader);
  return reader.take();
}

}  // namespace holdfast::engine::oracle
