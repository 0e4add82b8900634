// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "base/error.h"
#include "engine/embedded/place.h"
#include "engine/finding.h"
#include "engine/typedb/database_lock.h"
#include "engine/typedb/facts.h"
#include "engine/typedb/installation.h"
#include "engine/typedb/releases.h"
#include "engine/typedb/server_probe.h"
#include "engine/typedb/switch.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
using model::Severity;

// Nothing if one of the two is not known.
std::optional<Compatibility> verdict_on(const model::DatabaseFacts& facts, const Release& release) {
  const std::optional<Encoding> encoding = encoding_in(facts.engine_facts);
  const std::optional<std::size_t> range = range_of(release.text);
  if (!encoding || !range) return std::nullopt;
  return compare(*encoding, *range);
}

// A database is made beside the data directory, and renamed into it.
void check_data_directory(const Location& location, std::vector<model::Finding>& findings) {
  const fs::path& directory = location.data_directory;
  const auto there = embedded::place_facts(directory);
  if (!there) return;
  const fs::path above = directory.parent_path();
  for (const fs::path& one : {directory, location.database})
    if (is_mount_point(one))
      findings.push_back(finding("target-mount-point", Severity::blocker,
                                 fmt::format("{} is a mount point", one.native()),
                                 "a database is made beside the data directory and renamed into it",
                                 "Configure a data directory below that one."));
  if (::faccessat(AT_FDCWD, above.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    findings.push_back(finding("target-not-writable", Severity::blocker,
                               fmt::format("this user may not write in {}", above.native()),
                               "a database is made beside the data directory and renamed into it",
                               "Run as root, or as a user who may."));
  if (::geteuid() == 0 || there->uid == ::geteuid()) return;
  findings.push_back(
      finding("typedb-owner-differs", Severity::warning,
              fmt::format("{} belongs to the user of number {}, and this is {}", directory.native(),
                          there->uid, ::geteuid()),
              "what is restored would belong to this user, and the server might not open it",
              "Run as root, or as the user of the server."));
}

}  // namespace

Release release_of(const Location& location) {
  if (!location.release.empty()) return {location.release, "the option `release`"};
  const auto told = [](const Installation& found) {
    return Release{range_of(found.version) ? found.version : "", found.version_from};
  };
  if (!location.home.empty()) {
    if (const auto found = installed_at(location.home)) return told(*found);
    return {"", fmt::format("no TypeDB is at {}", location.home.native())};
  }
  if (const auto found = around(location.data_directory)) return told(*found);
  return {"", fmt::format("no distribution is around {}", location.data_directory.native())};
}

std::vector<model::Finding> check_target(const model::DatabaseFacts& facts,
                                         const Location& location, const LoadOptions& options) {
  std::vector<model::Finding> findings;
  if (auto form = check_form(facts, false)) {
    findings.push_back(std::move(*form));
    return findings;
  }
  if (auto mismatch = check_system(facts, location)) findings.push_back(std::move(*mismatch));
  const Release release = release_of(location);
  const std::optional<Compatibility> verdict = verdict_on(facts, release);
  if (!verdict) {
    const bool copy_known = encoding_in(facts.engine_facts).has_value();
    findings.push_back(finding(
        "typedb-release-unobservable", Severity::blocker,
        copy_known ? release.from : std::string("the copy does not tell which release wrote it"),
        "a release that cannot read a directory does not start, or passes over commits without a "
        "word",
        "Set `release` to the release of the server that will open it, or `home` to where it is "
        "installed."));
  } else if (verdict->verdict != Verdict::compatible) {
    findings.push_back(finding("typedb-encoding-mismatch", Severity::blocker,
                               fmt::format("{}: {}", release.text, release.from), verdict->why,
                               verdict->mend));
  }
  if (options.sequence) {
    std::string why = why_no_end_at(facts, *options.sequence);
    if (!why.empty())
      findings.push_back(finding("typedb-sequence-missing", Severity::blocker, std::move(why),
                                 "nothing can be restored up to there",
                                 "Give --sequence a number that the log of the copy has."));
  }
  if (const std::optional<InUse> use = who_serves(location.data_directory)) {
    findings.push_back(finding(
        "typedb-target-in-use", options.is_stopped_first ? Severity::note : Severity::blocker,
        display(*use), "a server takes no notice of a database that is put there, or ends",
        "Stop that server first; or let [quiesce] do it, where [restore] "
        "role is \"replacement\"."));
  }
  check_data_directory(location, findings);
  return findings;
}

std::optional<model::Finding> check_system(const model::DatabaseFacts& facts,
                                           const Location& location) {
  const std::string copied = facts.engine_facts.string_or("name", "");
  if (copied.empty() || (copied == system_database) == (location.name() == system_database))
    return std::nullopt;
  return finding(
      "typedb-system-mismatch", Severity::blocker,
      fmt::format("{} was copied, and its place is {}", copied, location.database.native()),
      fmt::format("{} has the users of the server, and goes to no other name", system_database),
      "Name another place for that component.");
}

std::string why_no_end_at(const model::DatabaseFacts& facts, std::uint64_t last) {
  const std::optional<Encoding> encoding = encoding_in(facts.engine_facts);
  if (encoding && *encoding < Encoding::v3_a)
    return fmt::format("{} was copied from TypeDB {}, whose log has no numbered records",
                       facts.name, encoding_releases(*encoding));
  const Json* const newest = facts.engine_facts.find("last_sequence");
  if (newest == nullptr) return fmt::format("the copy of {} has no log with a record", facts.name);
  if (last > 0 && last <= newest->as_uint()) return {};
  return fmt::format("the log of {} has no record {}: it ends at {}", facts.name, last,
                     newest->as_uint());
}

std::optional<model::Finding> check_installed(const Release& release, Encoding encoding) {
  const std::optional<std::size_t> range = range_of(release.text);
  if (!range) return std::nullopt;
  const Compatibility verdict = compare(encoding, *range);
  if (verdict.verdict == Verdict::compatible) return std::nullopt;
  return finding("typedb-release-differs", Severity::warning,
                 fmt::format("TypeDB {} is installed ({}), and {} wrote the directory",
                             release.text, release.from, encoding_releases(encoding)),
                 fmt::format("it can be copied, but that server does not open it: {}", verdict.why),
                 verdict.mend);
}

void refuse_wrong_release(const model::DatabaseFacts& facts, const Location& location) {
  const std::optional<Compatibility> verdict = verdict_on(facts, release_of(location));
  if (!verdict || verdict->verdict == Verdict::compatible) return;
  throw Error(Errc::unsupported, verdict->why).set_hint(verdict->mend);
}

}  // namespace holdfast::engine::typedb
