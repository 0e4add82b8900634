// SPDX-License-Identifier: Apache-2.0
#include "job/live_source.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>
#include <utility>

#include "base/channel.h"
#include "base/crew.h"
#include "base/error.h"
#include "job/instance_steps.h"
#include "job/target_place.h"
#include "model/copy_facts.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buffer_bytes = 4U << 20U;

// What a hold writes on one thread is read on another.
class Pipe final : public ByteSource {
 public:
  Pipe(engine::Hold& hold, std::size_t database, const model::Part& part,
       const std::stop_token& stop)
      : channel_(buffer_bytes),
        forward_(stop, [this] { thread_.request_stop(); }),
        thread_([this, &hold, database, part](const std::stop_token& own) {
          run(hold, database, part, own);
        }) {
    if (stop.stop_requested()) thread_.request_stop();
  }
  ~Pipe() override {
    channel_.abandon();
    thread_.request_stop();
  }

  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    if (into.empty()) return 0;
    while (at_ == piece_.size()) {
      auto more = channel_.pop();
      if (!more) return finish();
      piece_ = std::move(*more);
      at_ = 0;
    }
    const std::size_t count = std::min(into.size(), piece_.size() - at_);
    std::copy_n(piece_.begin() + static_cast<std::ptrdiff_t>(at_), count, into.begin());
    at_ += count;
    return count;
  }

 private:
  class Segment final : public model::PartSink::Segment {
   public:
    explicit Segment(Pipe& pipe) : pipe_(pipe) {}
    void write(ByteView bytes) override {
      while (!bytes.empty()) {
        const ByteView piece = bytes.first(std::min<std::size_t>(bytes.size(), buffer_bytes / 4));
        if (!pipe_.channel_.push(Bytes(piece.begin(), piece.end()), piece.size()))
          throw Error(Errc::cancelled, "nobody reads on");
        bytes = bytes.subspan(piece.size());
      }
    }
    void finish() override { pipe_.whole_ = true; }

   private:
    Pipe& pipe_;
  };
  // Segments beyond the first would have to wait for each other.
  class Sink final : public model::PartSink {
   public:
    explicit Sink(Pipe& pipe) : pipe_(pipe) {}
    [[nodiscard]] std::unique_ptr<model::PartSink::Segment> segment(std::uint32_t number) override {
      if (number != 0)
        throw Error(Errc::unsupported, "a part of several segments cannot flow straight on");
      return std::make_unique<Pipe::Segment>(pipe_);
    }

   private:
    Pipe& pipe_;
  };

  void run(engine::Hold& hold, std::size_t database, const model::Part& part,
           const std::stop_token& own) {
    try {
      Sink sink(*this);
      hold.copy(database, part, sink, own);
    } catch (const Error&) {  // told to the reader, who is in another thread
      failure_ = std::current_exception();
    }
    channel_.close();
  }

  std::size_t finish() {
    if (thread_.joinable()) thread_.join();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (!whole_) throw Error(Errc::cancelled, "a part was not copied to its end");
    return 0;
  }

  Channel<Bytes> channel_;
  Bytes piece_;
  std::size_t at_ = 0;
  std::exception_ptr failure_;  // the thread's, to be read once it has ended
  bool whole_ = false;
  std::stop_callback<std::function<void()>> forward_;
  std::jthread thread_;  // last: it uses the others
};

// Of a tree part that was copied whole, what does not belong to it.
void remove_excluded(const model::Part& part, const fs::path& copy) {
  archive::PatternList excludes;
  for (const std::string& pattern : part.exclude) excludes.add(pattern, false);
  std::vector<fs::path> unwanted;
  if (fs::is_directory(fs::symlink_status(copy))) {
    for (auto item = fs::recursive_directory_iterator(copy);
         item != fs::recursive_directory_iterator(); ++item) {
      const fs::path source = part.directory / item->path().lexically_relative(copy);
      if (!excludes.matches(source.string())) continue;
      unwanted.push_back(item->path());
      item.disable_recursion_pending();
    }
  }
  for (const fs::path& path : unwanted) fs::remove_all(path);
}

class LiveParts final : public model::PartSource {
 public:
  LiveParts(engine::Hold& hold, std::size_t database, std::vector<model::Part> parts, Json facts,
            std::stop_token stop)
      : hold_(hold),
        database_(database),
        parts_(std::move(parts)),
        facts_(std::move(facts)),
        stop_(std::move(stop)) {}

  [[nodiscard]] std::vector<Entry> list() const override {
    std::vector<Entry> entries;
    for (const model::Part& part : parts_)
      entries.push_back({part.path, part.kind, part.bytes_estimate});
    return entries;
  }
  [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view path) const override {
    return std::make_unique<Pipe>(hold_, database_, part(path, model::PartKind::stream), stop_);
  }
  [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(
      std::string_view path) const override {
    throw Error(Errc::unsupported,
                "part " + std::string(path) + " cannot be read in any order while it is copied")
        .set_hint("Make a backup and restore that.");
  }
  void restore_tree(std::string_view path, const fs::path& directory) const override {
    const model::Part& part = this->part(path, model::PartKind::tree);
    const NodePlace source = find_entry(part.directory);
    model::SilentObserver observer;
    if (restore_verified(source, directory, true, observer, stop_) != 0)
      throw Error(Errc::differs, part.directory.string() + " changed while it was copied");
    remove_excluded(part, directory);
  }
  [[nodiscard]] const Json& facts() const override { return facts_; }

 private:
  [[nodiscard]] const model::Part& part(std::string_view path, model::PartKind kind) const {
    const auto found = std::find_if(parts_.begin(), parts_.end(),
                                    [&](const model::Part& one) { return one.path == path; });
    if (found == parts_.end() || found->kind != kind)
      throw Error(Errc::not_found, "the source has no part " + std::string(path));
    return *found;
  }

  engine::Hold& hold_;
  std::size_t database_;
  const std::vector<model::Part> parts_;
  Json facts_;
  std::stop_token stop_;
};

// A directory on disk without what the instance leaves out of its copies: databases, which are
// copied otherwise and must not be opened beside their holds, indexes, lock files.
class WithoutExcluded final : public NodeDirectory {
 public:
  using Excludes = std::shared_ptr<const archive::PatternList>;
  WithoutExcluded(std::unique_ptr<NodeDirectory> inner, fs::path path, Excludes excludes)
      : inner_(std::move(inner)), path_(std::move(path)), excludes_(std::move(excludes)) {}

  [[nodiscard]] std::vector<format::Node> entries() override {
    std::vector<format::Node> nodes = inner_->entries();
    std::erase_if(nodes, [&](const format::Node& node) {
      return excludes_->matches((path_ / node.name).string());
    });
    return nodes;
  }
  [[nodiscard]] std::unique_ptr<NodeDirectory> open(const format::Node& directory) override {
    return std::make_unique<WithoutExcluded>(inner_->open(directory), path_ / directory.name,
                                             excludes_);
  }
  [[nodiscard]] std::unique_ptr<ByteSource> read(const format::Node& file) override {
    return inner_->read(file);
  }

 private:
  std::unique_ptr<NodeDirectory> inner_;
  const fs::path path_;
  const Excludes excludes_;
};

// Takes the bytes of a part whose rows alone are wanted.
class NoParts final : public model::PartSink {
 public:
  [[nodiscard]] std::unique_ptr<Segment> segment(std::uint32_t /*number*/) override {
    class Nothing final : public Segment {
     public:
      void write(ByteView /*bytes*/) override {}
      void finish() override {}
    };
    return std::make_unique<Nothing>();
  }
};

model::Manifest manifest_of(const Environment& environment, const model::Instance& instance) {
  model::Manifest manifest;
  manifest.program_version = "holdfast " HOLDFAST_VERSION;
  manifest.instance = instance.name;
  manifest.profile = instance.profile;
  manifest.home = instance.home;
  manifest.hostname = environment.hostname;
  manifest.started = environment.clock->now();
  return manifest;
}

model::DatabaseFacts facts_of(const ProbedDatabase& database) {
  model::DatabaseFacts facts;
  facts.name = database.settings.name;
  facts.directory = "databases/" + model::escape_name(facts.name);
  facts.engine = database.engine->name();
  facts.uri = database.settings.uri;
  facts.version = database.probe.version;
  return facts;
}

// Moves databases that are files out of a survey: all that their copies need is a place, and what
// was found by looking at them.
std::vector<model::DatabaseFacts> take_local(Survey& survey) {
  std::vector<model::DatabaseFacts> taken;
  std::erase_if(survey.databases, [&](const ProbedDatabase& database) {
    if (local_path(database.endpoint).empty()) return false;
    if (database.engine != nullptr && database.probe.exists) {
      taken.push_back(facts_of(database));
      taken.back().engine_facts = database.probe.facts;
      taken.back().parts.push_back({"", database.probe.size_bytes});
    }
    return true;
  });
  return taken;
}

}  // namespace

namespace {

class BothRows final : public model::RowSink {
 public:
  BothRows(std::unique_ptr<model::RowSink> one, std::unique_ptr<model::RowSink> other)
      : one_(std::move(one)), other_(std::move(other)) {}
  void columns(const std::vector<model::Column>& columns) override {
    one_->columns(columns);
    other_->columns(columns);
  }
  void row(const model::Row& row) override {
    one_->row(row);
    other_->row(row);
  }

 private:
  const std::unique_ptr<model::RowSink> one_, other_;
};

}  // namespace

LiveSource::LiveSource(const Environment& environment, const model::Instance& instance,
                       const Survey& survey, const engine::HoldOptions& options,
                       model::Observer& observer, std::stop_token stop, LiveUse use)
    : InstanceSource(manifest_of(environment, instance)),
      instance_(instance),
      state_(survey.state),
      use_(use),
      options_(options),
      stop_(std::move(stop)) {
  options_.row_tap = [this](std::string_view component, const model::TableName& table) {
    auto check = check_ ? check_->rows(component, table) : nullptr;
    auto tapped = tap_ ? (*tap_)(component, table) : nullptr;
    if (!check || !tapped) return check ? std::move(check) : std::move(tapped);
    return std::unique_ptr<model::RowSink>(
        std::make_unique<BothRows>(std::move(check), std::move(tapped)));
  };
  model::Manifest& manifest = own_manifest();
  manifest.profile_facts = survey.profile_facts;
  if (options.only_outline) {
    Survey servers = survey;
    manifest.databases = take_local(servers);
    holds_ = std::make_unique<Holds>(servers, options_);
    holds_->capture_apart();
    outline_databases(servers);
    held_.clear();
    holds_.reset();
  } else {
    if (survey.make_check) check_ = survey.make_check();
    holds_ = std::make_unique<Holds>(survey, options_);
    observer.phase("capturing");
    holds_->capture(instance.limits, *environment.clock, manifest, observer);
    outline_databases(survey);
    for (model::Finding& finding :
         judge_moments(instance.limits, holds_->members().size(), manifest)) {
      observer.finding(finding);
      manifest.findings.push_back(std::move(finding));
    }
  }
  outline_files(survey);
}

void LiveSource::outline_databases(const Survey& survey) {
  for (Holds::Member& member : holds_->members()) {
    for (std::size_t i = 0; i < member.databases.size(); ++i) {
      const ProbedDatabase& database = survey.databases[member.databases[i]];
      model::DatabaseFacts facts = facts_of(database);
      const Held& one = held_
                            .emplace(facts.name, Held{member.hold.get(), i, member.hold->parts(i),
                                                      database.engine, database.endpoint})
                            .first->second;
      facts.moment = member.hold->moment(i);
      facts.moment.fenced = manifest().fenced;
      if (use_ == LiveUse::parts) member.hold->outline(i, facts, stop_);
      for (const model::Part& part : one.parts)
        facts.parts.push_back({part.path, part.bytes_estimate, part.kind == model::PartKind::tree});
      own_manifest().databases.push_back(std::move(facts));
    }
  }
}

void LiveSource::outline_files(const Survey& survey) {
  for (const model::FilesSettings& files : survey.files) {
    model::FilesFacts facts;
    facts.name = files.name;
    facts.directory = "files/" + model::escape_name(files.name);
    facts.exclude = files.exclude;
    auto excludes = std::make_shared<archive::PatternList>();
    for (const std::string& pattern : files.exclude) excludes->add(pattern, false);
    for (const std::string& path : files.paths) {
      facts.paths.push_back({path, facts.directory + path});
      excludes_.emplace(facts.paths.back().place, excludes);
    }
    own_manifest().files.push_back(std::move(facts));
  }
}

const LiveSource::Held& LiveSource::held(const std::string& component) const {
  const auto found = held_.find(component);
  if (found == held_.end()) throw Error(Errc::not_found, "the source has no database " + component);
  return found->second;
}

std::unique_ptr<model::PartSource> LiveSource::parts(const model::DatabaseFacts& facts) const {
  const Held& one = held(facts.name);
  return live_parts(*one.hold, one.database, one.parts, facts.engine_facts, stop_);
}

void LiveSource::complete(model::DatabaseFacts& facts, std::stop_token stop) const {
  const Held& one = held(facts.name);
  one.hold->describe(one.database, facts, std::move(stop));
}

// Files are read while they live: what they were is what is read.
ListingDifference LiveSource::compare_listing(const model::FilesFacts& /*files*/,
                                              std::stop_token /*stop*/) const {
  return {};
}

InstanceSource::Place LiveSource::find(const std::string& place) const {
  for (const model::FilesFacts& files : manifest().files) {
    for (const model::PathFacts& path : files.paths) {
      if (path.place != place) continue;
      Place found = find_entry(path.source);
      found.parent = std::make_unique<WithoutExcluded>(
          std::move(found.parent), fs::path(path.source).parent_path(), excludes_.at(place));
      return found;
    }
  }
  throw Error(Errc::not_found, "the source has no " + place);
}

std::uint64_t LiveSource::restore(const std::string& place, const fs::path& target, bool /*verify*/,
                                  model::Observer& observer, std::stop_token stop) const {
  const Place found = find(place);
  restore_node(*found.parent, found.node, target, observer, std::move(stop));
  return 0;
}

Json LiveSource::profile_facts() const {
  const auto* const facts = dynamic_cast<const model::CopyFacts*>(check_.get());
  if (facts == nullptr) return manifest().profile_facts;
  // What it finds is not asked for: the files have not passed it.
  static_cast<void>(check_->findings());
  return facts->facts(manifest().profile_facts);
}

struct LiveSource::Reading {
  const Held* held;
  const model::Part* part;
  model::DatabaseFacts* facts;
};

void LiveSource::read_one(const Reading& reading, const std::stop_token& stop) const {
  const Held& held = *reading.held;
  model::DatabaseFacts& facts = *reading.facts;
  if (reading.part->kind == model::PartKind::stream) {
    NoParts nowhere;
    return in_context("reading " + reading.part->path + " of " + facts.name,
                      [&] { held.hold->copy(held.database, *reading.part, nowhere, stop); });
  }
  in_context("reading the database " + facts.name, [&] {
    held.hold->describe(held.database, facts, stop);
    const auto parts = live_parts(*held.hold, held.database, held.parts, facts.engine_facts, stop);
    held.engine->describe_copy(*parts, held.endpoint, options_, facts, stop);
  });
}

std::vector<model::DatabaseFacts> LiveSource::read_rows(const model::RowTap& tap,
                                                        std::stop_token stop) const {
  struct Tapped {
    Tapped(const model::RowTap*& place, const model::RowTap& tap) : place_(place) { place_ = &tap; }
    ~Tapped() { place_ = nullptr; }
    Tapped(const Tapped&) = delete;
    Tapped& operator=(const Tapped&) = delete;

   private:
    const model::RowTap*& place_;
  } const tapped(tap_, tap);
  std::vector<model::DatabaseFacts> all = manifest().databases;
  std::vector<Reading> readings;
  for (model::DatabaseFacts& facts : all) {
    const Held& one = held(facts.name);
    for (const model::Part& part : one.parts) readings.push_back({&one, &part, &facts});
  }
  std::atomic<std::size_t> next = 0;
  Crew crew;
  const std::stop_callback forward(stop, [&] { crew.request_stop(); });
  const std::size_t threads = std::min<std::size_t>(options_.parallel, readings.size());
  for (std::size_t i = 0; i < threads; ++i) {
    crew.start([&](const std::stop_token& own) {
      while (!own.stop_requested()) {
        const std::size_t number = next++;
        if (number >= readings.size()) return;
        read_one(readings[number], own);
      }
    });
  }
  crew.join();
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  // What no part has shown; and how many rows each table has.
  for (model::DatabaseFacts& facts : all) {
    const Held& one = held(facts.name);
    const bool is_tree = std::any_of(one.parts.begin(), one.parts.end(), [](const auto& part) {
      return part.kind == model::PartKind::tree;
    });
    if (!is_tree) one.hold->describe(one.database, facts, stop);
  }
  return all;
}

void LiveSource::release() const {
  if (before_release_) before_release_();
  const std::string moved = state_.empty() ? "" : what_moved(state_, plan_of(instance_).state);
  if (!moved.empty()) {
    throw Error(Errc::not_consistent, moved + " changed while it was copied")
        .set_hint("Migrate again, while nobody changes the application's configuration.");
  }
  for (Holds::Member& member : holds_->members()) member.hold->release();
}

std::unique_ptr<model::PartSource> live_parts(engine::Hold& hold, std::size_t database,
                                              std::vector<model::Part> parts, Json facts,
                                              std::stop_token stop) {
  return std::make_unique<LiveParts>(hold, database, std::move(parts), std::move(facts),
                                     std::move(stop));
}

}  // namespace holdfast::job
