// SPDX-License-Identifier: Apache-2.0
// A look at all parts of a package and at every row in them.
#pragma once

#include <stop_token>

#include "engine/sqlserver/dac/dac_reader.h"

namespace holdfast::engine::sqlserver {

// Fills DacReport::tables and tally, and adds findings of parts that are damaged, on as many
// threads as there are cores.
void read_dac_rows(model::RandomSource& file, bool with_digests, DacReport& report,
                   const std::stop_token& stop);

}  // namespace holdfast::engine::sqlserver
