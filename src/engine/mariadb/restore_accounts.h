// SPDX-License-Identifier: Apache-2.0
// The accounts of a copy and their rights, made on a server; what was not there before is announced
// with the statements that take it away again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/mariadb/accounts.h"
#include "engine/mariadb/client.h"
#include "engine/mariadb/grant_text.h"
#include "engine/mariadb/switch.h"

namespace holdfast::engine::mariadb {

class RestoredAccounts {
 public:
  // A statement of the copy's script, with what it says it is for. `from`: the copy's schema.
  // Errc::corrupt if it is something else.
  void add(std::string_view kind, const std::string& name, const std::string& statement,
           const std::string& from);
  // Roles that are given must be the copy's own: Errc::corrupt.
  void check() const;
  [[nodiscard]] bool empty() const noexcept { return accounts_.empty() && grants_.empty(); }

  // The accounts; those that are there stay as they are. Secrets stand in no message.
  void make(Connection& connection, bool on_scratch, const Announce& announce) const;
  void give_rights(Connection& connection, const std::string& schema,
                   const Announce& announce) const;

 private:
  // False: somebody else has made it meanwhile.
  [[nodiscard]] static bool create(Connection& connection, const Account& account, bool on_scratch);
  [[nodiscard]] Json revocations(Connection& connection, const std::string& schema) const;

  std::vector<Account> accounts_;
  std::vector<GrantDef> grants_;
  std::vector<Membership> memberships_;
};

// As undo_change(). An account that is not as it was made may be another's, and stays.
std::string undo_accounts(Connection& connection, const Json& undo);
std::string undo_rights(Connection& connection, const Json& undo);

}  // namespace holdfast::engine::mariadb
