// SPDX-License-Identifier: Apache-2.0
// Steps that the jobs on an instance have in common.
#pragma once

#include "base/error.h"
#include "job/environment.h"
#include "job/hooks.h"
#include "job/journal.h"
#include "model/instance.h"

namespace holdfast::job {

// Puts back what earlier jobs on the instance left. Errc::blocked if something cannot be.
inline void resume_first(const Environment& environment, const model::Instance& instance,
                         model::Observer& observer) {
  const ResumeReport report =
      resume(environment.state_directory, instance.name, environment.program);
  for (const std::string& line : report.undone) observer.note(line);
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

// Runs `body`; when it fails, the on_error hooks run, whose own failure is only told.
template <typename Body>
void with_error_hooks(const model::Instance& instance, model::Observer& observer, Body body) {
  try {
    body();
  } catch (const Error&) {
    try {
      run_hooks(instance.hooks.on_error, "on_error", instance, observer, {});
    } catch (const Error& hook) {
      observer.warning(hook.message());
    }
    throw;
  }
}

}  // namespace holdfast::job
