// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/dac/dac_rows.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/crew.h"
#include "base/error.h"
#include "engine/sqlserver/bcp/bcp_reader.h"
#include "engine/sqlserver/dac/dac_findings.h"

namespace holdfast::engine::sqlserver {
namespace {

// One part, and what was found in it.
struct Task {
  explicit Task(const ZipPart* of_part, const SqlTable* of_table = nullptr, std::size_t at = 0)
      : part(of_part), table(of_table), place(at) {}

  const ZipPart* part;
  const SqlTable* table;  // nullptr: only its checksum is asked for
  std::size_t place;      // of the table
  std::uint64_t rows = 0, large_rows = 0, undecodable = 0;
  model::TableDigest digest;
  std::optional<Error> damage;  // of the part, or of rows in it
  bool is_of_rows = false;      // the latter
};

void drain(ByteSource& source) {
  Bytes piece(std::size_t{256} << 10U);
  while (source.read(piece) > 0) {
  }
}

void read_rows(ByteSource& source, bool with_digests, Task& task, const std::stop_token& stop) {
  BcpReader reader(source, *task.table, stop);
  model::RowHasher hasher;
  try {
    for (model::Row row; reader.next(row);) {
      if (reader.is_large())
        ++task.large_rows;
      else if (with_digests)
        hasher.add(row);
    }
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    drain(source);  // throws if it is the part that is damaged
    task.is_of_rows = true;
    throw;
  }
  task.rows = reader.rows();
  task.undecodable = reader.undecodable();
  task.digest = hasher.digest();
}

void run(model::RandomSource& file, bool with_digests, Task& task, const std::stop_token& stop) {
  try {
    const auto source = open_zip_part(file, *task.part, stop);
    if (task.table != nullptr)
      read_rows(*source, with_digests, task, stop);
    else
      drain(*source);
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt && error.code() != Errc::unsupported) throw;
    task.damage = error;
  }
}

std::vector<Task> tasks_of(const DacReport& report) {
  std::vector<Task> tasks;
  std::vector<const ZipPart*> placed;
  for (std::size_t i = 0; i < report.tables.size(); ++i) {
    const SqlTable& table = report.model->tables[i];
    const bool is_readable = table.obstacle().empty();
    for (const ZipPart* const part : report.tables[i].parts) {
      placed.push_back(part);
      if (part->is_sound) tasks.emplace_back(part, is_readable ? &table : nullptr, i);
    }
  }
  std::ranges::sort(placed);
  for (const ZipPart& part : report.index.parts) {
    const bool was_read = part.name == dac_model_part || part.name == dac_origin_part ||
                          part.name == dac_metadata_part || part.name == dac_relations_part;
    if (part.is_sound && !was_read && !std::ranges::binary_search(placed, &part))
      tasks.emplace_back(&part);
  }
  return tasks;
}

void add_up(std::vector<Task>& tasks, DacReport& report) {
  for (DacRows& rows : report.tables) {
    const auto index = static_cast<std::size_t>(&rows - report.tables.data());
    rows.is_read = report.model->tables[index].obstacle().empty() &&
                   std::ranges::all_of(rows.parts, &ZipPart::is_sound);
  }
  DacTally& tally = report.tally;
  for (Task& task : tasks) {
    if (task.damage) {
      if (task.is_of_rows)
        judge_undecoded(task.part->name, *task.damage, report);
      else
        judge_part(*task.damage, report);
    } else {
      ++tally.parts;
    }
    if (task.table == nullptr) continue;
    DacRows& rows = report.tables[task.place];
    rows.rows += task.rows;
    rows.digest.add(task.digest);
    rows.is_read = rows.is_read && !task.damage && task.large_rows == 0;
    tally.large_rows += task.large_rows;
    tally.undecodable += task.undecodable;
    const auto note = [&](std::uint64_t count, std::string& place) {
      if (count > 0 && place.empty()) place = task.table->name.display();
    };
    note(task.large_rows, tally.large_in);
    note(task.undecodable, tally.undecodable_in);
  }
}

}  // namespace

void read_dac_rows(model::RandomSource& file, bool with_digests, DacReport& report,
                   const std::stop_token& stop) {
  std::vector<Task> tasks = tasks_of(report);
  std::vector<Task*> order;
  for (Task& task : tasks) order.push_back(&task);
  // The longest first, so that none of them is left at the end.
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [](const Task* task) { return task->part->packed_bytes; });
  std::atomic<std::size_t> next = 0;
  Crew crew;
  const std::stop_callback forward(stop, [&] { crew.request_stop(); });
  for (std::size_t i = 0; i < std::min<std::size_t>(cores_available(), order.size()); ++i) {
    crew.start([&](const std::stop_token& own) {
      for (std::size_t at = next++; at < order.size(); at = next++) {
        if (own.stop_requested()) throw Error(Errc::cancelled, "interrupted");
        run(file, with_digests, *order[at], own);
      }
    });
  }
  crew.join();
  add_up(tasks, report);
}

}  // namespace holdfast::engine::sqlserver
