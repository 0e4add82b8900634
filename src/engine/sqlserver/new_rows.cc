// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/new_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/sqlserver/bulk_rows.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t batch_bytes = std::size_t{512} << 10U;
constexpr std::size_t batch_rows_max = 1000;
constexpr std::size_t waiting_bytes_max = 2 * batch_bytes;
// Rows that are there as they come are there after so many bytes.
constexpr std::size_t commit_bytes = std::size_t{32} << 20U;

std::size_t bytes_of(const model::Row& row) noexcept {
  std::size_t bytes = 0;
  for (const model::Value& value : row) bytes += value.text.size();
  return bytes;
}

}  // namespace

NewRows::NewRows(std::unique_ptr<Session> session, SqlTable table, Commit commit,
                 const std::stop_token& stop)
    : session_(std::move(session)),
      table_(std::move(table)),
      commit_(commit),
      stop_(stop),
      channel_(waiting_bytes_max),
      crew_([this] { channel_.abandon(); }),
      on_stop_(stop, [this] {
        crew_.request_stop();
        channel_.abandon();
      }) {
  check_rule(!given_columns(table_).empty(), "rows are given for some column");
  crew_.start([this](const std::stop_token& crew_stop) {
    in_context("filling table " + table_.name.display(), [&] { insert(crew_stop); });
  });
}

NewRows::~NewRows() {
  channel_.abandon();
}

void NewRows::row(const model::Row& row) {
  check_rule(!is_over_ && row.size() == table_.columns.size(), "a row has a value for each column");
  const std::size_t bytes = bytes_of(row);
  const bool is_wide = bytes >= wide_row_bytes;
  if (is_wide) {
    if (batch_.rows > 0) pass_on();
    batch_.turn = std::make_unique<WideRowTurn>(WideRowTurn::Way::writing);
    batch_.turn->take(bytes, stop_);
    batch_.turn->got(bytes, stop_);
  }
  in_context("filling table " + table_.name.display(), [&] { add_row(batch_, table_, row); });
  if (is_wide || batch_.rows == batch_rows_max || batch_.size_bytes() >= batch_bytes) pass_on();
}

void NewRows::pass_on() {
  RowBatch batch = std::exchange(batch_, {});
  batch_.values.reserve(std::min(batch.values.size(), batch_bytes));
  const std::size_t size_bytes = batch.size_bytes();
  if (channel_.push(std::move(batch), size_bytes)) return;
  crew_.join();  // throws why
  if (stop_.stop_requested())
    throw Error(Errc::cancelled, "stopped filling " + table_.name.display());
  throw Error(Errc::bug, "rows came after their end");
}

void NewRows::finish() {
  check_rule(!is_over_, "rows are finished once");
  if (batch_.rows > 0) pass_on();
  is_over_ = true;
  channel_.close();
  crew_.join();
  if (stop_.stop_requested())
    throw Error(Errc::cancelled, "stopped filling " + table_.name.display());
}

// On the crew's thread. `is_over_` is read once the channel is closed, and so after it was set.
void NewRows::insert(const std::stop_token& stop) {
  Session& session = *session_;
  session.stop_with(stop);
  const bool has_identity = std::ranges::any_of(table_.columns, &SqlColumn::is_identity);
  if (has_identity)
    session.run(fmt::format("SET IDENTITY_INSERT {}.{} ON", identifier(table_.name.schema),
                            identifier(table_.name.table)));
  session.run("BEGIN TRANSACTION");
  BulkRows rows(session, table_);
  std::size_t since_commit = 0;
  while (std::optional<RowBatch> batch = channel_.pop()) {
    if (batch->statement.empty())
      rows.insert(*batch, stop);
    else
      session.run(batch->statement, {}, Errc::differs);
    since_commit += batch->size_bytes();
    if (commit_ == Commit::at_end || since_commit < commit_bytes) continue;
    session.run("COMMIT TRANSACTION; BEGIN TRANSACTION");
    since_commit = 0;
  }
  if (stop.stop_requested() || !is_over_) throw Error(Errc::cancelled, "the rows were given up");
  session.run("COMMIT TRANSACTION");
}

}  // namespace holdfast::engine::sqlserver
