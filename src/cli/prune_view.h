// SPDX-License-Identifier: Apache-2.0
// prune's options, which `forget --prune` has too, and its result on paper.
#pragma once

#include <array>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "job/prune.h"

namespace holdfast::cli {

inline constexpr std::array prune_options{
    Option{
        .name = "max-unused",
        .kind = OptionKind::value,
        .value_name = "limit",
        .help =
            "how much unused data may stay: a size, a share of the whole such as 5%, or unlimited "
            "(default: 5%)"},
    Option{.name = "max-repack-size",
           .kind = OptionKind::value,
           .value_name = "size",
           .help = "pack no more than this anew"},
    Option{.name = "repack-cacheable-only", .help = "pack only trees anew"},
    Option{.name = "repack-smaller-than",
           .kind = OptionKind::value,
           .value_name = "size",
           .help = "pack files below this size anew, such as 8M (default: what is small among the "
                   "others)"},
    // Of older restic; small files are packed anew anyway.
    Option{.name = "repack-small", .help = "no longer means anything", .hidden = true},
    Option{.name = "repack-uncompressed", .help = "pack what is not compressed anew"},
};
[[nodiscard]] repo::PruneOptions read_prune_options(const Arguments& arguments);

void print_prune_report(Output& output, const repo::PruneReport& report, bool dry_run);

}  // namespace holdfast::cli
