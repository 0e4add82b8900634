// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/physical_findings.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "engine/finding.h"
#include "engine/sqlserver/certificates.h"
#include "engine/sqlserver/physical/exchange.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Severity;

// One row of small numbers; nothing where the server does not answer.
std::optional<std::vector<std::string>> answer_of(Session& session, const std::string& sql) {
  const auto rows = session.try_query(sql);
  if (!rows || rows->empty()) return std::nullopt;
  std::vector<std::string> texts;
  for (const Cell& cell : rows->front()) texts.push_back(cell.value_or(""));
  return texts;
}

// Whether the server has that directory; nothing if it does not tell us.
std::optional<bool> sees_directory(Session& session, const std::string& directory) {
  const std::string name = literal(directory);
  if (const auto told = answer_of(
          session, fmt::format("SELECT file_is_a_directory FROM sys.dm_os_file_exists({})", name)))
    return told->at(0) == "1";
  // It is a file, it is a directory, its parent is there.
  const auto told = answer_of(session, fmt::format("EXEC master.dbo.xp_fileexist {}", name));
  if (!told || told->size() < 2) return std::nullopt;
  if (told->at(1) == "1") return true;
  const auto is_admin = answer_of(session, "SELECT IS_SRVROLEMEMBER('sysadmin')");
  if (is_admin && is_admin->at(0) == "1") return false;
  return std::nullopt;
}

}  // namespace

std::vector<model::Finding> directory_findings(Session& session, const Location& location) {
  std::vector<model::Finding> findings;
  const auto add = [&](std::string code, Severity severity, std::string seen, std::string why,
                       std::string mend) {
    findings.push_back(
        finding(std::move(code), severity, std::move(seen), std::move(why), std::move(mend)));
  };
  if (location.exchange_directory.empty()) return findings;
  const std::string& here = location.exchange_directory.native();
  std::error_code unknown;
  if (!std::filesystem::is_directory(location.exchange_directory, unknown)) {
    add("sqlserver-exchange-missing", Severity::blocker,
        fmt::format("`exchange_directory` {} is no directory here", here),
        "it is where this machine sees what is in the server's `backup_directory`",
        "Mount or share the server's directory there.");
  } else if (::faccessat(AT_FDCWD, here.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
    add("sqlserver-exchange-access", Severity::blocker,
        fmt::format("this user may not read and write in `exchange_directory` {}", here),
        "backups are read, written and removed there",
        "Give this user that right, as by a common group with the account that the server runs "
        "as.");
  }
  const auto is_seen = sees_directory(session, location.backup_directory);
  if (!is_seen) {
    add("sqlserver-backup-directory-unobservable", Severity::warning,
        fmt::format("the server does not tell our account whether it has a directory {}",
                    location.backup_directory),
        "if it has none, or the account that it runs as may not write there, that shows only when "
        "its BACKUP or RESTORE begins (message 3201)",
        "Look at the first backup; before 2017 the server tells a sysadmin alone.");
  } else if (!*is_seen) {
    add("sqlserver-backup-directory-missing", Severity::blocker,
        fmt::format("the server has no directory {}", location.backup_directory),
        "it writes and reads backups there, with the rights of the account that it runs as",
        "Make it, and give that account the right to write there; or correct `backup_directory`.");
  }
  return findings;
}

std::vector<model::Finding> physical_findings(Session& session, std::uint64_t size_bytes) {
  std::vector<model::Finding> findings;
  for (const Certificate& one : certificates_of(session))
    if (one.name.empty())
      findings.push_back(finding(
          "sqlserver-certificate-hidden", Severity::warning,
          fmt::format("the database is encrypted with the certificate {}, which this account does "
                      "not see",
                      one.thumbprint),
          "the copy cannot be restored on another server without it, and does not hold it",
          "Give the login CONTROL of the certificate in database master, or keep it yourself: "
          "BACKUP CERTIFICATE … WITH PRIVATE KEY."));
  const Location& location = session.location();
  for (model::Finding& one : directory_findings(session, location))
    findings.push_back(std::move(one));
  if (location.exchange_directory.empty() || model::has_blocker(findings)) return findings;
  if (const std::uint64_t free = exchange_free_bytes(location); free < size_bytes)
    findings.push_back(
        finding("sqlserver-exchange-space", Severity::blocker,
                fmt::format("{} has {} MiB free, and {} MiB of the database are in use",
                            location.exchange_directory.native(), free >> 20U, size_bytes >> 20U),
                "the server writes the whole backup there before it is fetched",
                "Make room, or let a server of 2022 or later write to a `receiver`."));
  return findings;
}

}  // namespace holdfast::engine::sqlserver
