// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/load.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/oracle/hold.h"
#include "engine/oracle/import.h"
#include "engine/oracle/prerequisite_script.h"
#include "engine/oracle/probe.h"
#include "engine/oracle/server_file.h"
#include "engine/oracle/statements.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

std::string fact(const model::DatabaseFacts& facts, std::string_view key) {
  return facts.engine_facts.is_object() ? facts.engine_facts.string_or(key, "") : std::string();
}

class Loader {
 public:
  Loader(const model::DatabaseFacts& facts, const model::Endpoint& into, const LoadOptions& options,
         const std::stop_token& stop)
      : facts_(facts),
        into_(into),
        options_(options),
        stop_(stop),
        access_(access_to(into)),
        schema_(access_.location.schema),
        method_(fact(facts, "method") == "datapump" ? Method::datapump : Method::exp) {}

  LoadReport run(const model::PartSource& parts) {
    refuse_what_cannot_be();
    const std::string source = fact(facts_, "schema");
    if (!is_plain_name(source))
      throw Error(Errc::corrupt, "the copy does not say which schema it is of");
    {
      Session session(access_, stop_);
      server_ = read_server(session);
      if (has_schema(session, schema_)) {
        make_room(session);
      } else {
        make_user(session);
      }
    }
    ImportJob job{method_,
                  source,
                  fact(facts_, "character_set"),
                  options_.tablespaces,
                  options_.scratch_directory,
                  options_.before_change};
    announce(fmt::format("loads schema {}", schema_), "loaded");
    const std::unique_ptr<ByteSource> dump = parts.open(dump_part);
    note_left_out(import_dump(access_, job, *dump, stop_));
    if (!options_.statements.empty()) {
      // At once: what is loaded is in its place already, and its jobs may fire.
      Session session(access_, stop_);
      run_statements(session, schema_, options_.statements);
    }
    prove();
    return std::move(report_);
  }

 private:
  void refuse_what_cannot_be() const {
    const auto refuse = [](std::string_view what) {
      throw Error(Errc::unsupported, fmt::format("the oracle engine has no {}", what));
    };
    if (!options_.tables.empty()) refuse("restore of single tables: ability `tables`");
    const std::string source = fact(facts_, "schema");
    for (const auto* names : {&options_.schemas, &options_.owners})
      for (const auto& [from, to] : *names)
        if (from != source || to != schema_)
          refuse("other names of schemas than the one of the target's user or `schema`");
    if (options_.only_beside) refuse("rehearsal on a lent server");
  }

  void announce(const std::string& what, std::string_view kind, const std::string& kept = {}) {
    if (!options_.before_change) return;
    Json undo = Json::object();
    undo.set("kind", kind).set("schema", schema_);
    if (!kept.empty())
      undo.set("kept", kept).set("method", method_name(method_for(access_.location)));
    undo.set("character_set", server_.character_set);
    options_.before_change(what, undo);
  }

  void make_room(Session& session) {
    const Catalog catalog = read_catalog(session, server_, schema_);
    if (catalog.tables.empty() && catalog.objects.empty()) return;
    if (!options_.replace)
      throw Error(Errc::exists, fmt::format("{} is not empty", access_.location.display()))
          .set_hint("Name another schema, or give --replace: what is there is exported first.");
    keep(session, catalog);
    empty_schema(session, server_, schema_);
  }

  [[nodiscard]] fs::path kept_file() const {
    return access_.location.kept_directory / (schema_ + options_.kept_suffix + ".dmp");
  }

  // What is replaced stays as a file of its own, compared with what was there, under its name once
  // it is whole.
  void keep(Session& session, const Catalog& catalog) {
    const bool is_exp = method_for(access_.location) == Method::exp;
    if (is_exp && (!catalog.scheduler_jobs.empty() || !catalog.features.empty()))
      throw Error(
          Errc::unsupported,
          fmt::format("exp would not keep all that {} has, as {}", access_.location.display(),
                      catalog.features.empty() ? "job " + catalog.scheduler_jobs.front()
                                               : catalog.features.front().place))
          .set_hint("Set `method = \"datapump\"` and `directory`, or empty the schema yourself.");
    const fs::path path = kept_file();
    const fs::path partial = path.native() + ".partial";
    Fd fd = open_file(partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
    try {
      FdSink sink(fd.get(), partial.native());
      const std::string scn = current_scn(session);
      const bool may_look_back = !is_exp || may_call_flashback(session);
      ExportJob job{may_look_back ? scn : std::string(),
                    server_.character_set,
                    options_.scratch_directory,
                    options_.before_change,
                    {}};
      const auto rows = count_rows(session, schema_, catalog, scn);
      const auto partitions = count_partitions(session, schema_, catalog, scn);
      const Exported exported = export_schema(access_, job, sink, stop_);
      auto missing = compare_dump(exported.dump, server_, schema_, catalog, rows, partitions);
      // Nothing that came since would be anywhere.
      if (last_change(session, server_, schema_) != catalog.changed ||
          count_rows(session, schema_, catalog, {}) != rows)
        missing.push_back("it is being changed");
      if (!missing.empty())
        throw Error(Errc::not_consistent,
                    fmt::format("what is there cannot be kept, so that it is not replaced: {}",
                                missing.front()));
      fsync_file(fd.get(), partial.native());
      fd.close(partial.native());
      fs::rename(partial, path);
      fsync_directory(path.parent_path());
    } catch (...) {
      erase_tree(partial);
      throw;
    }
    announce(fmt::format("replaces schema {}, kept as {}", schema_, path.native()), "replaced",
             path.native());
    report_.kept.push_back(fmt::format("{}: what was in schema {}; remove it with: rm {}",
                                       path.native(), schema_, shell_quote(path.native())));
  }

  void make_user(Session& session) {
    const auto& wanted = options_.new_user;
    if (wanted.password == nullptr)
      throw Error(Errc::not_found, fmt::format("there is no user {} at {}", schema_,
                                               access_.location.connect_text()))
          .set_hint(
              "Have a DBA run the copy's prerequisites.sql, or set [restore.user] "
              "password_command and connect as a DBA.");
    if (is_documented_password(*wanted.password))
      throw Error(Errc::usage, fmt::format("the password for {} is the one that the vendor's "
                                           "documentation gives",
                                           schema_))
          .set_hint("Choose another.");
    if (wanted.password->reveal().find_first_of("\"\r\n") != std::string_view::npos)
      throw Error(Errc::usage, "a password in Oracle has no quotes and is one line");
    if (wanted.quota.find_first_not_of("0123456789KMGTPEUNLIMITED") != std::string::npos)
      throw Error(Errc::usage, fmt::format("[restore.user] quota cannot be `{}`", wanted.quota))
          .set_hint("Write UNLIMITED, or a size: 500M.");
    // First all that may be wrong with what the copy says.
    const std::vector<std::string> rights =
        right_statements(prerequisites_of(facts_), schema_, options_);
    announce(fmt::format("made user {}", schema_), "user");
    std::string tablespace = wanted.default_tablespace;
    const Json::Array& users = items_of(prerequisites_of(facts_), "user");
    if (tablespace.empty() && !users.empty()) {
      tablespace = users.front().string_or("default_tablespace", "");
      if (const auto to = options_.tablespaces.find(tablespace); to != options_.tablespaces.end())
        tablespace = to->second;
    }
    std::string statement = fmt::format("CREATE USER {} IDENTIFIED BY \"{}\"", identifier(schema_),
                                        wanted.password->reveal());
    if (!tablespace.empty()) statement += " DEFAULT TABLESPACE " + identifier(tablespace);
    if (!wanted.quota.empty() && !tablespace.empty())
      statement += fmt::format(" QUOTA {} ON {}", wanted.quota, identifier(tablespace));
    try {
      session.run(statement);
    } catch (...) {
      wipe(statement);
      throw;
    }
    wipe(statement);
    for (const std::string& right : rights) {
      std::string said;
      if (!session.try_run(right, said))
        report_.left_out.push_back(fmt::format("{}: {}", right, first_code(said)));
    }
  }

  void note_left_out(const LogReport& log) {
    for (const LogMessage& message : log.messages)
      if (message.verdict == Verdict::left_out) report_.left_out.push_back(message.line);
  }

  // Rows of every table, code that compiled before, sequences not behind.
  void prove() {
    Session session(access_, stop_);
    std::string said;
    if (!session.try_run(
            fmt::format("EXECUTE DBMS_UTILITY.COMPILE_SCHEMA({}, FALSE)", literal(schema_)), said))
      report_.left_out.push_back("what does not compile was not compiled again: " +
                                 first_code(said));
    const auto began = std::chrono::steady_clock::now();
    report_.found.emplace();
    describe_schema(into_, *report_.found, stop_);
    report_.proof_time = std::chrono::steady_clock::now() - began;
    // Temporary and external ones are there without being counted.
    std::set<std::string> there;
    for (const Table& table : read_catalog(session, server_, schema_).tables)
      there.insert(table.name);
    std::map<std::string, std::uint64_t> found;
    for (const model::TableFacts& table : report_.found->tables) {
      found[table.table] = table.rows;
      report_.rows += table.rows;
    }
    std::vector<std::string> wrong;
    for (const model::TableFacts& table : facts_.tables) {
      const auto at = found.find(table.table);
      const std::uint64_t rows = at == found.end() ? 0 : at->second;
      if (!there.contains(table.table))
        wrong.push_back(fmt::format("table {} is missing", table.table));
      else if (rows != table.rows)
        wrong.push_back(
            fmt::format("table {} has {} rows, the copy {}", table.table, rows, table.rows));
    }
    compare_invalid();
    compare_sequences(wrong);
    if (!wrong.empty())
      throw Error(Errc::differs, fmt::format("{} is not what was copied: {}",
                                             access_.location.display(), wrong.front()));
  }

  void compare_invalid() {
    std::set<std::string> before;
    if (const Json* list = facts_.engine_facts.find("invalid_objects"); list != nullptr)
      for (const Json& object : list->as_array()) before.insert(object.as_string());
    for (const Json& object : report_.found->engine_facts.at("invalid_objects").as_array()) {
      if (before.contains(object.as_string())) continue;
      // What it refers to may be another schema's, that is not there.
      report_.left_out.push_back(fmt::format("{} does not compile here", object.as_string()));
    }
  }

  // One that is behind would give keys that rows have already.
  void compare_sequences(std::vector<std::string>& wrong) {
    const Json* const sequences = facts_.engine_facts.find("sequences");
    if (sequences == nullptr) return;
    const Json& now = report_.found->engine_facts.at("sequences");
    for (const auto& [name, value] : sequences->as_object()) {
      const Json* const found = now.find(name);
      if (found == nullptr) {
        wrong.push_back(fmt::format("sequence {} is missing", name));
        continue;
      }
      const std::string& next = value.as_string();
      const std::string& here = found->as_string();
      const bool is_comparable = !next.empty() && !here.empty() && next.front() != '-';
      if (is_comparable && (here.front() == '-' || here.size() < next.size() ||
                            (here.size() == next.size() && here < next)))
        wrong.push_back(
            fmt::format("sequence {} goes on with {}, the copy with {}", name, here, next));
    }
  }

  const model::DatabaseFacts& facts_;
  const model::Endpoint& into_;
  const LoadOptions& options_;
  const std::stop_token& stop_;
  Access access_;
  std::string schema_;
  Method method_;
  Server server_;
  LoadReport report_;
};

}  // namespace

// Some only go with others, or after them: what cannot be dropped is tried again as long as
// anything goes. Tables of queues, logs of materialized views, storage of nested tables and the
// like go with what they belong to.
void empty_schema(Session& session, const Server& server, std::string_view schema) {
  const bool is_own = server.user == schema;
  const std::string_view prefix = is_own ? "ALL_" : "DBA_";
  const std::string objects = fmt::format(
      "FROM {}OBJECTS WHERE OWNER = {} AND SECONDARY = 'N' AND OBJECT_NAME NOT LIKE 'BIN$%'\n"
      "AND OBJECT_TYPE IN ('TABLE','VIEW','MATERIALIZED VIEW','SEQUENCE','PROCEDURE','FUNCTION',\n"
      "'PACKAGE','TRIGGER','TYPE','SYNONYM','CLUSTER','OPERATOR','INDEXTYPE','LIBRARY','DIMENSION',"
      "\n"
      "'JAVA SOURCE','JAVA CLASS','JAVA RESOURCE','JOB','PROGRAM','SCHEDULE','CHAIN'{})",
      prefix, literal(schema), is_own ? ",'DATABASE LINK'" : "");
  session.block(fmt::format(
      "DECLARE\nleft_now NUMBER;\nleft_before NUMBER := -1;\nq VARCHAR2(300);\nw VARCHAR2(400);\n"
      "BEGIN\nFOR t IN (SELECT QUEUE_TABLE n FROM {0}QUEUE_TABLES WHERE OWNER = {1}) LOOP\n"
      "EXECUTE IMMEDIATE 'BEGIN DBMS_AQADM.DROP_QUEUE_TABLE(:1, TRUE); END;'\n"
      "USING '\"'||{1}||'\".\"'||t.n||'\"';\nEND LOOP;\n"
      "LOOP\nFOR o IN (SELECT OBJECT_TYPE t, OBJECT_NAME n\n{2}\n"
      "ORDER BY DECODE(OBJECT_TYPE,'JOB',0,'MATERIALIZED VIEW',1,'VIEW',2,'TABLE',3,4)) LOOP\n"
      "q := '\"'||{1}||'\".\"'||o.n||'\"';\nBEGIN\n"
      "IF o.t IN ('JOB','PROGRAM','SCHEDULE','CHAIN') THEN\n"
      "EXECUTE IMMEDIATE 'BEGIN DBMS_SCHEDULER.DROP_'||o.t||'(:1, TRUE); END;' USING q;\nELSE\n"
      "IF o.t = 'DATABASE LINK' THEN q := '\"'||o.n||'\"'; END IF;\n"
      "w := CASE WHEN o.t = 'TABLE' THEN ' CASCADE CONSTRAINTS PURGE'\n"
      "WHEN o.t IN ('TYPE','OPERATOR','INDEXTYPE') THEN ' FORCE'\n"
      "WHEN o.t = 'CLUSTER' THEN ' INCLUDING TABLES CASCADE CONSTRAINTS' END;\n"
      "EXECUTE IMMEDIATE 'DROP '||o.t||' '||q||w;\nEND IF;\n"
      "EXCEPTION WHEN OTHERS THEN NULL;\nEND;\nEND LOOP;\n"
      "SELECT COUNT(*) INTO left_now\n{2};\n"
      "EXIT WHEN left_now = 0 OR left_now = left_before;\nleft_before := left_now;\nEND LOOP;\n{3}"
      "END;",
      prefix, literal(schema), objects,
      is_own
          ? "FOR j IN (SELECT JOB n FROM USER_JOBS) LOOP DBMS_JOB.REMOVE(j.n); END LOOP;\nCOMMIT;\n"
          : ""));
  const auto left = session.rows({"OBJECT_TYPE", "OBJECT_NAME"}, objects + " ORDER BY 1, 2");
  if (!left.empty())
    throw Error(Errc::exists, fmt::format("{} objects of schema {} cannot be dropped, as {} {}",
                                          left.size(), schema, left.front()[0], left.front()[1]))
        .set_hint("Drop them as a DBA, and do it again.");
}

LoadReport load_schema(const model::PartSource& parts, const model::DatabaseFacts& facts,
                       const model::Endpoint& into, const LoadOptions& options,
                       const std::stop_token& stop) {
  return Loader(facts, into, options, stop).run(parts);
}

std::string undo_change(const Json& undo, const model::Endpoint& into) {
  const Access access = access_to(into);
  if (const Json* file = undo.find("server_file")) {
    drop_server_file(access, undo.at("directory").as_string(), file->as_string());
    return {};
  }
  const std::string& kind = undo.at("kind").as_string();
  const std::string& schema = undo.at("schema").as_string();
  Session session(access);
  const Server server = read_server(session);
  if (!has_schema(session, schema)) return {};
  if (kind == "user") {
    session.run(fmt::format("DROP USER {} CASCADE", identifier(schema)));
    return {};
  }
  empty_schema(session, server, schema);
  if (kind != "replaced") return {};
  const fs::path kept = undo.at("kept").as_string();
  const Fd fd = open_file(kept, O_RDONLY | O_NOFOLLOW);
  FdSource dump(fd.get(), kept.native());
  ImportJob job;
  job.method = undo.at("method").as_string() == "datapump" ? Method::datapump : Method::exp;
  job.from_schema = schema;
  job.character_set = undo.at("character_set").as_string();
  static_cast<void>(import_dump(access, job, dump, {}));
  return fmt::format(
      "what had been in schema {} is there again, out of {}; remove that with: rm {}", schema,
      kept.native(), shell_quote(kept.native()));
}

}  // namespace holdfast::engine::oracle
