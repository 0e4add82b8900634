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
#include "engine/postgresql/quote.h"
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

// Where a statement names a database, so that it would change that one and not the one we load.
std::optional<std::size_t> database_token(const std::vector<Token>& tokens) {
  const auto is_at = [&](std::size_t at, std::string_view word) {
    return at < tokens.size() && tokens[at].is(word);
  };
  std::optional<std::size_t> at;
  if ((is_at(0, "ALTER") || is_at(0, "CREATE") || is_at(0, "DROP")) && is_at(1, "DATABASE")) at = 2;
  const bool role = is_at(0, "ALTER") && (is_at(1, "ROLE") || is_at(1, "USER"));
  const bool about = is_at(0, "GRANT") || is_at(0, "REVOKE") || is_at(0, "COMMENT") ||
                     (is_at(0, "SECURITY") && is_at(1, "LABEL"));
  for (std::size_t i = 1; !at && (role || about) && i + 2 < tokens.size(); ++i) {
    if (!tokens[i].is(role ? "IN" : "ON")) continue;
    if (!tokens[i + 1].is("DATABASE")) break;
    at = i + 2;
  }
  if (!at || *at >= tokens.size() || !tokens[*at].is_name()) return std::nullopt;
  return at;
}

// Statements that are not run: what `--clean` takes away first, for the database is new; and what
// makes and marks databases.
bool is_left_out(std::string_view statement) {
  const std::vector<Token> tokens = tokens_of(statement, 8);
  if (tokens.size() < 2) return false;
  if (tokens[0].is("DROP")) return true;
  if (tokens[0].is("CREATE")) return tokens[1].is("DATABASE");
  if (tokens[0].is("UPDATE")) {  // of templates
    return std::any_of(tokens.begin(), tokens.end(),
                       [](const Token& token) { return token.is("PG_DATABASE"); });
  }
  // ALTER DATABASE … OWNER TO, IS_TEMPLATE, ALLOW_CONNECTIONS: it is the one's who loads it.
  return tokens[0].is("ALTER") && tokens[1].is("DATABASE") && tokens.size() > 3 &&
         !tokens[3].is("SET") && !tokens[3].is("RESET") && !tokens[3].is("CONNECTION");
}

constexpr std::size_t token_max = 100;

// Takes the statements about the database as such out of a script.
class DatabaseStatements {
 public:
  DatabaseStatements(const NameMapping& mapping, std::vector<std::string>& into)
      : mapping_(mapping), statements_(into) {}
  // Whether it is one, or one that is left out.
  bool take(std::string_view statement) {
    if (is_left_out(statement)) return true;
    const bool is_one = database_token(tokens_of(statement, token_max)).has_value();
    if (is_one) statements_.push_back(rewrite(statement, mapping_));
    return is_one;
  }

 private:
  NameMapping mapping_;
  std::vector<std::string>& statements_;
};

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
                               const std::stop_token& stop) {
  return archive_ ? fill_archive(place, mapping, stop) : fill_plain(place, mapping, stop);
}

void DumpImport::run_about_database(Connection& connection) const {
  const std::string name = quote_name(connection.location().database);
  for (const std::string& statement : about_database_) {
    const std::vector<Token> tokens = tokens_of(statement, token_max);
    const Token& token = tokens.at(*database_token(tokens));
    std::string ours = statement;
    ours.replace(token.offset, token.text.size(), name);
    run_in_transaction(connection, classify(std::move(ours)));
  }
}

std::uint64_t DumpImport::fill_plain(const Location& place, const NameMapping& mapping,
                                     const std::stop_token& stop) {
  std::uint64_t rows = 0;
  DatabaseStatements about(mapping, about_database_);
  {
    Connection connection(place, stop);
    const std::unique_ptr<ByteSource> source = open_plain(file_);
    rows = run_script(connection, *source, mapping,
                      [&](std::string_view statement) { return about.take(statement); });
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
  // What belongs to the database as such, settings and grants, is not given without.
  if (section == "pre-data") command.argv.emplace_back("--create");
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
  command.argv.emplace_back("--");
  command.argv.push_back(file_.native());
  return [command, stop] { return std::make_unique<CheckedChild>(command, stop); };
}

std::uint64_t DumpImport::fill_archive(const Location& place, const NameMapping& mapping,
                                       const std::stop_token& stop) {
  const ArchiveHead& head = archive_->head();
  const std::string encoding = head.encoding.empty() ? "UTF8" : head.encoding;
  Filling filling;
  // They have been mapped when they come here.
  DatabaseStatements about(NameMapping(), about_database_);
  const auto without_database = [&](std::vector<SchemaStatement> statements) {
    std::erase_if(statements, [&](const auto& one) { return about.take(one.text); });
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
    CopyTarget copied = parse_copy(entry.copy_statement);
    TableLoad table;
    table.name = std::move(copied.table);
    table.columns = std::move(copied.columns);
    table.encoding = encoding;
    table.pieces.push_back(
        {[this, &entry, name = table.name.display()]() -> std::unique_ptr<ByteSource> {
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
