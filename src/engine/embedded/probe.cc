// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/units.h"
#include "engine/embedded/hold.h"
#include "engine/embedded/place.h"
#include "engine/embedded/rows.h"

namespace holdfast::engine::embedded {
namespace {

namespace fs = std::filesystem;
using model::MendClass;
using model::Severity;

constexpr int depth_max = 32;

void check_stop(const fs::path& place, const std::stop_token& stop) {
  if (stop.stop_requested())
    throw Error(Errc::cancelled, fmt::format("stopped looking at {}", place.native()));
}

class Prober {
 public:
  Prober(const Kind& kind, const model::Endpoint& endpoint, const std::stop_token& stop)
      : kind_(kind), endpoint_(endpoint), stop_(stop), place_(path_of(kind, endpoint)) {}

  Probe run() {
    probe_.server = kind_.name();
    probe_.own_files = {place_};
    probe_.abilities.grants = true;
    const std::filesystem::path driver = driver_of(endpoint_);
    if (!driver.empty()) probe_.facts.set("driver", driver.native());
    has_row_means_ = find_row_means(kind_, endpoint_, why_no_rows_).has_value();
    probe_.abilities.rows = probe_.abilities.scratch = has_row_means_;
    const std::optional<PlaceFacts> facts = place_facts(place_);
    probe_.exists = facts.has_value();
    if (!facts) return std::move(probe_);
    probe_.empty = holds_nothing(place_);
    if (probe_.empty) return std::move(probe_);
    // Probing answers whatever state the database is in, and so do the probes of all others.
    try {
      check_stop(place_, stop_);
      look(*facts);
    } catch (const Error& error) {
      check_stop(place_, stop_);
      find("content-unobservable", Severity::blocker, error.message(),
           "what cannot be opened now cannot be copied either",
           error.hint().empty() ? "see the message; run as the application's user" : error.hint());
    }
    for (model::Finding& one : probe_.findings) one.component = endpoint_.component;
    return std::move(probe_);
  }

 private:
  void find(std::string_view code, Severity severity, std::string seen, std::string_view why,
            std::string_view mend, MendClass mend_class = MendClass::manual) {
    probe_.findings.push_back(finding(fmt::format("{}-{}", kind_.name(), code), severity,
                                      std::move(seen), std::string(why), std::string(mend),
                                      mend_class));
  }

  void look(const PlaceFacts& facts) {
    probe_.facts.set("file_mode", fmt::format("{:04o}", facts.mode & 0777));
    probe_.facts.set("file_uid", facts.uid).set("file_gid", facts.gid);
    if (!may_read(place_)) {
      return find("unreadable", Severity::blocker,
                  fmt::format("{} may not be read by us", place_.native()),
                  "what cannot be read cannot be copied",
                  "run as a user who may read it, or change its mode");
    }
    const bool used = look_at_lock();
    Examination found = kind_.examine(place_, used ? Depth::front : Depth::rest, stop_);
    probe_.version = found.version;
    probe_.size_bytes = found.size_bytes;
    probe_.scratch_bytes = found.size_bytes;  // the copy is looked into as files of its own
    probe_.trees = {part_of(kind_, place_, found.size_bytes)};
    for (const auto& [name, value] : found.facts.as_object()) probe_.facts.set(name, value);
    if (found.known) {
      if (!used) look_for_leftovers();
      look_at_permissions();
      look_for_row_means();
      const fs::path driver = driver_of(endpoint_);
      if (!driver.empty())
        std::ranges::move(kind_.compare_driver(found, driver), std::back_inserter(found.findings));
    }
    std::ranges::move(found.findings, std::back_inserter(probe_.findings));
  }

  void look_for_row_means() {
    if (has_row_means_) return;
    find(
        "rows-unread", Severity::warning, fmt::format("{}: {}", place_.native(), why_no_rows_),
        "its files are copied and looked at, but its tables are not read, so that nothing is known "
        "of what they hold",
        "install a Java runtime, and name the application's driver in `driver`");
  }

  bool look_at_lock() {
    const fs::path lock = kind_.lock_of(place_).path;
    probe_.facts.set("lock", lock.native());
    const std::optional<LockHolder> holder = who_locks(lock);
    probe_.needs_stop = holder.has_value();
    if (!holder) return false;
    find("in-use", Severity::note,
         fmt::format("{} is open in {}", place_.native(), display(*holder)),
         "it is copied while nobody has it open, and its application is stopped for that",
         "none needed where [quiesce] stops and starts the application");
    return true;
  }

  void look_for_leftovers() {
    for (const std::string& name : kind_.lock_files()) {
      if (!place_facts(place_ / name)) continue;
      return find("stale-lock", Severity::note,
                  fmt::format("{} is there, and nobody holds its lock", (place_ / name).native()),
                  "the application ended without tidying up; the file is not copied", "none needed",
                  MendClass::none);
    }
  }

  // Without the lock nobody would be kept out.
  void look_at_permissions() {
    const FileLock::Wanted lock = kind_.lock_of(place_);
    const bool there = place_facts(lock.path).has_value();
    const fs::path& asked = there ? lock.path : place_;
    if (there ? may_read(asked) : ::faccessat(AT_FDCWD, asked.c_str(), W_OK, AT_EACCESS) == 0)
      return;
    find("not-writable", Severity::blocker,
         fmt::format("{} may not be {} by us", asked.native(), there ? "read" : "written"),
         "the lock that keeps the application out while copying could not be taken",
         "run as the application's user, or as root");
  }

  const Kind& kind_;
  const model::Endpoint& endpoint_;
  const std::stop_token& stop_;
  const fs::path place_;
  Probe probe_;
  bool has_row_means_ = false;
  std::string why_no_rows_;
};

// What can be told apart in an instance file: the last folder or file of its path that says
// something, numbered if taken.
std::string component_name(const fs::path& place, std::set<std::string>& taken) {
  fs::path said = place;
  while (said.extension() != "") said = said.parent_path() / said.stem();
  std::string stem = said.filename().native();
  const std::string above = place.parent_path().filename().native();
  // Jackrabbit calls each one "db" and tells them apart by the workspace's folder.
  if (stem == "db" && !above.empty()) stem = above;
  if (stem.empty() || !is_utf8(stem)) stem = "database";
  std::string name = stem;
  for (int number = 2; !taken.insert(name).second; ++number)
    name = fmt::format("{}-{}", stem, number);
  return name;
}

std::vector<fs::path> find_places(const Kind& kind, const fs::path& start,
                                  const std::stop_token& stop) {
  std::vector<fs::path> found;
  const auto look_at = [&](const fs::path& place) {
    check_stop(place, stop);
    if (!is_utf8(place.native()) || !kind.looks_like_one(place)) return false;
    found.push_back(place);
    return true;
  };
  if (look_at(start)) return found;
  // One folder after the other, so that one that vanishes or cannot be read hides no other.
  std::vector<std::pair<fs::path, int>> folders{{start, 0}};
  while (!folders.empty()) {
    const auto [folder, depth] = std::move(folders.back());
    folders.pop_back();
    check_stop(folder, stop);
    std::error_code failure;
    fs::directory_iterator entries(folder, failure);
    for (; !failure && entries != fs::directory_iterator(); entries.increment(failure)) {
      const std::optional<PlaceFacts> facts = place_facts(entries->path());
      if (!facts || (!facts->directory && !facts->regular)) continue;
      if (facts->directory == kind.is_directory() && look_at(entries->path())) continue;
      if (facts->directory && depth < depth_max) folders.emplace_back(entries->path(), depth + 1);
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

Probe probe_place(const Kind& kind, const model::Endpoint& endpoint, const std::stop_token& stop) {
  return Prober(kind, endpoint, stop).run();
}

std::optional<Inspection> inspect_place(const Kind& kind, const fs::path& place, bool deep,
                                        const std::stop_token& stop) {
  check_stop(place, stop);
  fs::path found_at = place;
  if (kind.is_directory() && place.filename() == "service.properties")
    found_at = fs::absolute(place).parent_path();
  if (!kind.looks_like_one(found_at)) return std::nullopt;
  const std::optional<LockHolder> holder = who_locks(kind.lock_of(found_at).path);
  const Depth depth = holder ? Depth::front : deep ? Depth::whole : Depth::rest;
  Examination found = kind.examine(found_at, depth, stop);
  Inspection inspection;
  inspection.kind = kind.title();
  inspection.deep = depth == Depth::whole;
  inspection.whole = !model::has_blocker(found.findings);
  inspection.facts = std::move(found.facts);
  inspection.facts.set("version", found.version).set("position", found.position);
  inspection.facts.set("size_bytes", found.size_bytes);
  inspection.findings = std::move(found.findings);
  inspection.objects_comparable = false;
  if (holder) {
    inspection.facts.set("used_by", display(*holder));
    inspection.findings.push_back(
        finding(fmt::format("{}-in-use", kind.name()), Severity::note,
                fmt::format("{} is open in {}", found_at.native(), display(*holder)),
                "only what does not change while somebody writes was looked at",
                "look again when its application is stopped", MendClass::manual));
  }
  return inspection;
}

std::vector<Engine::Discovered> discover_places(const Kind& kind, const fs::path& directory,
                                                const std::stop_token& stop) {
  std::error_code unknown;
  const fs::path start = fs::weakly_canonical(directory, unknown);
  std::vector<Engine::Discovered> found;
  std::set<std::string> taken;
  for (const fs::path& place : find_places(kind, start, stop)) {
    Engine::Discovered one;
    one.endpoint.component = component_name(place, taken);
    one.endpoint.engine = kind.name();
    one.endpoint.uri = fmt::format("{}:{}", kind.name(), place.native());
    try {
      const Examination looked = kind.examine(place, Depth::front, stop);
      one.comment = fmt::format("{} at {}: {}, {}", kind.title(), place.native(), looked.version,
                                format_bytes(looked.size_bytes));
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      one.comment = fmt::format("{} at {}: {}", kind.title(), place.native(), error.message());
    }
    found.push_back(std::move(one));
  }
  return found;
}

}  // namespace holdfast::engine::embedded
