// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "engine/embedded/place.h"
#include "engine/typedb/directory.h"
#include "engine/typedb/stored_file.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::array all_encodings{Encoding::v2_0, Encoding::v2_1, Encoding::v2_2, Encoding::v3_a,
                                   Encoding::v3_b};

void set_encoding(const std::optional<Encoding>& encoding, const fs::path& database,
                  model::DatabaseFacts& facts) {
  facts.engine_facts = Json::object();
  facts.engine_facts.set("name", database.filename().native());
  facts.version = encoding ? std::string(encoding_releases(*encoding)) : "unknown";
  if (encoding) facts.engine_facts.set("encoding", encoding_name(*encoding));
}

void set_owner(const fs::path& database, model::DatabaseFacts& facts) {
  const auto found = embedded::place_facts(database);
  if (!found)
    throw Error(Errc::not_found, fmt::format("there is no database at {}", database.native()));
  facts.engine_facts.set("file_mode", fmt::format("{:04o}", found->mode & 0777U));
  facts.engine_facts.set("file_uid", found->uid).set("file_gid", found->gid);
}

void set_log(const WalSummary& wal, model::DatabaseFacts& facts) {
  facts.engine_facts.set("segments", wal.segments).set("records", wal.records);
  if (wal.last_sequence) facts.engine_facts.set("last_sequence", *wal.last_sequence);
}

std::optional<Encoding> encoding_of(const WalSummary& wal) {
  for (std::size_t type = 0; type < wal.records_of_type.size(); ++type)
    if (wal.records_of_type[type] > 0 && !is_known_wal_type(static_cast<std::uint8_t>(type)))
      return std::nullopt;
  return wal.has_new_commits() ? Encoding::v3_b : Encoding::v3_a;
}

// Commits count up, so that those of newer releases are behind those of older ones.
std::optional<std::uint8_t> newest_commit_type(const fs::path& wal) {
  const std::vector<WalSegment> segments = list_segments(wal);
  const std::stop_token never;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    StoredFile file(segment->path, never);
    SegmentReader reader(file, false);
    std::optional<std::uint8_t> type;
    while (const auto record = reader.next())
      if (is_commit(record->type)) type = std::max(type.value_or(0), record->type);
    if (type) return type;
  }
  return std::nullopt;
}

}  // namespace

void describe_directory(const fs::path& database, bool deep, model::DatabaseFacts& facts,
                        const std::stop_token& stop, bool is_ours) {
  if (!is_database(database))
    throw Error(Errc::not_found, fmt::format("there is no database at {}", database.native()));
  const DatabaseReport found = examine_database(database, deep, stop, is_ours);
  for (const model::Finding& one : found.findings)
    if (one.severity == model::Severity::blocker)
      throw Error(Errc::not_consistent, one.seen).set_hint(one.mend);
  if (found.wal && found.wal->records == 0)
    throw Error(Errc::not_consistent,
                fmt::format("the log of {} holds no record", database.native()))
        .set_hint("Make the backup again if it was just made; else its log was lost.");
  set_encoding(found.encoding, database, facts);
  set_owner(database, facts);
  if (found.wal) set_log(*found.wal, facts);
}

void describe_log(const fs::path& database, const WalLimit& limit,
                  const std::optional<std::uint64_t>& watermark, model::DatabaseFacts& facts,
                  const std::stop_token& stop) {
  const WalSummary wal = examine_wal(database / "wal", false, stop, limit);
  if (!wal.damage.empty())
    throw Error(Errc::not_consistent,
                fmt::format("{}: {}", (database / "wal").native(), wal.damage.front()))
        .set_hint("Commits are lost there: restore an older copy.");
  const std::uint64_t first = wal.first_sequence.value_or(1);
  if (first > watermark.value_or(0) + 1)
    throw Error(Errc::not_consistent,
                fmt::format("the log of {} begins at record {}, and no checkpoint that is copied "
                            "holds what was before",
                            database.native(), first))
        .set_hint("Find the older part of the log.");
  set_encoding(encoding_of(wal), database, facts);
  set_owner(database, facts);
  set_log(wal, facts);
}

void outline_directory(const fs::path& database, model::DatabaseFacts& facts) {
  if (embedded::place_facts(database / "wal")) {
    const auto type = newest_commit_type(database / "wal");
    return set_encoding(type == wal_commit ? Encoding::v3_b : Encoding::v3_a, database, facts);
  }
  set_encoding(examine_database(database, false, {}).encoding, database, facts);
}

std::optional<Encoding> encoding_in(const Json& engine_facts) noexcept {
  const Json* const name = engine_facts.find("encoding");
  if (name == nullptr || !name->is_string()) return std::nullopt;
  for (const Encoding encoding : all_encodings)
    if (encoding_name(encoding) == name->as_string()) return encoding;
  return std::nullopt;
}

}  // namespace holdfast::engine::typedb
