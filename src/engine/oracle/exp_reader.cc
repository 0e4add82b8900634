// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "engine/oracle/exp_rows_reader.h"

namespace holdfast::engine::oracle {
namespace {

constexpr std::size_t descriptor_bytes = 102;
constexpr std::string_view descriptor_begin{"\x64\0\0\0\0\x60", 6};
constexpr std::size_t descriptor_pair_at = 0x3c;  // the ids, between 00 83 and 03
constexpr std::size_t string_bytes_max = 256;
constexpr std::uint16_t long_payload = 0xfffd;
constexpr std::size_t columns_max = 4096;

bool is_upper(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}

// As statements begin. The lengths that look like that are those of texts that have pieces.
bool begins_as_statement(std::string_view text) noexcept {
  return text.size() >= 2 && is_upper(text[0]) && is_upper(text[1]);
}

// Statements that a text with a length of its own always follows.
bool takes_payload(std::string_view line) noexcept {
  return line.ends_with(" IS ") || line.ends_with(" AS ") || line.ends_with(" MODIFY DEFAULT") ||
         line.starts_with("ANALSTATS ") || line.starts_with("CREATE FORMAT") ||
         line == "CALTER TABLE" || line == "PROCACTION";
}

bool is_text(std::string_view line) noexcept {
  return std::ranges::none_of(
      line, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r'; });
}

struct Ids {
  std::uint16_t first = 0, second = 0;
};

// The two ids of a descriptor; nothing if they stand elsewhere.
std::optional<Ids> ids_of(ByteView record) {
  const auto byte = [record](std::size_t at) { return std::to_integer<unsigned>(record[at]); };
  constexpr std::size_t at = descriptor_pair_at;
  if (byte(at - 2) != 0 || byte(at - 1) != 0x83 || byte(at + 4) != 3) return std::nullopt;
  return Ids{static_cast<std::uint16_t>(byte(at) << 8U | byte(at + 1)),
             static_cast<std::uint16_t>(byte(at + 2) << 8U | byte(at + 3))};
}

// A quoted name at the front of `rest`, which is then behind it.
bool take_name(std::string_view& rest, std::string& name) {
  if (!rest.starts_with('"')) return false;
  const std::size_t end = rest.find('"', 1);
  if (end == std::string_view::npos || end == 1) return false;
  name = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  return true;
}

}  // namespace

bool parse_insert(std::string_view line, std::string& table, std::vector<std::string>& columns) {
  columns.clear();
  if (!line.starts_with("INSERT ")) return false;
  line.remove_prefix(7);
  if (line.starts_with("/*")) {
    const std::size_t end = line.find("*/");
    if (end == std::string_view::npos) return false;
    line.remove_prefix(end + 2);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  }
  if (!line.starts_with("INTO ")) return false;
  line.remove_prefix(5);
  if (!take_name(line, table) || !line.starts_with(" (")) return false;
  line.remove_prefix(2);
  for (;;) {
    if (!take_name(line, columns.emplace_back()) || columns.size() > columns_max) return false;
    if (line.starts_with(") VALUES (")) return true;
    if (!line.starts_with(", ")) return false;
    line.remove_prefix(2);
  }
}

const ExpHeader& ExpReader::read_header() {
  header_ = parse_exp_header(front());
  return header_;
}

const ExpDescriptors& ExpReader::read_descriptors() {
  window_.skip(header_.block_size_bytes);
  const Bytes records = [this] {
    const ByteView both = window_.take(2 * descriptor_bytes);
    return Bytes(both.begin(), both.end());
  }();
  const ByteView first = ByteView(records).first(descriptor_bytes);
  const ByteView second = ByteView(records).subspan(descriptor_bytes);
  if (!as_text(first).starts_with(descriptor_begin) ||
      !as_text(second).starts_with(descriptor_begin))
    throw Error(Errc::corrupt,
                fmt::format("there are no descriptors at byte {}", header_.block_size_bytes));
  const auto server = ids_of(first);
  const auto client = ids_of(second);
  if (server && client) {
    descriptors_.are_read = true;
    descriptors_.database = server->first;
    descriptors_.national = server->second;
    descriptors_.client = client->first;
    constexpr std::size_t behind = descriptor_pair_at + 4;
    descriptors_.agree =
        is_equal(first.first(descriptor_pair_at), second.first(descriptor_pair_at)) &&
        is_equal(first.subspan(behind), second.subspan(behind));
  }
  // Texts with lengths, up to an empty one and a line feed; exp 8.1 has none.
  for (bool is_first = true;; is_first = false) {
    const std::string_view next = as_text(window_.peek(4));
    if (next.starts_with('\n') && begins_as_statement(next.substr(1))) {
      window_.skip(1);
      break;
    }
    if (begins_as_statement(next)) break;
    const std::uint16_t length = window_.u16();
    if (length > string_bytes_max)
      throw Error(Errc::corrupt,
                  fmt::format("the descriptors are no good at byte {}", window_.offset() - 2));
    const std::string_view text = as_text(window_.take(length));
    if (is_first) descriptors_.zone = text;
  }
  decoder_.emplace(header_.client_charset, header_.database_charset, descriptors_.zone);
  return descriptors_;
}

void ExpReader::read_pieces() {
  for (std::uint16_t length = window_.u16(); length != 0; length = window_.u16()) {
    if (payload_.size() + length > ExpWindow::line_bytes_max)
      throw Error(Errc::corrupt,
                  fmt::format("the text before byte {} has no end", window_.offset()));
    payload_ += as_text(window_.take(length));
  }
  if (window_.take(1)[0] != std::byte{'\n'})
    throw Error(Errc::corrupt,
                fmt::format("the text ends at byte {} without a line feed", window_.offset() - 1));
}

// A zero within a text is a part of some length: one before it was no good.
void ExpReader::check_payload() const {
  if (payload_.find('\0') != std::string::npos)
    throw Error(Errc::corrupt,
                fmt::format("the text before byte {} holds a zero", window_.offset()));
}

void ExpReader::read_payload(ExpStatement& statement) {
  payload_.clear();
  const std::string_view next = as_text(window_.peek(2));
  if (next.size() < 2) return;
  const std::uint16_t length = static_cast<std::uint16_t>(
      static_cast<unsigned char>(next[0]) | static_cast<unsigned char>(next[1]) << 8U);
  if (length == long_payload) {
    window_.skip(2);
    read_pieces();
    check_payload();
    statement.is_long = true;
    statement.payload = payload_;
    return;
  }
  const bool is_statement = begins_as_statement(next);
  const bool may_be_statement = is_text(next);
  const bool must_follow = takes_payload(statement.line);
  if (is_statement && !must_follow) return;
  const std::string_view whole = as_text(window_.peek(std::size_t{2} + length + 3));
  const std::string_view behind =
      whole.substr(std::min<std::size_t>(whole.size(), std::size_t{2} + length));
  // Behind the text of a view stands one more length, which is 0.
  constexpr std::string_view empty_text{"\0\0\n", 3};
  const std::size_t end_bytes = behind.starts_with('\n')         ? 1
                                : behind.starts_with(empty_text) ? 3
                                                                 : 0;
  if (end_bytes > 0) {
    payload_ = whole.substr(2, length);
    window_.skip(std::uint64_t{2} + length + end_bytes);
    check_payload();
    statement.payload = payload_;
    return;
  }
  if (is_statement || (!must_follow && may_be_statement)) return;
  if (whole.size() < std::size_t{2} + length + 1) window_.skip(std::uint64_t{2} + length + 1);
  throw Error(Errc::corrupt, fmt::format("the text at byte {} does not end where its length says",
                                         window_.offset()));
}

void ExpReader::read_columns(ExpSection& section) {
  const std::size_t count = section.columns.size();
  const std::uint16_t told = window_.u16();
  if (told != count)
    throw Error(Errc::corrupt, fmt::format("{} columns are named and {} are there, at byte {}",
                                           count, told, window_.offset() - 2));
  for (ExpColumn& column : section.columns) {
    column.type = window_.u16();
    column.length = window_.u16();
    if (exp_type_has_charset(column.type)) {
      column.charset = window_.u16();
      const std::uint16_t form = window_.u16();
      if (form != 1 && form != 2)
        throw Error(Errc::corrupt, fmt::format("column {} has characters of form {}, at byte {}",
                                               column.name, form, window_.offset() - 2));
      column.is_national = form == 2;
    }
    if (!set_exp_limits(column))
      throw Error(Errc::corrupt,
                  fmt::format("column {} of type {} has length {}, before byte {}", column.name,
                              column.type, column.length, window_.offset()));
  }
  const std::uint16_t names = window_.u16();
  const std::uint16_t path = window_.u16();
  if ((names != 0 && names != count) || path > 1 || (path == 1 && !header_.is_direct))
    throw Error(Errc::corrupt, fmt::format("what follows the columns is no good, at byte {}",
                                           window_.offset() - 4));
  section.is_direct = path == 1;
  for (std::size_t i = 0; i < names; ++i) {
    const auto length = std::to_integer<std::size_t>(window_.take(1)[0]);
    const std::string_view name = as_text(window_.take(length));
    const bool is_good = length == 0 || name == section.columns[i].name;
    if (!is_good || window_.u16() != 0)
      throw Error(Errc::corrupt, fmt::format("the names of large columns are no good, at byte {}",
                                             window_.offset()));
  }
}

ExpSection ExpReader::section_of(const ExpStatement& statement) {
  ExpSection section;
  section.offset = statement.offset;
  section.partition = partition_;
  std::vector<std::string> names;
  if (!parse_insert(statement.line, section.table, names))
    throw Error(Errc::corrupt,
                fmt::format("the INSERT at byte {} names no columns", statement.offset));
  for (std::string& name : names) section.columns.emplace_back().name = std::move(name);
  return section;
}

void ExpReader::read_end() {
  for (;;) {
    const ByteView rest = window_.peek(ExpWindow::size_bytes);
    if (rest.empty()) return;
    const auto found = std::ranges::find_if(rest, [](std::byte b) { return b != std::byte{0}; });
    has_more_ = has_more_ || found != rest.end();
    if (!has_more_) padding_bytes_ += rest.size();
    window_.skip(rest.size());
  }
}

void ExpReader::walk(ExpVisitor& visitor) {
  for (std::string line;;) {
    ExpStatement statement;
    statement.offset = window_.offset();
    // Kept, as what it was taken from moves on.
    line = in_context("reading a statement", [this] { return window_.line(); });
    statement.line = line;
    if (!is_text(line))
      throw Error(Errc::corrupt, fmt::format("there is no statement at byte {}", statement.offset));
    if (line == "EXIT" && as_text(window_.peek(5)) == "EXIT\n") {
      window_.skip(5);
      read_end();
      return;
    }
    if (!line.starts_with("INSERT ")) {
      in_context("reading the text of a statement", [&] { read_payload(statement); });
      if (line.starts_with("PARTITION \"") || line.starts_with("SUBPARTITION \""))
        partition_ = line.substr(line.find('"') + 1, line.rfind('"') - line.find('"') - 1);
      if (line.starts_with("TABLE ") || line == "ENDTABLE" || line == "ENDPARTITION")
        partition_.clear();
      if (!visitor.statement(statement)) return;
      continue;
    }
    ExpSection section = section_of(statement);
    in_context(fmt::format("reading the rows of {} at byte {}",
                           decoder_->client_text(section.table), section.offset),
               [&] {
                 read_columns(section);
                 Rows rows(window_, *decoder_, options_, section);
                 if (visitor.section(section))
                   rows.give(visitor);
                 else
                   rows.count();
               });
    visitor.section_end(section);
  }
}

}  // namespace holdfast::engine::oracle
