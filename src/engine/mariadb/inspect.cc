// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/inspect.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "engine/mariadb/dump_file.h"
#include "engine/mariadb/mydumper.h"

namespace holdfast::engine::mariadb {
namespace {

namespace fs = std::filesystem;
using model::MendClass;
using model::Severity;

constexpr std::size_t tail_bytes = 4096;
constexpr std::size_t looks_bytes = 256;  // enough to tell a dump

std::string hash_of(std::string_view text) {
  const Sha256Digest hash = sha256(as_bytes(text));
  return to_hex(ByteView(hash));
}

void find(Inspection& inspection, std::string_view code, Severity severity, std::string seen,
          std::string_view why, std::string_view mend) {
  inspection.findings.push_back({std::string(code), severity, "", std::move(seen), std::string(why),
                                 std::string(mend), MendClass::manual, false, ""});
}

struct Ends {
  std::string front, tail;
  std::uint64_t size_bytes = 0;
};

// What a packed file ends with is known when it has been unpacked; nothing if it is no dump.
std::optional<Ends> packed_ends_of(const fs::path& file, Ends ends, const std::stop_token& stop) {
  try {
    const std::unique_ptr<ByteSource> source = open_dump(file);
    Bytes buffer(64U << 10U);
    while (const std::size_t count = source->read(buffer)) {
      if (stop.stop_requested())
        throw Error(Errc::cancelled, fmt::format("stopped looking at {}", file.native()));
      const std::string_view text = as_text(ByteView(buffer).first(count));
      if (ends.front.size() < tail_bytes) {
        ends.front += text.substr(0, tail_bytes - ends.front.size());
        if (ends.front.size() >= looks_bytes && !looks_like_dump(ends.front)) return std::nullopt;
      }
      ends.tail += text;
      if (ends.tail.size() > tail_bytes) ends.tail.erase(0, ends.tail.size() - tail_bytes);
    }
  } catch (const Error& error) {  // the answer is about this file, whatever its state
    if (error.code() != Errc::corrupt) throw;
    ends.tail.clear();
  }
  return ends;
}

// Nothing for what is no regular file.
std::optional<Ends> ends_of(const fs::path& file, const std::stop_token& stop) {
  std::error_code failure;
  if (!fs::is_regular_file(file, failure)) return std::nullopt;
  const auto opened = try_open_file(file, O_RDONLY | O_NONBLOCK);
  if (!opened) return std::nullopt;
  Ends ends;
  ends.size_bytes = fs::file_size(file, failure);
  Bytes buffer(tail_bytes);
  const std::size_t count = read_some(opened->get(), buffer, file.native());
  if (is_packed(ByteView(buffer).first(count))) return packed_ends_of(file, std::move(ends), stop);
  ends.front = as_text(ByteView(buffer).first(count));
  const std::size_t rest =
      static_cast<std::size_t>(std::min<std::uint64_t>(ends.size_bytes, tail_bytes));
  pread_exact(opened->get(), std::span(buffer).first(rest), ends.size_bytes - rest, file.native());
  ends.tail = as_text(ByteView(buffer).first(rest));
  return ends;
}

void add_header(Inspection& inspection, const DumpHeader& header) {
  inspection.facts.set("written_by", header.program);
  inspection.facts.set("host", header.host);
  inspection.facts.set("database", header.database);
  inspection.facts.set("server_version", header.server_version);
  inspection.facts.set("completed", header.completed);
}

// Of several schemas each has its name.
void add_content(Inspection& inspection, const DumpContent& content) {
  const bool several = content.databases.size() > 1;
  for (const auto& [name, table] : content.tables) {
    const model::TableName shown{several ? name.schema : "", name.table};
    inspection.tables.push_back({shown.schema, shown.table, table.rows, ""});
    inspection.objects.push_back({"table", shown.display(), hash_of(table.create)});
  }
  for (const auto& object : content.objects) {
    const model::TableName shown{several ? object.schema : "", object.name};
    inspection.objects.push_back({object.kind, shown.display(), hash_of(object.text)});
  }
  Json databases = Json::array();
  for (const std::string& database : content.databases) databases.push(database);
  inspection.facts.set("databases", std::move(databases));
}

// Reads a script of a dump whatever its state: the answer is about it.
void look_into(Inspection& inspection, const fs::path& file, std::string_view delimiter,
               DumpContent& content, const std::stop_token& stop) {
  try {
    const std::unique_ptr<ByteSource> source = open_dump(file);
    read_dump(
        *source, delimiter, content, {}, [](const model::Row&) {}, stop);
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    content.ended_within = true;
    find(inspection, "mariadb-dump-damaged", Severity::blocker,
         fmt::format("{}: {}", file.filename().native(), error.message()),
         "part of its content cannot be read", "find a whole copy");
  }
}

void find_truncated(Inspection& inspection, std::string seen, std::string_view mend) {
  find(inspection, "mariadb-dump-truncated", Severity::blocker, std::move(seen),
       "the program that wrote it did not come to its end, so that tables may be missing", mend);
}

Inspection inspect_dump(const fs::path& file, const Ends& ends, bool deep,
                        const std::stop_token& stop) {
  Inspection inspection;
  inspection.deep = deep;
  inspection.objects_comparable = false;
  DumpContent content;
  each_line(ends.front, [&](std::string_view line) { read_comment(line, content.header); });
  each_line(ends.tail, [&](std::string_view line) { read_comment(line, content.header); });
  inspection.kind =
      content.header.program.starts_with("MySQL") ? "mysqldump SQL dump" : "mariadb-dump SQL dump";
  inspection.facts.set("size_bytes", ends.size_bytes);
  if (deep) {
    look_into(inspection, file, dump_delimiter, content, stop);
    add_content(inspection, content);
  }
  add_header(inspection, content.header);
  inspection.whole = content.header.is_complete && !content.ended_within;
  if (!inspection.whole)
    find_truncated(inspection,
                   content.ended_within ? "it breaks off within a statement"
                                        : "it lacks the line `-- Dump completed`",
                   "find a whole copy; dump without --skip-comments");
  return inspection;
}

// Rows that the metadata count and the files lack.
void compare_rows(Inspection& inspection, const MydumperDirectory& dump,
                  const DumpContent& content) {
  for (const auto& [name, rows] : dump.rows) {
    const auto table = content.tables.find(name);
    const std::uint64_t found = table == content.tables.end() ? 0 : table->second.rows;
    if (found == rows) continue;
    inspection.whole = false;
    find_truncated(inspection,
                   fmt::format("table {} has {} rows instead of {}", name.display(), found, rows),
                   "find a whole copy");
  }
}

std::optional<Inspection> inspect_directory(const fs::path& directory, bool deep,
                                            const std::stop_token& stop) {
  const auto dump = read_mydumper(directory);
  if (!dump) return std::nullopt;
  Inspection inspection;
  inspection.kind = "mydumper directory";
  inspection.deep = deep;
  inspection.objects_comparable = false;
  inspection.facts.set("started", dump->started);
  inspection.facts.set("completed", dump->finished);
  inspection.facts.set("size_bytes", dump->size_bytes);
  inspection.whole = dump->is_complete;
  if (!dump->is_complete)
    find_truncated(inspection, "its metadata do not say that the dump was finished",
                   "find a whole copy");
  DumpContent content;
  content.databases = dump->databases;
  for (const MydumperFile& file : dump->files) {
    if (file.kind == MydumperKind::unknown) {
      find(inspection, "mariadb-dump-unknown-file", Severity::warning,
           fmt::format("{} is of no kind that is known here", file.path.filename().native()),
           "what it holds would not be imported", "dump without --load-data and --csv");
      continue;
    }
    // Definitions are small, and say what there is.
    content.schema = file.schema;
    if (deep || file.kind != MydumperKind::rows)
      look_into(inspection, file.path, mydumper_delimiter, content, stop);
  }
  inspection.whole = inspection.whole && !content.ended_within;
  if (content.ended_within)
    find_truncated(inspection, "a file of it breaks off within a statement", "find a whole copy");
  if (deep) compare_rows(inspection, *dump, content);
  add_content(inspection, content);
  return inspection;
}

}  // namespace

std::optional<Inspection> inspect_file(const fs::path& file, bool deep,
                                       const std::stop_token& stop) {
  if (stop.stop_requested())
    throw Error(Errc::cancelled, fmt::format("stopped looking at {}", file.native()));
  std::error_code failure;
  if (fs::is_directory(file, failure)) return inspect_directory(file, deep, stop);
  const auto ends = ends_of(file, stop);
  if (!ends || !looks_like_dump(ends->front)) return std::nullopt;
  return inspect_dump(file, *ends, deep, stop);
}

void inspect_file_rows(const fs::path& file, const model::TableName& table, model::RowSink& into,
                       const std::stop_token& stop) {
  struct Script {
    std::string schema;
    fs::path path;
    std::string_view delimiter;
  };
  std::vector<Script> scripts;
  std::error_code failure;
  if (fs::is_directory(file, failure)) {
    const auto dump = read_mydumper(file);
    if (!dump)
      throw Error(Errc::unsupported, fmt::format("{} is no dump of mydumper's", file.native()));
    for (const MydumperFile& one : dump->files) {
      if (one.kind == MydumperKind::table || one.kind == MydumperKind::rows)
        scripts.push_back({one.schema, one.path, mydumper_delimiter});
    }
  } else {
    const auto ends = ends_of(file, stop);
    if (!ends || !looks_like_dump(ends->front))
      throw Error(Errc::unsupported, fmt::format("{} is no SQL dump", file.native()));
    scripts.push_back({"", file, dump_delimiter});
  }
  DumpContent content;
  std::optional<std::string> begun;  // in which schema
  const auto find_table = [&] {
    const DumpTable* found = nullptr;
    for (const auto& [name, one] : content.tables) {
      if (!is_wanted(name, table)) continue;
      if (found != nullptr)
        throw Error(Errc::usage, fmt::format("{} has a table `{}` in several schemas, {} is one",
                                             file.native(), table.display(), name.schema))
            .set_hint(fmt::format("Name it with its schema: {}.", name.display()));
      found = &one;
    }
    return found;
  };
  for (const Script& script : scripts) {
    const std::unique_ptr<ByteSource> source = open_dump(script.path);
    content.schema = script.schema;
    read_dump(
        *source, script.delimiter, content, table,
        [&](const model::Row& row) {
          if (begun != content.schema) {
            const DumpTable* const now = find_table();
            if (!begun) into.columns(now->columns);
            begun = content.schema;
          }
          into.row(row);
        },
        stop);
  }
  const DumpTable* const found = find_table();
  if (found == nullptr)
    throw Error(Errc::not_found,
                fmt::format("{} has no table `{}`", file.native(), table.display()));
  if (!begun) into.columns(found->columns);
}

}  // namespace holdfast::engine::mariadb
