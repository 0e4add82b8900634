// SPDX-License-Identifier: Apache-2.0
// Man pages made from the tables of the verbs. Pure: text out, no printing.
//
// Source of the format: man(7) of groff and of mandoc.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/command.h"

namespace holdfast::cli {

struct ManPage {
  std::string file_name;  // "holdfast-key-list.1"
  std::string text;
};

// holdfast.1, and a page for each verb that is not hidden. They bear `version` and no date, so that
// the same program always makes the same pages.
[[nodiscard]] std::vector<ManPage> man_pages(std::span<const Command* const> commands,
                                             std::span<const Option> global_options,
                                             std::string_view version);

}  // namespace holdfast::cli
