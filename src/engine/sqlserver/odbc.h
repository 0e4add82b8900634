// SPDX-License-Identifier: Apache-2.0
// ODBC's interface for C, its handles, texts and messages, for the files that talk to a driver:
// session.cc, rows.cc and bulk_rows.cc. Nobody else includes it.
//
// Source: ODBC Programmer's Reference 3.8.
#pragma once

#include <sql.h>
#include <sqlext.h>
#include <sqlucode.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

static_assert(sizeof(SQLWCHAR) == sizeof(char16_t));

class Handle {
 public:
  Handle() = default;
  ~Handle() { reset(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  void allocate(SQLSMALLINT type, SQLHANDLE from) {
    reset();
    if (!SQL_SUCCEEDED(::SQLAllocHandle(type, from, &handle_)))
      throw Error(Errc::io, "ODBC has no memory for a connection");
    type_ = type;
  }
  void reset() noexcept {
    if (handle_ != nullptr) ::SQLFreeHandle(type_, std::exchange(handle_, nullptr));
  }
  [[nodiscard]] SQLHANDLE get() const noexcept { return handle_; }

 private:
  SQLSMALLINT type_ = 0;
  SQLHANDLE handle_ = nullptr;
};

// A text as a driver takes or fills it.
[[nodiscard]] SQLWCHAR* units_of(std::u16string& text) noexcept;
// The first `count` units of `text`, or all of it.
[[nodiscard]] std::string to_utf8(const std::u16string& text, SQLSMALLINT count);
// A number where ODBC wants a pointer.
[[nodiscard]] SQLPOINTER as_value(SQLULEN value) noexcept;
// All that the last call on a handle has to say, information too.
[[nodiscard]] std::vector<Message> diagnostics(SQLSMALLINT type, SQLHANDLE handle);

}  // namespace holdfast::engine::sqlserver
