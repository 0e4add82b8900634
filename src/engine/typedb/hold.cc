// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/hold.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/timestamp.h"
#include "engine/embedded/place.h"
#include "engine/typedb/capture.h"
#include "engine/typedb/checkpoint.h"
#include "engine/typedb/database_lock.h"
#include "engine/typedb/directory.h"
#include "engine/typedb/facts.h"
#include "engine/typedb/schema_fence.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buffer_bytes = 1U << 20U;

struct Held {
  Location location;
  bool is_cold = false;
  std::optional<DatabaseLocks> locks;  // cold
  std::string state;                   // cold: when it was captured
  std::uint64_t size_bytes = 0;
  Capture capture;  // hot
};

// A text that differs after a server has started on it.
std::string state_of(const fs::path& database) {
  std::string state;
  for (const char* name : {"schema", "data", "wal"})
    if (embedded::place_facts(database / name)) state += embedded::file_times(database / name);
  return state;
}

bool is_typedb_3(const fs::path& database) {
  return embedded::place_facts(database / "wal").has_value();
}

class DatabasesHold final : public Hold {
 public:
  DatabasesHold(std::span<const model::Endpoint> endpoints, const HoldOptions& options);

  [[nodiscard]] bool fence(std::chrono::steady_clock::time_point deadline) override;
  void capture() override;
  void unfence() override { fence_.release(); }
  [[nodiscard]] bool lets_writers_work() const override;
  [[nodiscard]] model::Moment moment(std::size_t database) const override;
  [[nodiscard]] std::vector<model::Part> parts(std::size_t database) override;
  void copy(std::size_t database, const model::Part& part, model::PartSink& into,
            std::stop_token stop) override;
  void describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void outline(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void release() override;

 private:
  enum class Stage : std::uint8_t { held, captured, released };

  void lock_or_not(Held& held);
  void capture_hot(Held& held);
  [[nodiscard]] const Held& captured(std::size_t database) const;

  const HoldOptions options_;
  std::vector<Held> databases_;
  SchemaFence fence_;
  std::size_t descriptors_left_ = 0;
  Stage stage_ = Stage::held;
  model::Moment moment_;
};

DatabasesHold::DatabasesHold(std::span<const model::Endpoint> endpoints, const HoldOptions& options)
    : options_(options) {
  check_rule(!endpoints.empty(), "a hold has databases");
  std::set<fs::path> known;
  for (const model::Endpoint& endpoint : endpoints) {
    Held held;
    held.location = location_of(endpoint);
    const fs::path& database = held.location.database;
    if (!is_database(database))
      throw Error(Errc::not_found, fmt::format("there is no database at {}", database.native()))
          .set_hint("Name the directory of the database in the server's data directory.");
    if (!known.insert(database).second)
      throw Error(Errc::usage, fmt::format("{} is named twice", database.native()))
          .set_hint("Name each database once in the instance file.");
    databases_.push_back(std::move(held));
  }
}

// All databases are of one data directory, and so of one server.
bool DatabasesHold::fence(std::chrono::steady_clock::time_point deadline) {
  check_rule(stage_ == Stage::held, "a fence comes before the capture");
  std::vector<std::string> names;
  for (const Held& held : databases_) names.push_back(held.location.name());
  const auto server = find_fencing_server(databases_.front().location.database, options_.stop);
  if (!server)
    throw Error(Errc::unsupported, "writers of TypeDB cannot be stopped from here")
        .set_hint("Set [quiesce] with `stop` and `start`.");
  return fence_.take(*server, names, deadline, options_.stop);
}

// A server that has it open keeps its locks; one that starts later is kept out.
void DatabasesHold::lock_or_not(Held& held) {
  const fs::path& database = held.location.database;
  held.is_cold = held.location.method == Method::cold || !who_has(database);
  if (held.location.method == Method::hot) held.is_cold = false;
  if (!held.is_cold) return;
  held.locks.emplace(database);
  if (const auto link = link_below(database))
    throw Error(Errc::unsupported,
                fmt::format("{} is a symbolic link, and what it leads to would not be copied",
                            link->native()))
        .set_hint("Set `method` to hot, which reads what links lead to, or move it back.");
}

void DatabasesHold::capture_hot(Held& held) {
  const fs::path& database = held.location.database;
  CaptureOptions options;
  options.descriptors_max = descriptors_left_;
  options.stop = options_.stop;
  held.capture =
      is_typedb_3(database) ? capture_log(database, options) : capture_rocks(database, options);
  held.size_bytes = held.capture.size_bytes;
  for (const CapturedFile& file : held.capture.files)
    if (file.file) --descriptors_left_;
}

void DatabasesHold::capture() {
  check_rule(stage_ == Stage::held, "capture() comes once");
  struct LetGo {
    std::vector<Held>* databases;
    SchemaFence* fence;
    ~LetGo() {
      if (databases == nullptr) return;
      fence->let_go();
      for (Held& held : *databases) held = Held{std::move(held.location), false, {}, {}, 0, {}};
    }
  } let_go{&databases_, &fence_};
  descriptors_left_ = spare_descriptors();
  // All locks first: from the last one on no server starts on any of them.
  for (Held& held : databases_) {
    if (options_.stop.stop_requested())
      throw Error(Errc::cancelled,
                  fmt::format("stopped capturing {}", held.location.database.native()));
    if (!options_.only_outline) lock_or_not(held);
  }
  moment_.earliest = system_clock().now();
  for (Held& held : databases_) {
    if (options_.only_outline) continue;
    if (!held.is_cold) {
      capture_hot(held);
      continue;
    }
    held.state = state_of(held.location.database);
    held.size_bytes = size_below(held.location.database);
  }
  moment_.latest = system_clock().now();
  stage_ = Stage::captured;
  let_go.databases = nullptr;
}

bool DatabasesHold::lets_writers_work() const {
  return std::none_of(databases_.begin(), databases_.end(),
                      [](const Held& held) { return held.is_cold; });
}

const Held& DatabasesHold::captured(std::size_t database) const {
  check_rule(stage_ != Stage::held, "capture() comes first");
  check_rule(database < databases_.size(), "the hold has that database");
  return databases_[database];
}

model::Moment DatabasesHold::moment(std::size_t database) const {
  const Held& held = captured(database);
  model::Moment moment = moment_;
  if (held.capture.last_sequence) {
    moment.position = fmt::format("record {}", *held.capture.last_sequence);
  } else if (!held.is_cold && stage_ == Stage::captured && !options_.only_outline) {
    moment.position =
        fmt::format("schema {}, data {}", held.capture.schema_sequence, held.capture.data_sequence);
  }
  return moment;
}

std::vector<model::Part> DatabasesHold::parts(std::size_t database) {
  const Held& held = captured(database);
  if (held.is_cold) return {tree_of(held.location.database, held.size_bytes)};
  std::vector<model::Part> parts;
  for (const CapturedFile& file : held.capture.files) {
    model::Part part;
    part.path = file.path;
    part.bytes_estimate = file.size_bytes;
    parts.push_back(std::move(part));
  }
  return parts;
}

void DatabasesHold::copy(std::size_t database, const model::Part& part, model::PartSink& into,
                         std::stop_token stop) {
  const Held& held = captured(database);
  const auto& files = held.capture.files;
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const CapturedFile& file) { return file.path == part.path; });
  if (found == files.end())
    throw Error(Errc::unsupported, fmt::format("{}: part `{}` is no stream",
                                               held.location.database.native(), part.path));
  const std::unique_ptr<model::PartSink::Segment> segment = into.segment(0);
  if (found->content) {
    segment->write(as_bytes(*found->content));
    return segment->finish();
  }
  const Fd file = open_captured(held.capture, *found);
  Bytes buffer(std::min<std::uint64_t>(buffer_bytes, found->size_bytes));
  for (std::uint64_t at = 0; at < found->size_bytes; at += buffer.size()) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped copying {}", part.path));
    buffer.resize(std::min<std::uint64_t>(buffer_bytes, found->size_bytes - at));
    pread_exact(file.get(), buffer, at, part.path);
    segment->write(buffer);
  }
  segment->finish();
}

void DatabasesHold::describe(std::size_t database, model::DatabaseFacts& facts,
                             std::stop_token stop) {
  const Held& held = captured(database);
  const fs::path& path = held.location.database;
  if (held.is_cold || options_.only_outline || !is_typedb_3(path)) {
    describe_directory(path, false, facts, stop, held.locks.has_value());
  } else {
    describe_log(path, held.capture.limit, held.capture.watermark, facts, stop);
    if (held.capture.watermark) facts.engine_facts.set("watermark", *held.capture.watermark);
    if (!held.capture.checkpoint_left_out.empty())
      facts.engine_facts.set("checkpoint_left_out", held.capture.checkpoint_left_out);
  }
  facts.engine_facts.set("copied", held.is_cold ? "cold" : "hot");
}

void DatabasesHold::outline(std::size_t database, model::DatabaseFacts& facts,
                            std::stop_token /*stop*/) {
  outline_directory(captured(database).location.database, facts);
}

void DatabasesHold::release() {
  check_rule(stage_ == Stage::captured, "release() comes after capture()");
  unfence();
  for (Held& held : databases_) {
    if (!held.locks) continue;
    const fs::path& database = held.location.database;
    if (!held.locks->stand() || state_of(database) != held.state)
      throw Error(Errc::not_consistent,
                  fmt::format("{} was written to, replaced or removed while it was copied",
                              database.native()))
          .set_hint("Find out which server was started meanwhile, and make the backup again.");
    held.locks.reset();
  }
  for (Held& held : databases_) held.capture = Capture();
  stage_ = Stage::released;
}

}  // namespace

model::Part tree_of(const fs::path& database, std::uint64_t size_bytes) {
  model::Part part;
  part.kind = model::PartKind::tree;
  part.path = database.native().substr(1);
  part.directory = database;
  part.bytes_estimate = size_bytes;
  const auto leave_out = [&](const fs::path& path, std::string_view more = "") {
    part.exclude.push_back(embedded::literal_pattern(path.native()) + std::string(more));
  };
  for (const char* name : {"schema", "data"}) {
    leave_out(database / name / "LOCK");
    leave_out(database / name / "LOG", "*");
  }
  if (!is_typedb_3(database)) return part;
  // A server makes it from the checkpoint and the log.
  leave_out(database / "storage");
  for (const Checkpoint& checkpoint : list_checkpoints(database))
    if (!checkpoint.lacks.empty()) leave_out(checkpoint.path);
  return part;
}

std::unique_ptr<Hold> make_hold(std::span<const model::Endpoint> endpoints,
                                const HoldOptions& options) {
  return std::make_unique<DatabasesHold>(endpoints, options);
}

}  // namespace holdfast::engine::typedb
