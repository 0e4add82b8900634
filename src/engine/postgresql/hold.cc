// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/hold.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/timestamp.h"
#include "engine/postgresql/client_programs.h"
#include "engine/postgresql/content.h"
#include "engine/postgresql/held_database.h"
#include "engine/postgresql/portable_script.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/restore_text.h"

namespace holdfast::engine::postgresql {
namespace {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

// How long locks are waited for where that keeps nobody from writing.
constexpr auto lone_wait = 30s;
// A fence of somebody who is silent for so many times its length ends by itself, but never sooner.
constexpr int silence_factor = 3;
constexpr auto silence_min = 2s;
// Until now no database has so many bytes of definitions that this matters.
constexpr std::uint64_t schema_bytes_estimate = 64U << 10U;

// One database of the hold with what is known of its copy.
struct Member {
  Member(const Location& location, const HoldOptions& options)
      : database(location, options.stop), content(database, options.row_tap) {}
  HeldDatabase database;
  Content content;
  bool superuser = false;
  std::set<std::string> settings;  // that the server knows
  bool secured = false;
  Programs programs;
};

class PostgresqlHold final : public Hold {
 public:
  PostgresqlHold(std::span<const model::Endpoint> endpoints, const HoldOptions& options);
  ~PostgresqlHold() override { let_all_go(); }

  [[nodiscard]] bool fence(SteadyTime deadline) override;
  void capture() override;
  void unfence() override;
  [[nodiscard]] model::Moment moment(std::size_t database) const override;
  [[nodiscard]] std::vector<model::Part> parts(std::size_t database) override;
  void copy(std::size_t database, const model::Part& part, model::PartSink& into,
            std::stop_token stop) override;
  void describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void release() override;

 private:
  enum class Stage : std::uint8_t { held, fenced, captured, released };

  [[nodiscard]] Member& captured(std::size_t database) const;
  [[nodiscard]] Member& secured(std::size_t database) const;
  void refuse_twins() const;
  void copy_definitions(Member& member, std::string_view path, ByteSink& into,
                        const std::stop_token& stop) const;
  [[nodiscard]] std::string script(Member& member, std::string_view path,
                                   const std::stop_token& stop) const;
  void let_all_go() noexcept;

  const HoldOptions options_;
  std::vector<std::unique_ptr<Member>> members_;
  Stage stage_ = Stage::held;
  bool was_fenced_ = false;
  Timestamp fenced_at_;
};

PostgresqlHold::PostgresqlHold(std::span<const model::Endpoint> endpoints,
                               const HoldOptions& options)
    : options_(options) {
  check_rule(!endpoints.empty(), "a hold has databases");
  for (const model::Endpoint& endpoint : endpoints) {
    members_.push_back(std::make_unique<Member>(location_of(endpoint), options_));
    Member& member = *members_.back();
    member.programs =
        programs_for(member.database.location(), member.database.server_version() / 10000);
    member.database.with_control(options_.stop, [&](Connection& control) {
      member.superuser =
          control.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "t";
      const Rows names = control.query("SELECT pg_catalog.lower(name) FROM pg_settings");
      for (std::size_t i = 0; i < names.size(); ++i) member.settings.insert(names.text(i, 0));
    });
  }
  refuse_twins();
  for (const auto& member : members_) member->database.prepare_fence();
}

void PostgresqlHold::refuse_twins() const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const Location& a = members_[i]->database.location();
      const Location& b = members_[j]->database.location();
      if (a.database != b.database) continue;
      throw Error(Errc::usage,
                  fmt::format("{} and {} are the same database", b.component, a.component))
          .set_hint("Name each database once in the instance file.");
    }
  }
}

bool PostgresqlHold::fence(SteadyTime deadline) {
  check_rule(stage_ == Stage::held, "fence() comes before capture()");
  for (const auto& member : members_) {
    if (member->database.fence_means() != FenceMeans::none) continue;
    throw Error(Errc::unsupported, fmt::format("{} cannot be fenced: its tables may not be locked",
                                               member->database.location().component))
        .set_hint(
            "`holdfast grants backup` prints a function that lends the lock; on a standby there is "
            "none.");
  }
  const SteadyTime begun = std::chrono::steady_clock::now();
  // Writers may wait as long as the fence lasts, and not longer: a part of that is kept for
  // capturing.
  const auto window =
      std::min<std::chrono::steady_clock::duration>(deadline - begun, options_.fence_max);
  const SteadyTime lock_deadline = begun + window * 3 / 5;
  const Milliseconds silence_max =
      std::max<Milliseconds>(options_.fence_max * silence_factor, silence_min);
  struct LetGo {
    std::vector<std::unique_ptr<Member>>* members;
    ~LetGo() {
      if (members == nullptr) return;
      for (const auto& member : *members) member->database.let_go();
    }
  } let_go{&members_};
  for (const auto& member : members_) {
    if (!member->database.fence(lock_deadline, silence_max)) return false;
  }
  let_go.members = nullptr;
  stage_ = Stage::fenced;
  was_fenced_ = true;
  fenced_at_ = system_clock().now();
  return true;
}

void PostgresqlHold::capture() {
  check_rule(stage_ == Stage::held || stage_ == Stage::fenced, "capture() comes once");
  struct LetGo {
    PostgresqlHold* hold;
    ~LetGo() {
      if (hold != nullptr) hold->let_all_go();
    }
  } let_go{this};
  // All locks first, so that nothing is waited for between the snapshots.
  if (!was_fenced_) {
    for (const auto& member : members_) member->database.lock_tables(lone_wait);
  }
  for (const auto& member : members_) member->database.take_snapshot();
  if (!was_fenced_) {
    // An application that has been stopped waits for us here.
    const Milliseconds patience = options_.stopped ? lone_wait : Milliseconds(patience_max);
    for (const auto& member : members_) {
      member->database.secure(lone_wait, patience);
      member->secured = true;
    }
  } else {
    // One moment for all: any instant between the fence and the last snapshot.
    const Timestamp latest = members_.back()->database.moment().latest;
    for (const auto& member : members_) {
      member->database.moment().earliest = fenced_at_;
      member->database.moment().latest = latest;
      member->database.moment().fenced = true;
    }
  }
  stage_ = Stage::captured;
  let_go.hold = nullptr;
}

void PostgresqlHold::unfence() {
  if (stage_ == Stage::fenced) {
    // Not captured: nothing at all is held any longer.
    for (const auto& member : members_) member->database.let_go();
    stage_ = Stage::held;
    was_fenced_ = false;
  }
  for (const auto& member : members_) member->database.check_fence();
  for (const auto& member : members_) member->database.unfence();
}

Member& PostgresqlHold::captured(std::size_t database) const {
  check_rule(stage_ == Stage::captured || stage_ == Stage::released, "capture() comes first");
  check_rule(database < members_.size(), "the hold has that database");
  return *members_[database];
}

// A fence ends before its databases are secured: that may wait, and writers would with it.
Member& PostgresqlHold::secured(std::size_t database) const {
  Member& member = captured(database);
  if (!member.secured) member.database.secure(lone_wait);
  member.secured = true;
  return member;
}

model::Moment PostgresqlHold::moment(std::size_t database) const {
  return captured(database).database.moment();
}

std::vector<model::Part> PostgresqlHold::parts(std::size_t database) {
  Member& member = secured(database);
  member.content.read_catalog(options_.stop);
  std::vector<model::Part> parts;
  const auto add = [&](std::string_view path, std::uint64_t bytes_estimate) {
    model::Part part;
    part.path = path;
    part.bytes_estimate = bytes_estimate;
    parts.push_back(std::move(part));
  };
  // The largest first, so that no worker is left with one at the end.
  std::vector<const TableRange*> ranges;
  for (const TableRange& range : member.database.ranges()) ranges.push_back(&range);
  std::stable_sort(ranges.begin(), ranges.end(), [](const auto* a, const auto* b) {
    return a->bytes_estimate > b->bytes_estimate;
  });
  auto range = ranges.begin();
  const auto add_range = [&] {
    add((*range)->part, (*range)->bytes_estimate);
    ++range;
  };
  // Definitions can change while data is copied; the sooner they are read the better. One worker
  // does that, and mostly waits for other programs; the rest begin with the data.
  add(pre_data_part, schema_bytes_estimate);
  for (unsigned other = 1; other < options_.parallel && range != ranges.end(); ++other) add_range();
  add(post_data_part, schema_bytes_estimate);
  add(globals_part, 0);
  add(database_part, 0);
  add(sequences_part, 0);
  if (member.database.large_objects().count > 0) {
    add(large_objects_part, 0);
    add(large_objects_data_part, 0);
  }
  while (range != ranges.end()) add_range();
  add(restore_part, 0);
  return parts;
}

void PostgresqlHold::copy_definitions(Member& member, std::string_view path, ByteSink& into,
                                      const std::stop_token& stop) const {
  const Location& location = member.database.location();
  const Login login(location);
  PortableScript script(into, member.settings);
  const auto run = [&](const Command& command) {
    try {
      run_into(command, script, stop);
    } catch (const Error& error) {
      if (error.code() == Errc::failed_child) member.database.check_held();
      throw;
    }
    script.finish();
  };
  if (path == globals_part) {
    // As a connection string, for a name may look like one.
    std::vector<std::string> arguments{"--globals-only", "--quote-all-identifiers",
                                       "--database=dbname=" + quote_conninfo(location.database)};
    if (!member.superuser) arguments.emplace_back("--no-role-passwords");
    return run(login.command(member.programs, "pg_dumpall", std::move(arguments)));
  }
  std::vector<std::string> arguments{
      "--format=plain",
      "--quote-all-identifiers",
      fmt::format("--section={}", path == pre_data_part ? "pre-data" : "post-data"),
      "--snapshot=" + member.database.snapshot(),
      fmt::format("--lock-wait-timeout={}", Milliseconds(lone_wait).count()),
      member.programs.major >= 16 ? "--no-large-objects" : "--no-blobs"};
  run(login.command(member.programs, "pg_dump", std::move(arguments)));
}

std::string PostgresqlHold::script(Member& member, std::string_view path,
                                   const std::stop_token& stop) const {
  std::string text;
  if (path == sequences_part)
    return sequences_script(member.database.sequences(), member.database.encoding());
  if (path == restore_part) return restore_script(member.database);
  member.database.with_worker(stop, [&](Connection& connection) {
    text =
        path == large_objects_part ? large_objects_script(connection) : database_script(connection);
  });
  return text;
}

void PostgresqlHold::copy(std::size_t database, const model::Part& part, model::PartSink& into,
                          std::stop_token stop) {
  Member& member = captured(database);
  check_rule(stage_ == Stage::captured, "copy() comes before release()");
  const auto& ranges = member.database.ranges();
  const auto range = std::find_if(ranges.begin(), ranges.end(),
                                  [&](const TableRange& one) { return one.part == part.path; });
  const bool definitions =
      part.path == globals_part || part.path == pre_data_part || part.path == post_data_part;
  const bool written = part.path == sequences_part || part.path == restore_part ||
                       part.path == database_part || part.path == large_objects_part;
  const bool objects = part.path == large_objects_data_part;
  if (range == ranges.end() && !definitions && !written && !objects) {
    throw Error(Errc::not_found, fmt::format("{} has no part `{}`",
                                             member.database.location().component, part.path));
  }
  const std::unique_ptr<model::PartSink::Segment> segment = into.segment(0);
  if (range != ranges.end()) {
    member.content.read_range(*range, segment.get(), stop);
  } else if (objects) {
    member.content.read_large_objects(segment.get(), stop);
  } else if (definitions) {
    copy_definitions(member, part.path, *segment, stop);
  } else {
    segment->write(as_bytes(script(member, part.path, stop)));
  }
  segment->finish();
}

void PostgresqlHold::describe(std::size_t database, model::DatabaseFacts& facts,
                              std::stop_token stop) {
  Member& member = secured(database);
  member.content.read_catalog(stop);
  member.content.read_rest(options_.parallel, stop);
  member.content.fill(facts);
  Json& own = facts.engine_facts;
  own.set("client_programs", member.programs.major);
  // What a restore must ask for, as the copy does not have it.
  own.set("role_passwords", member.superuser);
}

void PostgresqlHold::release() {
  check_rule(stage_ == Stage::captured, "release() comes after capture()");
  unfence();
  stage_ = Stage::released;
  for (const auto& member : members_) member->database.release();
}

void PostgresqlHold::let_all_go() noexcept {
  stage_ = Stage::released;
  for (const auto& member : members_) member->database.end();
}

}  // namespace

std::unique_ptr<Hold> make_hold(std::span<const model::Endpoint> endpoints,
                                const HoldOptions& options) {
  return std::make_unique<PostgresqlHold>(endpoints, options);
}

}  // namespace holdfast::engine::postgresql
