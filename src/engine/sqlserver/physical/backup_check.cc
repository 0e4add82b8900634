// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/backup_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/sqlserver/bak/bak_findings.h"
#include "engine/sqlserver/server_errors.h"
#include "engine/sqlserver/server_messages.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t told_max = 5;

// Of a bit: drivers say 1, or True.
bool is_on(std::string_view text) {
  return text == "1" || equal_but_for_case(text, "true");
}

class Comparison {
 public:
  explicit Comparison(const Session::Named& told) : told_(told) {}

  void text(std::string_view column, std::string_view ours) {
    const Cell theirs = told_.at(0, column);
    if (theirs && *theirs != ours) differ(column, *theirs, ours);
  }
  void flag(std::string_view column, bool ours) {
    const Cell theirs = told_.at(0, column);
    if (theirs && is_on(*theirs) != ours) differ(column, *theirs, ours ? "1" : "0");
  }
  void lsn(std::string_view column, const Lsn& ours) {
    const Cell theirs = told_.at(0, column);
    if (!theirs) return;
    const auto parsed = parse_lsn(*theirs);
    if (!parsed || !(*parsed == ours)) differ(column, *theirs, ours.text());
  }
  [[nodiscard]] std::vector<std::string> take() { return std::move(differ_); }

 private:
  void differ(std::string_view column, std::string_view theirs, std::string_view ours) {
    differ_.push_back(fmt::format("{} is {}, and {} in the file", column, theirs, ours));
  }

  const Session::Named& told_;
  std::vector<std::string> differ_;
};

std::uint64_t number_or_zero(const Cell& cell) {
  std::uint64_t value = 0;
  if (cell) std::from_chars(cell->data(), cell->data() + cell->size(), value);
  return value;
}

}  // namespace

const BakSet& full_set(std::span<const Stripe> stripes, std::string_view database) {
  const auto refuse = [&](std::string_view what) {
    return Error(Errc::not_consistent,
                 fmt::format("the backup of {} that the server has written is not whole: {}",
                             database, what))
        .set_hint("No snapshot was written. Look at the server's log and at DBCC CHECKDB.");
  };
  const Inspection found = tell_bak(stripes);
  std::vector<std::string> wrong;
  for (const model::Finding& one : found.findings)
    if (one.severity == model::Severity::blocker && wrong.size() < told_max)
      wrong.push_back(one.seen);
  if (!wrong.empty()) throw refuse(fmt::format("{}", fmt::join(wrong, "; ")));
  const BakReport& report = stripes.front().report;
  const std::size_t families = report.media ? report.media->families : 1;
  if (families != stripes.size())
    throw refuse(fmt::format("it is in {} files, and was to be in {}", families, stripes.size()));
  if (report.sets.size() != 1)
    throw refuse(fmt::format("it holds {} sets instead of one", report.sets.size()));
  const BakSet& set = report.sets.front();
  const SetConfiguration* const known = configuration_of(set);
  if (type_name(set) != "full") throw refuse(fmt::format("it is a {}", set_title(set)));
  if (known == nullptr || !known->facts) throw refuse("it does not say what it is of");
  if (known->facts->database != database)
    throw refuse(fmt::format("it is of database {}", known->facts->database));
  return set;
}

std::optional<Lsn> parse_lsn(std::string_view digits) noexcept {
  constexpr std::size_t slot_digits = 5, block_digits = 10;
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  const auto take = [&](std::size_t count) {
    const std::size_t from = digits.size() - std::min(count, digits.size());
    std::uint64_t value = 0;
    const std::string_view part = digits.substr(from);
    std::from_chars(part.data(), part.data() + part.size(), value);
    digits = digits.substr(0, from);
    return value;
  };
  Lsn lsn;
  lsn.slot = static_cast<std::uint16_t>(take(slot_digits));
  lsn.block = static_cast<std::uint32_t>(take(block_digits));
  lsn.file = static_cast<std::uint32_t>(take(digits.size()));
  return lsn;
}

std::vector<std::string> header_differences(const BakSet& set, const Session::Named& header) {
  if (header.rows.size() != 1)
    return {fmt::format("the server sees {} sets in the file", header.rows.size())};
  const SetConfiguration* const known = configuration_of(set);
  check_rule(known != nullptr && known->facts, "a full set says what it is of");
  const SetFacts& facts = *known->facts;
  Comparison comparison(header);
  comparison.text("DatabaseName", facts.database);
  comparison.text("BackupType", "1");
  comparison.text("Position", std::to_string(set.block.number));
  comparison.text("DatabaseVersion", std::to_string(facts.database_version));
  comparison.text("CompatibilityLevel", std::to_string(facts.compatibility));
  comparison.text("SoftwareVersionMajor", std::to_string(facts.major));
  comparison.text("SoftwareVersionBuild", std::to_string(facts.build));
  comparison.lsn("FirstLSN", facts.first);
  comparison.lsn("LastLSN", facts.last);
  comparison.lsn("CheckpointLSN", facts.checkpoint);
  comparison.flag("IsCopyOnly", true);
  comparison.flag("HasBackupChecksums", true);
  comparison.flag("IsDamaged", false);
  return comparison.take();
}

std::vector<RestoredFile> restored_files(const Session::Named& files) {
  std::vector<RestoredFile> all;
  std::set<std::string> known;
  for (std::size_t i = 0; i < files.rows.size(); ++i) {
    RestoredFile one;
    one.logical = files.at(i, "LogicalName").value_or("");
    one.physical = files.at(i, "PhysicalName").value_or("");
    const std::string kind = files.at(i, "Type").value_or("D");
    one.kind = kind.empty() ? 'D' : kind.front();
    one.size_bytes = number_or_zero(files.at(i, "Size"));
    if (known.insert(one.logical).second) all.push_back(std::move(one));
  }
  return all;
}

std::vector<std::string> file_differences(const BakSet& set, const Session::Named& files) {
  const SetConfiguration* const known = configuration_of(set);
  check_rule(known != nullptr, "a full set has files");
  std::vector<std::string> differ;
  const std::vector<RestoredFile> theirs = restored_files(files);
  for (const DatabaseFile& ours : known->files) {
    const auto same = std::ranges::find(theirs, ours.logical_name, &RestoredFile::logical);
    if (same == theirs.end()) {
      differ.push_back(fmt::format("the server does not name file {}", ours.logical_name));
    } else if (same->size_bytes != ours.size_bytes) {
      differ.push_back(fmt::format("file {} has {} bytes, and {} in the file", ours.logical_name,
                                   same->size_bytes, ours.size_bytes));
    }
  }
  if (theirs.size() != known->files.size())
    differ.push_back(fmt::format("the server names {} files, and {} are in the file", theirs.size(),
                                 known->files.size()));
  return differ;
}

std::vector<std::string> thumbprints_of(const Session::Named& files) {
  std::set<std::string> found;
  for (std::size_t i = 0; i < files.rows.size(); ++i) {
    std::string print = files.at(i, "TDEThumbprint").value_or("");
    if (print.starts_with("0x")) print.erase(0, 2);
    for (char& c : print)
      if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
    if (!print.empty()) found.insert(std::move(print));
  }
  return {found.begin(), found.end()};
}

std::optional<Session::Named> ask_of_backup(Session& session, const std::string& sql,
                                            std::string_view doing, Errc otherwise) {
  std::vector<Message> errors;
  try {
    return session.query_named(sql, &errors);
  } catch (const Error& error) {
    if (errors.empty() || error.code() == Errc::cancelled || is_lost(errors)) throw;
    // Not by what they mean: that the server may not open the file is no answer of this kind.
    if (is_denial(errors)) return std::nullopt;
    throw backup_error(errors, doing, otherwise);
  }
}

}  // namespace holdfast::engine::sqlserver
