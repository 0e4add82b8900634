// SPDX-License-Identifier: Apache-2.0
// What stands in the way of a copy of a schema, and by which way it is copied.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/oracle/catalog.h"
#include "engine/oracle/programs.h"

namespace holdfast::engine::oracle {

// The password that migration-center's documentation gives for its user. Source:
// docs.migration-center.com 24.1, installation: the default credentials.
inline constexpr std::string_view documented_password = "migration123";

// Whether it is what a vendor has published.
[[nodiscard]] bool is_documented_password(const Secret& password) noexcept;

// As Engine::probe. What the server refuses is a finding.
[[nodiscard]] Probe probe_schema(const model::Endpoint& endpoint, const std::stop_token& stop);

// Makes the segments of everything in the schema that has none. Source: Oracle Database PL/SQL
// Packages Reference, DBMS_SPACE_ADMIN.MATERIALIZE_DEFERRED_SEGMENTS (11.2.0.2, a DBA's); SQL
// Language Reference, ALTER TABLE ALLOCATE EXTENT. Returns what was done, a line.
[[nodiscard]] std::string materialize_segments(const model::Endpoint& endpoint);

}  // namespace holdfast::engine::oracle
