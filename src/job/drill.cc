// SPDX-License-Identifier: Apache-2.0
#include "job/drill.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "archive/stream_saver.h"
#include "archive/tree_builder.h"
#include "base/crew.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"
#include "engine/registry.h"
#include "job/drill_endpoints.h"
#include "job/instance_access.h"
#include "job/instance_source.h"
#include "job/journal.h"
#include "job/preflight.h"
#include "job/scratch.h"
#include "job/target_place.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t differences_max = 1000;
constexpr std::string_view not_loaded = "read and compared, not loaded";

// Whether a failure says something of the copy, rather than of the place where it is rehearsed.
bool blames_copy(Errc code) {
  switch (code) {
    case Errc::corrupt:
    case Errc::differs:
    case Errc::not_consistent:
    case Errc::not_found:
    case Errc::incomplete:
    case Errc::unsupported:
    case Errc::exists:
    case Errc::usage:
      return true;
    default:
      return false;
  }
}

class DrillRun {
 public:
  DrillRun(const Environment& environment, const InstanceSource& source,
           const model::Instance& instance, const std::vector<DrillEndpoint>& endpoints,
           const fs::path& scratch, Journal& journal, DrillReport& report,
           model::Observer& observer, std::stop_token stop)
      : clock_(*environment.clock),
        source_(source),
        instance_(instance),
        endpoints_(endpoints),
        scratch_(scratch),
        journal_(journal),
        report_(report),
        observer_(observer),
        stop_(std::move(stop)) {}

  void run() {
    check_space();
    for (const model::DatabaseFacts& facts : source_.manifest().databases) {
      const DrillEndpoint* const lent = endpoint_of(facts.name);
      attempt(facts.name, "restore", [&] {
        if (lent != nullptr) {
          rehearse_at(*lent, facts);
        } else {
          rehearse_database(facts);
        }
      });
      remove_made();
    }
    for (const model::FilesFacts& facts : source_.manifest().files) {
      attempt(facts.name, "files", [&] { rehearse_files(facts); });
    }
  }

  // A query whose component is not there has not been asked, which is not to be taken for an
  // answer.
  void check_queries() {
    for (std::size_t i = 0; i < instance_.drill.queries.size(); ++i) {
      const std::string name = fmt::format("query {}", i + 1);
      const bool known = std::find(asked_.begin(), asked_.end(), i + 1) != asked_.end();
      if (!known) {
        report_.checks.push_back({instance_.drill.queries[i].component, name, false,
                                  instance_.drill.queries[i].expect,
                                  "not asked: its database was not loaded"});
      }
    }
  }

 private:
  // A failure of the copy becomes a failed check.
  template <typename Body>
  void attempt(const std::string& component, const std::string& name, Body body) {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    try {
      body();
    } catch (const Error& error) {
      if (!blames_copy(error.code())) throw;
      report_.checks.push_back({component, name, false, "no error", error.message()});
    }
  }

  // Runs what a restore would do and adds it to the time that a restore takes.
  template <typename Body>
  void timed(Body body) {
    const SteadyTime begun = clock_.steady();
    body();
    report_.restore_seconds += std::chrono::duration<double>(clock_.steady() - begun).count();
  }

  void check_space() const {
    std::uint64_t needed = 0;
    for (const auto& database : source_.manifest().databases) {
      if (endpoint_of(database.name) != nullptr) continue;
      for (const auto& part : database.parts) needed += part.size_bytes;
    }
    for (const auto& files : source_.manifest().files) needed += files.bytes;
    const auto free = free_bytes(scratch_);
    if (!free || *free >= needed) return;
    throw Error(Errc::no_space,
                fmt::format("the drill needs {} in {}, there are {} free", format_bytes(needed),
                            scratch_.parent_path().string(), format_bytes(*free)))
        .set_hint("Set `scratch_dir` in [drill], or TMPDIR, to a larger place.");
  }

  // What the engine says of the place where the database lives, if that can be asked; a drill must
  // also work where that is lost.
  [[nodiscard]] engine::Probe probe(const engine::Engine& engine,
                                    const model::DatabaseFacts& facts) const {
    for (const model::DatabaseSettings& settings : instance_.databases) {
      if (settings.name != facts.name || settings.engine != facts.engine) continue;
      try {
        engine::Probe probed = engine.probe(make_endpoint(settings, stop_), stop_);
        probed.version = facts.version;  // what the copy was made of, not what runs there today
        return probed;
      } catch (const Error& error) {
        if (error.code() == Errc::cancelled) throw;
        observer_.warning(
            "database " + facts.name +
            " cannot be looked at, so the drill goes by its manifest: " + error.message());
      }
    }
    engine::Probe unknown;
    unknown.version = facts.version;
    unknown.abilities.scratch = true;  // to be refused by the engine itself
    return unknown;
  }

  void rehearse_database(const model::DatabaseFacts& facts) {
    observer_.phase("rehearsing database " + facts.name);
    const std::unique_ptr<model::PartSource> parts = source_.parts(facts);
    const engine::Engine* engine = engine::find_engine(facts.engine);
    if (engine == nullptr)
      return read_only(facts, *parts, "engine " + facts.engine + " is not in this build");
    const engine::Probe probed = probe(*engine, facts);
    if (!probed.abilities.scratch) {
      return read_only(facts, *parts, "engine " + facts.engine + " has no scratch server here");
    }
    const fs::path directory = scratch_ / ("database-" + std::to_string(++count_));
    make_directories(directory);
    hand_over(directory);
    model::DatabaseSettings of_engine;
    of_engine.name = facts.name;
    of_engine.engine = facts.engine;
    const std::uint64_t entry =
        journal_.announce("engine", "made a scratch place for database " + facts.name,
                          engine_undo(of_engine, Json().set("scratch", directory.native())));
    std::unique_ptr<engine::Scratch> scratch;
    try {
      scratch = engine->scratch(probed, directory);
    } catch (const Error& error) {
      if (error.code() != Errc::unsupported && error.code() != Errc::not_found) throw;
      journal_.settle(entry);
      const std::string hint = error.hint().empty() ? "" : fmt::format("; {}", error.hint());
      return read_only(facts, *parts, error.message() + hint);
    }
    load_and_compare(*engine, facts, *parts, with_account(scratch->endpoint(), facts));
    scratch.reset();
    journal_.settle(entry);
  }

  // A database that is files keeps its accounts, and so does its copy: where a scratch place has
  // none of its own, we are there who we are in the original.
  [[nodiscard]] model::Endpoint with_account(model::Endpoint endpoint,
                                             const model::DatabaseFacts& facts) const {
    if (!endpoint.user.empty() || endpoint.password) return endpoint;
    for (const model::DatabaseSettings& settings : instance_.databases) {
      if (settings.name != facts.name || settings.engine != facts.engine) continue;
      const model::Endpoint original = make_endpoint(settings, stop_);
      endpoint.user = original.user;
      endpoint.password = original.password;
    }
    return endpoint;
  }

  [[nodiscard]] const DrillEndpoint* endpoint_of(const std::string& component) const {
    const auto found =
        std::find_if(endpoints_.begin(), endpoints_.end(),
                     [&](const DrillEndpoint& one) { return one.settings->name == component; });
    return found == endpoints_.end() ? nullptr : &*found;
  }

  void note(const std::string& component, const std::vector<std::string>& lines) {
    for (const std::string& line : lines) report_.notes.push_back(component + ": " + line);
  }

  // On somebody's server, where nothing but what is announced here is made.
  void rehearse_at(const DrillEndpoint& lent, const model::DatabaseFacts& facts) {
    observer_.phase("rehearsing database " + facts.name + " at its endpoint");
    report_.places.push_back(
        {facts.name, lent.settings->engine, lent.settings->uri, lent.settings->user, ""});
    if (is_own_server(lent, instance_, stop_))
      note(facts.name,
           {"the server is the instance's own; nothing was changed on it but a database of a "
            "random name"});
    note(facts.name, lent.notes);
    const std::unique_ptr<model::PartSource> parts = source_.parts(facts);
    engine::LoadOptions load = lent.load;
    load.scratch_directory = scratch_;
    load.before_change = [&](std::string_view what, const Json& undo) {
      made_.push_back(journal_.announce("engine", facts.name + ": " + std::string(what),
                                        engine_undo(*lent.settings, undo).set("rehearsal", true)));
    };
    engine::LoadReport loaded;
    timed([&] { loaded = lent.engine->load(*parts, facts, lent.endpoint, load, stop_); });
    report_.restore_seconds -= loaded.proof_time.count();
    report_.places.back().version = loaded.found->version;
    note(facts.name, loaded.left_out);
    note(facts.name, loaded.notes);
    report_.checks.push_back({facts.name, "restore", true, "", ""});
    judge(*lent.engine, facts, std::move(*loaded.found), load, *loaded.beside);
  }

  // Takes away what was made at an endpoint. What cannot be is tried again in the end.
  void remove_made() {
    while (!made_.empty()) {
      const std::uint64_t entry = made_.back();
      made_.pop_back();
      try {
        static_cast<void>(journal_.undo(entry));
      } catch (const Error& error) {
        observer_.warning("not removed yet: " + std::string(error.what()));
      }
    }
  }

  // Engines start servers as the owner of their directory.
  void hand_over(const fs::path& directory) const {
    if (instance_.drill.user.empty() || ::geteuid() != 0) return;
    const struct passwd* user = ::getpwnam(instance_.drill.user.c_str());
    if (user == nullptr) {
      throw Error(Errc::usage, "there is no user " + instance_.drill.user)
          .set_hint("Correct `user` in [drill].");
    }
    if (::chown(directory.c_str(), user->pw_uid, user->pw_gid) != 0)
      throw system_error(errno, "giving " + directory.string() + " to " + instance_.drill.user);
  }

  void load_and_compare(const engine::Engine& engine, const model::DatabaseFacts& facts,
                        const model::PartSource& parts, const model::Endpoint& endpoint) {
    // The engine is told nothing to prove, so that what differs is named here in full and not only
    // up to the first.
    model::DatabaseFacts unproven = facts;
    unproven.tables.clear();
    unproven.objects.clear();
    engine::LoadOptions load;
    load.on_scratch = true;
    load.scratch_directory = scratch_;
    load.parallel = instance_.limits.parallel != 0 ? instance_.limits.parallel : cores_available();
    timed([&] { static_cast<void>(engine.load(parts, unproven, endpoint, load, stop_)); });
    report_.checks.push_back({facts.name, "restore", true, "", ""});
    observer_.phase("comparing database " + facts.name);
    model::DatabaseFacts found = unproven;
    engine.describe(endpoint, found, stop_);
    judge(engine, facts, std::move(found), load, endpoint);
  }

  void judge(const engine::Engine& engine, const model::DatabaseFacts& facts,
             model::DatabaseFacts found, const engine::LoadOptions& load,
             const model::Endpoint& endpoint) {
    model::DatabaseFacts expected = facts;
    engine.harmonize(expected, found, load);
    for (DrillCheck& check : compare_database(expected, found))
      report_.checks.push_back(std::move(check));
    ask(engine, facts, endpoint);
  }

  // [[drill.query]]
  void ask(const engine::Engine& engine, const model::DatabaseFacts& facts,
           const model::Endpoint& endpoint) {
    std::size_t number = 0;
    for (const model::DrillQuery& query : instance_.drill.queries) {
      ++number;
      const bool only_one = query.component.empty() && source_.manifest().databases.size() == 1;
      if (query.component != facts.name && !only_one) continue;
      asked_.push_back(number);
      attempt(facts.name, fmt::format("query {}", number), [&] {
        const std::string answer = engine.query_one(endpoint, query.sql);
        report_.checks.push_back({facts.name, fmt::format("query {}", number),
                                  answer == query.expect, query.expect, answer});
      });
    }
  }

  // Where nothing can be opened: every byte is read, but that is no rehearsal.
  void read_only(const model::DatabaseFacts& facts, const model::PartSource& parts,
                 const std::string& reason) {
    Bytes buffer(1U << 20U);
    for (const model::PartSource::Entry& entry : parts.list()) {
      attempt(facts.name, "part " + entry.path, [&] {
        std::uint64_t size_bytes = 0;
        timed([&] {
          const std::unique_ptr<ByteSource> source = parts.open(entry.path);
          while (const std::size_t count = source->read(buffer)) {
            if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
            size_bytes += count;
          }
        });
        report_.checks.push_back({facts.name, "part " + entry.path, size_bytes == entry.size_bytes,
                                  fmt::format("{} bytes", entry.size_bytes),
                                  fmt::format("{} bytes", size_bytes)});
      });
    }
    report_.checks.push_back({facts.name, "restore", false, "loaded and opened",
                              fmt::format("{}: {}", not_loaded, reason)});
  }

  void rehearse_files(const model::FilesFacts& facts) {
    observer_.phase("rehearsing files " + facts.name);
    const ListingDifference listing = source_.compare_listing(facts, stop_);
    report_.checks.push_back({facts.name, "listing", listing.expected == listing.found,
                              listing.expected, listing.found});
    bool equal = true;
    for (const model::PathFacts& path : facts.paths) {
      const fs::path target = scratch_ / ("files-" + std::to_string(++count_));
      std::uint64_t failed = 0;
      timed([&] { failed = source_.restore(path.place, target, false, observer_, stop_); });
      observer_.phase("comparing files " + facts.name);
      const InstanceSource::Place place = source_.find(path.place);
      const auto differences =
          compare_node(*place.parent, place.node, target, true, differences_max, stop_);
      for (const NodeDifference& difference : differences) {
        report_.checks.push_back(
            {facts.name, "file " + path.source + difference.path.substr(target.string().size()),
             false, difference.expected, difference.found});
      }
      equal = equal && failed == 0 && differences.empty();
      std::error_code ignored;  // early, for the room; what stays goes with the whole
      fs::remove_all(target, ignored);
    }
    report_.checks.push_back({facts.name, "files", equal, "all as they were saved",
                              "not all could be restored as they were saved"});
  }

  Clock& clock_;
  const InstanceSource& source_;
  const model::Instance& instance_;
  const std::vector<DrillEndpoint>& endpoints_;
  fs::path scratch_;
  Journal& journal_;
  DrillReport& report_;
  model::Observer& observer_;
  std::stop_token stop_;
  std::size_t count_ = 0;
  std::vector<std::uint64_t> made_;  // at an endpoint: entries of the journal
  std::vector<std::size_t> asked_;   // numbers of queries
};

// Whatever of the rehearsal is still there goes. What could not be removed; empty: nothing.
std::string tidy(Journal& journal, model::Observer& observer) {
  try {
    journal.undo_all();
    journal.close();
  } catch (const Error& error) {
    observer.warning("not everything of the drill could be removed: " + error.message() +
                     "; `holdfast resume` tries again");
    return error.message();
  }
  return {};
}

// A small snapshot of its own that says which tree was proven.
format::Id save_proof(const Environment& environment, const RepositoryAccess& access,
                      OpenedRepository& opened, const DrillReport& report) {
  repo::Repository& repository = *opened.repository;
  const std::string directory = proof_path(report.instance).substr(1);
  format::SnapshotFile snapshot;
  snapshot.time = environment.clock->now();
  repo::BlobWriter writer(repository, make_writer_options(environment, access, false),
                          opened.lock.get());
  archive::TreeBuilder builder(snapshot.time);
  const std::string text = to_json(report).dump_indented() + "\n";
  archive::StreamSaver saver(repository, writer, format::restic_chunks);
  saver.write(as_bytes(text));
  builder.add_file(directory + "/proof.json", saver.finish());
  repo::BlobWriter::Worker worker(repository);
  snapshot.tree = builder.save(writer, worker);
  writer.finish();
  snapshot.paths = {proof_path(report.instance)};
  snapshot.hostname = environment.hostname;
  snapshot.username = environment.username;
  snapshot.uid = environment.uid;
  snapshot.gid = environment.gid;
  snapshot.tags = {std::string(proof_tag), proof_tag_of(report.tree)};
  if (!report.complete) snapshot.tags.emplace_back("incomplete");
  snapshot.program_version = program_version_text();
  return archive::save_snapshot(repository, opened.lock.get(), snapshot);
}

// Takes away what is left of earlier ones, as when the machine went down in the middle; what cannot
// be is no reason not to rehearse.
void put_back_earlier(const Environment& environment, const model::Instance& instance,
                      model::Observer& observer, const std::stop_token& stop) {
  const ResumeReport earlier =
      resume(environment.state_directory, drill_journal(instance.name), environment.program, stop);
  for (const std::string& line : earlier.undone) observer.note(line);
  for (const auto* lines : {&earlier.left, &earlier.failed})
    for (const std::string& line : *lines)
      observer.warning("an earlier drill left something that could not be removed: " + line +
                       "; mend that, then run `holdfast resume`");
}

}  // namespace

DrillReport drill(const Environment& environment, const RepositoryAccess& access,
                  std::string_view snapshot, const model::Instance& instance,
                  model::Observer& observer, std::stop_source& stop) {
  const SteadyTime begun = environment.clock->steady();
  DrillReport report;
  report.started = environment.clock->now();
  observer.phase("opening the repository");
  OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  const archive::Snapshot found = find_instance_snapshot(
      *opened.repository, snapshot, instance.name, environment.hostname, observer);
  opened.repository->load_index(observer);
  const std::unique_ptr<InstanceSource> source =
      open_instance_source(*opened.repository, found.file.tree, stop.get_token());
  report.instance = source->manifest().instance;
  report.snapshot = found.id;
  report.tree = found.file.tree;
  report.snapshot_time = found.file.time;
  report.complete = source->manifest().complete;
  report.missing = missing_from_copy(source->manifest());
  if (!report.complete)
    observer.warning("the snapshot says itself that something is missing from it");
  const std::vector<DrillEndpoint> endpoints = look_at_drill_endpoints(
      environment, instance, source->manifest(), observer, stop.get_token());
  put_back_earlier(environment, instance, observer, stop.get_token());
  {
    const fs::path below =
        instance.drill.scratch_dir.empty() ? scratch_base() : fs::path(instance.drill.scratch_dir);
    const fs::path scratch = new_scratch_path("holdfast-drill", below);
    const std::unique_ptr<Journal> journal = Journal::begin(
        environment.state_directory, drill_journal(instance.name), "drill", environment.program);
    static_cast<void>(
        journal->announce("scratch", "made a directory for a drill", scratch_undo(scratch)));
    try {
      make_scratch(scratch);
      DrillRun run(environment, *source, instance, endpoints, scratch, *journal, report, observer,
                   stop.get_token());
      run.run();
      run.check_queries();
    } catch (const Error&) {
      static_cast<void>(tidy(*journal, observer));
      throw;
    }
    report.left = tidy(*journal, observer);
  }
  report.total_seconds = std::chrono::duration<double>(environment.clock->steady() - begun).count();
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  if (!report.passed()) return report;
  if (access.no_lock) {
    observer.warning("the proof is not stored: with --no-lock nothing is written");
  } else {
    report.proof = save_proof(environment, access, opened, report);
  }
  return report;
}

}  // namespace holdfast::job
