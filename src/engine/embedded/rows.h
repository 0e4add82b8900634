// SPDX-License-Identifier: Apache-2.0
// The rows of an embedded database, read by its own driver from a private copy: opening a database
// writes to it.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/embedded/kind.h"
#include "engine/java/java_rows.h"
#include "engine/java/runtime.h"
#include "model/copy_check.h"
#include "model/endpoint.h"
#include "model/manifest.h"

namespace holdfast::engine::embedded {

// What reads rows on this machine.
struct RowMeans {
  java::JavaRuntime runtime;
  std::vector<std::filesystem::path> driver_jars;
};
// The driver is the endpoint's `driver`, unless others than we and root may write to it, or else
// what this machine has. Nothing if something is missing; `why_not` says what.
[[nodiscard]] std::optional<RowMeans> find_row_means(const Kind& kind,
                                                     const model::Endpoint& endpoint,
                                                     std::string& why_not);

// What opens the database at `place`, as the endpoint's user; the endpoint outlives it.
[[nodiscard]] java::JavaDatabaseSettings settings_for(const Kind& kind, const RowMeans& means,
                                                      const std::filesystem::path& place,
                                                      const model::Endpoint& endpoint,
                                                      const std::filesystem::path& scratch,
                                                      bool create = false);

// Fills facts.tables from the database at `copy`, which is ours, and adds to engine_facts who read
// it. Rows go to `tap` too, if there is one. `scratch` exists. Errors as java::JavaDatabase's;
// damage is Errc::not_consistent.
void read_rows_of_copy(const Kind& kind, const RowMeans& means, const std::filesystem::path& copy,
                       const model::Endpoint& endpoint, const std::filesystem::path& scratch,
                       const model::RowTap& tap, model::DatabaseFacts& facts,
                       const std::stop_token& stop);

}  // namespace holdfast::engine::embedded
