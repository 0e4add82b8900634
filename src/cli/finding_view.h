// SPDX-License-Identifier: Apache-2.0
// Findings on paper: a block each, with what to do.
#pragma once

#include <string>
#include <vector>

#include "cli/output.h"
#include "model/finding.h"

namespace holdfast::cli {

// Heading, what was seen, why it matters, the mend. `width` 0: lines are not broken.
[[nodiscard]] std::vector<std::string> finding_block(const model::Finding& finding,
                                                     std::size_t width);

// All of them, blockers first, an empty line between two; or a JSON line each, of type "finding".
void print_findings(Output& output, const std::vector<model::Finding>& findings);

// The finding as a JSON line.
[[nodiscard]] Json finding_line(const model::Finding& finding);

// "2 blockers, 1 warning, 3 notes"; an accepted blocker counts as "1 accepted blocker". "no
// findings".
[[nodiscard]] std::string count_findings(const std::vector<model::Finding>& findings);

}  // namespace holdfast::cli
