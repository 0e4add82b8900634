// SPDX-License-Identifier: Apache-2.0
// The program in the real world: its environment, signals and streams, around one run().
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "cli/environment.h"

namespace holdfast::cli {

// What programs for tests change in the product. Nothing is set in production.
struct ProgramOptions {
  // Wraps every storage that is opened.
  std::function<std::unique_ptr<storage::Storage>(std::unique_ptr<storage::Storage>)> wrap_storage;
  std::optional<format::ScryptCost> key_cost;  // of new keys, instead of calibrating
};

// All that main() does; the exit code. Call it before any thread is started.
[[nodiscard]] int run_program(int count, char** words, const ProgramOptions& options = {}) noexcept;

}  // namespace holdfast::cli
