// SPDX-License-Identifier: Apache-2.0
// A schema of MariaDB with all that a copy could lose.
#pragma once

#include <string>

#include "harness/mariadb_server.h"

namespace holdfast::test {

// Makes it, with every type, ugly names and ugly values.
void make_ugly(const MariadbServer& server, const std::string& schema);

}  // namespace holdfast::test
