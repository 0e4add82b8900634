// SPDX-License-Identifier: Apache-2.0
// Loading a dump of mariadb-dump, mysqldump or mydumper, statement by statement, into one schema
// and nowhere else.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/crew.h"
#include "base/error.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/client.h"
#include "engine/mariadb/content.h"
#include "engine/mariadb/dump_file.h"
#include "engine/mariadb/gate.h"
#include "engine/mariadb/inspect.h"
#include "engine/mariadb/load.h"
#include "engine/mariadb/mydumper.h"
#include "engine/mariadb/proven.h"
#include "engine/mariadb/script.h"
#include "engine/mariadb/scripts.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/switch.h"

namespace holdfast::engine::mariadb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t warnings_max = 20;
constexpr unsigned error_generated_column = 1906;
constexpr std::size_t schemas_shown = 20;
constexpr std::size_t statement_bytes_max = std::size_t{1} << 30U;
constexpr std::size_t code_bytes_max = std::size_t{256} << 20U;

// Which schema of the dump is wanted: the only one, or that of the target's name. Empty if it has
// no name.
std::string choose_schema(const std::vector<std::string>& schemas, const std::string& wanted) {
  if (schemas.size() <= 1) return schemas.empty() ? "" : schemas.front();
  if (std::find(schemas.begin(), schemas.end(), wanted) != schemas.end()) return wanted;
  std::string list;
  for (std::size_t i = 0; i < std::min(schemas.size(), schemas_shown); ++i)
    list += (i == 0 ? "" : ", ") + schemas[i];
  if (schemas.size() > schemas_shown)
    list += fmt::format(" and {} more", schemas.size() - schemas_shown);
  throw Error(Errc::unsupported,
              fmt::format("the dump holds several schemas, and none is named {}: {}", wanted, list))
      .set_hint("Name the one that you want in the target's uri: it takes the schema of its name.");
}

// The scripts of a dump on their way into one schema.
class Importer {
 public:
  Importer(const fs::path& dump, const model::Endpoint& into, const LoadOptions& options,
           const std::stop_token& stop)
      : dump_(dump),
        options_(options),
        stop_(stop),
        location_(location_of(into)),
        keeps_definers_(into.options.contains("definer") && location_.definer.empty()),
        password_(into.password),
        connection_(with_own_definer(location_, keeps_definers_), password_.get(), false, stop) {}

  LoadReport run() {
    SwitchOptions how;
    how.replace = options_.replace;
    how.kept_suffix = options_.kept_suffix;
    check_place(connection_, location_.schema, how);
    const auto directory = read_mydumper(dump_);
    from_ = choose_schema(directory ? directory->databases : schemas_of_dump(dump_, stop_),
                          location_.schema);
    const Announced announced(options_);
    const Beside beside(connection_, location_.schema, announced.announce());
    try {
      fill(beside.name(), directory ? &*directory : nullptr);
    } catch (const std::exception&) {
      beside.give_up(connection_);
      throw;
    }
    tell_definers();
    TableArrival arrival;
    arrival.triggers = {held_, from_.empty() ? beside.name() : from_};
    hand_over({std::move(connection_), beside, how, std::move(arrival), {}, true, false, {}},
              announced, options_, report_);
    return std::move(report_);
  }

 private:
  // Who may be whoever the dump says is not for the dump to say.
  static Location with_own_definer(Location location, bool keeps) {
    if (location.definer.empty() && !keeps) location.definer = "current";
    return location;
  }

  void fill(const std::string& schema, const MydumperDirectory* directory) {
    take_character_set(schema);
    connection_.use(schema);
    collation_ = connection_.value("SELECT @@collation_database");
    if (directory != nullptr) {
      run_directory(schema, *directory);
    } else {
      Connection session = connect(schema, stop_);
      run_script(session, dump_, dump_delimiter);
    }
    make_held();
    look(schema);
  }

  // A dump says nothing of the schema's own: what is there already does.
  void take_character_set(const std::string& schema) {
    if (!schema_exists(connection_, location_.schema)) return;
    const auto line = connection_
                          .query(
                              "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM "
                              "information_schema.SCHEMATA WHERE SCHEMA_NAME = " +
                              quote_text(location_.schema))
                          .at(0);
    connection_.run(fmt::format("ALTER DATABASE {} CHARACTER SET {} COLLATE {}", quote_name(schema),
                                line[0].value_or(""), line[1].value_or("")));
  }

  // What there is, before anybody else can write to it.
  void look(const std::string& schema) {
    if (!options_.leave_beside) return;
    Location location = location_;
    location.schema = schema;
    location.restores_grants = false;
    model::DatabaseFacts found;
    describe_schema(location, password_.get(), std::max(1U, options_.parallel), found, stop_);
    found.engine_facts.set("schema", location_.schema);
    report_.found = std::move(found);
  }

  // A dump leaves its settings behind: each script has a session of its own.
  [[nodiscard]] Connection connect(const std::string& schema, const std::stop_token& stop) const {
    Connection session(location_, password_.get(), false, stop);
    session.use(schema);
    for (const std::string& setting : load_settings(session.is_mariadb(), session.version_number()))
      static_cast<void>(session.try_run(setting));
    return session;
  }

  // How the session reads what comes next.
  static Reading reading_now(Connection& session) {
    const auto modes = session.query("SELECT @@sql_mode, @@character_set_client").at(0);
    return reading_of(session.is_mariadb(), session.version_number(), modes[0].value_or(""),
                      modes[1].value_or(""));
  }

  // How many rows it changed.
  std::uint64_t run_script(Connection& session, const fs::path& file, std::string_view delimiter) {
    const std::unique_ptr<ByteSource> source = open_dump(file);
    Script script(*source, statement_bytes_max, delimiter);
    Gate gate({from_, true, keeps_definers_ || !location_.definer.empty()});
    Reading reading = reading_now(session);
    std::uint64_t rows = 0;
    std::string mode;  // the dump's own; empty while it is the session's
    const auto leave_rows = [&] {
      if (!mode.empty()) session.run(std::exchange(mode, ""));
    };
    session.run("START TRANSACTION");
    while (const auto statement = script.next()) {
      session.check_stop();
      if (script.ended_within())
        throw Error(Errc::corrupt,
                    fmt::format("{} ends within a statement", file.filename().native()));
      const std::string where = fmt::format("the statement at byte {} of {}",
                                            statement->offset_bytes, file.filename().native());
      in_context("running " + where, [&] {
        Judged judged = gate.judge(statement->text, reading);
        if (judged.kind == Judged::Kind::skip) return;
        if (judged.kind != Judged::Kind::rows) leave_rows();
        switch (judged.kind) {
          case Judged::Kind::rows:
            // Dumps have days that their months lack, and do not say that they may.
            if (mode.empty()) {
              mode = "SET sql_mode=" + quote_text(session.value("SELECT @@sql_mode"));
              session.run("SET sql_mode=CONCAT(@@sql_mode, ',ALLOW_INVALID_DATES')");
            }
            rows += session.change(judged.sql.empty() ? statement->text : judged.sql);
            if (session.warnings() > 0) note_warning(session, where);
            break;
          case Judged::Kind::settings:
            session.run(judged.sql);
            reading = reading_now(session);
            script.reads_backslashes(reading.backslash_escapes);
            break;
          case Judged::Kind::attempt:
            static_cast<void>(session.try_run(judged.sql));
            break;
          case Judged::Kind::code:
            hold(session, judged);
            break;
          case Judged::Kind::drop_code:
            let_go(judged);
            break;
          case Judged::Kind::run:
            session.run(judged.sql);
            break;
          case Judged::Kind::skip:
            break;
        }
        note(std::move(judged.notes));
      });
    }
    session.run("COMMIT");
    const std::lock_guard guard(mutex_);
    report_.rows += rows;
    return rows;
  }

  void note(std::vector<std::string> lines) {
    const std::lock_guard guard(mutex_);
    for (std::string& line : lines) report_.notes.push_back(std::move(line));
  }

  // What has code in it is made when all rows are there, so that none of it ever runs.
  void hold(Connection& session, const Judged& judged) {
    const auto now = session
                         .query(
                             "SELECT @@sql_mode, @@character_set_client, @@collation_connection, "
                             "@@time_zone, @@collation_database")
                         .at(0);
    CodeDef code;
    code.kind = judged.code_kind;
    code.name = judged.name;
    code.create = judged.sql;
    code.sql_mode = now[0].value_or("");
    code.character_set = now[1].value_or("");
    code.collation = now[2].value_or("");
    if (code.kind == CodeKind::event) code.time_zone = now[3].value_or("");
    if (now[4].value_or("") != collation_) code.database_collation = now[4].value_or("");
    const std::lock_guard guard(mutex_);
    code_bytes_ += code.create.size();
    if (code_bytes_ > code_bytes_max)
      throw Error(Errc::unsupported,
                  fmt::format("the dump has more than {} bytes of code", code_bytes_max));
    std::erase_if(
        held_, [&](const CodeDef& one) { return one.kind == code.kind && one.name == code.name; });
    held_.push_back(std::move(code));
    if (!judged.definer.empty()) definers_[judged.definer].push_back(judged.name);
    if (judged.was_enabled)
      report_.notes.push_back(fmt::format(
          "event {} is disabled, as the dump's server may still run it; turn it on with ALTER "
          "EVENT {} ENABLE",
          judged.name, quote_name(location_.schema, judged.name)));
  }

  void let_go(const Judged& judged) {
    const std::lock_guard guard(mutex_);
    std::erase_if(held_, [&](const CodeDef& one) {
      return one.kind == judged.code_kind && one.name == judged.name;
    });
  }

  // In the schema that connection_ uses.
  void make_held() {
    const std::string& here = connection_.location().schema;
    for (std::string& line :
         make_code(connection_, held_, from_.empty() ? here : from_, Definers::mapped))
      report_.left_out.push_back(std::move(line));
  }

  // Whom the definers of the dump have become.
  void tell_definers() {
    if (definers_.empty()) return;
    const std::string user = connection_.value("SELECT CURRENT_USER()");
    for (const auto& [definer, names] : definers_) {
      if (definer == user) continue;
      report_.notes.push_back(
          fmt::format("{} is not made their definer, but {}: {}{}", definer, user, names.front(),
                      names.size() > 1 ? fmt::format(" and {} more", names.size() - 1) : ""));
    }
  }

  // Without strict mode a server changes what does not fit.
  void note_warning(Connection& session, const std::string& where) {
    auto warnings = session.query("SHOW WARNINGS LIMIT 100");
    // What the server computes by itself it computes again.
    std::erase_if(warnings, [](const auto& line) {
      return line.at(1).value_or("") == std::to_string(error_generated_column);
    });
    if (warnings.empty()) return;
    const std::lock_guard guard(mutex_);
    if (report_.left_out.size() > warnings_max) return;
    if (report_.left_out.size() == warnings_max) {
      report_.left_out.push_back(
          fmt::format("{}: the server says more, which is not listed from here on", where));
      return;
    }
    report_.left_out.push_back(fmt::format(
        "{}: the server says: {}", where, warnings.empty() ? "" : warnings[0].back().value_or("")));
  }

  void run_directory(const std::string& schema, const MydumperDirectory& dump) {
    const auto of_kind = [&](MydumperKind kind) {
      std::vector<fs::path> files;
      for (const MydumperFile& file : dump.files) {
        const bool is_ours = file.schema == from_ || file.kind == MydumperKind::unknown;
        if (file.kind == kind && is_ours) files.push_back(file.path);
      }
      return files;
    };
    if (const auto unknown = of_kind(MydumperKind::unknown); !unknown.empty())
      throw Error(Errc::unsupported,
                  fmt::format("{} is of no kind that can be imported", unknown.front().native()))
          .set_hint("Dump without --load-data and --csv, or load it with myloader.");
    for (const MydumperKind kind : {MydumperKind::sequence, MydumperKind::table}) {
      for (const fs::path& file : of_kind(kind)) run_alone(schema, file);
    }
    run_rows(schema, of_kind(MydumperKind::rows));
    check_rows(schema, dump.rows);
    // All these are held, and made in an order in which they can be made.
    for (const MydumperKind kind :
         {MydumperKind::view, MydumperKind::trigger, MydumperKind::code}) {
      for (const fs::path& file : of_kind(kind)) run_alone(schema, file);
    }
  }

  void run_alone(const std::string& schema, const fs::path& file) {
    Connection session = connect(schema, stop_);
    run_script(session, file, mydumper_delimiter);
  }

  void run_rows(const std::string& schema, const std::vector<fs::path>& files) {
    std::mutex mutex;  // guards next
    std::size_t next = 0;
    Crew crew;
    const std::stop_callback forward(stop_, [&] { crew.request_stop(); });
    const std::size_t sessions =
        std::min<std::size_t>(std::max(1U, options_.parallel), files.size());
    for (std::size_t i = 0; i < sessions; ++i) {
      crew.start([&](const std::stop_token& stop) {
        Connection session = connect(schema, stop);
        // Another file may be on its way into the same table.
        session.run("SET innodb_lock_wait_timeout=86400, unique_checks=1");
        while (true) {
          std::unique_lock lock(mutex);
          if (next == files.size()) return;
          const fs::path& file = files[next++];
          lock.unlock();
          run_script(session, file, mydumper_delimiter);
        }
      });
    }
    crew.join();
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  }

  // Newer versions of mydumper count.
  void check_rows(const std::string& schema,
                  const std::map<model::TableName, std::uint64_t>& expected) {
    for (const auto& [table, rows] : expected) {
      if (table.schema != from_) continue;
      const std::string name = quote_name(schema, table.table);
      if (connection_.try_run("SELECT 1 FROM " + name + " LIMIT 0")) continue;  // a view
      const std::uint64_t found = connection_.number("SELECT count(*) FROM " + name);
      if (found != rows)
        throw Error(Errc::differs,
                    fmt::format("table {} has {} rows instead of {}", table.table, found, rows));
    }
  }

  const fs::path& dump_;
  const LoadOptions& options_;
  std::stop_token stop_;
  Location location_;
  bool keeps_definers_;
  std::shared_ptr<const Secret> password_;
  Connection connection_;
  std::string from_;       // the dump's schema; empty if it has no name
  std::string collation_;  // the new schema's, before the dump says anything
  std::mutex mutex_;       // guards what follows
  std::vector<CodeDef> held_;
  std::size_t code_bytes_ = 0;
  std::map<std::string, std::vector<std::string>> definers_;  // of the dump: what they defined
  LoadReport report_;
};

}  // namespace

LoadReport load_dump(const fs::path& file, const model::Endpoint& into, const LoadOptions& options,
                     const std::stop_token& stop) {
  const auto inspection = inspect_file(file, false, stop);
  if (!inspection) throw Error(Errc::unsupported, fmt::format("{} is no SQL dump", file.native()));
  if (!inspection->whole)
    throw Error(Errc::corrupt, fmt::format("{} is not whole", file.native()))
        .set_hint("`holdfast inspect` says what is missing.");
  if (!options.tables.empty())
    throw Error(Errc::unsupported, "single tables are not imported from an SQL dump");
  check_rule(!options.replace || !options.kept_suffix.empty(),
             "what is replaced is kept under another name");
  return Importer(file, into, options, stop).run();
}

}  // namespace holdfast::engine::mariadb
