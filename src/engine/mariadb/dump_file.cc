// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/dump_file.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "base/ascii.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/decompress.h"
#include "engine/mariadb/lexemes.h"
#include "engine/mariadb/script.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr std::size_t statement_bytes_max = std::size_t{1} << 30U;
constexpr std::size_t definition_bytes_max = std::size_t{16} << 20U;
constexpr std::size_t fields_max = 4096;  // more columns than this no table has

std::string trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.remove_suffix(1);
  return std::string(text);
}

// The rows of "INSERT INTO `t` (…) VALUES (…),(…)".
class ValuesParser {
 public:
  explicit ValuesParser(std::string_view text) : text_(text) {}

  // From after VALUES on. Errc::corrupt.
  template <typename Take>
  void run(std::size_t at, Take take) {
    at_ = at;
    model::Row row;
    while (true) {
      skip_space();
      if (at_ == text_.size()) return;
      expect('(');
      row.clear();
      while (true) {
        skip_space();
        if (row.size() == fields_max)
          throw Error(
              Errc::corrupt,
              fmt::format("an INSERT statement has more than {} values in a row", fields_max));
        row.push_back(value());
        skip_space();
        if (peek() == ')') break;
        expect(',');
      }
      ++at_;
      take(row);
      skip_space();
      if (peek() == ',') ++at_;
    }
  }

 private:
  [[nodiscard]] char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  [[noreturn]] void refuse() const {
    throw Error(Errc::corrupt, fmt::format("an INSERT statement is malformed at its byte {}", at_));
  }
  void expect(char c) {
    if (peek() != c) refuse();
    ++at_;
  }

  // mydumper takes double quotes.
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') refuse();
    ++at_;
    std::string result;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == quote) {
        if (peek() != quote) return result;
        ++at_;
        result += c;
      } else if (c == '\\' && at_ < text_.size()) {
        const char escaped = text_[at_++];
        switch (escaped) {
          case '0':
            result += '\0';
            break;
          case 'n':
            result += '\n';
            break;
          case 'r':
            result += '\r';
            break;
          case 't':
            result += '\t';
            break;
          case 'b':
            result += '\b';
            break;
          case 'Z':
            result += '\x1a';
            break;
          default:
            result += escaped;
        }
      } else {
        result += c;
      }
    }
    refuse();
  }

  model::Value value() {
    if (peek() == '\'' || peek() == '"') {
      std::string text = quoted();
      if (is_utf8(text)) return model::Value::of_text(text);
      return model::Value::of_bytes(as_bytes(text));
    }
    const std::size_t from = at_;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != ')' && text_[at_] != '\'' &&
           text_[at_] != ' ')
      ++at_;
    const std::string_view word = text_.substr(from, at_ - from);
    skip_space();
    if (peek() == '\'') {  // _binary'…', x'…', b'…'
      const std::string text = quoted();
      if (word == "x" || word == "X") return of_hex(text);
      if (word == "b" || word == "B") return of_bits(text);
      return model::Value::of_bytes(as_bytes(text));
    }
    if (word == "NULL") return model::Value::null();
    if (word.starts_with("0x")) return of_hex(word.substr(2));
    if (word.empty()) refuse();
    if (word.find_first_of("eE") != std::string_view::npos) {
      double number = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
      if (error != std::errc() || end != word.data() + word.size()) refuse();
      return model::Value::of_real(number);
    }
    return model::Value::number(word);
  }

  model::Value of_hex(std::string_view digits) {
    const auto bytes = from_hex(digits);
    if (!bytes) refuse();
    return model::Value::of_bytes(*bytes);
  }

  model::Value of_bits(std::string_view bits) {
    std::uint64_t number = 0;
    for (const char bit : bits) {
      if (bit != '0' && bit != '1') refuse();
      number = number * 2 + (bit == '1' ? 1 : 0);
    }
    return model::Value::number(std::to_string(number));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

class Reader {
 public:
  Reader(DumpContent& content, const model::TableName& rows_of,
         const std::function<void(const model::Row&)>& rows)
      : content_(content), rows_of_(rows_of), rows_(rows) {}

  void take(std::string_view statement) {
    std::string shown;
    if (statement.starts_with("/*")) {
      if (statement.size() > definition_bytes_max)
        throw Error(Errc::corrupt,
                    fmt::format("a definition is longer than {} bytes", definition_bytes_max));
      shown = trimmed(laid_open(statement, reading_));
      statement = shown;
    }
    // Only the front says what it is; rows are long.
    const std::vector<Token> front = significant(statement.substr(0, 400));
    if (front.size() < 2) return;
    if (front[0].is_word("INSERT") || front[0].is_word("REPLACE")) {
      take_rows(statement, front);
    } else if (front[0].is_word("USE")) {
      content_.schema = front[1].name();
      note_database(content_.schema);
    } else if (front[0].is_word("CREATE")) {
      take_definition(statement, front);
    } else if (front[0].is_word("SET")) {
      take_setting(statement);
    }
  }
  [[nodiscard]] bool backslash_escapes() const noexcept { return reading_.backslash_escapes; }

 private:
  // Dumps set the mode in which something was made before it, and set it back after it.
  void take_setting(std::string_view statement) {
    const std::string upper = ascii_upper(statement.substr(0, 1000));
    if (upper.find("SQL_MODE") == std::string::npos) return;
    reading_.backslash_escapes = upper.find("NO_BACKSLASH_ESCAPES") == std::string::npos;
  }

  static std::vector<Token> significant(std::string_view text) {
    std::vector<Token> result;
    for (const Token& token : tokens_of(text)) {
      if (token.kind != Token::Kind::space && token.kind != Token::Kind::comment)
        result.push_back(token);
    }
    return result;
  }

  [[nodiscard]] bool is_same(const DumpContent::Object& one, std::string_view kind,
                             std::string_view name) const {
    return one.schema == content_.schema && one.kind == kind && one.name == name;
  }

  // Without its quotes, whichever they are.
  static std::string name_of(const Token& token) {
    if (!token.text.starts_with('"') || token.text.size() < 2) return token.name();
    std::string name;
    for (std::size_t i = 1; i + 1 < token.text.size(); ++i) {
      name += token.text[i];
      if (token.text[i] == '"') ++i;
    }
    return name;
  }

  // A line of a definition that begins with a word is of a column, unless it is of a key.
  static bool is_bare_column(const Token& token) {
    if (token.kind != Token::Kind::word) return false;
    for (const char* word : {"PRIMARY", "UNIQUE", "KEY", "INDEX", "FULLTEXT", "SPATIAL",
                             "CONSTRAINT", "FOREIGN", "CHECK", "PERIOD"}) {
      if (token.is_word(word)) return false;
    }
    return true;
  }

  void note_database(const std::string& name) {
    auto& all = content_.databases;
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
  }

  void take_definition(std::string_view statement, const std::vector<Token>& front) {
    std::size_t i = 1;
    while (i < front.size() && !front[i].is_word("TABLE") && !front[i].is_word("VIEW") &&
           !front[i].is_word("TRIGGER") && !front[i].is_word("PROCEDURE") &&
           !front[i].is_word("FUNCTION") && !front[i].is_word("EVENT") &&
           !front[i].is_word("SEQUENCE") && !front[i].is_word("DATABASE"))
      ++i;
    if (i >= front.size()) return;
    std::string kind = ascii_lower(front[i].text);
    for (++i; i < front.size() &&
              (front[i].is_word("IF") || front[i].is_word("NOT") || front[i].is_word("EXISTS"));)
      ++i;
    if (i >= front.size()) return;
    const std::string name = name_of(front[i]);
    if (kind == "database") return note_database(name);
    // A sequence may be written as the table in which it is kept.
    if (kind == "table" && trimmed(statement).ends_with("SEQUENCE=1")) kind = "sequence";
    if (kind != "table") {
      // Before a view there is a table in its place, for those that refer to it.
      std::erase_if(content_.objects, [&](const auto& one) { return is_same(one, kind, name); });
      content_.tables.erase({content_.schema, name});
      content_.objects.push_back({content_.schema, kind, name, std::string(statement)});
      return;
    }
    DumpTable& table = content_.tables[{content_.schema, name}];
    table.create = statement;
    table.columns.clear();
    if (statement.size() > definition_bytes_max) return;
    if (const auto split = split_table(statement)) {
      for (const std::string& line : split->lines) {
        const std::vector<Token> tokens = significant(line);
        // Dumps of --skip-quote-names, --compatible=ansi.
        const bool is_column =
            tokens.size() > 1 && (tokens[0].kind == Token::Kind::quoted_name ||
                                  tokens[0].text.starts_with('"') || is_bare_column(tokens[0]));
        if (!is_column) continue;
        const std::size_t from = static_cast<std::size_t>(tokens[1].text.data() - line.data());
        table.columns.push_back(
            {name_of(tokens[0]), line.substr(from, line.find(' ', from) - from)});
      }
    }
  }

  void take_rows(std::string_view statement, const std::vector<Token>& front) {
    std::size_t i = 1;
    while (i < front.size() && (front[i].is_word("INTO") || front[i].is_word("IGNORE") ||
                                front[i].is_word("DELAYED") || front[i].is_word("LOW_PRIORITY")))
      ++i;
    const bool is_named = i < front.size() && !front[i].is_word("VALUES") &&
                          (front[i].is_name() || front[i].text.starts_with('"'));
    if (!is_named) throw Error(Errc::corrupt, "an INSERT statement names no table");
    const std::string name = name_of(front[i]);
    const bool is_sequence =
        std::any_of(content_.objects.begin(), content_.objects.end(),
                    [&](const auto& one) { return is_same(one, "sequence", name); });
    if (is_sequence) return;
    DumpTable& table = content_.tables[{content_.schema, name}];
    // The list of columns, if there is one, is long at most as long as the front.
    std::size_t at =
        static_cast<std::size_t>(front[i].text.data() + front[i].text.size() - statement.data());
    for (const Token& token : tokens_of(statement.substr(at, 64U << 10U))) {
      at += token.text.size();
      if (token.is_word("VALUES")) break;
    }
    const bool wanted = is_wanted({content_.schema, name}, rows_of_);
    ValuesParser(statement).run(at, [&](const model::Row& row) {
      ++table.rows;
      if (wanted) rows_(row);
    });
  }

  DumpContent& content_;
  Reading reading_;
  const model::TableName& rows_of_;
  const std::function<void(const model::Row&)>& rows_;
};

}  // namespace

std::string_view without_sandbox_line(std::string_view front) {
  if (!front.starts_with("/*M!999999") && !front.starts_with("/*!999999")) return front;
  const std::size_t line = front.find('\n');
  return line == std::string_view::npos ? "" : front.substr(line + 1);
}

bool looks_like_dump(std::string_view front) {
  front = without_sandbox_line(front);
  return front.starts_with("-- MariaDB dump ") || front.starts_with("-- MySQL dump ");
}

bool is_wanted(const model::TableName& table, const model::TableName& wanted) {
  if (wanted.table.empty()) return false;
  if (!wanted.schema.empty()) return table == wanted;
  return table.table == wanted.table || table.display() == wanted.table;
}

void read_comment(std::string_view line, DumpHeader& header) {
  const auto after = [&](std::string_view word) -> std::optional<std::string> {
    if (!line.starts_with(word)) return std::nullopt;
    return trimmed(line.substr(word.size()));
  };
  if (line.starts_with("-- MariaDB dump ") || line.starts_with("-- MySQL dump ")) {
    header.is_dump = true;
    header.program = trimmed(line.substr(3));
  } else if (const auto host = after("-- Host: ")) {
    const std::size_t database = host->find("Database: ");
    header.host = trimmed(host->substr(0, database));
    if (database != std::string::npos) header.database = trimmed(host->substr(database + 10));
  } else if (const auto version = after("-- Server version")) {
    header.server_version = *version;
  } else if (line.starts_with("-- Dump completed")) {
    header.is_complete = true;
    if (const auto when = after("-- Dump completed on ")) header.completed = *when;
  }
}

void read_dump(ByteSource& source, std::string_view delimiter, DumpContent& content,
               const model::TableName& rows_of, const std::function<void(const model::Row&)>& rows,
               const std::stop_token& stop) {
  Script script(source, statement_bytes_max, delimiter);
  script.on_comment([&](std::string_view line) { read_comment(line, content.header); });
  Reader reader(content, rows_of, rows);
  try {
    while (const auto statement = script.next()) {
      if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
      if (script.ended_within()) break;
      reader.take(statement->text);
      script.reads_backslashes(reader.backslash_escapes());
    }
  } catch (const Error& error) {  // a dump that breaks off is a finding of whoever looks at it
    if (error.code() != Errc::corrupt || !script.ended_within()) throw;
  }
  content.ended_within = content.ended_within || script.ended_within();
}

namespace {

class OpenDump final : public ByteSource {
 public:
  explicit OpenDump(const std::filesystem::path& file)
      : fd_(open_file(file, O_RDONLY)), source_(fd_.get(), file.native()) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override { return source_.read(into); }

 private:
  Fd fd_;
  FdSource source_;
};

}  // namespace

bool is_packed(ByteView front) noexcept {
  return compression_of(front) != Compression::none;
}

std::unique_ptr<ByteSource> open_dump(const std::filesystem::path& file) {
  Bytes front(16);
  {
    OpenDump source(file);
    front.resize(source.read(front));
  }
  return decompress(std::make_unique<OpenDump>(file), compression_of(front));
}

std::vector<std::string> schemas_of_dump(const std::filesystem::path& file,
                                         const std::stop_token& stop) {
  constexpr std::size_t chunk_bytes = std::size_t{1} << 20U;
  constexpr std::size_t front_bytes = std::size_t{64} << 10U;
  constexpr std::size_t line_bytes_max = 600;  // of a USE
  const std::unique_ptr<ByteSource> source = open_dump(file);
  Bytes chunk(chunk_bytes);
  std::string text;
  DumpHeader header;
  std::vector<std::string> schemas;
  const auto note = [&](std::string_view line) {
    if (!line.starts_with("USE ")) return;
    const std::vector<Token> tokens = tokens_of(line.substr(4, line_bytes_max));
    if (tokens.empty() || !tokens[0].is_name()) return;
    if (std::find(schemas.begin(), schemas.end(), tokens[0].name()) == schemas.end())
      schemas.push_back(tokens[0].name());
  };
  bool is_front = true;
  while (const std::size_t count = source->read(chunk)) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    text += as_text(ByteView(chunk).first(count));
    if (is_front && text.size() < front_bytes) continue;
    if (is_front)
      each_line(std::string_view(text).substr(0, front_bytes),
                [&](std::string_view line) { read_comment(line, header); });
    is_front = false;
    const std::size_t last = text.rfind('\n');
    if (last != std::string::npos) {
      each_line(std::string_view(text).substr(0, last), note);
      text.erase(0, last + 1);
    }
    // The front of a long line is enough to know it.
    if (text.size() > line_bytes_max) text.resize(line_bytes_max);
  }
  if (is_front) each_line(text, [&](std::string_view line) { read_comment(line, header); });
  each_line(text, note);
  if (schemas.empty() && !header.database.empty()) schemas.push_back(header.database);
  return schemas;
}

}  // namespace holdfast::engine::mariadb
