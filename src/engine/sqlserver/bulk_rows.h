// SPDX-License-Identifier: Apache-2.0
// Rows into a table by an INSERT of many rows that the server keeps prepared.
//
// The drivers' own bulk load is not used: that of FreeTDS 1.3 copies values above 4096 bytes beyond
// its buffer, and Microsoft's is no part of ODBC. Source: ODBC Programmer's Reference 3.8,
// "Statement Parameters"; FreeTDS 1.3.17, src/odbc/bcp.c and src/tds/mem.c.
#pragma once

#include <memory>
#include <stop_token>

#include "engine/sqlserver/row_batch.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// Not for two threads at once; the session does nothing else meanwhile.
class BulkRows {
 public:
  // Both outlive it.
  BulkRows(Session& session, const SqlTable& table);
  ~BulkRows();
  BulkRows(const BulkRows&) = delete;
  BulkRows& operator=(const BulkRows&) = delete;

  // All rows of the batch. Errc::differs for what the server refuses of them, Errc::cancelled soon
  // after a stop request.
  void insert(const RowBatch& batch, const std::stop_token& stop);

 private:
  class Statement;
  Session& session_;
  const SqlTable& table_;
  std::vector<Given> given_;
  std::size_t rows_max_;                                // of one statement
  std::vector<std::unique_ptr<Statement>> statements_;  // by the logarithm of their rows
};

}  // namespace holdfast::engine::sqlserver
