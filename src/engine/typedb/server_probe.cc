// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/server_probe.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "engine/finding.h"
#include "engine/typedb/database_export.h"
#include "engine/typedb/export_facts.h"
#include "engine/typedb/item.h"
#include "engine/typedb/releases.h"
#include "engine/typedb/server_endpoint.h"
#include "engine/typedb/v2_server.h"

namespace holdfast::engine::typedb {
namespace {

using model::Severity;

// A server that lets us in and then says nothing is found out within this time.
constexpr std::chrono::seconds probe_patience{30};

constexpr std::string_view offline_copy =
    "copy its directory instead: typedb:/path/of/the/data/directory/NAME";

model::Finding silent_server(const ServerLocation& location, const Error& error) {
  return finding(
      "typedb-server-silent", Severity::blocker, error.message(),
      "nothing can be copied from a server that does not answer, nor restored into it",
      fmt::format("Start it, check host and port{}; or, while no server runs, {}, with "
                  "`method` = \"cold\".",
                  location.tls ? "" : ", set `tls` = \"verified\" if it wants TLS", offline_copy));
}

// What the gRPC library says of a handshake that failed.
bool is_of_tls(const Error& error) {
  for (const std::string_view word : {"handshake", "SSL", "Ssl", "TLS", "ertificate"})
    if (error.message().find(word) != std::string::npos) return true;
  return false;
}

model::Finding unobservable(const Error& error) {
  return finding("typedb-server-unobservable", Severity::blocker, error.message(),
                 "what cannot be asked now cannot be copied either",
                 error.hint().empty() ? "See the message." : error.hint());
}

model::Finding why_not_connected(const ServerLocation& location, const Error& error) {
  switch (error.code()) {
    case Errc::unavailable:
      if (!location.tls || !is_of_tls(error)) return silent_server(location, error);
      return finding("typedb-tls-failed", Severity::blocker, error.message(),
                     "without it the password would go where anybody may read it",
                     "Set `tls_ca` to the certificate that the server's is signed with, name the "
                     "host as that does, or set `tls` = \"off\" for a server without TLS.");
    case Errc::denied:
      return finding("typedb-sign-in-refused", Severity::blocker, error.message(),
                     "servers of TypeDB 3 answer nobody who has not signed in",
                     "Set `user` and `password_file` to a user of that server.");
    case Errc::unsupported:
      if (error.message().find("no protocol") == std::string::npos) return unobservable(error);
      return finding("typedb-server-without-export", Severity::blocker, error.message(),
                     "TypeDB 3.0 to 3.3 neither exports nor imports",
                     fmt::format("Upgrade it to 3.4 or later, or {}, which works beside a running "
                                 "server.",
                                 offline_copy));
    case Errc::usage:
      return finding("typedb-server-unknown", Severity::blocker, error.message(),
                     "something else listens there", error.hint());
    default:
      return unobservable(error);
  }
}

// Looks no further than at the first thing.
class FirstThing final : public ReferenceSink {
 public:
  explicit FirstThing(DatabaseExport& exported) : exported_(exported) {}
  // Whether there is one; sets the version of the header.
  bool find(std::string& version) {
    for (;;) {
      const std::vector<ByteView>& items = exported_.next();
      if (items.empty()) return false;
      for (const ByteView message : items) {
        const Item item = parse_item(message, *this);
        if (item.kind == ItemKind::header) version = item.version;
        if (item.kind != ItemKind::header && item.kind != ItemKind::checksums) return true;
      }
    }
  }
  void owned(std::string_view /*id*/) override {}
  void role(std::string_view /*label*/) override {}
  void player(std::string_view /*id*/) override {}

 private:
  DatabaseExport& exported_;
};

void look(Connection& connection, const ServerLocation& location, Probe& probe,
          const std::stop_token& stop) {
  const Generation generation = connection.generation();
  probe.version = connection.release();
  if (probe.version.empty()) probe.version = location.release;
  probe.facts.set("generation", generation == Generation::v3 ? "3.x" : "2.x");
  probe.exists = connection.contains(location.database, stop);
  if (generation != Generation::v3) {
    if (probe.exists) probe_v2(connection, location, probe, stop);
    return;
  }
  if (!probe.exists) return;
  DatabaseExport exported(connection, location.database, stop);
  const bool has_things = FirstThing(exported).find(probe.version);
  probe.empty = !has_things && defines_nothing(exported.schema());
  probe.facts.set("things", has_things);
  // What is known for certain: a server does not tell sizes.
  probe.size_bytes = exported.schema().size();
}

// The release of what was copied: "3.4.0 to 3.10.4" is of the range of its first.
std::optional<std::size_t> range_in(std::string_view version) {
  return range_of(version.substr(0, version.find(' ')));
}

bool is_typedb_3(std::size_t range) {
  return release_ranges[range].encoding >= Encoding::v3_a;
}

std::size_t range_at(const Connection& connection, const ServerLocation& location) {
  // What names itself otherwise, a build of somebody's own or a later release, is as the newest.
  if (connection.generation() == Generation::v3)
    return range_in(connection.release()).value_or(release_ranges.size() - 1);
  if (const auto told = range_of(location.release)) return *told;
  return *range_of("2.19.0");  // for exports all of 2.x are alike as targets
}

void check_releases(const model::DatabaseFacts& facts, std::size_t to, const LoadOptions& options,
                    std::vector<model::Finding>& findings) {
  const std::optional<std::size_t> from = range_in(facts.version);
  if (!from) return;
  const Compatibility verdict = compare(*from, to, Way::exported);
  if (verdict.verdict != Verdict::compatible) {
    findings.push_back(finding("typedb-export-mismatch", Severity::blocker,
                               fmt::format("the copy is of TypeDB {}, the server of {}",
                                           facts.version, display(release_ranges[to])),
                               verdict.why, verdict.mend));
  } else if (!is_typedb_3(*from) && is_typedb_3(to) && options.schema_file.empty() &&
             !options.data_only) {
    findings.push_back(
        finding("typedb-schema-of-2", Severity::warning,
                fmt::format("the schema of the copy is TypeQL of TypeDB {}", facts.version),
                "it is rewritten for TypeDB 3; where that needs a decision, nothing is made, and a "
                "draft names the places",
                "Name a schema of your own with `--schema`, or load the data alone."));
  }
}

}  // namespace

Probe probe_on_server(const model::Endpoint& endpoint, const std::stop_token& stop) {
  const ServerLocation location = server_location_of(endpoint);
  Probe probe;
  probe.server = fmt::format("typedb://{}{}{}", location.user, location.user.empty() ? "" : "@",
                             location.address());
  probe.abilities.grants = true;
  probe.abilities.schemas = true;
  try {
    Connection connection(access_to(endpoint, probe_patience), stop);
    look(connection, location, probe, stop);
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled) throw;
    probe.findings.push_back(why_not_connected(location, error));
  }
  for (model::Finding& one : probe.findings) one.component = endpoint.component;
  return probe;
}

std::vector<model::Finding> check_load_on_server(const model::DatabaseFacts& facts,
                                                 const model::Endpoint& into,
                                                 const LoadOptions& options,
                                                 const std::stop_token& stop) {
  std::vector<model::Finding> findings;
  const ServerLocation location = server_location_of(into);
  if (auto form = check_form(facts, true)) {
    findings.push_back(std::move(*form));
    return findings;
  }
  try {
    Connection connection(access_to(into, probe_patience), stop);
    check_releases(facts, range_at(connection, location), options, findings);
    if (options.only_beside) return findings;
    Probe there;
    look(connection, location, there, stop);
    if (options.replace && there.exists && !there.empty && !options.data_only)
      findings.push_back(
          finding("typedb-target-exists", Severity::blocker, location.display(),
                  "servers of TypeDB rename no database, so that what is there cannot be kept",
                  fmt::format("Back it up and remove it with the console, `database delete {}`, or "
                              "choose another name.",
                              location.database)));
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled) throw;
  }
  return findings;
}

std::optional<model::Finding> check_form(const model::DatabaseFacts& facts, bool to_server) {
  const bool is_export = is_export_copy(facts.engine_facts);
  const bool is_directory = facts.engine_facts.find("encoding") != nullptr;
  if (to_server ? !is_directory || is_export : !is_export) return std::nullopt;
  if (to_server)
    return finding("typedb-form-mismatch", Severity::blocker,
                   "the copy is the directory of a database, and the target is a server",
                   "a server takes exports only",
                   "Restore it into a data directory, typedb:/path/of/the/data/directory/NAME, "
                   "start a server of that release on it, and migrate from there.");
  return finding("typedb-form-mismatch", Severity::blocker,
                 "the copy is an export, and the target is a data directory",
                 "only a server makes a directory of an export",
                 "Start a server on that directory, and name it: typedb://HOST:1729/NAME.");
}

void refuse_wrong_form(const model::DatabaseFacts& facts, bool to_server) {
  if (const auto wrong = check_form(facts, to_server))
    throw Error(Errc::unsupported, fmt::format("{}: {}", facts.name, wrong->seen))
        .set_hint(wrong->mend);
}

}  // namespace holdfast::engine::typedb
