// SPDX-License-Identifier: Apache-2.0
// What can be said of a live database before anything is done with it. docs/findings.md lists the
// codes.
#pragma once

#include "engine/engine.h"

namespace holdfast::engine::sqlite {

[[nodiscard]] Probe probe_database(const model::Endpoint& endpoint,
                                   const std::stop_token& stop = {});
// Applies the mend of one of the findings.
[[nodiscard]] std::string mend_database(const model::Endpoint& endpoint, std::string_view code);

}  // namespace holdfast::engine::sqlite
