// SPDX-License-Identifier: Apache-2.0
// Reading trees for repairs.
#pragma once

#include <functional>

#include "format/tree.h"

namespace holdfast::format {

// As read_tree_json(), but lets pass what programs with bugs have written: a directory without
// subtree, null ids in content; an entry of an unknown type, or of none, is `irregular`.
void read_damaged_tree_json(ByteView json, const std::function<void(Node&&)>& visit);

}  // namespace holdfast::format
