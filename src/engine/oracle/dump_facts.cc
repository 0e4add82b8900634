// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/dump_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.h"

namespace holdfast::engine::oracle {
namespace {

constexpr std::size_t buffer_bytes_max = std::size_t{1} << 20U;

}  // namespace

struct DumpWatch::State {
  class Source final : public ByteSource {
   public:
    Source(State& state, std::stop_token stop) : state_(state), stop_(std::move(stop)) {}
    [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
      std::unique_lock lock(state_.mutex);
      state_.changed.wait(lock, stop_, [&] { return !state_.buffer.empty() || state_.is_closed; });
      if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted while reading a dump");
      const std::size_t count = std::min(into.size(), state_.buffer.size());
      std::copy_n(state_.buffer.begin(), count, into.begin());
      state_.buffer.erase(state_.buffer.begin(),
                          state_.buffer.begin() + static_cast<std::ptrdiff_t>(count));
      state_.changed.notify_all();
      return count;
    }

   private:
    State& state_;
    std::stop_token stop_;
  };

  State(ExamineDump examine_in, const std::stop_token& stop_in)
      : examine(std::move(examine_in)), outer(stop_in, [this] { thread.request_stop(); }) {
    thread = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  void run(const std::stop_token& stop) {
    try {
      Source source(*this, stop);
      facts = examine(source, stop);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    is_done = true;
    changed.notify_all();
  }

  ExamineDump examine;
  std::mutex mutex;  // guards the next
  std::condition_variable_any changed;
  Bytes buffer;
  bool is_closed = false, is_done = false;
  DumpFacts facts;             // once done
  std::exception_ptr failure;  // the same
  std::jthread thread;
  std::stop_callback<std::function<void()>> outer;
};

DumpWatch::DumpWatch(ExamineDump examine, const std::stop_token& stop)
    : state_(std::make_unique<State>(std::move(examine), stop)) {}

DumpWatch::~DumpWatch() {
  state_->thread.request_stop();
  if (state_->thread.joinable()) state_->thread.join();
}

void DumpWatch::write(ByteView bytes) {
  while (!bytes.empty()) {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(
        lock, [&] { return state_->buffer.size() < buffer_bytes_max || state_->is_done; });
    if (state_->is_done) return;
    const std::size_t count = std::min(bytes.size(), buffer_bytes_max - state_->buffer.size());
    append(state_->buffer, bytes.first(count));
    bytes = bytes.subspan(count);
    state_->changed.notify_all();
  }
}

DumpFacts DumpWatch::finish() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_closed = true;
    state_->changed.notify_all();
  }
  if (state_->thread.joinable()) state_->thread.join();
  if (state_->failure) std::rethrow_exception(state_->failure);
  return std::move(state_->facts);
}

namespace {

void compare_partitions(const DumpTable& dumped,
                        const std::map<std::string, std::uint64_t>& expected,
                        std::vector<std::string>& lines) {
  if (dumped.partitions.empty()) return;
  for (const auto& [partition, rows] : expected) {
    const auto found = dumped.partitions.find(partition);
    // Those without a row may not be in it.
    const std::uint64_t had = found == dumped.partitions.end() ? 0 : found->second;
    if (had != rows)
      lines.push_back(fmt::format("partition {} of table {} had {} rows, the dump has {}",
                                  partition, dumped.table, rows, had));
  }
}

}  // namespace

std::vector<std::string> compare_dump(const DumpFacts& dump, const Server& server,
                                      std::string_view schema, const Catalog& catalog,
                                      const std::map<std::string, std::uint64_t>& rows,
                                      const PartitionRows& partitions) {
  std::vector<std::string> lines;
  if (!dump.whole)
    lines.push_back("the dump is not whole: " +
                    (dump.damage.empty() ? std::string("it has no end") : dump.damage));
  if (!dump.character_set.empty() && dump.character_set != server.character_set)
    lines.push_back(fmt::format("the dump says {} where the database has {}", dump.character_set,
                                server.character_set));
  if (!dump.client_character_set.empty() && dump.client_character_set != server.character_set)
    lines.push_back(
        fmt::format("names, texts and code in the dump are of {}, the database has {}: what that "
                    "does not know is lost",
                    dump.client_character_set, server.character_set));
  std::map<std::string, const DumpTable*> dumped;
  for (const DumpTable& table : dump.tables)
    if (table.schema.empty() || table.schema == schema) dumped.emplace(table.table, &table);
  for (const Table& table : catalog.tables) {
    const auto found = dumped.find(table.name);
    if (found == dumped.end()) {
      if (table.has_rows)
        lines.push_back(fmt::format("table {} is not in the dump{}", table.name,
                                    table.is_deferred ? ", as it has no segment" : ""));
      continue;
    }
    const auto expected = rows.find(table.name);
    if (expected == rows.end()) continue;
    if (found->second->rows != expected->second)
      lines.push_back(fmt::format("table {} had {} rows, the dump has {}", table.name,
                                  expected->second, found->second->rows));
    if (found->second->lobs)
      for (const std::string& column : table.lobs)
        if (!found->second->lobs->contains(column))
          lines.push_back(fmt::format("LOB column {}.{} is not in the dump", table.name, column));
    if (const auto parts = partitions.find(table.name); parts != partitions.end())
      compare_partitions(*found->second, parts->second, lines);
  }
  for (const model::ObjectFacts& object : catalog.objects)
    if (dump.listed.contains(object.kind) &&
        !dump.objects.contains(object.kind + " " + object.name))
      lines.push_back(fmt::format("{} {} is not in the dump", object.kind, object.name));
  return lines;
}

}  // namespace holdfast::engine::oracle
