// SPDX-License-Identifier: Apache-2.0
// Accounts of the server with rights on a schema, and these rights, for the copy.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/mariadb/client.h"
#include "engine/mariadb/grant_text.h"
#include "model/manifest.h"

namespace holdfast::engine::mariadb {

struct Account {
  std::string name;    // quoted
  std::string create;  // CREATE USER IF NOT EXISTS …, with the password's hash
};
// Accounts with rights on a schema, by themselves or by a role; and these rights.
struct Accounts {
  std::string hidden;  // why the server shows us none; empty if it does
  std::vector<Account> accounts;
  std::vector<GrantDef> grants;
  std::vector<Membership> memberships;
};
// The definition of a user by its quoted name, as of Account; empty if it is not shown to us.
// `defaults`: the roles that it has by default, which the definition lacks.
[[nodiscard]] std::string shown_user(Connection& connection, const std::string& name,
                                     std::optional<Membership>& defaults);
[[nodiscard]] Accounts read_accounts(Connection& connection, const std::string& schema);
// As a script that makes and grants them.
[[nodiscard]] std::string accounts_script(const Accounts& accounts, const std::string& schema);
// Adds the rights as objects of the schema, whatever its name; also to the engine's facts.
void add_grants(const Accounts& accounts, model::DatabaseFacts& facts);
// A description that did not look at rights says `grants_unseen`: they are then not compared.
void leave_out_unseen_grants(const model::DatabaseFacts& found, model::DatabaseFacts& expected);

}  // namespace holdfast::engine::mariadb
