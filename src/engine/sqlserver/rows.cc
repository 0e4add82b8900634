// SPDX-License-Identifier: Apache-2.0
// The rows of a statement: how each column is fetched, many rows at once, long values in pieces.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "base/hash.h"
#include "engine/sqlserver/session_state.h"
#include "engine/sqlserver/wide_text.h"
#include "engine/wide_row.h"

namespace holdfast::engine::sqlserver {
namespace {

// Types of SQL Server's own: sql_variant, CLR types, xml.
constexpr SQLSMALLINT type_variant = -150;
constexpr SQLSMALLINT type_clr = -151;
constexpr SQLSMALLINT type_xml = -152;
// What a driver is given to put rows into; a wider row comes alone.
constexpr std::size_t rowset_bytes = std::size_t{512} << 10U;
constexpr std::size_t rowset_rows_max = 4096;
// Longer values come in pieces.
constexpr std::size_t bound_characters_max = 8000;
constexpr std::size_t plain_value_bytes = 128;  // a number, a date or a GUID, as text
constexpr std::size_t piece_bytes = std::size_t{64} << 10U;

}  // namespace

struct Rows::State {
  struct Column {
    enum class As : std::uint8_t { text, bytes, hex, units, real };
    As as = As::text;
    SQLSMALLINT c_type = SQL_C_CHAR;
    std::size_t width = 0;  // of a bound value; 0: it comes in pieces
    std::string name;
    std::vector<char> bound;
    std::vector<SQLLEN> sizes;
    // Of the current row: where it is in `bound` or `own`; nullptr for null.
    std::string own;
    const char* data = nullptr;
    std::size_t size = 0;

    // Whether it is told otherwise than it came.
    [[nodiscard]] bool is_own() const { return as == As::units || as == As::hex; }
    void make_own(std::string_view raw) {
      own.clear();
      if (as == As::units) {
        append_utf8(own, raw);
      } else {
        own = to_hex(as_bytes(raw));
      }
      data = own.data();
      size = own.size();
    }
  };
  State(Session& its_session, Session::State& its_state)
      : session(its_session), s(its_state), work(s) {}
  ~State() {
    SQLSetStmtAttr(s.statement.get(), SQL_ATTR_ROW_ARRAY_SIZE, as_value(1), 0);
    SQLSetStmtAttr(s.statement.get(), SQL_ATTR_ROWS_FETCHED_PTR, nullptr, 0);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Session& session;
  Session::State& s;
  Session::State::Work work;
  WideRowTurn turn;
  std::vector<Column> columns;
  std::vector<Message> errors;
  std::vector<Message>* heard = nullptr;  // gets a copy of them
  std::size_t rowset_rows = 1;
  bool has_long = false;
  SQLULEN fetched = 0;
  std::size_t at = 0;  // in the rowset, of the next row
  bool is_over = false;

  void open(std::string_view sql, std::span<const Fetch> fetch, bool all_text);
  void describe(SQLUSMALLINT number, Fetch fetch);
  void bind();
  [[nodiscard]] bool fetch_rowset();
  void take_row();
  void take_pieces(SQLUSMALLINT number, Column& column);
  void end();
  void fail_if_errors() {
    if (heard != nullptr) *heard = errors;
    s.check(session, errors);
    if (!errors.empty()) session.raise(errors, {});
  }
};

// As described by the driver; how wide a value can be in the form in which it is fetched.
void Rows::State::describe(SQLUSMALLINT number, Fetch fetch) {
  Column& column = columns.emplace_back();
  std::u16string name(name_units_max, u'\0');
  SQLSMALLINT length = 0, type = 0, digits = 0, nullable = 0;
  SQLULEN size = 0;
  const SQLRETURN code = ::SQLDescribeColW(s.statement.get(), number, units_of(name),
                                           static_cast<SQLSMALLINT>(name.size()), &length, &type,
                                           &size, &digits, &nullable);
  s.listen(code, errors, {});
  column.name = to_utf8(name, length);
  const bool is_wide = type == SQL_WCHAR || type == SQL_WVARCHAR;
  const bool is_text = type == SQL_CHAR || type == SQL_VARCHAR;
  const bool is_binary = type == SQL_BINARY || type == SQL_VARBINARY;
  const bool is_long =
      type == SQL_LONGVARCHAR || type == SQL_WLONGVARCHAR || type == SQL_LONGVARBINARY ||
      type == type_variant || type == type_clr || type == type_xml ||
      ((is_wide || is_text || is_binary) && (size == 0 || size > bound_characters_max));
  const bool is_microsoft = s.driver.kind == DriverKind::microsoft;
  if (fetch == Fetch::real) {
    column.as = Column::As::real;
    column.c_type = SQL_C_DOUBLE;
    column.width = sizeof(double);
    return;
  }
  if (fetch == Fetch::bytes || is_binary || type == SQL_LONGVARBINARY) {
    column.as = fetch == Fetch::bytes ? Column::As::bytes : Column::As::hex;
    column.c_type = SQL_C_BINARY;
    column.width = is_wide ? 2 * size : is_text || is_binary ? size : plain_value_bytes;
  } else if (is_microsoft) {  // its texts in bytes are of the locale's character set
    column.as = Column::As::units;
    column.c_type = SQL_C_WCHAR;
    column.width = 2 * (is_wide || is_text ? size : plain_value_bytes) + 2;
  } else if (is_wide || type == SQL_WLONGVARCHAR) {
    column.as = Column::As::units;
    column.c_type = SQL_C_BINARY;
    column.width = 2 * size;
  } else {
    column.width = 1 + (is_text ? 3 * size : plain_value_bytes);
  }
  if (is_long) column.width = 0;
}

void Rows::State::bind() {
  std::size_t row_bytes = 0;
  for (const Column& column : columns) {
    has_long = has_long || column.width == 0;
    row_bytes += column.width + sizeof(SQLLEN);
  }
  // Values in pieces are of one row, and come behind those that are bound.
  rowset_rows =
      has_long ? 1 : std::clamp<std::size_t>(rowset_bytes / row_bytes, 1, rowset_rows_max);
  ::SQLSetStmtAttr(s.statement.get(), SQL_ATTR_ROW_ARRAY_SIZE, as_value(rowset_rows), 0);
  ::SQLSetStmtAttr(s.statement.get(), SQL_ATTR_ROWS_FETCHED_PTR, &fetched, 0);
  SQLUSMALLINT number = 0;
  bool is_behind = false;
  for (Column& column : columns) {
    ++number;
    is_behind = is_behind || column.width == 0;
    if (is_behind) continue;
    column.bound.resize(column.width * rowset_rows);
    column.sizes.resize(rowset_rows);
    ::SQLBindCol(s.statement.get(), number, column.c_type, column.bound.data(),
                 static_cast<SQLLEN>(column.width), column.sizes.data());
  }
}

void Rows::State::open(std::string_view sql, std::span<const Fetch> fetch, bool all_text) {
  const Call call(s.in_call);
  s.check_stop();
  SQLRETURN code = s.send(sql);
  SQLSMALLINT count = 0;
  while (true) {
    s.listen(code, errors, {});
    fail_if_errors();
    if (SQL_SUCCEEDED(code) && SQL_SUCCEEDED(::SQLNumResultCols(s.statement.get(), &count)) &&
        count > 0)
      break;
    code = ::SQLMoreResults(s.statement.get());
    if (code != SQL_NO_DATA) continue;
    is_over = true;
    return;
  }
  check_rule(all_text || fetch.size() == static_cast<std::size_t>(count),
             "a way to fetch is named for each column");
  for (SQLSMALLINT i = 0; i < count; ++i)
    describe(static_cast<SQLUSMALLINT>(i + 1),
             all_text ? Fetch::text : fetch[static_cast<std::size_t>(i)]);
  fail_if_errors();
  bind();
}

bool Rows::State::fetch_rowset() {
  turn.done();
  if (has_long) turn.take_unseen(s.stop);
  fetched = 0;
  at = 0;
  const SQLRETURN code = ::SQLFetch(s.statement.get());
  s.listen(code, errors, {});
  fail_if_errors();
  // A cancelled statement may look like one that is over.
  if (code == SQL_NO_DATA) return false;
  return fetched > 0;
}

// A value of unknown size, read to its end.
void Rows::State::take_pieces(SQLUSMALLINT number, Column& column) {
  std::string raw;
  // A driver ends texts with a zero, for which it wants room, and counts it not.
  const std::size_t zero = column.c_type == SQL_C_CHAR ? 1 : column.c_type == SQL_C_WCHAR ? 2 : 0;
  std::size_t room = std::max(piece_bytes, column.width);
  column.data = nullptr;
  while (true) {
    const std::size_t before = raw.size();
    raw.resize(before + room);
    SQLLEN left = 0;
    const SQLRETURN code = ::SQLGetData(s.statement.get(), number, column.c_type,
                                        raw.data() + before, static_cast<SQLLEN>(room), &left);
    if (code == SQL_NO_DATA || left == SQL_NULL_DATA) {
      if (left == SQL_NULL_DATA && SQL_SUCCEEDED(code) && before == 0) return;
      raw.resize(before);
      break;
    }
    if (!SQL_SUCCEEDED(code)) {
      s.listen(code, errors, {});
      fail_if_errors();
    }
    const bool is_whole = left >= 0 && static_cast<std::size_t>(left) <= room - zero;
    raw.resize(before + (is_whole ? static_cast<std::size_t>(left) : room - zero));
    if (is_whole) break;
    // What is left is told, but of texts that change their size on the way.
    const std::size_t more = left > 0 ? static_cast<std::size_t>(left) - (room - zero) : raw.size();
    room = std::max(piece_bytes, more + zero);
  }
  if (column.is_own()) {
    column.make_own(raw);
  } else {
    column.own = std::move(raw);
    column.data = column.own.data();
    column.size = column.own.size();
  }
}

void Rows::State::take_row() {
  std::size_t row_bytes = 0;
  SQLUSMALLINT number = 0;
  for (Column& column : columns) {
    ++number;
    if (column.bound.empty()) {
      take_pieces(number, column);
    } else {
      const SQLLEN size = column.sizes[at];
      column.data = size == SQL_NULL_DATA ? nullptr : column.bound.data() + at * column.width;
      column.size = static_cast<std::size_t>(std::max<SQLLEN>(size, 0));
      if (column.as == Column::As::real) column.size = sizeof(double);
      if (size == SQL_NO_TOTAL || column.size > column.width)
        throw Error(Errc::io, fmt::format("{}: the driver cut a value of column {}",
                                          s.location.display(), column.name));
      if (column.data != nullptr && column.is_own()) column.make_own({column.data, column.size});
    }
    row_bytes += column.data == nullptr ? 0 : column.size;
  }
  ++at;
  if (has_long) turn.got(row_bytes, s.stop);
}

// What is behind the rows may still be an error.
void Rows::State::end() {
  is_over = true;
  SQLRETURN code = SQL_SUCCESS;
  while (SQL_SUCCEEDED(code)) {
    code = ::SQLMoreResults(s.statement.get());
    s.listen(code, errors, {});
  }
  fail_if_errors();
}

Rows::Rows(std::unique_ptr<State> state) : state_(std::move(state)) {}
Rows::Rows(Rows&&) noexcept = default;
Rows::~Rows() = default;

bool Rows::next() {
  State& rows = *state_;
  if (rows.is_over) return false;
  const Call call(rows.s.in_call);
  if (rows.at >= rows.fetched && !rows.fetch_rowset()) {
    rows.end();
    return false;
  }
  rows.take_row();
  return true;
}

const std::string& Rows::name(unsigned column) const noexcept {
  return state_->columns[column].name;
}

unsigned Rows::columns() const noexcept {
  return static_cast<unsigned>(state_->columns.size());
}

std::string_view Rows::field(unsigned column) const noexcept {
  const State::Column& one = state_->columns[column];
  return one.data == nullptr ? std::string_view() : std::string_view(one.data, one.size);
}

bool Rows::is_null(unsigned column) const noexcept {
  return state_->columns[column].data == nullptr;
}

double Rows::real(unsigned column) const noexcept {
  double value = 0;
  std::memcpy(&value, state_->columns[column].data, sizeof value);
  return value;
}

Rows Session::stream(std::string_view sql, std::span<const Fetch> fetch) {
  auto state = std::make_unique<Rows::State>(*this, *state_);
  state->open(sql, fetch, false);
  return Rows(std::move(state));
}

Rows Session::texts(std::string_view sql, std::vector<Message>* errors) {
  auto state = std::make_unique<Rows::State>(*this, *state_);
  state->heard = errors;
  state->open(sql, {}, true);
  return Rows(std::move(state));
}

}  // namespace holdfast::engine::sqlserver
