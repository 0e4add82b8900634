// SPDX-License-Identifier: Apache-2.0
// A Magnolia whose content moves to databases of another kind. Source of what may be moved as it
// is: bundles, references, names and binaries are the same bytes in every engine; only keys, and
// the types of columns, differ (row_map.h, table_definitions.h).
#pragma once

#include <memory>

#include "model/conversion.h"
#include "profile/magnolia/facts.h"

namespace holdfast::profile::magnolia {

// Profile::convert() of an instance with these facts. `components`: what Profile::plan() says of
// it. An embedded database is made in the directory of its workspace, of which tables are made only
// if the source's database is there. A table that no table of the source is routed to is of a
// workspace that was never opened.
[[nodiscard]] std::shared_ptr<const model::Conversion> make_conversion(
    const MagnoliaFacts& facts, const model::Instance& source, const model::Plan& components,
    const model::Instance& target);

}  // namespace holdfast::profile::magnolia
