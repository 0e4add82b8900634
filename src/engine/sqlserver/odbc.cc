// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/odbc.h"

#include <algorithm>

#include "engine/sqlserver/server_errors.h"
#include "engine/sqlserver/wide_text.h"

namespace holdfast::engine::sqlserver {

SQLWCHAR* units_of(std::u16string& text) noexcept {
  return reinterpret_cast<SQLWCHAR*>(text.data());
}

std::string to_utf8(const std::u16string& text, SQLSMALLINT count) {
  std::string utf8;
  const auto units = std::min(static_cast<std::size_t>(std::max<int>(count, 0)), text.size());
  append_utf8(utf8, {reinterpret_cast<const char*>(text.data()), units * sizeof(char16_t)});
  return utf8;
}

std::vector<Message> diagnostics(SQLSMALLINT type, SQLHANDLE handle) {
  std::vector<Message> found;
  std::u16string state(6, u'\0'), text(4096, u'\0');
  for (SQLSMALLINT at = 1;; ++at) {
    SQLINTEGER number = 0;
    SQLSMALLINT length = 0;
    const SQLRETURN code =
        ::SQLGetDiagRecW(type, handle, at, units_of(state), &number, units_of(text),
                         static_cast<SQLSMALLINT>(text.size()), &length);
    if (!SQL_SUCCEEDED(code)) return found;
    length = std::min(length, static_cast<SQLSMALLINT>(text.size() - 1));
    found.push_back({number, to_utf8(state, 5), without_names(to_utf8(text, length))});
  }
}

SQLPOINTER as_value(SQLULEN value) noexcept {
  return reinterpret_cast<SQLPOINTER>(value);  // NOLINT(performance-no-int-to-ptr): ODBC's way
}

}  // namespace holdfast::engine::sqlserver
