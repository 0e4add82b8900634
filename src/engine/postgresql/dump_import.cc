// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/dump_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "engine/postgresql/catalog.h"
#include "engine/postgresql/client_programs.h"
#include "engine/postgresql/inspect.h"
#include "engine/postgresql/large_objects.h"
#include "engine/postgresql/plain_dump.h"
#include "engine/postgresql/sql.h"

namespace holdfast::engine::postgresql {
namespace {

// The output of a program that must succeed.
class CheckedChild final : public ByteSource {
 public:
  CheckedChild(const Command& command, const std::stop_token& stop)
      : program_(command.argv.front()), child_(command, stop) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    const std::size_t count = child_.read(into);
    if (count > 0 || into.empty() || waited_) return count;
    waited_ = true;
    if (child_.wait() != 0)
      throw Error(Errc::failed_child, fmt::format("{} failed: {}", program_, child_.errors()));
    return 0;
  }

 private:
  std::string program_;
  ChildSource child_;
  bool waited_ = false;
};

// Passes COPY data on and makes sure that they end with their end mark.
class MarkedData final : public ByteSource {
 public:
  MarkedData(std::unique_ptr<ByteSource> source, std::string name)
      : source_(std::move(source)), name_(std::move(name)) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    const std::size_t count = source_->read(into);
    if (count == 0 && !into.empty()) {
      while (end_.ends_with('\n')) end_.pop_back();
      if (end_ != "\\." && !end_.ends_with("\n\\."))
        throw Error(Errc::corrupt, fmt::format("the data of {} end without their end mark", name_));
      return 0;
    }
    end_ += as_text(ByteView(into).first(count).last(std::min(count, kept)));
    if (end_.size() > kept) end_.erase(0, end_.size() - kept);
    return count;
  }

 private:
  static constexpr std::size_t kept = 16;
  std::unique_ptr<ByteSource> source_;
  std::string name_;
  std::string end_;
};

// Statements about the database as such, and what `--clean` takes away first: the database is new.
bool is_left_out(std::string_view statement) {
  const std::vector<Token> tokens = tokens_of(statement, 4);
  if (tokens.size() < 2) return false;
  if (tokens[0].is("DROP")) return true;
  if (tokens[0].is("CREATE") || tokens[0].is("ALTER")) return tokens[1].is("DATABASE");
  return tokens.size() > 2 && tokens[0].is("COMMENT") && tokens[2].is("DATABASE");
}

std::filesystem::path programs_directory(const Location& into) {
  if (!into.bin_dir.empty()) return into.bin_dir;
  const std::vector<Programs> installed = installed_programs();
  if (installed.empty()) {
    throw Error(Errc::unsupported, "pg_restore is not installed")
        .set_hint("Install postgresql-client.");
  }
  return installed.back().directory;  // the newest reads all
}

}  // namespace

DumpImport::DumpImport(std::filesystem::path file, const Location& into, const LoadOptions& options,
                       const std::stop_token& stop)
    : file_(std::move(file)), into_(into), options_(options) {
  const auto inspection = inspect_file(file_, true, stop);
  if (!inspection) {
    throw Error(Errc::unsupported, fmt::format("{} is no dump made by pg_dump", file_.native()));
  }
  if (!inspection->whole) {
    throw Error(Errc::corrupt,
                fmt::format("{} is not whole: {}", file_.native(),
                            inspection->findings.empty() ? "it is damaged"
                                                         : inspection->findings.front().seen));
  }
  archive_ = open_archive(file_);
  const bool of_cluster = inspection->kind == "PostgreSQL cluster script";
  if (of_cluster) {
    throw Error(Errc::unsupported,
                fmt::format("{} holds several databases (made by pg_dumpall)", file_.native()))
        .set_hint("Run it with psql on a new server, or import dumps of single databases.");
  }
  expected_.name = file_.filename().native();
  expected_.tables = inspection->tables;
  if (archive_ && !archive_->head().encoding.empty()) {
    properties_.emplace();
    properties_->encoding = archive_->head().encoding;
  }
}

std::uint64_t DumpImport::fill(const Location& place, const NameMapping& mapping,
                               const std::stop_token& stop) const {
  return archive_ ? fill_archive(place, mapping, stop) : fill_plain(place, mapping, stop);
}

std::uint64_t DumpImport::fill_plain(const Location& place, const NameMapping& mapping,
                                     const std::stop_token& stop) const {
  std::uint64_t rows = 0;
  {
    Connection connection(place, stop);
    const std::unique_ptr<ByteSource> source = open_plain(file_);
    rows = run_script(connection, *source, mapping, is_left_out);
  }
  Connection connection(place, stop);
  connection.run("ANALYZE");
  return rows;
}

OpenStream DumpImport::script(const std::string& section, const std::stop_token& stop) const {
  Command command;
  command.argv = {(programs_directory(into_) / "pg_restore").native(), "--section=" + section,
                  "--file=-"};
  command.environment = {{"LC_ALL", "C"}};
  if (section == "data") {
    // All but the rows themselves and the contents of large objects.
    std::string list;
    for (const ArchiveEntry& entry : archive_->head().entries) {
      if (entry.description != "TABLE DATA" && entry.description != "BLOBS")
        list += fmt::format("{};\n", entry.dump_id);
    }
    const std::filesystem::path path = options_.scratch_directory / "pg_restore.list";
    write_file_durably(path, as_bytes(list));
    command.argv.push_back("--use-list=" + path.native());
  }
  command.argv.push_back(file_.native());
  return [command, stop] { return std::make_unique<CheckedChild>(command, stop); };
}

std::uint64_t DumpImport::fill_archive(const Location& place, const NameMapping& mapping,
                                       const std::stop_token& stop) const {
  const ArchiveHead& head = archive_->head();
  const std::string encoding = head.encoding.empty() ? "UTF8" : head.encoding;
  Filling filling;
  const auto without_database = [](std::vector<SchemaStatement> statements) {
    std::erase_if(statements, [](const auto& one) { return is_left_out(one.text); });
    return statements;
  };
  filling.pre_data = without_database(read_schema_script(*script("pre-data", stop)(), mapping));
  filling.post_data = without_database(read_schema_script(*script("post-data", stop)(), mapping));
  for (const ArchiveEntry& entry : head.entries) {
    if (entry.description != "TABLE DATA") continue;
    if (entry.copy_statement.empty()) {
      filling.scripts.push_back([this, &entry] { return archive_->data(entry); });
      continue;
    }
    const CopyTarget copied = parse_copy(entry.copy_statement);
    TableLoad table;
    table.name = copied.table.display();
    table.statement = copy_in_statement(copied.table, copied.columns, encoding);
    table.pieces.push_back({[this, &entry, name = table.name]() -> std::unique_ptr<ByteSource> {
                              auto data = archive_->data(entry);
                              if (!data) return nullptr;
                              return std::make_unique<MarkedData>(std::move(data), name);
                            },
                            0});
    filling.tables.push_back(std::move(table));
  }
  filling.scripts.push_back(script("data", stop));
  filling.large_objects = [this, &head](Connection& connection) {
    LargeObjectWriter writer(connection);
    Bytes buffer(64U << 10U);
    for (const ArchiveEntry& entry : head.entries) {
      if (entry.description != "BLOBS") continue;
      archive_->large_objects(entry, [&](std::uint32_t number, ByteSource& content) {
        std::uint64_t offset = 0;
        while (const std::size_t count = content.read(buffer)) {
          writer.content(number, offset, ByteView(buffer).first(count));
          offset += count;
        }
      });
    }
    writer.finish();
  };
  return fill_database(place, filling, mapping, options_.parallel, stop);
}

}  // namespace holdfast::engine::postgresql
