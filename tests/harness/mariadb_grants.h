// SPDX-License-Identifier: Apache-2.0
// What `holdfast grants` prints for MariaDB, taken apart.
#pragma once

#include <string>
#include <vector>

namespace holdfast::test {

// Its statements, without their semicolons; whoever they make gets this password.
[[nodiscard]] std::vector<std::string> grant_statements(const std::string& printed,
                                                        const std::string& password);

// One privilege of a statement, alone.
struct OneGrant {
  std::string privilege, on, account;
  [[nodiscard]] std::string give() const {
    return "GRANT " + privilege + " ON " + on + " TO " + account;
  }
  [[nodiscard]] std::string take() const {
    return "REVOKE " + privilege + " ON " + on + " FROM " + account;
  }
};
[[nodiscard]] std::vector<OneGrant> privileges_of(const std::vector<std::string>& statements);

}  // namespace holdfast::test
