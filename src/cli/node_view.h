// SPDX-License-Identifier: Apache-2.0
// A node of a tree on paper: as restic's `ls` JSON and as a long listing.
#pragma once

#include <string>

#include "base/json.h"
#include "job/ls.h"

namespace holdfast::cli {

// Go's FileMode as text: "drwxr-xr-x", "Lrwxrwxrwx", "urwxr-xr-x".
[[nodiscard]] std::string permissions_text(std::uint32_t go_mode);
[[nodiscard]] Json node_json(const std::string& path, const format::Node& node);
[[nodiscard]] std::string node_line(const std::string& path, const format::Node& node,
                                    bool human_sizes);

}  // namespace holdfast::cli
