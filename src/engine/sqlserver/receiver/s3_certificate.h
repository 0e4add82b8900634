// SPDX-License-Identifier: Apache-2.0
// Whether a receiver could be had as it is configured, and what a server will make of its
// certificate, told before a backup is tried.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sqlserver/location.h"
#include "model/finding.h"

namespace holdfast::engine::sqlserver {

// Of a location with a receiver: takes the port for a moment and looks at the files. Findings
// without a component: sqlserver-receiver-unusable, and those below.
[[nodiscard]] std::vector<model::Finding> check_receiver(const Location& location,
                                                         std::int64_t now);

// Of the first certificate in a PEM text, at that time (seconds since 1970), for a server that
// looks for `host`, a name or an address: sqlserver-receiver-certificate if it is not good for
// that, sqlserver-receiver-expires within two weeks of its end.
[[nodiscard]] std::vector<model::Finding> check_certificate(std::string_view pem,
                                                            const std::string& host,
                                                            std::int64_t now);

}  // namespace holdfast::engine::sqlserver
