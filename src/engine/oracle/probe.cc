// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "engine/finding.h"

namespace holdfast::engine::oracle {
namespace {

using model::Severity;

constexpr std::size_t named_max = 20;
constexpr std::uint64_t short_undo_s = 3600;

// "a, b, c and 12 more"
template <typename Things, typename Name>
std::string listed(const Things& things, const Name& name) {
  std::string text;
  std::size_t count = 0;
  for (const auto& thing : things) {
    if (++count > named_max) continue;
    text += (text.empty() ? "" : ", ") + name(thing);
  }
  if (count > named_max) text += fmt::format(" and {} more", count - named_max);
  return text;
}

unsigned major_of(std::string_view release) {
  unsigned major = 0;
  static_cast<void>(std::from_chars(release.data(), release.data() + release.size(), major));
  return major;
}

class Prober {
 public:
  Prober(const Access& access, Probe& probe, const std::stop_token& stop)
      : access_(access), location_(access.location), probe_(probe), stop_(stop) {}

  void run() {
    Session session(access_, stop_);
    session_ = &session;
    server_ = read_server(session);
    probe_.version = server_.version;
    probe_.facts.set("product", server_.product);
    probe_.facts.set("character_set", server_.character_set);
    if (!session.notice().empty())
      add("oracle-password-expires", Severity::warning, session.notice(),
          "once it has expired nobody can connect for a copy",
          "Change the password, here and in the application.");
    if (!has_schema(session, location_.schema)) return;
    probe_.exists = true;
    try {
      catalog_ = read_catalog(session, server_, location_.schema);
    } catch (const Error& error) {
      if (error.code() != Errc::denied) throw;
      add("oracle-catalog-unobservable", Severity::blocker, error.message(),
          "nobody could say whether the copy is whole", error.hint());
      return;
    }
    probe_.empty = catalog_.tables.empty() && catalog_.objects.empty();
    probe_.size_bytes = catalog_.size_bytes;
    method_ = method_for(location_);
    probe_.facts.set("method", method_name(method_));
    look_at_programs();
    look_at_views();
    look_at_content();
    look_at_rights();
    look_at_undo();
    if (method_ == Method::datapump) look_at_directory();
    if (access_.password != nullptr && is_documented_password(*access_.password))
      add("oracle-documented-password", Severity::warning,
          fmt::format("{} has the password that the vendor's documentation gives", server_.user),
          "everybody who has read it can do with the schema what the application can",
          "ALTER USER … IDENTIFIED BY another one, and tell the application.");
  }

 private:
  void add(std::string code, Severity severity, std::string seen, std::string why,
           std::string mend) {
    probe_.findings.push_back(
        finding(std::move(code), severity, std::move(seen), std::move(why), std::move(mend)));
  }

  void look_at_programs() {
    for (const std::string_view name : method_ == Method::datapump
                                           ? std::array<std::string_view, 2>{"expdp", "impdp"}
                                           : std::array<std::string_view, 2>{"exp", "imp"}) {
      if (!find_program(location_, name)) {
        const bool is_needed = name.starts_with("exp");
        add("oracle-programs-missing", is_needed ? Severity::blocker : Severity::warning,
            fmt::format("there is no program {}", name),
            is_needed ? "it makes the copy" : "it restores what is copied",
            "Install Oracle's Instant Client with its Tools package, or set `home`.");
      }
    }
    const std::string exporter = method_ == Method::datapump ? "expdp" : "exp";
    const std::string release = program_release(location_, exporter, stop_);
    if (release.empty()) return;
    probe_.facts.set("program_release", release);
    exporter_major_ = major_of(release);
    if (method_ == Method::exp && major_of(release) < server_.major)
      add("oracle-client-older", Severity::warning,
          fmt::format("exp is of {}, the server of {}", release, server_.version),
          "an older exp does not know what newer servers keep (EXP-00003), and skips tables",
          "Use a client of the server's release.");
  }

  void look_at_views() {
    if (!catalog_.hidden_views.empty())
      add("oracle-catalog-unobservable", Severity::blocker,
          fmt::format("{} are not shown to {}",
                      listed(catalog_.hidden_views, [](const std::string& name) { return name; }),
                      server_.user),
          "what they would tell may be lost by the copy",
          fmt::format("GRANT SELECT_CATALOG_ROLE TO {};", server_.user));
    // A view that only some may read; policies that change values leave the counts as they are.
    const auto redacted = session_->try_rows(
        {"OBJECT_NAME"}, fmt::format("FROM REDACTION_POLICIES WHERE OBJECT_OWNER = {} AND ENABLE "
                                     "LIKE 'YES%' ORDER BY 1",
                                     literal(location_.schema)));
    if (redacted && !redacted->empty() && !may("EXEMPT REDACTION POLICY"))
      add("oracle-redaction", Severity::blocker,
          listed(*redacted, [](const Session::Fields& row) { return row[0]; }),
          "policies of Data Redaction give us other values of these tables than those that are "
          "there",
          fmt::format("GRANT EXEMPT REDACTION POLICY TO {};", server_.user));
  }

  void look_at_content() {
    const bool is_exp = method_ == Method::exp;
    if (!catalog_.deferred.empty() && is_exp) {
      // Dumps of exp from 12.1 on have such tables; the copy is compared in any case.
      const bool is_newer = server_.major >= 12 && exporter_major_ >= 12;
      model::Finding deferred = finding(
          "oracle-deferred-segments", is_newer ? Severity::warning : Severity::blocker,
          fmt::format("{} objects have no segment: {}", catalog_.deferred.size(),
                      listed(catalog_.deferred, [](const Deferred& one) { return one.display(); })),
          "exp of 11.2 leaves such tables out without a word",
          "Materialize them with `holdfast preflight --fix=oracle-deferred-segments`, which writes "
          "to the database, or copy with Data Pump: `method = \"datapump\"` and `directory`.");
      deferred.mend_class = model::MendClass::writes_source;
      probe_.findings.push_back(std::move(deferred));
    }
    if (!catalog_.features.empty() && is_exp)
      add("oracle-features-skipped", Severity::blocker,
          listed(catalog_.features,
                 [](const Feature& one) { return one.place + " (" + one.name + ")"; }),
          "exp skips these tables, or loses what makes them so",
          "Copy with Data Pump: `method = \"datapump\"` and `directory`.");
    if (!catalog_.scheduler_jobs.empty() && is_exp)
      add("oracle-scheduler-jobs-left-out", Severity::blocker,
          listed(catalog_.scheduler_jobs, [](const std::string& name) { return name; }),
          "exp never copies jobs of DBMS_SCHEDULER",
          "Copy with Data Pump, or accept it: they stand in the manifest and in "
          "prerequisites.sql.");
    if (!catalog_.protected_tables.empty() && !may("EXEMPT ACCESS POLICY"))
      add("oracle-row-security", Severity::blocker,
          listed(catalog_.protected_tables, [](const std::string& name) { return name; }),
          "policies hide rows of these tables from us",
          fmt::format("GRANT EXEMPT ACCESS POLICY TO {};", server_.user));
    if (!catalog_.external_tables.empty())
      add("oracle-external-tables", is_exp ? Severity::warning : Severity::note,
          listed(catalog_.external_tables, [](const std::string& name) { return name; }),
          "their rows are files of the server, which no export copies",
          is_exp ? "Copy those files too." : "");
    if (!catalog_.invalid.empty())
      add("oracle-invalid-objects", Severity::note,
          listed(catalog_.invalid, [](const std::string& name) { return name; }),
          "they do not compile now, and will not after a restore", "");
  }

  [[nodiscard]] bool may(std::string_view privilege) {
    return !session_
                ->rows({"PRIVILEGE"},
                       fmt::format("FROM SESSION_PRIVS WHERE PRIVILEGE = {}", literal(privilege)))
                .empty();
  }
  [[nodiscard]] bool has_role(std::string_view role) {
    return !session_
                ->rows({"ROLE"}, fmt::format("FROM SESSION_ROLES WHERE ROLE = {}", literal(role)))
                .empty();
  }

  void look_at_rights() {
    const std::string grants = "Run `holdfast grants backup` and what it prints.";
    const bool is_own = server_.user == location_.schema;
    const bool is_exporter =
        has_role("EXP_FULL_DATABASE") || has_role("DATAPUMP_EXP_FULL_DATABASE");
    if (!is_own && !is_exporter)
      add("oracle-privilege-missing", Severity::blocker,
          fmt::format("{} may not export schema {}", server_.user, location_.schema),
          "only its owner and who has EXP_FULL_DATABASE may", grants);
    if (!may_call_flashback(*session_))
      add("oracle-flashback-missing",
          method_ == Method::exp ? Severity::blocker : Severity::warning,
          fmt::format("{} may not call DBMS_FLASHBACK", server_.user),
          "exp needs it for FLASHBACK_SCN. Accepted, it reads all tables in one transaction that "
          "begins later, so that there is a copy only if nobody writes meanwhile; elsewhere the "
          "moment is known to three seconds only",
          fmt::format("GRANT EXECUTE ON SYS.DBMS_FLASHBACK TO {};", server_.user));
    if (method_ == Method::datapump && !may("CREATE TABLE"))
      add("oracle-privilege-missing", Severity::blocker,
          fmt::format("{} may not make tables", server_.user),
          "Data Pump keeps its job in a table of the exporting user", grants);
    if (!is_exporter)
      add("oracle-user-not-in-copy", Severity::note,
          fmt::format("{} exports its own schema", server_.user),
          "such a dump does not make its user: what that takes stands in prerequisites.sql", "");
  }

  void look_at_undo() {
    const auto rows =
        session_->try_rows({"VALUE"}, "FROM V$PARAMETER WHERE NAME = 'undo_retention'");
    if (!rows || rows->empty()) {
      add("oracle-undo-unknown", Severity::note, "V$PARAMETER cannot be read",
          "nobody knows how long the server keeps the undo of a moment: ORA-01555 ends a copy that "
          "takes longer",
          "");
      return;
    }
    std::uint64_t seconds = 0;
    const std::string& text = rows->front().front();
    static_cast<void>(std::from_chars(text.data(), text.data() + text.size(), seconds));
    probe_.facts.set("undo_retention_s", seconds);
    if (seconds < short_undo_s)
      add("oracle-undo-short", Severity::warning,
          fmt::format("UNDO_RETENTION is {} seconds", seconds),
          "a copy that takes longer may end with ORA-01555",
          fmt::format("ALTER SYSTEM SET UNDO_RETENTION = {};", 4 * short_undo_s));
  }

  // Reads what a file that is not there is like, which takes the right to read and a directory on
  // the server's disk.
  void look_into_directory() {
    std::string said;
    const bool is_readable =
        session_->try_block(fmt::format("DECLARE\ne BOOLEAN;\nn NUMBER;\nb BINARY_INTEGER;\nBEGIN\n"
                                        "UTL_FILE.FGETATTR({}, 'HOLDFAST_0.dmp', e, n, b);\nEND;",
                                        literal(location_.directory)),
                            {}, said);
    if (!is_readable)
      add("oracle-directory-unusable", Severity::blocker,
          fmt::format("{} cannot look into directory {}: {}", server_.user, location_.directory,
                      first_code(said)),
          "Data Pump writes its files there, and they are read from there",
          fmt::format(
              "Make the directory on the server; GRANT READ, WRITE ON DIRECTORY {0} TO {1}; "
              "GRANT EXECUTE ON SYS.UTL_FILE TO {1};",
              location_.directory, server_.user));
    const auto granted = session_->try_rows(
        {"PRIVILEGE"},
        fmt::format("FROM ALL_TAB_PRIVS WHERE TABLE_NAME = {} AND PRIVILEGE IN ('READ','WRITE')",
                    literal(location_.directory)));
    const bool has_write =
        !granted || granted->empty() ||  // a DBA needs none
        std::any_of(granted->begin(), granted->end(),
                    [](const Session::Fields& row) { return row[0] == "WRITE"; });
    if (!has_write)
      add("oracle-directory-unusable", Severity::blocker,
          fmt::format("{} may read directory {} and not write", server_.user, location_.directory),
          "Data Pump writes its files there",
          fmt::format("GRANT READ, WRITE ON DIRECTORY {} TO {};", location_.directory,
                      server_.user));
  }

  void look_at_directory() {
    const auto rows =
        session_->rows({"DIRECTORY_PATH"}, fmt::format("FROM ALL_DIRECTORIES WHERE DIRECTORY_NAME "
                                                       "= {}",
                                                       literal(location_.directory)));
    if (rows.empty()) {
      add("oracle-directory-missing", Severity::blocker,
          fmt::format("{} sees no directory object {}", server_.user, location_.directory),
          "Data Pump writes its files into one",
          fmt::format(
              "CREATE DIRECTORY {0} AS '/path/on/the/server'; GRANT READ, WRITE ON DIRECTORY "
              "{0} TO {1};",
              location_.directory, server_.user));
      return;
    }
    probe_.facts.set("directory_path", rows.front().front());
    look_into_directory();
    std::error_code unknown;
    if (!location_.exchange_directory.empty() &&
        !std::filesystem::is_directory(location_.exchange_directory, unknown))
      add("oracle-exchange-missing", Severity::blocker,
          fmt::format("{} is no directory", location_.exchange_directory.native()),
          "what Data Pump has written would be read there",
          "Mount it, or leave `exchange_directory` out: then it comes through the session.");
  }

  const Access& access_;
  const Location& location_;
  Probe& probe_;
  const std::stop_token& stop_;
  Session* session_ = nullptr;
  Server server_;
  Catalog catalog_;
  Method method_ = Method::exp;
  unsigned exporter_major_ = 0;
};

}  // namespace

bool is_documented_password(const Secret& password) noexcept {
  return password.reveal() == documented_password;
}

Probe probe_schema(const model::Endpoint& endpoint, const std::stop_token& stop) {
  const Access access = access_to(endpoint);
  Probe probe;
  probe.server = access.location.server();
  probe.abilities.grants = true;
  probe.abilities.statements = true;
  const auto unseen = [&](std::string code, const Error& error, std::string why,
                          std::string mend = "See the message.") {
    probe.findings.push_back(finding(std::move(code), Severity::blocker, error.message(),
                                     std::move(why),
                                     error.hint().empty() ? std::move(mend) : error.hint()));
  };
  try {
    Prober(access, probe, stop).run();
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled) throw;
    if (error.code() == Errc::not_found && !find_program(access.location, "sqlplus")) {
      unseen("oracle-sqlplus-missing", error, "the database is asked through it");
    } else if (error.code() == Errc::denied) {
      unseen(
          "oracle-access-denied", error, "nobody can look into the schema",
          "Correct `user` and its password; a DBA sees in DBA_USERS whether the account is locked "
          "or expired.");
    } else if (error.code() == Errc::unavailable) {
      unseen(
          "oracle-server-silent", error, "the database cannot be reached",
          "Correct `uri`; look whether the database and its listener are up (`lsnrctl status`).");
    } else {
      unseen("oracle-server-unobservable", error, "nobody could say whether a copy is whole");
    }
  }
  return probe;
}

std::string materialize_segments(const model::Endpoint& endpoint) {
  const Access access = access_to(endpoint);
  const std::string& schema = access.location.schema;
  Session session(access);
  const Server server = read_server(session);
  const std::size_t before = read_catalog(session, server, schema).deferred.size();
  if (before == 0) return "every object has its segment";
  std::string said;
  std::string way = "DBMS_SPACE_ADMIN.MATERIALIZE_DEFERRED_SEGMENTS";
  const bool is_done = session.try_run(
      fmt::format("CALL SYS.DBMS_SPACE_ADMIN.MATERIALIZE_DEFERRED_SEGMENTS({})", literal(schema)),
      said);
  if (!is_done) {
    way = "ALTER TABLE … ALLOCATE EXTENT";
    // Indexes and LOBs get theirs with those of their table.
    for (const Deferred& one : read_catalog(session, server, schema).deferred) {
      const std::string alter =
          fmt::format("ALTER TABLE {}.{}", identifier(schema), identifier(one.object));
      if (one.kind == "table") session.run(alter + " ALLOCATE EXTENT");
      if (one.kind == "partition" || one.kind == "subpartition")
        session.run(fmt::format("{} MODIFY {} {} ALLOCATE EXTENT", alter,
                                one.kind == "partition" ? "PARTITION" : "SUBPARTITION",
                                identifier(one.part)));
    }
  }
  const Catalog after = read_catalog(session, server, schema);
  if (!after.deferred.empty())
    throw Error(
        Errc::failed_child,
        fmt::format("{} objects of {} still have no segment after {}, as {}", after.deferred.size(),
                    access.location.display(), way, after.deferred.front().display()))
        .set_hint("Copy with Data Pump, which does not need them.");
  return fmt::format("{} objects of schema {} have their segments now, by {}",
                     before - after.deferred.size(), schema, way);
}

}  // namespace holdfast::engine::oracle
