// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/hold.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "engine/embedded/place.h"

namespace holdfast::engine::embedded {
namespace {

struct Held {
  std::filesystem::path place;
  std::uint64_t device = 0, inode = 0;
  std::optional<FileLock> lock;
  bool had_stale_locks = false;
  std::string state;     // when it was captured
  std::string position;  // the same, for people
  std::uint64_t size_bytes = 0;
};

class TreeHold final : public Hold {
 public:
  TreeHold(const Kind& kind, std::span<const model::Endpoint> endpoints,
           const HoldOptions& options);
  ~TreeHold() override { let_go(); }

  [[nodiscard]] bool fence(std::chrono::steady_clock::time_point deadline) override;
  void capture() override;
  void unfence() override {}
  // Whoever opens the database is kept out until the last byte is copied.
  [[nodiscard]] bool lets_writers_work() const override { return false; }
  [[nodiscard]] model::Moment moment(std::size_t database) const override;
  [[nodiscard]] std::vector<model::Part> parts(std::size_t database) override;
  void copy(std::size_t database, const model::Part& part, model::PartSink& into,
            std::stop_token stop) override;
  void describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void outline(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void release() override;

 private:
  enum class Stage : std::uint8_t { held, captured, released };

  [[nodiscard]] const Held& captured(std::size_t database) const;
  void let_go() noexcept;

  const Kind& kind_;
  const HoldOptions options_;
  std::vector<Held> databases_;
  Stage stage_ = Stage::held;
  model::Moment moment_;
};

TreeHold::TreeHold(const Kind& kind, std::span<const model::Endpoint> endpoints,
                   const HoldOptions& options)
    : kind_(kind), options_(options) {
  check_rule(!endpoints.empty(), "a hold has databases");
  std::set<std::pair<std::uint64_t, std::uint64_t>> known;
  for (const model::Endpoint& endpoint : endpoints) {
    Held held;
    held.place = path_of(kind, endpoint);
    const std::optional<PlaceFacts> facts = place_facts(held.place);
    if (!facts)
      throw Error(Errc::not_found, fmt::format("there is no database at {}", held.place.native()));
    held.device = facts->device;
    held.inode = facts->inode;
    // One database under two names would be locked against itself.
    if (!known.emplace(facts->device, facts->inode).second)
      throw Error(Errc::usage, fmt::format("{} is named twice", held.place.native()))
          .set_hint("Name each database once in the instance file.");
    databases_.push_back(std::move(held));
  }
}

bool TreeHold::fence(std::chrono::steady_clock::time_point /*deadline*/) {
  throw Error(Errc::unsupported, fmt::format("a {} cannot be fenced: its application is to be "
                                             "stopped",
                                             kind_.title()))
      .set_hint("Set [quiesce] with `stop` and `start`.");
}

void TreeHold::capture() {
  check_rule(stage_ == Stage::held, "capture() comes once");
  struct LetGo {
    TreeHold* hold;
    ~LetGo() {
      if (hold != nullptr) hold->let_go();
    }
  } let_go{this};
  // All locks first: from the last one on nobody writes to any of them.
  for (Held& held : databases_) {
    if (options_.stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped capturing {}", held.place.native()));
    if (options_.only_outline) break;
    held.had_stale_locks = std::ranges::any_of(kind_.lock_files(), [&](const std::string& name) {
      return place_facts(held.place / name).has_value();
    });
    held.lock.emplace(take_lock(kind_, held.place));
  }
  moment_.earliest = moment_.latest = system_clock().now();
  for (Held& held : databases_) {
    const Examination found = kind_.examine(held.place, Depth::front, options_.stop);
    held.position = found.position;
    held.size_bytes = found.size_bytes;
    if (!options_.only_outline) held.state = kind_.state_of(held.place);
  }
  stage_ = Stage::captured;
  let_go.hold = nullptr;
}

const Held& TreeHold::captured(std::size_t database) const {
  check_rule(stage_ != Stage::held, "capture() comes first");
  check_rule(database < databases_.size(), "the hold has that database");
  return databases_[database];
}

model::Moment TreeHold::moment(std::size_t database) const {
  model::Moment moment = moment_;
  moment.position = captured(database).position;
  return moment;
}

std::vector<model::Part> TreeHold::parts(std::size_t database) {
  const Held& held = captured(database);
  return {part_of(kind_, held.place, held.size_bytes)};
}

void TreeHold::copy(std::size_t database, const model::Part& part, model::PartSink& /*into*/,
                    std::stop_token /*stop*/) {
  throw Error(Errc::unsupported, fmt::format("{}: part `{}` is a tree, not a stream",
                                             captured(database).place.native(), part.path));
}

void TreeHold::describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) {
  // The application waits: all of it is looked at in the copy.
  describe_place(kind_, captured(database).place, Depth::rest, facts, stop);
}

void TreeHold::outline(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) {
  describe_place(kind_, captured(database).place, Depth::front, facts, stop);
}

void TreeHold::release() {
  check_rule(stage_ == Stage::captured, "release() comes after capture()");
  for (const Held& held : databases_) {
    if (!held.lock) continue;
    const std::optional<PlaceFacts> facts = place_facts(held.place);
    const bool same = facts && facts->device == held.device && facts->inode == held.inode;
    if (!same || !held.lock->stands())
      throw Error(
          Errc::not_consistent,
          fmt::format("{} was replaced or removed while it was copied", held.lock->path().native()))
          .set_hint("Find out who did that, and make the backup again.");
    if (kind_.state_of(held.place) != held.state)
      throw Error(
          Errc::not_consistent,
          fmt::format("{} was written to while it was copied, past its lock", held.place.native()))
          .set_hint("Find out who opens it without a lock, and stop that too.");
  }
  let_go();
  stage_ = Stage::released;
}

void TreeHold::let_go() noexcept {
  for (Held& held : databases_) {
    if (!held.lock) continue;
    try {
      // What was there before is left as it was.
      if (!held.had_stale_locks) remove_stale_locks(kind_, held.place, *held.lock);
    } catch (const Error& error) {
      log(LogLevel::warn, "a lock file could not be removed", {{"why", error.message()}});
    }
    held.lock.reset();
  }
}

}  // namespace

model::Part part_of(const Kind& kind, const std::filesystem::path& place,
                    std::uint64_t size_bytes) {
  model::Part part;
  part.kind = model::PartKind::tree;
  part.path = place.native().substr(1);
  part.directory = place;
  part.bytes_estimate = size_bytes;
  for (const std::string& name : kind.passing_files())
    part.exclude.push_back(literal_pattern((place / name).native()));
  return part;
}

FileLock take_lock(const Kind& kind, const std::filesystem::path& place) {
  const FileLock::Wanted wanted = kind.lock_of(place);
  std::optional<FileLock> lock = FileLock::try_take(wanted);
  if (lock) return std::move(*lock);
  const std::optional<LockHolder> holder = who_locks(wanted.path);
  throw Error(Errc::unavailable,
              fmt::format("{} is in use by {}", place.native(),
                          holder ? display(*holder) : "a process that has gone just now"))
      .set_hint("Stop that application, or set [quiesce] with `stop` and `start`.");
}

void remove_stale_locks(const Kind& kind, const std::filesystem::path& place,
                        const FileLock& lock) {
  for (const std::string& name : kind.lock_files()) {
    const std::filesystem::path path = place / name;
    if (path == lock.path()) continue;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      throw system_error(errno, fmt::format("removing {}", path.native()));
  }
}

void describe_place(const Kind& kind, const std::filesystem::path& place, Depth depth,
                    model::DatabaseFacts& facts, const std::stop_token& stop) {
  const std::optional<PlaceFacts> status = place_facts(place);
  if (!status)
    throw Error(Errc::not_found, fmt::format("there is no database at {}", place.native()));
  const Examination found = kind.examine(place, depth, stop);
  for (const model::Finding& one : found.findings) {
    if (one.severity != model::Severity::blocker) continue;
    throw Error(Errc::not_consistent, one.seen).set_hint(fmt::format("To do: {}.", one.mend));
  }
  facts.version = found.version;
  facts.engine_facts = found.facts;
  facts.engine_facts.set("size_bytes", found.size_bytes);
  facts.engine_facts.set("file_mode", fmt::format("{:04o}", status->mode & 0777));
  facts.engine_facts.set("file_uid", status->uid).set("file_gid", status->gid);
}

std::unique_ptr<Hold> make_hold(const Kind& kind, std::span<const model::Endpoint> endpoints,
                                const HoldOptions& options) {
  return std::make_unique<TreeHold>(kind, endpoints, options);
}

}  // namespace holdfast::engine::embedded
