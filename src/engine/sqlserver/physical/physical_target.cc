// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/physical_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/ascii.h"
#include "base/error.h"
#include "base/hash.h"
#include "engine/finding.h"
#include "engine/sqlserver/certificates.h"
#include "engine/sqlserver/database_place.h"
#include "engine/sqlserver/physical/backup_offer.h"
#include "engine/sqlserver/physical/physical_findings.h"
#include "engine/sqlserver/physical/physical_load.h"
#include "engine/sqlserver/target_database.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Severity;

constexpr std::string_view files_kind = "files", table_kind = "table";
constexpr std::string_view no_definition = "";

std::string hash_of(std::string_view text) {
  return to_hex(ByteView(sha256(as_bytes(text))));
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<model::ObjectFacts> objects_of(std::vector<std::string> files,
                                           const std::vector<std::string>& tables) {
  std::ranges::sort(files);
  std::vector<model::ObjectFacts> objects;
  if (!files.empty())
    objects.push_back({std::string(files_kind), "of the database",
                       hash_of(fmt::format("{}", fmt::join(files, "\n")))});
  for (const std::string& table : tables)
    objects.push_back({std::string(table_kind), table, hash_of(no_definition)});
  return objects;
}

void check_release(Session& admin, const TargetNeeds& needs,
                   std::vector<model::Finding>& findings) {
  const std::uint64_t here = number_of(
      admin.value("SELECT CONVERT(nvarchar(20), DATABASEPROPERTYEX('master', 'Version'))"));
  if (here == 0 || needs.database_version == 0 || here >= needs.database_version) return;
  findings.push_back(
      finding("sqlserver-target-older", Severity::blocker,
              fmt::format("the backup is of database version {}, and the server's is {}",
                          needs.database_version, here),
              "no release of SQL Server restores the backup of a later one",
              "Restore it on a server of that release or a later one, or copy by rows: `method = "
              "\"logical\"`."));
}

void check_certificates(Session& admin, const TargetNeeds& needs,
                        std::vector<model::Finding>& findings) {
  for (const Json& one : needs.certificates.as_array()) {
    const std::string& thumbprint = one.at("thumbprint").as_string();
    if (has_certificate(admin, thumbprint)) continue;
    findings.push_back(finding(
        "sqlserver-certificate-missing", Severity::blocker,
        fmt::format("the server has no certificate or key with the thumbprint {}", thumbprint),
        "the database is encrypted with it (TDE): without it nothing can be restored",
        how_to_make(one)));
  }
}

void check_rights(Session& admin, std::vector<model::Finding>& findings) {
  const auto rows = admin.try_query("SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE')");
  if (!rows || rows->empty() || rows->front().at(0).value_or("1") != "0") return;
  findings.push_back(finding("sqlserver-restore-denied", Severity::blocker,
                             "the account may not make databases on this server",
                             "RESTORE makes a new one beside the place",
                             "`holdfast grants restore` has the statements."));
}

// The volume that a path lies on, by the longest mount point that it begins with.
const std::pair<const std::string, std::uint64_t>* volume_of(
    const std::map<std::string, std::uint64_t>& volumes, std::string_view path) {
  const std::pair<const std::string, std::uint64_t>* best = nullptr;
  for (const auto& one : volumes) {
    const std::string_view mount = one.first;
    if (path.size() < mount.size() || !equal_but_for_case(path.substr(0, mount.size()), mount))
      continue;
    if (best == nullptr || best->first.size() < mount.size()) best = &one;
  }
  return best;
}

}  // namespace

TargetNeeds needs_of(const Json& engine_facts) {
  TargetNeeds needs;
  needs.database_version = static_cast<unsigned>(engine_facts.uint_or("database_version", 0));
  if (const Json* const list = engine_facts.find("certificates")) needs.certificates = *list;
  if (const Json* const files = engine_facts.find("files"))
    for (const Json& one : files->as_array()) {
      RestoredFile file;
      file.logical = one.at("logical_name").as_string();
      file.physical = one.at("physical_name").as_string();
      file.kind = one.bool_or("log", false) ? 'L' : 'D';
      file.size_bytes = one.uint_or("size_bytes", 0);
      needs.files.push_back(std::move(file));
    }
  return needs;
}

std::pair<std::string, std::string> directories_of(Session& admin, const Location& location) {
  const auto at_server = [&](std::string_view property) {
    return admin.value(
        fmt::format("SELECT CONVERT(nvarchar(500), SERVERPROPERTY('{}'))", property));
  };
  std::string data = location.data_directory, log = location.log_directory;
  if (data.empty()) data = at_server("InstanceDefaultDataPath");
  if (log.empty())
    log = location.data_directory.empty() ? at_server("InstanceDefaultLogPath") : data;
  if (data.empty() || log.empty())
    throw Error(Errc::usage,
                fmt::format("{} does not tell where files of databases go", location.server()))
        .set_hint("Set `data_directory` and `log_directory`.");
  return {data, log};
}

std::vector<model::Finding> space_problems(Session& admin, std::span<const RestoredFile> files) {
  std::vector<model::Finding> findings;
  const auto rows = admin.try_query(
      "SELECT DISTINCT v.volume_mount_point, CONVERT(nvarchar(30), v.available_bytes) FROM "
      "sys.master_files f CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) v");
  if (!rows) return findings;
  std::map<std::string, std::uint64_t> free, needed;
  for (const auto& row : *rows)
    if (row.at(0)) free[*row[0]] = number_of(row.at(1).value_or("0"));
  for (const RestoredFile& file : files)
    if (const auto* const volume = volume_of(free, file.to))
      needed[volume->first] += file.size_bytes;
  for (const auto& [volume, bytes] : needed) {
    if (bytes <= free[volume]) continue;
    findings.push_back(finding(
        "sqlserver-target-space", Severity::blocker,
        fmt::format("{} has {} MiB free, and the files of the database have {} MiB", volume,
                    free[volume] >> 20U, bytes >> 20U),
        "files are restored in the size that they had, whatever is in them",
        "Make room there, or name other directories: `data_directory` and `log_directory`."));
  }
  return findings;
}

std::vector<model::Finding> target_problems(Session& admin, const Location& location,
                                            const TargetNeeds& needs, const LoadOptions& options) {
  std::vector<model::Finding> findings;
  const ServerInfo server = read_server(admin);
  if (!server.is_sql_server) {
    findings.push_back(finding("sqlserver-target-no-restore", Severity::blocker,
                               fmt::format("the server is {}", server.product),
                               "only SQL Server itself restores its backups",
                               "Restore it there, or copy by rows: `method = \"logical\"`."));
    return findings;
  }
  check_release(admin, needs, findings);
  check_certificates(admin, needs, findings);
  check_rights(admin, findings);
  if (location.exchange_directory.empty() && !location.receiver.empty() && !has_objects(server)) {
    findings.push_back(
        finding("sqlserver-no-s3", Severity::blocker,
                fmt::format("the server is {} {}", server.version, server.edition_name),
                "only 2022 and later, and no Express edition, read backups of a "
                "`receiver`",
                "name `backup_directory` and `exchange_directory`"));
    return findings;
  }
  if (!options.on_scratch && medium_to_restore(location, server) == Medium::disk)
    for (model::Finding& one : directory_findings(admin, location))
      findings.push_back(std::move(one));
  if (needs.files.empty()) return findings;
  std::vector<RestoredFile> files = needs.files;
  const auto [data, log] = directories_of(admin, location);
  place_files(files, location.database, data, log);
  for (model::Finding& one : space_problems(admin, files)) findings.push_back(std::move(one));
  return findings;
}

std::vector<model::Finding> place_problems(Session& admin, const std::string& database,
                                           const LoadOptions& options) {
  if (!options.replace || options.only_beside || options.on_scratch || options.is_stopped_first)
    return {};
  if (!database_id(admin, database)) return {};
  std::vector<model::Finding> findings;
  const std::string state = fmt::format(" FROM sys.databases WHERE name = {}", literal(database));
  // Into one that is for a single session, user_access 1, nobody gets who is not that.
  if (admin.value("SELECT CASE WHEN state = 0 AND user_access <> 1 AND HAS_DBACCESS(name) = 0"
                  " THEN 1 ELSE 0 END" +
                  state) == "1")
    findings.push_back(
        finding("sqlserver-target-not-entered", Severity::blocker,
                fmt::format("the account cannot enter database {}", database),
                "it is renamed from inside, so that no application takes its only place meanwhile",
                "give the account CONNECT ANY DATABASE (2014 and later) or a user in it, as "
                "`holdfast grants restore` says; or stop the application: [quiesce]"));
  if (!sees_sessions(admin)) {
    findings.push_back(finding(
        "sqlserver-target-in-use-unobservable", Severity::blocker,
        fmt::format("the server does not tell the account who uses database {}", database),
        "it is renamed, which ends their sessions and rolls back what they do",
        "give it VIEW SERVER STATE, as `holdfast grants restore` says (releases before 2012 do not "
        "tell it at all); or stop the application and accept this; [quiesce] stops it by itself"));
    return findings;
  }
  constexpr std::size_t told_max = 10;
  std::vector<std::string> who = sessions_in(admin, database);
  if (who.empty()) return findings;
  const std::size_t more = who.size() - std::min(who.size(), told_max);
  who.resize(who.size() - more);
  if (more > 0) who.push_back(fmt::format("{} more", more));
  findings.push_back(
      finding("sqlserver-target-in-use", Severity::blocker,
              fmt::format("database {} is in use by {}", database, fmt::join(who, "; ")),
              "it is renamed, which would end their sessions and roll back what they "
              "do",
              "stop the application; [quiesce] does so by itself"));
  return findings;
}

void refuse_problems(const std::vector<model::Finding>& findings) {
  for (const model::Finding& one : findings) {
    if (one.severity != Severity::blocker) continue;
    const Errc code =
        one.code == "sqlserver-target-space" ? Errc::no_space
        : one.code == "sqlserver-restore-denied" || one.code == "sqlserver-exchange-access"
            ? Errc::denied
        : one.code.ends_with("-missing") ? Errc::not_found
                                         : Errc::unsupported;
    throw Error(code, one.seen + ": " + one.why).set_hint(one.mend);
  }
}

std::vector<model::ObjectFacts> promised_objects(const Json& engine_facts) {
  std::vector<std::string> files, tables;
  if (const Json* const list = engine_facts.find("files"))
    for (const Json& one : list->as_array())
      files.push_back(fmt::format("{} {}", one.bool_or("log", false) ? "log" : "data",
                                  one.at("logical_name").as_string()));
  if (const Json* const list = engine_facts.find("tables"))
    for (const Json& one : list->as_array())
      tables.push_back(
          model::TableName{one.at("schema").as_string(), one.at("table").as_string()}.display());
  return objects_of(std::move(files), tables);
}

std::vector<model::ObjectFacts> restored_objects(Session& session, const RowCounts& counts,
                                                 std::span<const model::ObjectFacts> expected) {
  std::vector<std::string> files, tables;
  for (const auto& row : session.query(
           "SELECT CASE type WHEN 1 THEN N'log' ELSE N'data' END, name FROM sys.database_files"))
    files.push_back(fmt::format("{} {}", row.at(0).value_or(""), row.at(1).value_or("")));
  for (const auto& [table, rows] : counts) {
    const std::string name = table.display();
    const bool is_expected = std::ranges::any_of(
        expected, [&](const auto& one) { return one.kind == table_kind && one.name == name; });
    if (is_expected) tables.push_back(name);
  }
  return objects_of(std::move(files), tables);
}

void harmonize_physical(model::DatabaseFacts& expected, model::DatabaseFacts& found) {
  expected.tables.clear();
  found.tables.clear();
  const auto has_files = [](const model::DatabaseFacts& facts) {
    return std::ranges::any_of(facts.objects,
                               [](const auto& one) { return one.kind == files_kind; });
  };
  // Whoever looked at it otherwise has not seen them.
  if (!has_files(found))
    std::erase_if(expected.objects, [](const auto& one) { return one.kind == files_kind; });
  std::vector<model::ObjectFacts> both;
  for (const model::ObjectFacts& one : found.objects) {
    const auto same = std::ranges::find_if(expected.objects, [&](const auto& other) {
      return other.kind == one.kind && other.name == one.name;
    });
    if (same == expected.objects.end()) continue;
    both.push_back(one);
    if (one.kind == table_kind) both.back().definition_sha256 = same->definition_sha256;
  }
  found.objects = std::move(both);
}

std::string physical_instructions(const model::DatabaseFacts& facts) {
  const Json& json = facts.engine_facts;
  const auto stripes = static_cast<unsigned>(json.uint_or("stripes", 1));
  std::string text = fmt::format(
      "It is a backup by SQL Server {} itself: put {} where a server of that release or a later "
      "one "
      "can read it, and run there\n\n",
      json.string_or("server_version", ""),
      stripes == 1 ? "`backup.bak`"
                   : fmt::format("all of `backup_1.bak` … `backup_{}.bak`", stripes));
  RestoreStatement restore;
  restore.database = json.string_or("database", "restored");
  for (unsigned i = 0; i < stripes; ++i)
    restore.devices.push_back("/path/" + backup_part(i, stripes));
  restore.files = needs_of(json).files;
  place_files(restore.files, restore.database, "/path", "/path");
  text += "    " + restore_text(restore) + ";\n\n";
  text +=
      "Logins and jobs are not in it. Users whose login has another number on that server are "
      "mended by `ALTER USER [name] WITH LOGIN = [name]`.\n";
  if (const Json* const certificates = json.find("certificates"))
    for (const Json& one : certificates->as_array()) text += "\n" + how_to_make(one) + "\n";
  return text;
}

}  // namespace holdfast::engine::sqlserver
