// SPDX-License-Identifier: Apache-2.0
#include "job/instance_steps.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>

#include "base/crew.h"
#include "engine/embedded/file_lock.h"
#include "job/hooks.h"
#include "job/snapshots.h"

namespace holdfast::job {

std::optional<InstanceLock> lock_instance(const Environment& environment,
                                          const model::Instance& instance,
                                          const InstanceLock* callers) {
  if (callers != nullptr) return std::nullopt;
  return InstanceLock(environment.state_directory, instance.name);
}

void resume_first(const Environment& environment, const model::Instance& instance,
                  model::Observer& observer, const std::stop_token& stop) {
  const ResumeReport report =
      resume(environment.state_directory, instance.name, environment.program, stop);
  for (const std::string& line : report.undone) observer.note(line);
  for (const std::string& line : report.left) {
    observer.warning("an earlier job left something that could not be removed: " + line +
                     "; else mend that, then run `holdfast resume`");
  }
  if (!report.alive.empty()) {
    // We are this instance's only job, so it is a guardian that is at work.
    throw Error(Errc::locked, "an earlier job is still being put back: " + report.alive[0])
        .set_hint("Try again in a moment.");
  }
  if (report.failed.empty()) return;
  throw Error(Errc::blocked,
              "an earlier job left something that could not be put back: " + report.failed[0])
      .set_hint("Mend it by hand, then run `holdfast resume`.");
}

namespace {

// Whether somebody has one of the files that the application keeps locked while it runs.
bool is_running(const Json& profile_facts) {
  const Json* const locks = profile_facts.find("locks");
  return locks != nullptr &&
         std::any_of(locks->as_array().begin(), locks->as_array().end(), [](const Json& file) {
           return engine::embedded::who_locks(file.as_string()).has_value();
         });
}

}  // namespace

bool must_stop(const model::Instance& instance, const Survey& survey) {
  if (instance.quiesce.stop.empty()) return false;
  if (instance.quiesce.when == model::QuiesceWhen::always) return true;
  const auto any_database = [&](const auto& predicate) {
    return std::any_of(survey.databases.begin(), survey.databases.end(), predicate);
  };
  if (any_database([](const ProbedDatabase& one) { return one.probe.needs_stop; })) return true;
  // What is copied as files and is not open yet may be opened at any time.
  return any_database([](const ProbedDatabase& one) { return !one.probe.trees.empty(); }) &&
         is_running(survey.profile_facts);
}

std::string what_moved(std::string_view before, std::string_view now) {
  const auto lines_of = [](std::string_view text) {
    std::set<std::string_view> lines;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
      lines.insert(text.substr(0, end));
      text.remove_prefix(end);
    }
    return lines;
  };
  const std::set<std::string_view> was = lines_of(before);
  const std::set<std::string_view> is = lines_of(now);
  std::vector<std::string_view> others;
  std::set_symmetric_difference(was.begin(), was.end(), is.begin(), is.end(),
                                std::back_inserter(others));
  if (others.empty()) return {};
  return std::string(others[0].substr(0, others[0].find('\t')));
}

engine::HoldOptions hold_options(const model::Instance& instance,
                                 const std::filesystem::path& scratch,
                                 const std::stop_token& stop) {
  engine::HoldOptions options;
  options.fence_max = std::chrono::milliseconds(instance.limits.fence_ms);
  options.writer_stall_max = std::chrono::milliseconds(instance.limits.writer_stall_ms);
  options.scratch_directory = scratch;
  options.parallel = instance.limits.parallel != 0 ? instance.limits.parallel : cores_available();
  options.stop = stop;
  return options;
}

LastBackup load_last_backup(repo::Repository& repository, std::string_view instance,
                            bool will_write, model::Observer& observer) {
  LastBackup last;
  auto snapshots = instance_snapshots(readable_snapshots(repository, observer), instance);
  if (will_write) {
    repository.load_index_for_writing(observer);
  } else {
    repository.load_index(observer);
  }
  if (snapshots.empty()) return last;
  last.snapshot = std::move(snapshots[0]);
  try {
    last.tree = load_instance_tree(repository, last.snapshot->file.tree);
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt && error.code() != Errc::not_found &&
        error.code() != Errc::unsupported) {
      throw;
    }
    last.unreadable = error;
  }
  return last;
}

void run_error_hooks(const model::Instance& instance, model::Observer& observer,
                     const std::exception& failure, bool password_typed) {
  if (const auto* error = dynamic_cast<const Error*>(&failure)) {
    if (error->code() == Errc::usage) return;
    if (error->code() == Errc::wrong_password && password_typed) return;
  }
  try {
    run_hooks(instance.hooks.on_error, "on_error", instance, observer, {});
  } catch (const std::exception& hook) {
    observer.warning(hook.what());
  }
}

std::optional<Error> run_after_hooks(const std::vector<std::vector<std::string>>& hooks,
                                     std::string_view hook_name, const model::Instance& instance,
                                     model::Observer& observer, std::stop_token stop,
                                     std::initializer_list<const model::Instance*> failing) {
  try {
    run_hooks(hooks, hook_name, instance, observer, std::move(stop));
  } catch (const Error& error) {
    if (failing.size() == 0) run_error_hooks(instance, observer, error);
    for (const model::Instance* one : failing) run_error_hooks(*one, observer, error);
    return error;
  }
  return std::nullopt;
}

}  // namespace holdfast::job
