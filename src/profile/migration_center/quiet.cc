// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/quiet.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/error.h"
#include "base/path.h"
#include "profile/migration_center/asked.h"
#include "profile/migration_center/finding.h"
#include "profile/migration_center/machine.h"
#include "profile/migration_center/questions.h"
#include "profile/migration_center/states.h"
#include "profile/migration_center/text.h"

namespace holdfast::profile::migration_center {
namespace {

using model::QuietAnswer;
using model::QuietMoment;
using model::Severity;

constexpr std::chrono::seconds recently{10};

class Check final : public model::QuietCheck {
 public:
  Check(const model::Instance& instance, const Installation& installation)
      : instance_(instance), installation_(installation), logs_(logs_of(instance, installation)) {}

  [[nodiscard]] std::vector<model::ProfileQuery> queries(QuietMoment moment) const override {
    std::vector<model::ProfileQuery> all;
    *met_ = StatesMet();
    for (const model::DatabaseSettings& database : instance_.databases)
      all.push_back(question_to(database, instance_.migration_center, moment, met_));
    return all;
  }

  [[nodiscard]] QuietAnswer look(QuietMoment moment) override {
    QuietAnswer answer;
    answer.findings = findings_of(*met_, instance_.migration_center);
    look_at_jobservers(moment, answer);
    if (moment == QuietMoment::before && installation_.web_clients.empty()) {
      answer.findings.push_back(finding_of(
          "migration-center-webclient-unobservable", Severity::blocker, "",
          "no Tomcat with the WebClient is known on this machine",
          "somebody may begin a transformation there at any time",
          "Name its directory as web_client in [migration_center]; where it is on Windows, stop "
          "its "
          "service, copy its configuration there, and accept this."));
    }
    if (moment == QuietMoment::settling) may_have_stopped_it_ = true;
    if (moment == QuietMoment::before) may_have_stopped_it_ = false;
    look_at_logs(moment, answer);
    return answer;
  }

  [[nodiscard]] bool is_of_work(std::string_view code) const override {
    return std::find(work_codes.begin(), work_codes.end(), code) != work_codes.end();
  }

 private:
  static std::vector<std::string> logs_of(const model::Instance& instance,
                                          const Installation& installation) {
    std::vector<std::string> logs = log_directories(installation, true);
    for (const std::string& one : instance.migration_center.logs) logs.push_back(clean_path(one));
    return logs;
  }

  void look_at_jobservers(QuietMoment moment, QuietAnswer& answer) const {
    const model::MigrationCenterSettings& settings = instance_.migration_center;
    const auto port = static_cast<std::uint16_t>(settings.jobserver_port);
    std::set<std::uint16_t> ports;
    std::vector<std::string> elsewhere;
    for (const std::string& address : settings.jobservers) {
      const auto found = split_address(address, port);
      if (found) ports.insert(found->port);
      if (!found || !is_here(found->host)) elsewhere.push_back(address);
    }
    if (settings.jobservers.empty()) ports.insert(port);
    std::vector<std::string> silent;
    for (const std::uint16_t one : ports)
      if (!look_at_port_of(one, answer)) silent.push_back(std::to_string(one));
    const bool is_silent = silent.size() == ports.size();
    if (settings.jobservers.empty() && installation_.jobservers.empty() && is_silent)
      elsewhere.push_back(
          fmt::format("none is known on this machine, and none listens on port {}", port));
    if (!elsewhere.empty()) {
      answer.findings.push_back(jobservers_unobservable(
          "", "a Jobserver that cannot be seen from here: " + joined(elsewhere)));
    }
    if (moment == QuietMoment::before && is_silent && !installation_.jobservers.empty()) {
      answer.findings.push_back(
          finding_of("migration-center-jobserver-silent", Severity::warning, "",
                     fmt::format("{} is here, and nobody listens on port {}",
                                 joined(installation_.jobservers), joined(silent)),
                     "it does not run, or connections to it are looked for at the wrong port",
                     "If it runs, name its port as jobserver_port in [migration_center]."));
    }
  }

  // Whether a Jobserver listens there.
  static bool look_at_port_of(std::uint16_t port, QuietAnswer& answer) {
    try {
      const PortUse use = look_at_port(port);
      std::vector<std::string> connections;
      for (const Connection& one : use.connections)
        connections.push_back(one.remote + " to " + one.local);
      answer.seen.push_back(fmt::format("port {}: {}, connections: {}", port,
                                        use.is_listening ? "somebody listens" : "nobody listens",
                                        connections.empty() ? "none" : joined(connections)));
      if (!connections.empty()) {
        answer.findings.push_back(finding_of(
            "migration-center-jobserver-connected", Severity::blocker, "",
            fmt::format("connected to the Jobserver's port {}: {}", port, joined(connections)),
            "the database or a WebClient has the Jobserver work",
            "Wait for the end of what runs, and log out of the WebClient."));
      }
      return use.is_listening;
    } catch (const Error& error) {
      answer.findings.push_back(jobservers_unobservable("", error.message()));
      return true;
    }
  }

  void look_at_logs(QuietMoment moment, QuietAnswer& answer) {
    const auto unobservable = [&](const std::string& seen) {
      answer.findings.push_back(finding_of(
          "migration-center-logs-unobservable", Severity::blocker, "", seen,
          "a log that grows tells of a Jobserver at work",
          "Name its directories as `logs` in [migration_center], readable for this user."));
    };
    if (!logs_.has_directories()) return unobservable("no directory with logs is known");
    std::vector<std::string> growing;
    try {
      growing = logs_.look(recently);
    } catch (const Error& error) {
      return unobservable(error.message());
    }
    answer.seen.push_back(
        fmt::format("logs: {} files, written to: {}", logs_.files(), joined(growing, "none")));
    if (const auto silent = without_logs(); !silent.empty())
      unobservable("there is no log in " + joined(silent));
    // What we have stopped has said so in them.
    if (moment == QuietMoment::still && may_have_stopped_it_) return;
    if (growing.empty()) return;
    answer.findings.push_back(finding_of(
        "migration-center-log-growing", Severity::blocker, "",
        (moment == QuietMoment::before
             ? fmt::format("written to in the last {} s: ", recently.count())
             : std::string("written to since the last look: ")) +
            joined(growing),
        "a Jobserver that writes to its log is at work",
        "Wait for the end of what runs; if it is chatter, leave that directory out of `logs`."));
  }

  // Directories that are named and Jobservers whose work shows in no file that is watched.
  [[nodiscard]] std::vector<std::string> without_logs() const {
    const std::vector<std::string>& named = instance_.migration_center.logs;
    std::vector<std::string> silent;
    for (const std::string& one : named)
      if (!logs_.has_files_below(clean_path(one))) silent.push_back(one);
    if (!named.empty()) return silent;
    for (const std::string& one : installation_.jobservers)
      if (!logs_.has_files_below(one)) silent.push_back(one);
    return silent;
  }

  const model::Instance instance_;
  const Installation installation_;
  LogWatch logs_;
  std::shared_ptr<StatesMet> met_ = std::make_shared<StatesMet>();
  // Between the look before and this one.
  bool may_have_stopped_it_ = false;
};

}  // namespace

std::shared_ptr<model::QuietCheck> make_quiet_check(const model::Instance& instance,
                                                    const Installation& installation) {
  return std::make_shared<Check>(instance, installation);
}

}  // namespace holdfast::profile::migration_center
