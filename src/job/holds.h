// SPDX-License-Identifier: Apache-2.0
// The holds of all databases of an instance, one a server, brought to one moment.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/timestamp.h"
#include "engine/engine.h"
#include "job/preflight.h"
#include "model/instance.h"
#include "model/manifest.h"
#include "model/progress.h"

namespace holdfast::job {

class Holds {
 public:
  struct Member {
    std::unique_ptr<engine::Hold> hold;
    std::vector<std::size_t> databases;  // indices into the survey
    bool can_fence = true;
    bool is_shut = false;  // keeps writers out from its first moment to its last, without a fence
  };

  Holds(const Survey& survey, const engine::HoldOptions& options);

  [[nodiscard]] std::vector<Member>& members() noexcept { return members_; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

  // Captures one after the other, without a fence.
  void capture_apart();
  // Makes all moments one: fences all, captures all, lets writers go on. Where writers cannot be
  // fenced, the moments are as near to each other as they come. A single database has one moment
  // anyway. Fills `fenced` and `fence_held_ms`.
  void capture(const model::LimitSettings& limits, Clock& clock, model::Manifest& manifest,
               model::Observer& observer);

  [[nodiscard]] bool let_writers_work() const;

 private:
  [[nodiscard]] bool fence_all(std::chrono::steady_clock::time_point deadline, bool backwards);

  std::vector<Member> members_;
  std::size_t count_ = 0;
};

// What is to be said of the moments of a manifest's databases, which are of as many servers; fills
// in how far they are apart.
[[nodiscard]] std::vector<model::Finding> judge_moments(const model::LimitSettings& limits,
                                                        std::size_t servers,
                                                        model::Manifest& manifest);

}  // namespace holdfast::job
