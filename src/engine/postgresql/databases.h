// SPDX-License-Identifier: Apache-2.0
// The databases of a server as such: which there are, names for others, and dropping one that is
// ours. What is in them is no affair of this.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/postgresql/connection.h"
#include "engine/postgresql/location.h"

namespace holdfast::engine::postgresql {

// A session in the server's maintenance database, or in template1: not in the one that `into` is.
[[nodiscard]] Connection connect_admin(const Location& into, const std::stop_token& stop);

// The oid of a database; nothing if it is not there.
[[nodiscard]] std::optional<std::int64_t> oid_of(Connection& admin, const std::string& name);

// Which server that is, as its data say; empty where it does not say.
[[nodiscard]] std::string system_of(Connection& admin);

// Whether a database holds nothing of a user's, but for a schema of the name `mark`.
[[nodiscard]] bool is_empty(Connection& connection, const std::string& mark = "");

// Eight hexadecimal ones.
[[nodiscard]] std::string random_digits();
// "_holdfast_" and random digits.
[[nodiscard]] std::string random_suffix();
// `name` with `suffix`, cut so that it fits what the server keeps of a name (63 bytes).
[[nodiscard]] std::string with_suffix(std::string_view name, std::string_view suffix);
// A name like `wanted` that no database has.
[[nodiscard]] std::string free_name(Connection& admin, const std::string& wanted);

// A statement of a process that was killed goes on in its server. Ends those that name `name`, a
// name that only we use, and waits until they are over.
void end_statements_on(Connection& admin, const std::string& name);

// Drops a database that only we know, with whatever holds it; no error if it is not there.
void drop_database(Connection& admin, const Location& into, const std::string& name);
// Takes subscriptions off a database. They were made by a load and are not connected.
void drop_subscriptions(const Location& database);

}  // namespace holdfast::engine::postgresql
