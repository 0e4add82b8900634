// SPDX-License-Identifier: Apache-2.0
#include "job/instance_preflight.h"

#include <algorithm>

#include "base/error.h"
#include "job/backup_repositories.h"
#include "job/instance_steps.h"

namespace holdfast::job {
namespace {

model::Finding repository_missing() {
  model::Finding finding;
  finding.code = "repository-missing";
  finding.severity = model::Severity::warning;
  finding.seen =
      "no repository is named, neither in the instance file nor by an option or variable";
  finding.why = "a backup has nowhere to go, and there is no last snapshot to compare with";
  finding.mend = "Add [repository] with `location` and `password_file`.";
  finding.mend_class = model::MendClass::manual;
  return finding;
}

model::Finding repository_unobservable(const Error& error) {
  model::Finding finding;
  finding.code = "repository-unobservable";
  finding.severity = model::Severity::blocker;
  finding.seen = error.message();
  finding.why = "a backup could not be stored, and there is nothing to compare with";
  finding.mend = error.hint().empty() ? "Make the repository reachable." : error.hint();
  finding.mend_class = model::MendClass::manual;
  return finding;
}

model::Finding repository_unusable(const RepositoryOutcome& outcome) {
  model::Finding finding;
  finding.code = "repository-unusable";
  finding.severity = model::Severity::warning;
  finding.seen = outcome.location + ": " + outcome.failure->message();
  finding.why = "a backup goes to the other repositories alone, and ends with exit code 3";
  finding.mend = outcome.failure->code() == Errc::wrong_password
                     ? "Check the `password_file` that the instance file names for it."
                 : outcome.failure->hint().empty() ? "Make it reachable."
                                                   : outcome.failure->hint();
  finding.mend_class = model::MendClass::manual;
  return finding;
}

// What the instance's last snapshot says; its absence may be a finding.
LastBackup last_backup(const Environment& environment, const RepositoryAccess* access,
                       const model::Instance& instance, const InstancePreflightOptions& options,
                       model::Observer& observer, std::stop_source& stop,
                       std::vector<model::Finding>& findings) {
  if (access == nullptr) {
    findings.push_back(repository_missing());
    return {};
  }
  std::vector<RepositoryAccess> accesses = {*access};
  accesses.insert(accesses.end(), options.extra_repositories.begin(),
                  options.extra_repositories.end());
  try {
    const BackupRepositories repositories(environment, accesses, instance.name, false, observer,
                                          stop);
    const std::vector<RepositoryOutcome> outcomes = repositories.outcomes();
    for (const RepositoryOutcome& outcome : outcomes) {
      if (!outcome.failure) continue;
      const bool is_main = &outcome == &outcomes.front();
      if (is_main && outcome.failure->code() == Errc::wrong_password) throw Error(*outcome.failure);
      findings.push_back(repository_unusable(outcome));
    }
    return repositories.last();
  } catch (const Error& error) {
    // A wrong password may be asked for again, and an interrupted run is none that found something.
    if (error.code() == Errc::cancelled || error.code() == Errc::wrong_password) throw;
    findings.push_back(repository_unobservable(error));
    return {};
  }
}

}  // namespace

InstancePreflightReport preflight_instance(const Environment& environment,
                                           const RepositoryAccess* access,
                                           const model::Instance& instance,
                                           const InstancePreflightOptions& options,
                                           model::Observer& observer, std::stop_source& stop) {
  InstancePreflightReport report;
  std::vector<model::Finding> own;
  const LastBackup last = last_backup(environment, access, instance, options, observer, stop, own);
  apply_acceptances(instance, options.acceptances, *environment.clock, own);
  const auto survey_again = [&] {
    return survey_instance(environment, instance, last.manifest(), options.acceptances, observer,
                           last.failure(), stop.get_token());
  };
  Survey survey = survey_again();
  if (options.fix) {
    report.fixed = fix_findings(environment, instance, survey, options.codes, stop.get_token());
    if (!report.fixed.empty()) survey = survey_again();
  }
  report.findings = std::move(survey.findings);
  report.findings.insert(report.findings.end(), own.begin(), own.end());
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const auto& a, const auto& b) { return a.severity < b.severity; });
  return report;
}

}  // namespace holdfast::job
