// SPDX-License-Identifier: Apache-2.0
// Typed rows on their way into one table of a server, by a session and a thread of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/channel.h"
#include "base/crew.h"
#include "engine/engine.h"
#include "engine/sqlserver/columns.h"
#include "engine/sqlserver/row_batch.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// When rows are there for others: all at finish(), or as they come, where what is not finished is
// thrown away by whoever fills the table.
enum class Commit : std::uint8_t { at_end, as_rows_come };

// Rows go by INSERT statements of many rows, while those after them are put together. Values of
// identity columns are kept. Those of rowversion columns cannot be given: the server makes new
// ones, and what comes for them is passed over. A value that does not fit its column is
// Errc::unsupported from row(); what the server refuses is Errc::differs from row() or finish(), of
// some row before. Memory: some 2 MiB, and wide rows in turn with those of others.
class NewRows final : public Filling::Rows {
 public:
  // The table, of the session's database, has these columns, and others only if they need no value.
  NewRows(std::unique_ptr<Session> session, SqlTable table, Commit commit,
          const std::stop_token& stop);
  ~NewRows() override;

  void columns(const std::vector<model::Column>& /*columns*/) override {}
  void row(const model::Row& row) override;
  void finish() override;

 private:
  void pass_on();
  void insert(const std::stop_token& stop);

  const std::unique_ptr<Session> session_;
  const SqlTable table_;
  const Commit commit_;
  const std::stop_token stop_;
  RowBatch batch_;
  bool is_over_ = false;
  Channel<RowBatch> channel_;
  Crew crew_;  // goes before what its thread uses
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace holdfast::engine::sqlserver
