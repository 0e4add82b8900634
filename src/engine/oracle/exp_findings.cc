// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/finding.h"

namespace holdfast::engine::oracle {
namespace {

using model::Severity;

constexpr std::size_t places_max = 5;
const std::string export_again = "Export again, or find a whole copy.";

void add(ExpReport& report, std::string code, Severity severity, std::string seen, std::string why,
         std::string mend = {}) {
  report.findings.push_back(
      finding(std::move(code), severity, std::move(seen), std::move(why), std::move(mend)));
}

std::string charset_text(std::uint16_t id) {
  const CharacterSet* const set = find_character_set(id);
  return set != nullptr ? std::string(set->name) : fmt::format("number {}", id);
}

bool holds_everything(std::uint16_t id) noexcept {
  return id == utf8_id || id == cesu8_id || id == utf16be_id || id == utf16le_id;
}

// exp 8 writes another second id.
bool has_two_ids(const ExpHeader& header) {
  return header.version >= "09";
}

void judge_changed(const ExpTally& tally, ExpReport& report) {
  const ExpHeader& header = *report.header;
  const ExpDescriptors& descriptors = report.descriptors;
  std::string seen;
  const auto compare = [&seen](const char* what, std::uint16_t one, const char* other,
                               std::uint16_t two) {
    if (one == two) return;
    seen += fmt::format("{}{} {}, {} {}", seen.empty() ? "" : "; ", what, charset_text(one), other,
                        charset_text(two));
  };
  compare("its first bytes say", header.front_charset, "its header", header.client_charset);
  if (descriptors.are_read) {
    compare("its header says the client had", header.client_charset, "its descriptors",
            descriptors.client);
    compare("its header says the database has", header.database_charset, "its descriptors",
            descriptors.database);
    if (has_two_ids(header))
      compare("its header says national text is", header.national_charset, "its descriptors",
              descriptors.national);
  }
  if (tally.foreign_columns.count() > 0)
    seen += fmt::format("{}columns are of another set than the header says: {}",
                        seen.empty() ? "" : "; ", tally.foreign_columns.text());
  if (!seen.empty())
    add(report, "oracle-exp-charset-changed", Severity::blocker, std::move(seen),
        "the file was damaged or patched, and an import takes its texts for others",
        "Use the file as it was written, with NLS_LANG as at the export.");
  if (!descriptors.are_read || (has_two_ids(header) && !descriptors.agree))
    add(report, "oracle-exp-descriptors", Severity::warning,
        "the descriptors of its types are none that is known, or do not agree",
        "they cannot confirm the character sets, and may be damaged", export_again);
}

void judge_narrow(ExpReport& report) {
  const ExpHeader& header = *report.header;
  if (header.client_charset == header.database_charset || holds_everything(header.client_charset))
    return;
  add(report, "oracle-exp-charset-narrow", Severity::warning,
      fmt::format("exported with {}, from a database with {}{}",
                  charset_text(header.client_charset), charset_text(header.database_charset),
                  header.client_charset == us7ascii_id ? " (NLS_LANG was not set)" : ""),
      "rows are not concerned, but names, comments, defaults, views and program text have lost "
      "every character that the former lacks",
      fmt::format("Export again with NLS_LANG=AMERICAN_AMERICA.{}.",
                  charset_text(header.database_charset)));
}

void judge_unknown(const ExpTally& tally, ExpReport& report) {
  const ExpHeader& header = *report.header;
  std::set<std::uint16_t> ids = tally.charsets;
  ids.insert({header.client_charset, header.database_charset});
  std::string unknown;
  for (const std::uint16_t id : ids) {
    const CharacterSet* const set = find_character_set(id);
    if (set == nullptr || !TextDecoder(*set).is_complete())
      unknown += (unknown.empty() ? "" : ", ") + charset_text(id);
  }
  if (!unknown.empty())
    add(report, "oracle-exp-charset-unknown", Severity::warning,
        "texts are in a character set that cannot be read here: " + unknown,
        "what is not ASCII is shown as bytes");
}

void judge_tables(ExpReport& report) {
  ExpPlaces deferred, without_rows;
  for (const ExpTable& table : report.tables) {
    const std::string name = table.schema + "." + table.table;
    if (table.is_deferred()) deferred.add(name);
    const bool has_none =
        table.declared && (table.declared->is_temporary || table.declared->is_external);
    if (table.partitions.empty() && !has_none) without_rows.add(name);
  }
  if (report.tables.empty())
    add(report, "oracle-exp-empty", Severity::warning, "a complete file with no table in it",
        "nothing of an application can be restored from it",
        "Export the schema that owns the tables, with enough rights.");
  if (deferred.count() > 0)
    add(report, "oracle-exp-deferred", Severity::note,
        fmt::format("{} tables without a segment: {}", deferred.count(), deferred.text()),
        "they are empty; exp 11.2 leaves such tables out, so that others may be missing");
  if (without_rows.count() > 0)
    add(report, "oracle-exp-rows-absent", Severity::warning,
        fmt::format("{} tables without any rows' section: {}", without_rows.count(),
                    without_rows.text()),
        "they were exported with ROWS=N, or their rows are lost", "Export again with ROWS=Y.");
}

}  // namespace

void ExpPlaces::add(const std::string& place) {
  if (++count_ <= places_max) first_.push_back(place);
}

std::string ExpPlaces::text() const {
  std::string all;
  for (const std::string& place : first_) all += (all.empty() ? "" : ", ") + place;
  if (count_ > first_.size()) all += fmt::format(" and {} more", count_ - first_.size());
  return all;
}

void judge_charsets(const ExpTally& tally, ExpReport& report) {
  judge_changed(tally, report);
  judge_narrow(report);
  judge_unknown(tally, report);
}

void judge_content(const ExpTally& tally, ExpReport& report) {
  if (report.is_complete) judge_tables(report);
  if (tally.unknown_statements.count() > 0)
    add(report, "oracle-exp-statement-unknown", Severity::warning,
        fmt::format("{} lines are no statements that exp is known to write: {}",
                    tally.unknown_statements.count(), tally.unknown_statements.text()),
        "the file may be damaged there, or objects of a kind that is not known here");
  if (tally.differing_names.count() > 0)
    add(report, "oracle-exp-names-differ", Severity::warning,
        "rows are for other names than their table has: " + tally.differing_names.text(),
        "the file may be damaged there, and an import fails", export_again);
  if (tally.unread_columns.count() > 0)
    add(report, "oracle-exp-type-unread", Severity::warning,
        "columns of types whose values cannot be read here: " + tally.unread_columns.text(),
        "their rows are counted, but not given out", "Use imp for these tables.");
  if (tally.long_values.count() > 0)
    add(report, "oracle-exp-long-values", Severity::warning,
        "values of more than 65,279 bytes: " + tally.long_values.text(),
        "their form is known by description only; no genuine file was seen with one",
        "Compare these rows with the database.");
  if (tally.narrow_lobs.count() > 0)
    add(report, "oracle-exp-clob-unverified", Severity::note,
        "CLOB of a database with one byte a character: " + tally.narrow_lobs.text(),
        "their values are taken to be in its character set; no genuine file was seen with one");
  if (tally.local_times.count() > 0)
    add(report, "oracle-exp-zone-unknown", Severity::warning,
        fmt::format("times in the database's zone, which is \"{}\": {}", report.descriptors.zone,
                    tally.local_times.text()),
        "they are taken for UTC, as the zone is no offset from it",
        "Compare these columns with the database.");
  if (tally.undecodable.count() > 0)
    add(report, "oracle-exp-value-undecodable", Severity::warning,
        "values that are none of their column's type: " + tally.undecodable.text(),
        "a program stored them unchecked, or the file is damaged there; they are given as bytes",
        "Compare these rows with the database.");
  if (tally.large_rows.count() > 0)
    add(report, "oracle-exp-rows-large", Severity::note,
        "rows too large for a digest: " + tally.large_rows.text(),
        "they are counted, but the digest of such a table is left out");
  if (!tally.grantees.empty()) {
    ExpPlaces names;
    for (const std::string& grantee : tally.grantees) names.add(grantee);
    add(report, "oracle-exp-grantees", Severity::note, "rights are granted to " + names.text(),
        "an import fails to grant them where such a user or role is not there",
        "Make these users or roles before the import.");
  }
}

void judge_end(std::uint64_t padding_bytes, bool has_more, ExpReport& report) {
  const std::uint64_t block = report.header->block_size_bytes;
  if (has_more) {
    add(report, "oracle-exp-trailing", Severity::warning,
        fmt::format("other bytes than zeros follow its end, {} bytes in all", report.size_bytes),
        "something was appended to it, or it lies on top of an older, longer file",
        "Look where the file comes from.");
  } else if (report.size_bytes % block != 0) {
    add(report, "oracle-exp-truncated", Severity::blocker,
        fmt::format("it has {} bytes, which are no whole blocks of {}", report.size_bytes, block),
        "exp fills the last block with zeros, so that a part of the file is missing, or bytes "
        "were changed on the way",
        export_again);
  } else if (padding_bytes >= block) {
    add(report, "oracle-exp-trailing", Severity::warning,
        fmt::format("{} zeros follow its end, more than a block of {}", padding_bytes, block),
        "exp writes less; it was changed since, though nothing seems to be missing");
  }
}

}  // namespace holdfast::engine::oracle
