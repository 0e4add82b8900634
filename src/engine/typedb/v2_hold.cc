// SPDX-License-Identifier: Apache-2.0
// A moment of databases of one server of 2.x: their exports, begun at once.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/timestamp.h"
#include "engine/typedb/export_facts.h"
#include "engine/typedb/export_hold.h"
#include "engine/typedb/schema_fence.h"
#include "engine/typedb/server_job.h"
#include "engine/typedb/v2_server.h"

namespace holdfast::engine::typedb {
namespace {

using std::chrono::steady_clock;

// How long an export may take to begin where nobody waits for it.
constexpr std::chrono::minutes begin_max{5};

// Source: typedb/typedb, migrator/MigratorService.java and database/DatabaseExporter.java
// of 2.29.1: exports and the three workers of each share the threads of one pool, one fewer than
// processors; those that write into a full pipe keep theirs.
constexpr std::string_view crowded_hint =
    "A server of 2.x writes fewer exports at once than it has processors: set the option "
    "`exchange_directory`, where an export does not wait for us, or have fewer of its databases in "
    "one instance.";

struct Held {
  explicit Held(ServerLocation where) : location(std::move(where)) {}
  ServerLocation location;
  std::unique_ptr<RunningExport> exported;
  std::string schema, version;
  std::mutex mutex;  // guards all below, and reading
  bool begun = false;
  std::optional<ExportFacts> facts;  // once it was read to its end
};

class JobsHold final : public Hold {
 public:
  JobsHold(const ServerAccess& access, std::vector<ServerLocation> databases,
           const HoldOptions& options);

  [[nodiscard]] bool fence(steady_clock::time_point deadline) override;
  void capture() override;
  void unfence() override;
  [[nodiscard]] model::Moment moment(std::size_t /*database*/) const override { return moment_; }
  [[nodiscard]] std::vector<model::Part> parts(std::size_t database) override;
  void copy(std::size_t database, const model::Part& part, model::PartSink& into,
            std::stop_token stop) override;
  void describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void outline(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void release() override;

 private:
  enum class Stage : std::uint8_t { held, fenced, captured, released };

  void begin_exports();
  void check_schema(Held& held);
  void let_go() noexcept;
  Held& captured(std::size_t database);
  void read_locked(Held& held, ByteSink* into, const std::stop_token& stop);

  const HoldOptions options_;
  const ServerAccess access_;
  Connection connection_;  // used by one thread: until capture() returns
  std::vector<std::unique_ptr<Held>> databases_;
  SchemaFence fence_;
  std::optional<JobRunner> runner_;  // nothing where there is nothing to copy
  Stage stage_ = Stage::held;
  steady_clock::time_point fenced_at_, fence_deadline_;
  model::Moment moment_;
};

JobsHold::JobsHold(const ServerAccess& access, std::vector<ServerLocation> databases,
                   const HoldOptions& options)
    : options_(options), access_(access), connection_(access, options.stop) {
  for (ServerLocation& location : databases) {
    if (!connection_.contains(location.database, options.stop))
      throw Error(Errc::not_found, fmt::format("there is no {}", location.display()))
          .set_hint("Name a database that the console's `database list` shows.");
    databases_.push_back(std::make_unique<Held>(std::move(location)));
  }
  if (!options.only_outline)
    runner_ = find_runner(connection_, access, databases_.at(0)->location, options.stop);
}

bool JobsHold::fence(steady_clock::time_point deadline) {
  check_rule(stage_ == Stage::held, "a fence comes before the capture");
  fenced_at_ = steady_clock::now();
  fence_deadline_ = deadline;
  std::vector<std::string> names;
  if (!options_.only_outline)
    for (const auto& held : databases_) names.push_back(held->location.database);
  if (!fence_.take(access_, names, deadline, options_.stop)) return false;
  stage_ = Stage::fenced;
  return true;
}

// A schema is written by another transaction than the data: both are of one mind if the types are
// afterwards what they were before, which the fence sees to.
void JobsHold::check_schema(Held& held) {
  const std::string& written = held.exported->schema();
  const bool as_before = written.empty() || schema_digest(written) == schema_digest(held.schema);
  if (as_before && stage_ == Stage::fenced) return;
  if (as_before && connection_.schema(held.location.database, options_.stop) == held.schema) return;
  throw Error(Errc::not_consistent, fmt::format("types of {} were changed while its export began",
                                                held.location.display()))
      .set_hint("Make the backup again.");
}

void JobsHold::begin_exports() {
  const bool fenced = stage_ == Stage::fenced;
  const auto limit = fenced ? std::max(fence_deadline_, fenced_at_ + options_.writer_stall_max)
                            : steady_clock::now() + begin_max;
  const bool is_crowded =
      databases_.size() > 1 && databases_.front()->location.exchange_directory.empty();
  for (const auto& held : databases_) {
    held->exported = begin_export(*runner_, held->location, options_.scratch_directory);
    held->exported->obey(options_.stop);
  }
  for (const auto& held : databases_) {
    const bool in_time = in_context(fmt::format("exporting {}", held->location.display()),
                                    [&] { return held->exported->wait_for_snapshot(limit); });
    if (!in_time)
      throw Error(Errc::not_consistent,
                  fmt::format("the export of {} did not begin in time", held->location.display()))
          .set_hint(is_crowded ? crowded_hint
                    : fenced ? std::string_view("Raise limits.fence_ms or limits.writer_stall_ms.")
                             : std::string_view("Look at the server's log."));
    held->version = version_of(held->exported->start());
    check_schema(*held);
  }
}

void JobsHold::capture() {
  check_rule(stage_ == Stage::held || stage_ == Stage::fenced, "a hold is captured once");
  moment_.earliest = system_clock().now();
  try {
    for (const auto& held : databases_)
      held->schema = connection_.schema(held->location.database, options_.stop);
    if (!options_.only_outline) begin_exports();
  } catch (...) {
    let_go();
    throw;
  }
  moment_.latest = system_clock().now();
  stage_ = Stage::captured;
}

void JobsHold::let_go() noexcept {
  fence_.let_go();
  for (const auto& held : databases_) held->exported.reset();
}

void JobsHold::unfence() {
  if (stage_ == Stage::fenced) stage_ = Stage::held;
  fence_.release();
}

Held& JobsHold::captured(std::size_t database) {
  check_rule(stage_ == Stage::captured, "a hold is read while it is captured");
  return *databases_.at(database);
}

std::vector<model::Part> JobsHold::parts(std::size_t database) {
  return export_parts(captured(database).schema.size());
}

void JobsHold::copy(std::size_t database, const model::Part& part, model::PartSink& into,
                    std::stop_token stop) {
  Held& held = captured(database);
  const std::unique_ptr<model::PartSink::Segment> segment = into.segment(0);
  if (part.path == schema_part) {
    segment->write(as_bytes(held.schema));
  } else {
    check_rule(part.path == data_part, "an export has two parts");
    const std::lock_guard lock(held.mutex);
    read_locked(held, segment.get(), stop);
  }
  segment->finish();
}

void JobsHold::read_locked(Held& held, ByteSink* into, const std::stop_token& stop) {
  check_rule(!held.begun && held.exported, "an export is read once");
  held.begun = true;
  held.facts =
      read_running(*held.exported, fmt::format("the export of {}", held.location.display()),
                   options_.scratch_directory, into, stop);
}

void JobsHold::describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) {
  Held& held = captured(database);
  outline(database, facts, stop);
  const std::lock_guard lock(held.mutex);
  if (!held.begun) read_locked(held, nullptr, stop);
  check_rule(held.facts.has_value(), "an export is described after it was copied");
  tell_things(*held.facts, facts);
}

void JobsHold::outline(std::size_t database, model::DatabaseFacts& facts,
                       std::stop_token /*stop*/) {
  const Held& held = captured(database);
  facts.version = held.version;
  tell_schema(held.location.database, held.schema, facts);
}

void JobsHold::release() {
  check_rule(stage_ == Stage::captured, "a hold is released after it was captured");
  stage_ = Stage::released;
  unfence();
  let_go();
}

}  // namespace

std::unique_ptr<Hold> make_v2_hold(const ServerAccess& access,
                                   std::vector<ServerLocation> databases,
                                   const HoldOptions& options) {
  check_rule(!databases.empty(), "a hold has databases");
  return std::make_unique<JobsHold>(access, std::move(databases), options);
}

void describe_v2(const ServerAccess& access, const ServerLocation& location,
                 model::DatabaseFacts& facts, const std::stop_token& stop) {
  HoldOptions options;
  options.stop = stop;
  const std::unique_ptr<Hold> hold = make_v2_hold(access, {location}, options);
  hold->capture();
  hold->describe(0, facts, stop);
  hold->release();
}

}  // namespace holdfast::engine::typedb
