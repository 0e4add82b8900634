// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/inspect.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/postgresql/archive_file.h"
#include "engine/postgresql/plain_dump.h"
#include "engine/postgresql/sql.h"

namespace holdfast::engine::postgresql {
namespace {

namespace fs = std::filesystem;
using model::Severity;

constexpr std::size_t front_bytes = 8192;
constexpr std::size_t problems_max = 20;

void find(Inspection& inspection, std::string code, Severity severity, std::string seen,
          std::string why, std::string mend) {
  model::Finding finding;
  finding.code = std::move(code);
  finding.severity = severity;
  finding.seen = std::move(seen);
  finding.why = std::move(why);
  finding.mend = std::move(mend);
  finding.mend_class = model::MendClass::manual;
  inspection.findings.push_back(std::move(finding));
}

void damaged(Inspection& inspection, std::string seen) {
  inspection.whole = false;
  if (inspection.findings.size() >= problems_max) return;
  find(inspection, "postgresql-dump-damaged", Severity::blocker, std::move(seen),
       "what it lacks cannot be restored from it", "Find a whole dump, or make a new one.");
}

// Reads on only until a stop is requested.
class Stoppable final : public ByteSource {
 public:
  Stoppable(ByteSource& source, const std::stop_token& stop) : source_(source), stop_(stop) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    return source_.read(into);
  }

 private:
  ByteSource& source_;
  const std::stop_token& stop_;
};

// Rows of an entry's data, and whether they end as they should.
struct DataCount {
  std::uint64_t rows = 0;
  bool whole = true;
};

DataCount count_inserts(ByteSource& data) {
  ScriptReader script(data);
  DataCount count;
  while (const auto piece = script.next()) {
    count.whole = count.whole && piece->is_terminated;
    if (const auto insert = parse_insert(piece->text)) count.rows += insert->rows;
  }
  return count;
}

// Lines of COPY data are counted without being looked into; a line end within a value is escaped.
DataCount count_copy(ByteSource& data) {
  DataCount count{0, false};
  Bytes buffer(256U << 10U);
  std::string begun;  // the first bytes of a line that goes on
  while (const std::size_t filled = data.read(buffer)) {
    std::string_view text = as_text(ByteView(buffer).first(filled));
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      if (begun.size() < 4) begun += line.substr(0, 4);
      if (end == std::string_view::npos) break;
      if (!count.whole) {
        count.whole = begun == "\\.";
        count.rows += count.whole ? 0 : 1;
      }
      begun.clear();
      text.remove_prefix(end + 1);
    }
  }
  return count;
}

class ArchiveLook {
 public:
  ArchiveLook(Inspection& inspection, const ArchiveFile& archive, const std::stop_token& stop)
      : inspection_(inspection), archive_(archive), head_(archive.head()), stop_(stop) {}

  void look(bool deep) {
    add_facts();
    // Tables without rows of their own (partitioned ones) are tables only where there are no data
    // at all.
    for (const ArchiveEntry& entry : head_.entries)
      has_data_ = has_data_ || entry.description == "TABLE DATA";
    for (const ArchiveEntry& entry : head_.entries) add_entry(entry);
    for (const std::string& missing : archive_.find_missing()) damaged(inspection_, missing);
    if (deep && inspection_.whole) {
      for (const ArchiveEntry& entry : head_.entries) read_entry(entry);
      inspection_.facts.set("large_objects", large_objects_);
    }
    for (const auto& [name, rows] : tables_)
      inspection_.tables.push_back({name.schema, name.table, rows, ""});
  }

 private:
  void add_facts() {
    Json& facts = inspection_.facts;
    facts.set("format", archive_format_name(head_.format));
    facts.set("format_version", fmt::format("{}.{}-{}", head_.major, head_.minor, head_.revision));
    facts.set("compression", compression_name(head_.compression));
    facts.set("created", head_.created);
    facts.set("database", head_.database);
    facts.set("server_version", head_.server_version);
    facts.set("dump_version", head_.dump_version);
    facts.set("encoding", head_.encoding);
    facts.set("entries", head_.entries.size());
  }

  void add_entry(const ArchiveEntry& entry) {
    if (entry.description == (has_data_ ? "TABLE DATA" : "TABLE"))
      tables_.try_emplace({entry.schema, entry.tag}, 0);
    constexpr std::array<std::string_view, 6> no_objects{
        "ENCODING", "STDSTRINGS", "SEARCHPATH", "TABLE DATA", "BLOBS", "SEQUENCE SET"};
    if (std::find(no_objects.begin(), no_objects.end(), entry.description) != no_objects.end())
      return;
    inspection_.objects.push_back(
        {ascii_lower(entry.description),
         entry.schema.empty() ? entry.tag : entry.schema + "." + entry.tag,
         entry.definition_sha256});
  }

  void read_entry(const ArchiveEntry& entry) {
    const std::string name = model::TableName{entry.schema, entry.tag}.display();
    try {
      if (entry.description == "BLOBS") {
        archive_.large_objects(entry, [&](std::uint32_t, ByteSource& content) {
          ++large_objects_;
          Stoppable pieces(content, stop_);
          Bytes buffer(256U << 10U);
          while (pieces.read(buffer) > 0) {
          }
        });
      } else if (entry.description == "TABLE DATA") {
        const std::unique_ptr<ByteSource> data = archive_.data(entry);
        if (!data) return;
        Stoppable pieces(*data, stop_);
        const DataCount count =
            entry.copy_statement.empty() ? count_inserts(pieces) : count_copy(pieces);
        tables_[{entry.schema, entry.tag}] += count.rows;
        if (!count.whole)
          damaged(inspection_,
                  fmt::format("the data of {} end without their end mark, after {} rows", name,
                              count.rows));
      }
    } catch (const Error& error) {  // the answer is about this file, whatever its state
      if (error.code() != Errc::corrupt && error.code() != Errc::unsupported) throw;
      damaged(inspection_, fmt::format("{}: {}", name, error.message()));
    }
  }

  Inspection& inspection_;
  const ArchiveFile& archive_;
  const ArchiveHead& head_;
  const std::stop_token& stop_;
  std::map<model::TableName, std::uint64_t> tables_;
  bool has_data_ = false;
  std::uint64_t large_objects_ = 0;
};

void add_plain_facts(Inspection& inspection, const PlainDump& dump, Compression compression) {
  inspection.kind = dump.of_cluster ? "PostgreSQL cluster script" : "PostgreSQL plain dump";
  Json& facts = inspection.facts;
  facts.set("format", "plain");
  facts.set("compression", compression_name(compression));
  facts.set("server_version", dump.server_version);
  facts.set("dump_version", dump.dump_version);
  if (dump.databases.empty()) return;
  Json databases = Json::array();
  for (const std::string& name : dump.databases) databases.push(name);
  facts.set("databases", std::move(databases));
}

std::string read_front(ByteSource& source) {
  std::string front;
  Bytes buffer(front_bytes);
  while (front.size() < front_bytes) {
    const std::size_t count = source.read(buffer);
    if (count == 0) break;
    front += as_text(ByteView(buffer).first(count));
  }
  return front;
}

std::string read_back(const fs::path& file) {
  const Fd opened = open_file(file, O_RDONLY);
  struct ::stat status {};
  if (::fstat(opened.get(), &status) != 0) throw system_error(errno, "looking at " + file.native());
  const auto size_bytes = static_cast<std::uint64_t>(status.st_size);
  Bytes back(static_cast<std::size_t>(std::min<std::uint64_t>(size_bytes, 2048)));
  pread_exact(opened.get(), back, size_bytes - back.size(), file.native());
  return std::string(as_text(back));
}

std::optional<Inspection> inspect_plain(const fs::path& file, bool deep,
                                        const std::stop_token& stop) {
  Compression compression = Compression::none;
  std::string front;
  try {
    front = read_front(*open_plain(file, &compression));
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    return std::nullopt;  // compressed, and not by what makes dumps, or nothing of it is left
  }
  if (!is_plain_dump(front)) return std::nullopt;
  Inspection inspection;
  inspection.whole = true;
  inspection.deep = deep;
  inspection.objects_comparable = false;
  add_plain_facts(inspection, read_plain_front(front), compression);
  if (!deep) {
    if (compression != Compression::none) {
      find(inspection, "postgresql-dump-compressed", Severity::note,
           fmt::format("the script is compressed ({})", compression_name(compression)),
           "only a deep look can tell whether it is complete", "holdfast inspect --deep");
    } else if (!ends_as_plain_dump(read_back(file))) {
      damaged(inspection, "its end is missing: pg_dump's last line says that the dump is complete");
    }
    return inspection;
  }
  try {
    const std::unique_ptr<ByteSource> source = open_plain(file);
    Stoppable script(*source, stop);
    PlainDump dump = read_plain_dump(script);
    add_plain_facts(inspection, dump, compression);
    inspection.facts.set("statements", dump.statements);
    inspection.facts.set("large_objects", dump.large_objects);
    for (std::string& problem : dump.problems) damaged(inspection, std::move(problem));
    inspection.tables = std::move(dump.tables);
    inspection.objects = std::move(dump.objects);
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt && error.code() != Errc::unsupported) throw;
    damaged(inspection, error.message());
  }
  return inspection;
}

bool matches(const model::TableName& wanted, const model::TableName& found) {
  return found == wanted || (wanted.schema.empty() && found.table == wanted.table) ||
         (wanted.schema.empty() && found.display() == wanted.table);
}

void give_columns(const CopyTarget& target, std::size_t count, model::RowSink& into) {
  std::vector<model::Column> columns;
  for (const std::string& name : target.columns) columns.push_back({name, "text"});
  for (std::size_t i = columns.size(); i < count; ++i)
    columns.push_back({fmt::format("column {}", i + 1), "text"});
  into.columns(columns);
}

class RowGiver {
 public:
  RowGiver(CopyTarget target, model::RowSink& into) : target_(std::move(target)), into_(into) {}
  void line(std::string_view text) {
    const model::Row row = parse_copy_line(text);
    if (!begun_) give_columns(target_, row.size(), into_);
    begun_ = true;
    into_.row(row);
  }
  void finish() {
    if (!begun_) give_columns(target_, target_.columns.size(), into_);
  }

 private:
  CopyTarget target_;
  model::RowSink& into_;
  bool begun_ = false;
};

void archive_rows(const ArchiveFile& archive, const fs::path& file, const model::TableName& table,
                  model::RowSink& into, const std::stop_token& stop) {
  for (const ArchiveEntry& entry : archive.head().entries) {
    if (entry.description != "TABLE DATA" || !matches(table, {entry.schema, entry.tag})) continue;
    if (entry.copy_statement.empty()) {
      throw Error(Errc::unsupported, fmt::format("{} holds the rows of {} as INSERT statements",
                                                 file.native(), table.display()));
    }
    RowGiver giver(parse_copy(entry.copy_statement), into);
    const std::unique_ptr<ByteSource> data = archive.data(entry);
    if (data) {
      // As a script of that one statement, so that lines are cut in one place only.
      class Framed final : public ByteSource {
       public:
        Framed(ByteSource& inner) : inner_(inner) {}
        [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
          if (!front_.empty()) {
            const std::size_t count = std::min(into.size(), front_.size());
            std::copy_n(as_bytes(front_).begin(), count, into.begin());
            front_.remove_prefix(count);
            return count;
          }
          return inner_.read(into);
        }

       private:
        ByteSource& inner_;
        std::string_view front_ = "COPY t FROM stdin;\n";
      } framed(*data);
      Stoppable pieces(framed, stop);
      ScriptReader script(pieces);
      static_cast<void>(script.next());
      while (const auto line = script.copy_line()) giver.line(*line);
      if (!script.copy_is_whole())
        throw Error(Errc::corrupt, fmt::format("the data of {} are not complete", table.display()));
    }
    return giver.finish();
  }
  throw Error(Errc::not_found,
              fmt::format("{} holds no rows of a table {}", file.native(), table.display()));
}

void plain_rows(const fs::path& file, const model::TableName& table, model::RowSink& into,
                const std::stop_token& stop) {
  const std::unique_ptr<ByteSource> source = open_plain(file);
  Stoppable pieces(*source, stop);
  ScriptReader script(pieces);
  while (const auto piece = script.next()) {
    if (piece->kind == ScriptPiece::Kind::copy) {
      CopyTarget target = parse_copy(piece->text);
      if (!matches(table, target.table)) continue;
      RowGiver giver(std::move(target), into);
      while (const auto line = script.copy_line()) giver.line(*line);
      if (!script.copy_is_whole())
        throw Error(Errc::corrupt, fmt::format("the data of {} are not complete", table.display()));
      return giver.finish();
    }
    const auto insert = parse_insert(piece->text);
    if (insert && matches(table, insert->table)) {
      throw Error(Errc::unsupported, fmt::format("{} holds the rows of {} as INSERT statements",
                                                 file.native(), table.display()));
    }
  }
  throw Error(Errc::not_found,
              fmt::format("{} holds no rows of a table {}", file.native(), table.display()));
}

}  // namespace

std::optional<Inspection> inspect_file(const fs::path& file, bool deep,
                                       const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  std::unique_ptr<ArchiveFile> archive;
  try {
    archive = open_archive(file);
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt && error.code() != Errc::unsupported) throw;
    Inspection inspection;
    inspection.kind = "PostgreSQL archive";
    inspection.deep = deep;
    damaged(inspection, error.message());
    return inspection;
  }
  if (!archive) {
    std::error_code failure;
    return fs::is_regular_file(file, failure) ? inspect_plain(file, deep, stop) : std::nullopt;
  }
  Inspection inspection;
  inspection.kind = fmt::format("PostgreSQL {} dump", archive_format_name(archive->head().format));
  inspection.whole = true;
  inspection.deep = deep;
  inspection.objects_comparable = false;
  ArchiveLook(inspection, *archive, stop).look(deep);
  return inspection;
}

void inspect_file_rows(const fs::path& file, const model::TableName& table, model::RowSink& into,
                       const std::stop_token& stop) {
  if (const std::unique_ptr<ArchiveFile> archive = open_archive(file))
    return archive_rows(*archive, file, table, into, stop);
  plain_rows(file, table, into, stop);
}

}  // namespace holdfast::engine::postgresql
