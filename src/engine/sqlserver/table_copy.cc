// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/table_copy.h"

#include <algorithm>
#include <optional>

#include "base/crew.h"
#include "engine/sqlserver/bcp/bcp_writer.h"
#include "engine/sqlserver/row_reader.h"

namespace holdfast::engine::sqlserver {
namespace {

class Reading final : public model::RowSink {
 public:
  Reading(const SqlTable& table, ByteSink* into, model::RowSink* shown_to) : shown_to_(shown_to) {
    if (into != nullptr) writer_.emplace(*into, table);
  }
  void columns(const std::vector<model::Column>& columns) override {
    if (shown_to_ != nullptr) shown_to_->columns(columns);
  }
  void row(const model::Row& row) override {
    if (writer_) writer_->row(row);
    hasher_.add(row);
    if (shown_to_ != nullptr) shown_to_->row(row);
  }
  [[nodiscard]] const model::TableDigest& finish() {
    if (writer_) writer_->finish();
    return hasher_.digest();
  }

 private:
  std::optional<BcpWriter> writer_;
  model::RowHasher hasher_;
  model::RowSink* shown_to_;
};

}  // namespace

model::TableDigest copy_rows(Session& session, const SqlTable& table, ByteSink* into,
                             model::RowSink* shown_to, const std::stop_token& stop) {
  Reading reading(table, into, shown_to);
  read_rows(session, table, reading, stop);
  return reading.finish();
}

void digest_tables(SessionPool& pool, std::span<const DigestTask> tasks, unsigned parallel,
                   const std::stop_token& stop) {
  std::mutex mutex;  // guards next
  std::size_t next = 0;
  Crew crew;
  const std::stop_callback forward(stop, [&] { crew.request_stop(); });
  const std::size_t helpers = std::min<std::size_t>(std::max(1U, parallel), tasks.size());
  for (std::size_t i = 0; i < helpers; ++i) {
    crew.start([&](const std::stop_token& crew_stop) {
      SessionPool::Lease session = pool.take(crew_stop);
      for (;;) {
        std::unique_lock lock(mutex);
        if (next == tasks.size()) return;
        const DigestTask& task = tasks[next++];
        lock.unlock();
        const auto tap = task.tap ? task.tap() : nullptr;
        *task.digest = copy_rows(*session, *task.table, nullptr, tap.get(), crew_stop);
      }
    });
  }
  crew.join();
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
}

}  // namespace holdfast::engine::sqlserver
