// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/plain_dump.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/ascii.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "engine/postgresql/sql.h"

namespace holdfast::engine::postgresql {
namespace {

constexpr std::string_view database_mark = "-- PostgreSQL database dump";
constexpr std::string_view cluster_mark = "-- PostgreSQL database cluster dump";
constexpr std::size_t problems_max = 20;

bool has_line(std::string_view text, std::string_view line) noexcept {
  for (std::size_t at = text.find(line); at != std::string_view::npos;
       at = text.find(line, at + 1)) {
    const std::size_t end = at + line.size();
    const bool begins = at == 0 || text[at - 1] == '\n';
    if (begins && (end == text.size() || text[end] == '\n' || text[end] == '\r')) return true;
  }
  return false;
}

std::string after(std::string_view text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return "";
  const std::size_t from = at + mark.size();
  return std::string(text.substr(from, text.find_first_of("\r\n", from) - from));
}

// "-- Name: orders; Type: TABLE; Schema: public; Owner: shop"
struct NameComment {
  std::string name, type, schema;
};
std::optional<NameComment> parse_name_comment(std::string_view comment) {
  const std::size_t start = comment.find("Name: ");
  const std::size_t type = comment.rfind("; Type: ");
  const std::size_t schema = comment.rfind("; Schema: ");
  const std::size_t owner = comment.rfind("; Owner: ");
  if (start == std::string_view::npos || type == std::string_view::npos ||
      schema == std::string_view::npos || owner == std::string_view::npos)
    return std::nullopt;
  if (start + 6 > type || type > schema || schema > owner) return std::nullopt;
  NameComment parsed;
  parsed.name = comment.substr(start + 6, type - start - 6);
  parsed.type = comment.substr(type + 8, schema - type - 8);
  parsed.schema = comment.substr(schema + 10, owner - schema - 10);
  if (parsed.schema == "-") parsed.schema.clear();
  return parsed;
}

// `[schema.]table` from token `at` on, which is then behind it.
std::optional<model::TableName> table_at(const std::vector<Token>& tokens, std::size_t& at) {
  if (at >= tokens.size() || !tokens[at].is_name()) return std::nullopt;
  model::TableName name{"", tokens[at++].name()};
  if (at + 1 < tokens.size() && tokens[at].is_symbol('.') && tokens[at + 1].is_name()) {
    name.schema = std::move(name.table);
    name.table = tokens[at + 1].name();
    at += 2;
  }
  return name;
}

// One pass over a script.
class PlainReader {
 public:
  explicit PlainReader(ByteSource& source) : script_(source) {}

  PlainDump read() {
    while (auto piece = script_.next()) take(*piece);
    finish_object();
    PlainDump front = read_plain_front(script_.leading_comments());
    dump_.of_cluster = front.of_cluster;
    dump_.server_version = std::move(front.server_version);
    dump_.dump_version = std::move(front.dump_version);
    const bool complete =
        script_.last_comment() ==
        std::string(dump_.of_cluster ? cluster_mark : database_mark) + " complete";
    if (!complete)
      problem("its end is missing: pg_dump's last line says that the dump is complete");
    // Where there are data, tables without are partitioned ones, which have none of their own.
    if (tables_.empty()) {
      for (const model::TableName& name : empty_) tables_.try_emplace(name, 0);
    }
    for (auto& [name, rows] : tables_) dump_.tables.push_back({name.schema, name.table, rows, ""});
    return std::move(dump_);
  }

 private:
  void problem(std::string text) {
    if (dump_.problems.size() < problems_max) dump_.problems.push_back(std::move(text));
  }

  void take(const ScriptPiece& piece) {
    std::string_view comments = piece.comment;
    while (!comments.empty()) {
      const std::size_t end = std::min(comments.find('\n'), comments.size());
      if (auto name = parse_name_comment(comments.substr(0, end))) {
        finish_object();
        object_ = std::move(*name);
      }
      comments.remove_prefix(std::min(end + 1, comments.size()));
    }
    if (object_) hash_.update(as_bytes(piece.text));
    if (!piece.is_terminated) {
      problem(fmt::format("it ends within the statement that begins at byte {}", piece.offset));
    }
    ++dump_.statements;
    if (piece.kind == ScriptPiece::Kind::command) {
      take_command(piece.text);
    } else if (piece.kind == ScriptPiece::Kind::copy) {
      take_copy(piece.text);
    } else {
      take_statement(piece.text);
    }
  }

  void take_command(std::string_view text) {
    for (const std::string_view word : {"\\connect ", "\\c "}) {
      if (!text.starts_with(word)) continue;
      const std::vector<Token> tokens = tokens_of(text.substr(word.size()));
      for (const Token& token : tokens) {
        if (!token.is_name()) continue;
        // `\connect -reuse-previous=on "dbname='shop'"` names it in a connection string.
        std::string name = token.name();
        if (name == "reuse" || name == "previous" || name == "on") continue;
        if (name.starts_with("dbname='") && name.size() > 9) name = name.substr(8, name.size() - 9);
        // Again after its settings, so that they count.
        if (dump_.databases.empty() || dump_.databases.back() != name)
          dump_.databases.push_back(std::move(name));
        return;
      }
    }
  }

  model::TableName qualified(model::TableName name) const {
    if (dump_.databases.size() > 1 || (dump_.of_cluster && !dump_.databases.empty()))
      name.schema = dump_.databases.back() + "." + name.schema;
    return name;
  }

  void take_copy(std::string_view statement) {
    const model::TableName table = qualified(parse_copy(statement).table);
    std::uint64_t rows = 0;
    has_rows_ = true;
    while (script_.copy_line()) ++rows;
    tables_[table] += rows;
    if (!script_.copy_is_whole())
      problem(fmt::format("the data of {} end without their end mark, after {} rows",
                          table.display(), rows));
  }

  void take_statement(std::string_view statement) {
    if (const auto insert = parse_insert(statement)) {
      has_rows_ = true;
      tables_[qualified(insert->table)] += insert->rows;
    }
    if (statement.find("lo_create") == std::string_view::npos) return;
    const std::vector<Token> tokens = tokens_of(statement, 8);
    for (const Token& token : tokens) dump_.large_objects += token.is("LO_CREATE") ? 1 : 0;
  }

  void finish_object() {
    const std::string hash = to_hex(hash_.finish());
    if (!object_) return;
    const std::string name =
        object_->schema.empty() ? object_->name : object_->schema + "." + object_->name;
    if (object_->type != "TABLE DATA")
      dump_.objects.push_back({ascii_lower(object_->type), name, hash});
    if (object_->type == "TABLE") empty_.insert(qualified({object_->schema, object_->name}));
    // Where rows follow, these name the table exactly; a comment has no line ends.
    if (object_->type == "TABLE DATA" && !has_rows_)
      tables_.try_emplace(qualified({object_->schema, object_->name}), 0);
    object_.reset();
    has_rows_ = false;
  }

  ScriptReader script_;
  PlainDump dump_;
  std::map<model::TableName, std::uint64_t> tables_;
  std::set<model::TableName> empty_;
  std::optional<NameComment> object_;
  bool has_rows_ = false;  // the object's
  Sha256 hash_;
};

class OwnedFile final : public ByteSource {
 public:
  explicit OwnedFile(const std::filesystem::path& file)
      : file_(open_file(file, O_RDONLY)), source_(file_.get(), file.native()) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override { return source_.read(into); }

 private:
  Fd file_;
  FdSource source_;
};

}  // namespace

bool is_plain_dump(std::string_view front) noexcept {
  return has_line(front, database_mark) || has_line(front, cluster_mark);
}

bool ends_as_plain_dump(std::string_view back) noexcept {
  return back.find("-- PostgreSQL database dump complete") != std::string_view::npos ||
         back.find("-- PostgreSQL database cluster dump complete") != std::string_view::npos;
}

PlainDump read_plain_front(std::string_view front) {
  PlainDump dump;
  dump.of_cluster = has_line(front, cluster_mark);
  dump.server_version = after(front, "-- Dumped from database version ");
  dump.dump_version = after(front, "-- Dumped by pg_dump version ");
  return dump;
}

PlainDump read_plain_dump(ByteSource& source) {
  return PlainReader(source).read();
}

CopyTarget parse_copy(std::string_view statement) {
  const std::vector<Token> tokens = tokens_of(statement, 20'000);
  CopyTarget target;
  std::size_t at = 1;
  std::optional<model::TableName> table;
  if (!tokens.empty() && tokens[0].is("COPY")) table = table_at(tokens, at);
  if (!table)
    throw Error(Errc::corrupt,
                fmt::format("this is no COPY of a table: {}", statement.substr(0, 80)));
  target.table = std::move(*table);
  if (at >= tokens.size() || !tokens[at].is_symbol('(')) return target;
  for (++at; at < tokens.size() && !tokens[at].is_symbol(')'); ++at) {
    if (tokens[at].is_name()) target.columns.push_back(tokens[at].name());
  }
  return target;
}

std::optional<InsertTarget> parse_insert(std::string_view statement) {
  if (statement.size() < 12 || (statement[0] != 'I' && statement[0] != 'i')) return std::nullopt;
  const std::vector<Token> front = tokens_of(statement, 6);
  if (front.size() < 5 || !front[0].is("INSERT") || !front[1].is("INTO")) return std::nullopt;
  std::size_t at = 2;
  const auto table = table_at(front, at);
  if (!table || at >= front.size()) return std::nullopt;
  InsertTarget target{*table, 0};
  std::size_t depth = 0;
  bool in_values = false;
  // One by one: a statement may have hundreds of millions.
  TokenReader reader(statement.substr(front[at].offset));
  while (const auto token = reader.next()) {
    if (token->is_symbol('(')) {
      target.rows += in_values && depth == 0 ? 1 : 0;
      ++depth;
    } else if (token->is_symbol(')')) {
      depth -= depth > 0 ? 1 : 0;
    } else if (depth == 0 && token->is("VALUES")) {
      in_values = true;
    } else if (depth == 0 && token->is("DEFAULT") && !in_values) {
      target.rows = 1;  // DEFAULT VALUES
      return target;
    } else if (depth == 0 && token->is("ON")) {
      break;  // CONFLICT (column) …
    }
  }
  return target;
}

model::Row parse_copy_line(std::string_view line) {
  model::Row row;
  std::string field;
  bool is_null = false;
  const auto digit = [&](std::size_t at, int base) {
    if (at >= line.size()) return -1;
    const char c = line[at];
    int value = -1;
    if (c >= '0' && c <= '9') value = c - '0';
    if (c >= 'a' && c <= 'f') value = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') value = c - 'A' + 10;
    return value < base ? value : -1;
  };
  const auto finish = [&] {
    row.push_back(is_null ? model::Value::null() : model::Value::of_text(field));
    field.clear();
    is_null = false;
  };
  constexpr std::string_view names = "bfnrtv", meanings = "\b\f\n\r\t\v";
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (c == '\t') {
      finish();
    } else if (c != '\\') {
      field += c;
    } else {
      if (++at >= line.size()) throw Error(Errc::corrupt, "a row of COPY data ends in a backslash");
      const char escaped = line[at];
      if (escaped == 'N' && field.empty()) {
        is_null = true;
      } else if (const std::size_t known = names.find(escaped); known != std::string_view::npos) {
        field += meanings[known];
      } else if (digit(at, 8) >= 0) {
        int value = 0;
        std::size_t count = 0;
        while (count < 3 && digit(at + count, 8) >= 0) value = value * 8 + digit(at + count++, 8);
        field += static_cast<char>(value);
        at += count - 1;
      } else if (escaped == 'x' && digit(at + 1, 16) >= 0) {
        int value = digit(++at, 16);
        if (digit(at + 1, 16) >= 0) value = value * 16 + digit(++at, 16);
        field += static_cast<char>(value);
      } else {
        field += escaped;
      }
    }
  }
  finish();
  return row;
}

std::unique_ptr<ByteSource> open_plain(const std::filesystem::path& file,
                                       Compression* compression) {
  std::array<std::byte, 8> front{};
  std::size_t count = 0;
  {
    OwnedFile look(file);
    while (count < front.size()) {
      const std::size_t more = look.read(std::span(front).subspan(count));
      if (more == 0) break;
      count += more;
    }
  }
  const Compression found = compression_of(ByteView(front).first(count));
  if (compression != nullptr) *compression = found;
  return decompress(std::make_unique<OwnedFile>(file), found);
}

}  // namespace holdfast::engine::postgresql
