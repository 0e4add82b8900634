// SPDX-License-Identifier: Apache-2.0
// The ODBC face of the scripted server: what a driver manager calls. It is a Unicode driver, so
// that the manager turns calls in bytes into these.
//
// Source: ODBC Programmer's Reference 3.8. Statements, results, bound and fetched values, messages
// with native numbers and cancelling are there; of prepared statements the values are not looked
// at. Cursors that scroll and catalogue functions are not: nothing of Holdfast asks for them.
#include <sql.h>
#include <sqlext.h>
#include <sqlucode.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <exception>
#include <map>
#include <string>

#include "harness/scripted_odbc/server.h"
#include "harness/scripted_odbc/values.h"

namespace {

using namespace holdfast::test::scripted;  // NOLINT(google-build-using-namespace): one face

Handle& of(SQLHANDLE handle) {
  return *static_cast<Handle*>(handle);
}
Connection& connection_of(SQLHANDLE handle) {
  return dynamic_cast<Connection&>(of(handle));
}
Statement& statement_of(SQLHANDLE handle) {
  return dynamic_cast<Statement&>(of(handle));
}

std::string text_of(const SQLWCHAR* text, SQLINTEGER units) {
  std::size_t count = 0;
  if (units == SQL_NTS) {
    while (text[count] != 0) ++count;
  } else {
    count = static_cast<std::size_t>(units);
    while (count > 0 && text[count - 1] == 0) --count;
  }
  return to_utf8(text, count);
}

// Nothing that is thrown leaves the library.
template <typename Body>
SQLRETURN guarded(Handle& handle, Body body) {
  try {
    return body();
  } catch (const std::exception& error) {
    return handle.fail("HY000", 50002, error.what());
  }
}

SQLRETURN give_column(Statement& statement, SQLUSMALLINT number, SQLSMALLINT c_type,
                      SQLPOINTER into, SQLLEN room, SQLLEN* told, std::size_t& given) {
  const auto& cell = statement.row()->at(number - 1U);
  if (!cell) {
    if (told != nullptr) *told = SQL_NULL_DATA;
    return SQL_SUCCESS;
  }
  const ColumnType type = statement.columns()->at(number - 1U).type;
  const SQLSMALLINT form = c_type == SQL_C_DEFAULT ? SQLSMALLINT{SQL_C_CHAR} : c_type;
  const SQLRETURN code = give(bytes_as(*cell, type, form), form, given, into, room, told);
  if (code == SQL_SUCCESS_WITH_INFO)
    statement.diagnostics.push_back({"01004", 0, "[Scripted]String data, right truncated"});
  return code;
}

std::size_t fixed_bytes(SQLSMALLINT c_type) {
  switch (c_type) {
    case SQL_C_DOUBLE:
    case SQL_C_SBIGINT:
    case SQL_C_UBIGINT:
      return 8;
    case SQL_C_LONG:
    case SQL_C_SLONG:
    case SQL_C_ULONG:
      return 4;
    case SQL_C_SHORT:
    case SQL_C_SSHORT:
      return 2;
    default:
      return 1;
  }
}

SQLRETURN fetch(Statement& statement) {
  SQLULEN fetched = 0;
  SQLRETURN code = SQL_SUCCESS;
  for (; fetched < statement.rowset_rows && statement.next_row() != nullptr; ++fetched) {
    for (const auto& [number, binding] : statement.bindings) {
      const bool is_sized = binding.c_type == SQL_C_CHAR || binding.c_type == SQL_C_WCHAR ||
                            binding.c_type == SQL_C_BINARY;
      const std::size_t step =
          is_sized ? static_cast<std::size_t>(binding.room) : fixed_bytes(binding.c_type);
      std::size_t given = 0;
      const SQLRETURN one = give_column(
          statement, number, binding.c_type, binding.into + fetched * step, binding.room,
          binding.told == nullptr ? nullptr : binding.told + fetched, given);
      if (one == SQL_SUCCESS_WITH_INFO) code = one;
    }
  }
  if (statement.rows_fetched != nullptr) *statement.rows_fetched = fetched;
  if (statement.row_status != nullptr)
    for (SQLULEN i = 0; i < statement.rowset_rows; ++i)
      statement.row_status[i] = i < fetched ? SQL_ROW_SUCCESS : SQL_ROW_NOROW;
  return fetched == 0 ? SQLRETURN{SQL_NO_DATA} : code;
}

SQLULEN number_of(SQLPOINTER value) {
  return reinterpret_cast<SQLULEN>(value);
}

}  // namespace

// NOLINTBEGIN(readability-identifier-naming): ODBC's names
extern "C" {

SQLRETURN SQL_API SQLAllocHandle(SQLSMALLINT type, SQLHANDLE from, SQLHANDLE* made) {
  switch (type) {
    case SQL_HANDLE_ENV:
      *made = static_cast<Handle*>(new Environment());
      return SQL_SUCCESS;
    case SQL_HANDLE_DBC:
      *made = static_cast<Handle*>(new Connection());
      return SQL_SUCCESS;
    case SQL_HANDLE_STMT:
      *made = static_cast<Handle*>(new Statement(connection_of(from)));
      return SQL_SUCCESS;
    default:  // the manager asks for the descriptors of a statement, and does without
      *made = static_cast<Handle*>(new Environment());
      return SQL_SUCCESS;
  }
}

SQLRETURN SQL_API SQLFreeHandle(SQLSMALLINT type, SQLHANDLE handle) {
  if (type == SQL_HANDLE_STMT) statement_of(handle).close();
  delete &of(handle);
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLSetEnvAttr(SQLHENV, SQLINTEGER, SQLPOINTER, SQLINTEGER) {
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLSetConnectAttrW(SQLHDBC, SQLINTEGER, SQLPOINTER, SQLINTEGER) {
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLGetConnectAttrW(SQLHDBC handle, SQLINTEGER attribute, SQLPOINTER into,
                                     SQLINTEGER, SQLINTEGER*) {
  if (into == nullptr) return SQL_SUCCESS;
  const bool is_dead = attribute == SQL_ATTR_CONNECTION_DEAD && connection_of(handle).is_dead;
  const SQLUINTEGER value = attribute == SQL_ATTR_AUTOCOMMIT ? 1 : is_dead ? 1 : 0;
  std::memcpy(into, &value, sizeof value);
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLDriverConnectW(SQLHDBC handle, SQLHWND, SQLWCHAR* text, SQLSMALLINT units,
                                    SQLWCHAR*, SQLSMALLINT, SQLSMALLINT*, SQLUSMALLINT) {
  Connection& connection = connection_of(handle);
  connection.diagnostics.clear();
  return guarded(connection, [&] { return connection.connect(text_of(text, units)); });
}

SQLRETURN SQL_API SQLDisconnect(SQLHDBC) {
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLExecDirectW(SQLHSTMT handle, SQLWCHAR* text, SQLINTEGER units) {
  Statement& statement = statement_of(handle);
  statement.diagnostics.clear();
  return guarded(statement, [&] { return statement.execute(text_of(text, units)); });
}

SQLRETURN SQL_API SQLPrepareW(SQLHSTMT handle, SQLWCHAR* text, SQLINTEGER units) {
  Statement& statement = statement_of(handle);
  statement.diagnostics.clear();
  statement.prepared = text_of(text, units);
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLBindParameter(SQLHSTMT, SQLUSMALLINT, SQLSMALLINT, SQLSMALLINT, SQLSMALLINT,
                                   SQLULEN, SQLSMALLINT, SQLPOINTER, SQLLEN, SQLLEN*) {
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLExecute(SQLHSTMT handle) {
  Statement& statement = statement_of(handle);
  statement.diagnostics.clear();
  return guarded(statement, [&] { return statement.execute(statement.prepared); });
}

SQLRETURN SQL_API SQLMoreResults(SQLHSTMT handle) {
  Statement& statement = statement_of(handle);
  statement.diagnostics.clear();
  return guarded(statement, [&] { return statement.more(); });
}

SQLRETURN SQL_API SQLCancel(SQLHSTMT handle) {
  statement_of(handle).cancel();
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLFreeStmt(SQLHSTMT handle, SQLUSMALLINT option) {
  Statement& statement = statement_of(handle);
  if (option == SQL_CLOSE) statement.close();
  if (option == SQL_UNBIND) statement.bindings.clear();
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLCloseCursor(SQLHSTMT handle) {
  statement_of(handle).close();
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLNumResultCols(SQLHSTMT handle, SQLSMALLINT* count) {
  const auto* const columns = statement_of(handle).columns();
  *count = columns == nullptr ? SQLSMALLINT{0} : static_cast<SQLSMALLINT>(columns->size());
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLRowCount(SQLHSTMT handle, SQLLEN* count) {
  *count = statement_of(handle).row_count;
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLDescribeColW(SQLHSTMT handle, SQLUSMALLINT number, SQLWCHAR* name,
                                  SQLSMALLINT room, SQLSMALLINT* length, SQLSMALLINT* type,
                                  SQLULEN* size, SQLSMALLINT* digits, SQLSMALLINT* nullable) {
  const auto* const columns = statement_of(handle).columns();
  if (columns == nullptr || number < 1 || number > columns->size())
    return of(handle).fail("07009", 0, "[Scripted]Invalid descriptor index");
  const Column& column = (*columns)[number - 1U];
  SQLINTEGER told = 0;
  const SQLRETURN code = give_text(column.name, name, room, false, &told);
  if (length != nullptr) *length = static_cast<SQLSMALLINT>(told);
  if (type != nullptr) *type = sql_type(column.type);
  if (size != nullptr) *size = column_size(column.type);
  if (digits != nullptr) *digits = 0;
  if (nullable != nullptr) *nullable = SQL_NULLABLE;
  return code;
}

SQLRETURN SQL_API SQLColAttributeW(SQLHSTMT handle, SQLUSMALLINT number, SQLUSMALLINT field,
                                   SQLPOINTER text, SQLSMALLINT room_bytes, SQLSMALLINT* length,
                                   SQLLEN* value) {
  const auto* const columns = statement_of(handle).columns();
  if (field == SQL_DESC_COUNT || field == SQL_COLUMN_COUNT) {
    *value = columns == nullptr ? 0 : static_cast<SQLLEN>(columns->size());
    return SQL_SUCCESS;
  }
  if (columns == nullptr || number < 1 || number > columns->size())
    return of(handle).fail("07009", 0, "[Scripted]Invalid descriptor index");
  const Column& column = (*columns)[number - 1U];
  if (field == SQL_DESC_NAME || field == SQL_COLUMN_NAME || field == SQL_DESC_LABEL) {
    SQLINTEGER told = 0;
    const SQLRETURN code = give_text(column.name, static_cast<SQLWCHAR*>(text),
                                     room_bytes / SQLSMALLINT{sizeof(SQLWCHAR)}, true, &told);
    if (length != nullptr) *length = static_cast<SQLSMALLINT>(told);
    return code;
  }
  if (value == nullptr) return SQL_SUCCESS;
  const bool is_type = field == SQL_DESC_TYPE || field == SQL_DESC_CONCISE_TYPE;
  *value = is_type ? sql_type(column.type) : static_cast<SQLLEN>(column_size(column.type));
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLBindCol(SQLHSTMT handle, SQLUSMALLINT number, SQLSMALLINT c_type,
                             SQLPOINTER into, SQLLEN room, SQLLEN* told) {
  Statement& statement = statement_of(handle);
  if (into == nullptr && told == nullptr) {
    statement.bindings.erase(number);
  } else {
    statement.bindings[number] = {c_type, static_cast<char*>(into), room, told};
  }
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLFetch(SQLHSTMT handle) {
  Statement& statement = statement_of(handle);
  statement.diagnostics.clear();
  return guarded(statement, [&] { return fetch(statement); });
}

SQLRETURN SQL_API SQLGetData(SQLHSTMT handle, SQLUSMALLINT number, SQLSMALLINT c_type,
                             SQLPOINTER into, SQLLEN room, SQLLEN* told) {
  Statement& statement = statement_of(handle);
  statement.diagnostics.clear();
  if (statement.row() == nullptr || number < 1 || number > statement.columns()->size())
    return statement.fail("07009", 0, "[Scripted]there is no such field");
  return guarded(statement, [&] {
    return give_column(statement, number, c_type, into, room, told, statement.given[number]);
  });
}

SQLRETURN SQL_API SQLSetStmtAttrW(SQLHSTMT handle, SQLINTEGER attribute, SQLPOINTER value,
                                  SQLINTEGER) {
  Statement& statement = statement_of(handle);
  switch (attribute) {
    case SQL_ATTR_ROW_ARRAY_SIZE:
      statement.rowset_rows = std::max<SQLULEN>(1, number_of(value));
      break;
    case SQL_ATTR_ROWS_FETCHED_PTR:
      statement.rows_fetched = static_cast<SQLULEN*>(value);
      break;
    case SQL_ATTR_ROW_STATUS_PTR:
      statement.row_status = static_cast<SQLUSMALLINT*>(value);
      break;
    default:
      break;
  }
  return SQL_SUCCESS;
}

// The manager wants descriptors, and keeps them to itself.
SQLRETURN SQL_API SQLGetStmtAttrW(SQLHSTMT handle, SQLINTEGER, SQLPOINTER into, SQLINTEGER,
                                  SQLINTEGER*) {
  if (into != nullptr) std::memcpy(into, &handle, sizeof handle);
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLGetDiagRecW(SQLSMALLINT, SQLHANDLE handle, SQLSMALLINT number, SQLWCHAR* state,
                                 SQLINTEGER* native, SQLWCHAR* text, SQLSMALLINT room,
                                 SQLSMALLINT* length) {
  const auto& all = of(handle).diagnostics;
  if (number < 1) return SQL_ERROR;
  if (static_cast<std::size_t>(number) > all.size()) return SQL_NO_DATA;
  const Diagnostic& one = all[static_cast<std::size_t>(number) - 1];
  if (state != nullptr) static_cast<void>(give_text(one.state, state, 6, false, nullptr));
  if (native != nullptr) *native = one.number;
  SQLINTEGER told = 0;
  const SQLRETURN code = give_text(one.text, text, room, false, &told);
  if (length != nullptr) *length = static_cast<SQLSMALLINT>(told);
  return code;
}

SQLRETURN SQL_API SQLGetDiagFieldW(SQLSMALLINT, SQLHANDLE handle, SQLSMALLINT number,
                                   SQLSMALLINT field, SQLPOINTER into, SQLSMALLINT room_bytes,
                                   SQLSMALLINT* length) {
  const auto& all = of(handle).diagnostics;
  if (field == SQL_DIAG_NUMBER) {
    const auto count = static_cast<SQLINTEGER>(all.size());
    std::memcpy(into, &count, sizeof count);
    return SQL_SUCCESS;
  }
  if (number < 1 || static_cast<std::size_t>(number) > all.size()) return SQL_NO_DATA;
  const Diagnostic& one = all[static_cast<std::size_t>(number) - 1];
  if (field == SQL_DIAG_NATIVE) {
    const SQLINTEGER native = one.number;
    std::memcpy(into, &native, sizeof native);
    return SQL_SUCCESS;
  }
  const std::string& text = field == SQL_DIAG_SQLSTATE ? one.state : one.text;
  SQLINTEGER told = 0;
  const SQLRETURN code = give_text(text, static_cast<SQLWCHAR*>(into),
                                   room_bytes / SQLSMALLINT{sizeof(SQLWCHAR)}, true, &told);
  if (length != nullptr) *length = static_cast<SQLSMALLINT>(told);
  return code;
}

SQLRETURN SQL_API SQLEndTran(SQLSMALLINT, SQLHANDLE handle, SQLSMALLINT) {
  return of(handle).type == SQL_HANDLE_DBC && connection_of(handle).is_dead ? SQL_ERROR
                                                                            : SQL_SUCCESS;
}

SQLRETURN SQL_API SQLGetInfoW(SQLHDBC, SQLUSMALLINT what, SQLPOINTER into, SQLSMALLINT room_bytes,
                              SQLSMALLINT* length) {
  static const std::map<SQLUSMALLINT, std::string> texts{
      {SQL_DRIVER_ODBC_VER, "03.80"}, {SQL_DRIVER_NAME, "scripted_odbc.so"},
      {SQL_DRIVER_VER, "01.00"},      {SQL_DBMS_NAME, "Microsoft SQL Server"},
      {SQL_DBMS_VER, "16.00.4135"},   {SQL_IDENTIFIER_QUOTE_CHAR, "\""},
  };
  if (const auto text = texts.find(what); text != texts.end()) {
    SQLINTEGER told = 0;
    const SQLRETURN code = give_text(text->second, static_cast<SQLWCHAR*>(into),
                                     room_bytes / SQLSMALLINT{sizeof(SQLWCHAR)}, true, &told);
    if (length != nullptr) *length = static_cast<SQLSMALLINT>(told);
    return code;
  }
  const bool is_wide = what == SQL_GETDATA_EXTENSIONS || what == SQL_ASYNC_MODE;
  const SQLUINTEGER value =
      what == SQL_GETDATA_EXTENSIONS ? SQLUINTEGER{SQL_GD_BOUND} : SQLUINTEGER{0};
  const std::size_t size = is_wide ? sizeof(SQLUINTEGER) : sizeof(SQLUSMALLINT);
  if (into != nullptr) std::memcpy(into, &value, size);
  if (length != nullptr) *length = static_cast<SQLSMALLINT>(size);
  return SQL_SUCCESS;
}

SQLRETURN SQL_API SQLGetFunctions(SQLHDBC, SQLUSMALLINT function, SQLUSMALLINT* supported) {
  static constexpr std::array known{
      SQL_API_SQLALLOCHANDLE,   SQL_API_SQLBINDCOL,        SQL_API_SQLBINDPARAMETER,
      SQL_API_SQLCANCEL,        SQL_API_SQLEXECUTE,        SQL_API_SQLPREPARE,
      SQL_API_SQLCLOSECURSOR,   SQL_API_SQLCOLATTRIBUTE,   SQL_API_SQLDESCRIBECOL,
      SQL_API_SQLDISCONNECT,    SQL_API_SQLDRIVERCONNECT,  SQL_API_SQLENDTRAN,
      SQL_API_SQLEXECDIRECT,    SQL_API_SQLFETCH,          SQL_API_SQLFREEHANDLE,
      SQL_API_SQLFREESTMT,      SQL_API_SQLGETCONNECTATTR, SQL_API_SQLGETDATA,
      SQL_API_SQLGETDIAGFIELD,  SQL_API_SQLGETDIAGREC,     SQL_API_SQLGETFUNCTIONS,
      SQL_API_SQLGETINFO,       SQL_API_SQLGETSTMTATTR,    SQL_API_SQLMORERESULTS,
      SQL_API_SQLNUMRESULTCOLS, SQL_API_SQLROWCOUNT,       SQL_API_SQLSETCONNECTATTR,
      SQL_API_SQLSETENVATTR,    SQL_API_SQLSETSTMTATTR,
  };
  const auto has = [&](SQLUSMALLINT one) {
    return std::find(known.begin(), known.end(), one) != known.end();
  };
  if (function == SQL_API_ODBC3_ALL_FUNCTIONS) {
    std::fill_n(supported, SQL_API_ODBC3_ALL_FUNCTIONS_SIZE, SQLUSMALLINT{0});
    for (const int one : known)
      supported[one >> 4] = static_cast<SQLUSMALLINT>(supported[one >> 4] | 1U << (one & 0xf));
  } else if (function == SQL_API_ALL_FUNCTIONS) {
    for (SQLUSMALLINT one = 0; one < 100; ++one) supported[one] = has(one) ? SQL_TRUE : SQL_FALSE;
  } else {
    *supported = has(function) ? SQL_TRUE : SQL_FALSE;
  }
  return SQL_SUCCESS;
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
