// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/bak_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "engine/finding.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Severity;

constexpr std::uint32_t kind_copy = 2, kind_normal = 4, kind_differential = 8;
constexpr std::uint32_t flag_snapshot = 2, flag_damaged = 32;
constexpr std::string_view find_whole = "Find a whole copy of the file, or make the backup again.";

void add(BakReport& report, model::Finding found) {
  report.findings.push_back(std::move(found));
}

std::string bytes_of(const BakReport& report, std::uint64_t at) {
  return fmt::format("byte {} of {}", at, report.size_bytes);
}

// Where it is good to, for people who look for the rest of it.
std::string good_part(const BakReport& report) {
  if (report.last_block.empty()) return "nothing of it is good";
  std::string text =
      fmt::format("the last good block is {}, up to byte {}", report.last_block, report.good_until);
  if (report.sets.empty()) return text;
  const BakSet& set = report.sets.back();
  if (set.end) return text + ", behind all data of the set";
  return text + (set.data_bytes > 0 ? ", within the data of the set" : ", in front of any data");
}

void judge_cut(const WalkEnd& end, BakReport& report) {
  if (report.sets.empty() && end.what == "a block begins here" && report.last_block == "SFMB")
    return add(report,
               finding("sqlserver-bak-no-set", Severity::blocker,
                       "the file is labelled as a backup, and holds none",
                       "there is nothing that could be restored", "Look for another file."));
  add(report, finding("sqlserver-bak-truncated", Severity::blocker,
                      fmt::format("the file ends at byte {} before it is complete ({}); {}",
                                  report.size_bytes, end.what, good_part(report)),
                      "a backup whose end is missing is not restored by SQL Server",
                      std::string(find_whole)));
}

void judge_damage(const WalkEnd& end, BakReport& report) {
  add(report,
      finding("sqlserver-bak-block-damaged", Severity::blocker,
              fmt::format("at {}: {}; {}", bytes_of(report, end.at), end.what, good_part(report)),
              "what follows cannot be told apart; SQL Server does not restore such a file",
              std::string(find_whole)));
}

// Of a compressed file's records.
void judge_packing(const WalkEnd& end, BakReport& report) {
  const std::string seen = fmt::format("the record at {}: {}; {}", bytes_of(report, end.at),
                                       end.what, good_part(report));
  if (end.trouble == Trouble::Kind::unknown)
    return add(
        report,
        finding("sqlserver-bak-record-unknown", Severity::blocker, seen,
                "it may be damaged, encrypted by BACKUP ... WITH ENCRYPTION, or compressed in "
                "a way that is not known here: nothing behind it was read",
                "RESTORE VERIFYONLY on a server that has the certificate tells whether it is "
                "good."));
  add(report, finding("sqlserver-bak-record-damaged", Severity::blocker, seen,
                      "SQL Server does not restore a backup with a record that is not right",
                      std::string(find_whole)));
}

void judge_end(const WalkEnd& end, BakReport& report) {
  switch (end.kind) {
    case WalkEnd::Kind::closed:
      if (end.at < report.size_bytes)
        add(report, finding("sqlserver-bak-trailing", Severity::warning,
                            fmt::format("{} bytes follow the end at byte {}",
                                        report.size_bytes - end.at, end.at),
                            "they begin with zeros, and are of no set", ""));
      return;
    case WalkEnd::Kind::cut:
      return judge_cut(end, report);
    case WalkEnd::Kind::damaged:
      return judge_damage(end, report);
    case WalkEnd::Kind::packing:
      return judge_packing(end, report);
    case WalkEnd::Kind::too_many:
      add(report,
          finding("sqlserver-bak-too-many-sets", Severity::blocker,
                  fmt::format("at {}: it has {} sets, and with their names and files they are more "
                              "than {} bytes",
                              bytes_of(report, end.at), report.sets.size(), bak_told_bytes_max),
                  "what is beyond was not read", "Restore it from SQL Server."));
  }
}

std::string number_of(const BakSet& set) {
  return fmt::format("set {}", set.block.number);
}

// A set that others follow though it has no end.
void judge_open(const BakSet& set, BakReport& report) {
  add(report,
      finding("sqlserver-bak-set-open", Severity::blocker,
              fmt::format("{} at byte {} has no end, and another set follows it", number_of(set),
                          set.at),
              "its backup was broken off: it cannot be restored", "Use another set of the file."));
}

template <typename Value>
void compare(std::vector<std::string>& differ, std::string_view what, const Value& begin,
             const Value& end) {
  if (begin != end) differ.emplace_back(what);
}

// What is told at the beginning and at the end of a set, and cannot change between.
std::vector<std::string> differences(const SetConfiguration& begin, const SetConfiguration& end) {
  std::vector<std::string> differ;
  if (begin.facts && end.facts) {
    const SetFacts &one = *begin.facts, &other = *end.facts;
    compare(differ, "flags", one.flags, other.flags);
    compare(differ, "version", std::tuple(one.major, one.minor, one.build),
            std::tuple(other.major, other.minor, other.build));
    compare(differ, "creation of the database", one.created, other.created);
    compare(differ, "start", one.start, other.start);
    compare(differ, "type", one.type, other.type);
    compare(differ, "compatibility", one.compatibility, other.compatibility);
    compare(differ, "database version", one.database_version, other.database_version);
    compare(differ, "name of the database", one.database, other.database);
    compare(differ, "name of the server", one.server, other.server);
    compare(differ, "language", one.lcid, other.lcid);
    compare(differ, "collation", one.collation_bytes, other.collation_bytes);
    compare(differ, "binding", one.binding_guid, other.binding_guid);
    compare(differ, "family", one.family_guid, other.family_guid);
  }
  compare(differ, "number of files", begin.files.size(), end.files.size());
  for (std::size_t i = 0; i < std::min(begin.files.size(), end.files.size()); ++i) {
    const DatabaseFile &one = begin.files[i], &other = end.files[i];
    if (one.id == other.id && one.filegroup == other.filegroup &&
        one.sector_bytes == other.sector_bytes && one.logical_name == other.logical_name &&
        one.physical_name == other.physical_name)
      continue;
    differ.push_back(fmt::format("file {} ({})", i + 1, other.logical_name));
  }
  return differ;
}

void judge_configuration(const BakSet& set, BakReport& report) {
  const auto is_unread = [](const std::optional<SetConfiguration>& one) {
    return one && (!one->is_understood || !one->facts);
  };
  if (is_unread(set.begin) || is_unread(set.end)) {
    add(report, finding("sqlserver-bak-configuration", Severity::warning,
                        fmt::format("what {} says of its database cannot be read", number_of(set)),
                        "it is damaged, or of a release whose form is not known",
                        "RESTORE HEADERONLY and FILELISTONLY on a server of that release."));
    return;
  }
  if (set.begin && set.end) {
    const auto differ = differences(*set.begin, *set.end);
    if (!differ.empty())
      add(report,
          finding("sqlserver-bak-configuration-differs", Severity::warning,
                  fmt::format("{} tells at its end something else than at its beginning: {}",
                              number_of(set), fmt::join(differ, ", ")),
                  "both are written by the same backup: one of them is damaged",
                  std::string(find_whole)));
  }
  if (!set.end || !set.end->facts) return;
  const SetFacts& facts = *set.end->facts;
  if (facts.finish.empty())
    add(report, finding("sqlserver-bak-unfinished", Severity::blocker,
                        fmt::format("{} has no time at which it was finished", number_of(set)),
                        "a backup that ended well has one", std::string(find_whole)));
  if ((facts.flags & flag_damaged) != 0)
    add(report, finding("sqlserver-bak-source-damaged", Severity::warning,
                        fmt::format("{} was made of a damaged database, with CONTINUE_AFTER_ERROR",
                                    number_of(set)),
                        "it is restored with the damage",
                        "Use an earlier backup, or restore and run DBCC CHECKDB."));
  if ((facts.flags & flag_snapshot) != 0)
    add(report, finding("sqlserver-bak-snapshot", Severity::warning,
                        fmt::format("{} is of a snapshot backup", number_of(set)),
                        "its data may lie in a snapshot of the storage, and not in this file",
                        "Keep that snapshot."));
}

void judge_base(const BakSet& set, BakReport& report) {
  const std::string_view type = type_name(set);
  if (type == "log")
    add(report, finding("sqlserver-bak-needs-chain", Severity::note,
                        fmt::format("{} is a {}", number_of(set), set_title(set)),
                        "it is restored behind a full backup and all log backups between", ""));
  if (type.starts_with("differential"))
    add(report, finding("sqlserver-bak-needs-base", Severity::note,
                        fmt::format("{} is a {}", number_of(set), set_title(set)),
                        "it is restored onto the full backup that it is the difference to", ""));
}

void judge_pages(const BakSet& set, BakReport& report) {
  const PageCounts& pages = set.pages;
  if (pages.wrong > 0)
    add(report,
        finding("sqlserver-bak-page-damaged", Severity::blocker,
                fmt::format("in {} the checksums of {} of {} pages are wrong: {}", number_of(set),
                            pages.wrong, pages.pages, fmt::join(pages.wrong_pages, ", ")),
                "they were damaged in the file, or in the database before: what is in them is not "
                "right",
                "Find a whole copy; if the database has them too, DBCC CHECKDB."));
  if (pages.encrypted > 0)
    add(report, finding("sqlserver-bak-encrypted-pages", Severity::warning,
                        fmt::format("in {} {} of {} pages are encrypted (TDE)", number_of(set),
                                    pages.encrypted, pages.pages),
                        "it is restored only where the server has the certificate",
                        "Keep the certificate with its private key: BACKUP CERTIFICATE."));
  if (set.checksums_wrong > 0)
    add(report,
        finding(
            "sqlserver-bak-checksum-differs", Severity::warning,
            fmt::format("{} of {} checksums of streams in {} do not match in either way known",
                        set.checksums_wrong, set.checksums_wrong + set.checksums_right,
                        number_of(set)),
            "the data are damaged, or SQL Server makes these checksums in another way: none was "
            "seen in a genuine file",
            "RESTORE VERIFYONLY ... WITH CHECKSUM tells."));
  if (report.is_deep && pages.unmarked > 0)
    add(report, finding("sqlserver-bak-pages-unmarked", Severity::note,
                        fmt::format("in {} {} of {} pages have no checksum", number_of(set),
                                    pages.unmarked, pages.pages),
                        "whether these are whole cannot be told from the file; among them may be "
                        "space that is not in use",
                        ""));
}

void judge_set(const BakSet& set, BakReport& report) {
  const bool is_last = &set == &report.sets.back();
  if (!set.is_closed && !is_last) judge_open(set, report);
  if (set.is_closed && (!set.begin || !set.end))
    add(report,
        finding("sqlserver-bak-set-bare", Severity::blocker,
                fmt::format("{} has no block {}", number_of(set), set.begin ? "MSLS" : "MSCI"),
                "it does not say what it is, or that all was written", std::string(find_whole)));
  judge_configuration(set, report);
  if (set.is_encrypted)
    add(report, finding("sqlserver-bak-encrypted", Severity::warning,
                        fmt::format("streams of {} are encrypted", number_of(set)),
                        "only a server that has the certificate can read them",
                        "Keep the certificate with its private key: BACKUP CERTIFICATE."));
  if (set.end_block && set.end_block->corrupt_files > 0)
    add(report, finding("sqlserver-bak-corrupt-files", Severity::warning,
                        fmt::format("{} says of itself that {} of its files are corrupt",
                                    number_of(set), set.end_block->corrupt_files),
                        "they were so when it was made", "Use another backup."));
  judge_base(set, report);
  judge_pages(set, report);
}

}  // namespace

void judge_bak(const WalkEnd& end, BakReport& report) {
  judge_end(end, report);
  for (const BakSet& set : report.sets) judge_set(set, report);
  if (report.sets.size() > 1)
    add(report, finding("sqlserver-bak-several-sets", Severity::note,
                        fmt::format("the file holds {} sets", report.sets.size()),
                        "RESTORE takes the first unless FILE = n says which", ""));
}

const SetConfiguration* configuration_of(const BakSet& set) noexcept {
  if (set.end && set.end->facts) return &*set.end;
  return set.begin ? &*set.begin : nullptr;
}

const BakSet* last_full_set(const BakReport& report) noexcept {
  const auto full =
      std::ranges::find_if(report.sets.rbegin(), report.sets.rend(), [](const BakSet& set) {
        const SetConfiguration* const known = configuration_of(set);
        return type_name(set) == "full" && known != nullptr && known->facts;
      });
  return full == report.sets.rend() ? nullptr : &*full;
}

std::string_view type_name(const BakSet& set) noexcept {
  const SetConfiguration* const known = configuration_of(set);
  switch (known != nullptr && known->facts ? known->facts->type : '\0') {
    case 'D':
      return "full";
    case 'I':
      return "differential";
    case 'L':
      return "log";
    case 'F':
      return "file";
    case 'G':
      return "differential file";
    case 'P':
      return "partial";
    case 'Q':
      return "differential partial";
    default:
      break;
  }
  if ((set.block.kind & kind_differential) != 0) return "differential";
  if ((set.block.kind & kind_normal) != 0) return "full";
  return {};
}

bool is_copy_only(const BakSet& set) noexcept {
  return (set.block.kind & kind_copy) != 0;
}

std::string set_title(const BakSet& set) {
  const std::string_view type = type_name(set);
  const SetConfiguration* const known = configuration_of(set);
  std::string title = fmt::format("{}{}backup", type, type.empty() ? "" : " ");
  if (known != nullptr && known->facts && !known->facts->database.empty())
    title += " of " + known->facts->database;
  return title;
}

}  // namespace holdfast::engine::sqlserver
