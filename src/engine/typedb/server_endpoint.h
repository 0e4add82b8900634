// SPDX-License-Identifier: Apache-2.0
// Databases that are asked of their server: everything of an engine but probing and loading.
// Servers of 3.4 and later are answered here, those of 2.x by v2_server.h.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/engine.h"
#include "engine/typedb/connection.h"
#include "engine/typedb/location.h"

namespace holdfast::engine::typedb {

// Behind the name of the place in that of what is made beside it; random digits follow.
inline constexpr std::string_view beside_suffix = "_holdfast_";

// How we get in there. Reads the file `tls_ca`: Errc::not_found, denied. `patience`: how long the
// server may be silent; nothing: as long as RpcTarget has it.
[[nodiscard]] ServerAccess access_to(const model::Endpoint& endpoint,
                                     std::optional<std::chrono::milliseconds> patience = {});

// As Engine's. All endpoints are of one server.
[[nodiscard]] std::unique_ptr<Hold> hold_on_server(std::span<const model::Endpoint> endpoints,
                                                   const HoldOptions& options);
// The whole database is read for it.
void describe_on_server(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                        const std::stop_token& stop);
// `into` names the place, also where the database was made beside it.
[[nodiscard]] std::string undo_on_server(const Json& undo, const model::Endpoint& into);
// Errc::unavailable, denied if the server does not let us undo anything now.
void check_undo_on_server(const model::Endpoint& into);
// Whether it is the undo of a load into a server, and not into a data directory.
[[nodiscard]] bool is_undo_on_server(const Json& undo);

[[nodiscard]] std::string grants_on_server(const ServerLocation& location,
                                           std::string_view purpose);
// How an export is loaded with the vendor's own programs.
[[nodiscard]] std::string restore_paragraphs_of_export(const model::DatabaseFacts& facts);

}  // namespace holdfast::engine::typedb
