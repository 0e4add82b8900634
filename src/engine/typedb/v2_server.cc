// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/v2_server.h"

#include <fmt/format.h>

#include "base/error.h"
#include "engine/finding.h"
#include "engine/typedb/export_facts.h"
#include "engine/typedb/server_job.h"

namespace holdfast::engine::typedb {
namespace {

using model::Severity;

void add(Probe& probe, std::string code, Severity severity, const Error& error, std::string why) {
  if (error.code() == Errc::cancelled) throw Error(error);
  probe.findings.push_back(finding(std::move(code), severity, error.message(), std::move(why),
                                   error.hint().empty() ? "See the message." : error.hint()));
}

void look_at_room(const Exchange& exchange, const ServerLocation& location, Probe& probe) {
  const std::optional<std::uint64_t> needed_bytes = export_bytes_estimate(location);
  if (!needed_bytes) {
    probe.findings.push_back(
        finding("typedb-exchange-room-unknown", Severity::note,
                fmt::format("nobody can say how much room an export of {} needs in {}",
                            location.display(), exchange.directory.native()),
                "an export ends where its file system is full", ""));
    return;
  }
  probe.size_bytes = *needed_bytes / 2;
  try {
    check_room(exchange.directory, *needed_bytes);
  } catch (const Error& error) {
    add(probe, "typedb-exchange-no-room", Severity::blocker, error,
        "an export ends where its file system is full");
  }
}

}  // namespace

void probe_v2(Connection& connection, const ServerLocation& location, Probe& probe,
              const std::stop_token& stop) {
  probe.empty = defines_nothing(connection.schema(location.database, stop));
  probe.abilities.fence = true;
  if (probe.version.empty()) probe.version = release_told(location);
  if (probe.version.empty()) probe.version = "2.x";
  try {
    const JobRunner runner = find_runner(connection, {}, location, stop);
    probe.facts.set("exports_by", runner.vendor ? runner.vendor->program.native() : "the server");
  } catch (const Error& error) {
    add(probe, "typedb-no-exports", Severity::blocker, error,
        "nobody exports or imports databases of this server");
  }
  try {
    const Exchange exchange = find_exchange(location, {});
    if (!exchange.has_pipes) look_at_room(exchange, location, probe);
  } catch (const Error& error) {
    add(probe, "typedb-no-exchange", Severity::blocker, error,
        "a server of 2.x writes exports and reads imports itself");
  }
}

}  // namespace holdfast::engine::typedb
