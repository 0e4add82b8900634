// SPDX-License-Identifier: Apache-2.0
// Steps that the jobs on an instance have in common.
#pragma once

#include <exception>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/snapshots.h"
#include "base/error.h"
#include "engine/engine.h"
#include "job/environment.h"
#include "job/instance_access.h"
#include "job/journal.h"
#include "job/preflight.h"
#include "model/instance.h"
#include "model/progress.h"
#include "repo/repository.h"

namespace holdfast::job {

// The instance's lock, for a job whose caller has none. Errc::locked.
[[nodiscard]] std::optional<InstanceLock> lock_instance(const Environment& environment,
                                                        const model::Instance& instance,
                                                        const InstanceLock* callers);

// Puts back what earlier jobs on the instance left. Errc::blocked if something cannot be, but for
// what is in nobody's way, which is a warning.
void resume_first(const Environment& environment, const model::Instance& instance,
                  model::Observer& observer, const std::stop_token& stop);

// Whether [quiesce] applies to a copy of these databases: its `when` says so, or one of them cannot
// be copied otherwise. Without a command nothing is stopped: preflight has said what that means.
[[nodiscard]] bool must_stop(const model::Instance& instance, const Survey& survey);

// The first thing, by name, that is not as it was or not there in one of two texts as of
// model::Plan::state; empty: they are the same.
[[nodiscard]] std::string what_moved(std::string_view before, std::string_view now);

// How databases are held, by the instance's limits, for a copy that puts what it needs below
// `scratch`.
[[nodiscard]] engine::HoldOptions hold_options(const model::Instance& instance,
                                               const std::filesystem::path& scratch,
                                               const std::stop_token& stop);

// The newest snapshot of an instance and what it says of itself.
struct LastBackup {
  std::optional<archive::Snapshot> snapshot;  // none: there is no snapshot of the instance
  std::optional<InstanceTree> tree;
  std::optional<Error> unreadable;  // why there is no tree, though there is a snapshot

  [[nodiscard]] const model::Manifest* manifest() const noexcept {
    return tree ? &tree->manifest : nullptr;
  }
  [[nodiscard]] const Error* failure() const noexcept {
    return unreadable ? &*unreadable : nullptr;
  }
};
// Loads the index too; where the job `will_write`, without the packs that are not stored.
[[nodiscard]] LastBackup load_last_backup(repo::Repository& repository, std::string_view instance,
                                          bool will_write, model::Observer& observer);

// The on_error hooks of a job that ended with `failure`. None for Errc::usage, nor for a wrong
// password that somebody typed, who is asked again. What fails of them is only told.
void run_error_hooks(const model::Instance& instance, model::Observer& observer,
                     const std::exception& failure, bool password_typed = false);

// Runs `body` and returns what it returns. When it fails, whatever the cause, the on_error hooks
// run after all that it holds was let go.
template <typename Body>
decltype(auto) with_error_hooks(const model::Instance& instance, model::Observer& observer,
                                Body&& body, bool password_typed = false) {
  try {
    return std::forward<Body>(body)();
  } catch (const std::exception& failure) {
    run_error_hooks(instance, observer, failure, password_typed);
    throw;
  }
}

// The hooks that follow a job whose work is done. What fails of them does not undo the work and
// hides no report: it is returned, after the on_error hooks of `failing`, in its order; without
// any, of the instance.
[[nodiscard]] std::optional<Error> run_after_hooks(
    const std::vector<std::vector<std::string>>& hooks, std::string_view hook_name,
    const model::Instance& instance, model::Observer& observer, std::stop_token stop,
    std::initializer_list<const model::Instance*> failing = {});

}  // namespace holdfast::job
