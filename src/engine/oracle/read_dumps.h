// SPDX-License-Identifier: Apache-2.0
// The native readers of both kinds of dumps, as a copy and a load want them.
#pragma once

#include <stop_token>

#include "base/stream.h"
#include "engine/oracle/dump_facts.h"
#include "engine/oracle/location.h"
#include "model/copy_check.h"

namespace holdfast::engine::oracle {

// Reads a dump that such a program made to its end. What is wrong with it is told. `tap` is asked,
// without a component, for each table or partition when its rows begin; none: nobody wants them.
// Errc::unsupported for wanted rows that cannot be read, cancelled.
[[nodiscard]] DumpFacts read_dump(Method method, ByteSource& dump, const model::RowTap& tap,
                                  const std::stop_token& stop);

}  // namespace holdfast::engine::oracle
