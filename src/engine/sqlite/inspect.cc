// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/inspect.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"
#include "engine/sqlite/content.h"
#include "engine/sqlite/header.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/location.h"
#include "engine/sqlite/reader.h"

namespace holdfast::engine::sqlite {
namespace {

using model::MendClass;
using model::Severity;

constexpr int looks_max = 3;

struct Front {
  std::array<std::byte, header_bytes> bytes{};
  std::size_t count = 0;
  std::uint64_t size_bytes = 0;
  [[nodiscard]] ByteView view() const { return ByteView(bytes).first(count); }
};

// Nothing for what is no regular file.
std::optional<Front> read_file_front(const std::filesystem::path& file) {
  const std::optional<FileFacts> facts = file_facts(file);
  if (!facts || !facts->regular) return std::nullopt;
  const std::optional<Fd> opened = try_open_file(file, O_RDONLY | O_NONBLOCK);
  if (!opened) return std::nullopt;
  Front front;
  front.size_bytes = facts->size_bytes;
  front.count = read_some(opened->get(), front.bytes, file.native());
  return front;
}

void find(Inspection& inspection, std::string_view code, Severity severity, std::string seen,
          std::string_view why, std::string_view mend) {
  inspection.findings.push_back({std::string(code), severity, "", std::move(seen), std::string(why),
                                 std::string(mend), MendClass::manual, false, ""});
}

void damaged(Inspection& inspection, std::string seen) {
  inspection.whole = false;
  find(inspection, "sqlite-damaged", Severity::blocker, std::move(seen),
       "part of its content may be lost",
       "restore it from a backup, or save what is left with `sqlite3 FILE .recover`");
}

Inspection inspect_sibling(std::string_view kind, std::uint64_t size_bytes) {
  Inspection inspection;
  inspection.kind = kind;
  inspection.facts.set("size_bytes", size_bytes);
  find(inspection, "sqlite-sibling-alone", Severity::note, fmt::format("this is a {}", kind),
       "it is a part of a database and of no use without the file it belongs to",
       "inspect the database beside it");
  return inspection;
}

void add_header_facts(Inspection& inspection, const Header& header, std::uint64_t size_bytes) {
  Json& facts = inspection.facts;
  facts.set("written_by", version_text(header.writer_version));
  facts.set("page_size", header.page_size);
  facts.set("page_count", size_bytes / header.page_size);
  facts.set("freelist_count", header.freelist_count);
  facts.set("encoding", encoding_name(header.encoding));
  facts.set("journal_mode", header.wal ? "wal" : "rollback");
  facts.set("auto_vacuum", header.auto_vacuum);
  facts.set("user_version", header.user_version);
  facts.set("application_id", header.application_id);
  facts.set("schema_version", header.schema_version);
  facts.set("change_counter", header.change_counter);
  facts.set("size_bytes", size_bytes);
}

void list_content(Inspection& inspection, Connection& connection) {
  for (const SchemaEntry& entry : schema_of(connection)) {
    if (entry.type == "table") inspection.tables.push_back({"", printable(entry.name), 0, ""});
  }
  inspection.objects = list_objects(connection);
}

void examine_content(Inspection& inspection, Connection& connection) {
  const Integrity integrity = check_integrity(connection);
  for (const std::string& problem : integrity.problems) damaged(inspection, problem);
  inspection.facts.set("integrity", integrity.problems.empty() ? integrity.extent : "damaged");
  inspection.objects = list_objects(connection);
  if (integrity.problems.empty()) inspection.tables = count_tables(connection);
}

void unobservable(Inspection& inspection, std::string seen, std::string_view mend) {
  inspection.whole = false;
  find(inspection, "sqlite-content-unobservable", Severity::blocker, std::move(seen),
       "whether it is whole could not be seen", mend);
}

void check_stop(const std::stop_token& stop, const std::filesystem::path& file) {
  if (stop.stop_requested())
    throw Error(Errc::cancelled, fmt::format("stopped looking at {}", file.native()));
}

// One look at what the file holds. Nothing if somebody wrote meanwhile, so that it does not count.
std::optional<Inspection> look_inside(Inspection inspection, const std::filesystem::path& file,
                                      bool with_leftovers, const std::stop_token& stop) {
  std::optional<Reader> reader;
  try {  // the answer is about this file, whatever its state
    reader.emplace(open_untouched(file, with_leftovers, stop));
    if (inspection.deep) {
      examine_content(inspection, reader->connection);
    } else {
      list_content(inspection, reader->connection);
    }
  } catch (const Error& error) {
    check_stop(stop, file);  // what fails of somebody who was told to stop says nothing of the file
    const bool broken = error.code() == Errc::corrupt || error.code() == Errc::not_consistent;
    if (!broken && error.code() != Errc::unavailable) throw;
    if (broken) {
      damaged(inspection, error.message());
    } else {
      unobservable(inspection, error.message(), error.hint());
    }
  }
  if (reader && !was_left_alone(*reader)) return std::nullopt;
  return inspection;
}

}  // namespace

std::optional<Inspection> inspect_file(const std::filesystem::path& file, bool deep,
                                       const std::stop_token& stop) {
  check_stop(stop, file);
  const std::optional<Front> front = read_file_front(file);
  if (!front) return std::nullopt;
  if (is_wal_file(front->view()))
    return inspect_sibling("SQLite write-ahead log", front->size_bytes);
  if (is_journal_file(front->view()))
    return inspect_sibling("SQLite rollback journal", front->size_bytes);
  if (!has_magic(front->view())) return std::nullopt;

  Inspection inspection;
  inspection.kind = "SQLite database";
  inspection.deep = deep;
  const std::optional<Header> header = parse_header(front->view());
  if (!header) {
    damaged(inspection, "its header has the right beginning and impossible values");
    return inspection;
  }
  inspection.whole = true;
  add_header_facts(inspection, *header, front->size_bytes);
  const Siblings siblings = siblings_of(file);
  const bool leftovers = siblings.wal_bytes > 0 || siblings.journal_live;
  if (leftovers) {
    inspection.facts.set("wal_bytes", siblings.wal_bytes);
    inspection.facts.set("journal_bytes", siblings.journal_bytes);
    find(inspection, "sqlite-siblings", Severity::note,
         fmt::format("a {} lies beside it", siblings.wal_bytes > 0 ? "write-ahead log" : "journal"),
         "the file alone is not the whole database; a deep look takes both together",
         "keep them together when copying, or use `holdfast inspect --deep`");
  }
  Connection look(file, Access::read_only);
  if (const auto shortfall = find_shortfall(look, file)) {
    inspection.whole = false;
    find(inspection, "sqlite-truncated", Severity::blocker,
         fmt::format("{} of {} bytes are there", shortfall->found_bytes, shortfall->expected_bytes),
         "its end is missing, and with it data",
         "find a whole copy, or save what is left with `.recover`");
  }
  for (int count = 0; count < looks_max; ++count) {
    std::optional<Inspection> found = look_inside(inspection, file, deep, stop);
    // What a dead process left makes a file alone look damaged that is not.
    const bool misleading = found && !deep && !found->whole && inspection.whole && leftovers;
    if (misleading) found = look_inside(inspection, file, true, stop);
    if (found) return found;
  }
  unobservable(inspection, fmt::format("{} was written to each time it was read", file.native()),
               "try again when its application is idle");
  return inspection;
}

void inspect_file_rows(const std::filesystem::path& file, const model::TableName& table,
                       model::RowSink& into, const std::stop_token& stop) {
  const std::optional<Front> front = read_file_front(file);
  if (!front)
    throw Error(Errc::not_found, fmt::format("{} cannot be read as a file", file.native()));
  if (!has_magic(front->view())) {
    throw Error(Errc::unsupported,
                fmt::format("{} is not an SQLite database, or it is encrypted", file.native()));
  }
  check_stop(stop, file);
  Reader reader = open_untouched(file, true, stop);
  read_rows(reader.connection, table, into);
  if (!was_left_alone(reader)) {
    throw Error(Errc::unavailable,
                fmt::format("{} was written to while it was read", file.native()))
        .set_hint("Try again; what was printed may be of two states.");
  }
}

}  // namespace holdfast::engine::sqlite
