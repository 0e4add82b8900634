// SPDX-License-Identifier: Apache-2.0
// What our own account may do, and what it needs to: for preflight and for `grants`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mariadb/client.h"

namespace holdfast::engine::mariadb {

// What our account may do, from SHOW GRANTS.
class Privileges {
 public:
  Privileges(Connection& connection, const std::string& schema);
  // From lines of SHOW GRANTS.
  Privileges(const std::vector<std::string>& lines, const std::string& schema);
  // On the schema or on everything: "SELECT".
  [[nodiscard]] bool has(std::string_view privilege) const;
  [[nodiscard]] bool has_global(std::string_view privilege) const;
  [[nodiscard]] bool can_be_told() const noexcept { return known_; }
  [[nodiscard]] const std::string& account() const noexcept { return account_; }

 private:
  bool known_ = false;
  std::string account_;  // quoted
  std::vector<std::string> global_, local_;
  std::vector<std::string> revoked_;  // on the schema, from what is had on everything
};

struct ServerKind {
  bool is_mariadb = true;
  unsigned version_number = 0;
};

// What a purpose needs: global privileges, and those on the schema.
struct Needs {
  std::vector<std::string> global, local;
};
[[nodiscard]] Needs backup_needs(const ServerKind& server);
[[nodiscard]] Needs restore_needs(const ServerKind& server);
// Of an application that makes its tables itself. Source: tried with Jackrabbit 2.18.6 on MariaDB
// 10.11, where CREATE without INDEX does not do.
[[nodiscard]] Needs application_needs();
// "SELECT, INSERT"
[[nodiscard]] std::string privilege_list(const std::vector<std::string>& privileges);

// The statements of `grants` for an account; for servers of both flavours if nobody knows which it
// is. Those of the application are for `application_user`, if it is known. Errc::usage for an
// unknown purpose.
[[nodiscard]] std::string grants_for(std::string_view purpose, const Location& location,
                                     const std::optional<ServerKind>& server,
                                     const std::string& application_user = {});

}  // namespace holdfast::engine::mariadb
