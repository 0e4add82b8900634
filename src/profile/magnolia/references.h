// SPDX-License-Identifier: Apache-2.0
// Reads a row of a REFS table: which properties refer to a node. Source of the format: class
// Serializer (NodeReferences) of jackrabbit-core, read at tag jackrabbit-2.18.6: a 32-bit count,
// then for each property its 16-bit length and "<node id>/{<namespace URI>}<local name>".
#pragma once

#include <functional>

#include "base/bytes.h"
#include "profile/magnolia/name.h"
#include "profile/magnolia/node_id.h"

namespace holdfast::profile::magnolia {

// A view into the row.
struct Referrer {
  NodeId node;
  Name property;
};

// Tells each property that refers to node `id`, in the row's order. Errc::corrupt naming the node
// and the offset. Needs constant memory.
void read_references(const NodeId& id, ByteView row,
                     const std::function<void(const Referrer&)>& take);

}  // namespace holdfast::profile::magnolia
