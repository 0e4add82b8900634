// SPDX-License-Identifier: Apache-2.0
#include "job/application_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "job/restored_files.h"
#include "job/target_place.h"
#include "job/workspace_restore.h"
#include "profile/registry.h"

namespace holdfast::job {
namespace {

model::RestoredInstance restored_instance(const model::Manifest& manifest,
                                          const model::Instance& target, const RestorePlan& plan,
                                          const RestoredFiles& files) {
  model::RestoredInstance restored{
      plan.workspace ? plan.workspace->facts : manifest.profile_facts,
      plan.role == "clone",
      {},
      target.restore_names,
      [&files](const std::string& path) { return files.place_of(path).string(); },
      [&files](const std::string& path) { return files.read(path); }};
  for (const model::DatabaseFacts& facts : manifest.databases) {
    const auto found =
        std::find_if(plan.databases.begin(), plan.databases.end(),
                     [&](const DatabaseTarget& one) { return one.facts.name == facts.name; });
    model::RestoredInstance::Database database{facts.name, facts.engine, facts.uri, ""};
    if (found != plan.databases.end()) {
      database.uri = found->settings.uri;
      database.user = found->endpoint.user;
      database.password = found->endpoint.password;
    }
    restored.databases.push_back(std::move(database));
  }
  return restored;
}

// The same where its databases have become others.
model::RestoredInstance converted_instance(const Json& facts, const model::Instance& target,
                                           const RestorePlan& plan, const RestoredFiles& files) {
  model::RestoredInstance converted{
      facts,
      plan.role == "clone",
      {},
      target.restore_names,
      [&files](const std::string& path) { return files.place_of(path).string(); },
      [&files](const std::string& path) { return files.read(path); }};
  for (const NewDatabaseTarget& database : plan.new_databases)
    converted.databases.push_back(
        {database.settings.name, database.settings.engine, "", database.settings.uri});
  return converted;
}

// The instance leads to the database and to the directory that were restored.
void check_workspace(const model::Profile& profile, const InstanceSource& source,
                     const model::Instance& target, const RestorePlan& plan) {
  const model::WorkspaceTarget found =
      profile.plan_workspace(*plan.workspace, target, copy_reader(source));
  const std::string uri = found.database ? found.database->uri : "none that is known";
  const std::string& restored = plan.databases.front().settings.uri;
  if (uri != restored) {
    throw Error(Errc::not_consistent,
                fmt::format("workspace {} was restored to {}, and the application would use {}",
                            plan.workspace->name, restored, uri))
        .set_hint("The copy's workspace.xml leads elsewhere; restore the whole instance.");
  }
  for (const model::Finding& finding : found.findings) {
    const bool was_told = std::any_of(
        plan.findings.begin(), plan.findings.end(),
        [&](const auto& one) { return one.code == finding.code && one.seen == finding.seen; });
    if (finding.severity != model::Severity::blocker || was_told) continue;
    throw Error(Errc::not_consistent, finding.seen + " (" + finding.code + ")")
        .set_hint(finding.mend);
  }
}

}  // namespace

std::set<std::string> adapt_application(const InstanceSource& source, const model::Instance& target,
                                        const RestorePlan& plan, InstanceRestoreReport& report) {
  const model::Profile* const profile = profile::find_profile(source.manifest().profile);
  if (profile == nullptr) return {};
  const RestoredFiles files(plan);
  const model::RestoredInstance restored =
      restored_instance(source.manifest(), target, plan, files);
  model::Adaptation adaptation =
      plan.conversion ? plan.conversion->adapt(restored) : profile->adapt(restored);
  // A lock that the application would leave is ours now, and goes last of all.
  std::erase_if(adaptation.changes, [&](const model::FileChange& change) {
    return std::find(plan.locks.begin(), plan.locks.end(), files.place_of(change.path)) !=
           plan.locks.end();
  });
  report.changed = files.apply(adaptation.changes);
  // The instance around a workspace is as it was, and is looked at next.
  if (plan.workspace) return {};
  for (const std::string& line : adaptation.by_hand) report.missing.push_back(line);
  return std::move(adaptation.left_databases);
}

namespace {

// Of single tables nothing is changed; what would be in them, whoever asked for them must do.
void tell_unrun(const DatabaseTarget& database, const std::vector<std::string>& statements,
                RestorePlan& plan) {
  for (const std::string& statement : statements) {
    const bool is_about_one = std::any_of(
        database.tables.begin(), database.tables.end(), [&](const model::TableName& one) {
          return one.table == "*" || statement.find(one.table) != std::string::npos;
        });
    if (is_about_one) {
      plan.missing.push_back(
          fmt::format("{}: single tables are restored as they were; run there yourself: {}",
                      database.facts.name, statement));
    }
  }
}

}  // namespace

void plan_statements(const InstanceSource& source, const model::Instance& target,
                     RestorePlan& plan) {
  const model::Profile* const profile = profile::find_profile(source.manifest().profile);
  if (profile == nullptr) return;
  const auto refuse = [&](const DatabaseTarget& database, const std::string& why) {
    plan.missing.push_back(database.facts.name + ": " + why);
    plan.findings.push_back(finding_of(
        "target-statements", model::Severity::blocker, database.facts.name, why,
        "what the copy does by itself (schedulers) would go on there",
        "Choose another target; or accept this, and keep from it whatever its rows would start."));
  };
  for (DatabaseTarget& database : plan.databases) {
    std::vector<std::string> statements;
    try {
      statements = profile->restore_statements(source.manifest().profile_facts, database.facts.name,
                                               plan.role == "clone", target.restore_names);
    } catch (const Error& error) {
      refuse(database, error.message());
    }
    if (!database.tables.empty()) {
      tell_unrun(database, statements, plan);
    } else if (!statements.empty() && !database.probe.abilities.statements) {
      refuse(database, fmt::format("engine {} runs no statements in what it restores",
                                   database.settings.engine));
    } else {
      database.statements = std::move(statements);
    }
  }
}

void check_application(const Environment& environment, const InstanceSource& source,
                       const model::Instance& target, const RestorePlan& plan,
                       const std::set<std::string>& left_databases,
                       const InstanceRestoreOptions& options, model::Observer& observer) {
  const model::Manifest& manifest = source.manifest();
  const model::Profile* const profile = profile::find_profile(manifest.profile);
  if (profile == nullptr) return;
  if (plan.workspace) return check_workspace(*profile, source, target, plan);
  const bool is_whole =
      plan.conversion || (plan.databases.size() == manifest.databases.size() &&
                          plan.files.size() == manifest.files.size() && options.tables.empty());
  if (!is_whole) return;
  const RestoredFiles files(plan);
  const Json facts = plan.conversion ? plan.conversion->converted_facts(manifest.profile_facts)
                                     : manifest.profile_facts;
  model::RestoredInstance restored = plan.conversion
                                         ? converted_instance(facts, target, plan, files)
                                         : restored_instance(manifest, target, plan, files);
  restored.left_databases = left_databases;
  std::vector<model::Finding> findings = profile->check_restored(restored, target);
  apply_acceptances(target, options.acceptances, *environment.clock, findings);
  for (const model::Finding& finding : findings) observer.finding(finding);
  for (const model::Finding& finding : findings) {
    if (finding.severity != model::Severity::blocker || finding.accepted) continue;
    throw Error(Errc::not_consistent, "the application would not find what was restored: " +
                                          finding.seen + " (" + finding.code + ")")
        .set_hint(finding.mend);
  }
}

}  // namespace holdfast::job
