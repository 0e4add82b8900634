// SPDX-License-Identifier: Apache-2.0
// What a key of a TypeDB 2 database stands for, as far as things are to be counted.
//
// A thing is: a prefix that tells its kind, 3 bytes of its type, and 8 bytes of its own; of an
// attribute the type of its value (10 boolean, 20 long, 30 double, 40 string, 50 datetime) and the
// value (1, 8, 8, 2 bytes of length, big-endian, and so many, 8). A key that is longer than the
// thing that it begins with is an edge; what the edge is stands in the next byte.
//
// Source: typedb/typedb, graph/common/Encoding.java and graph/iid/VertexIID.java of 2.0.0, 2.5.0,
// 2.6.0, 2.8.0 and encoding/Encoding.java of 2.29.1 (prefixes 150, 160, 170, 180 up to 2.5.0, and
// 130 to 133 from 2.6.0 on; 70 for what owns an attribute in all).
#pragma once

#include "base/bytes.h"
#include "engine/typedb/item.h"
#include "engine/typedb/releases.h"

namespace holdfast::engine::typedb {

// Adds one to what the key stands for; an edge of ownership stands in both directions, and counts
// in one. Nothing for other keys. `encoding`: of TypeDB 2.
void count_key(Encoding encoding, ByteView key, ThingCounts& counts) noexcept;

}  // namespace holdfast::engine::typedb
