// SPDX-License-Identifier: Apache-2.0
#include "harness/mariadb_grants.h"

#include <algorithm>

#include "engine/mariadb/sql_text.h"

namespace holdfast::test {

using engine::mariadb::quote_text;

std::vector<std::string> grant_statements(const std::string& printed, const std::string& password) {
  std::vector<std::string> statements;
  std::string statement;
  for (std::size_t at = 0; at < printed.size();) {
    const std::size_t end = std::min(printed.find('\n', at), printed.size());
    std::string line = printed.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("CREATE USER")) {
      line.replace(line.find("'...'"), 5, quote_text(password));
      statements.push_back(line.substr(0, line.find(';')));
    } else if (line.starts_with("GRANT ")) {
      statements.push_back(line.substr(0, line.find(';')));
    }
  }
  return statements;
}

std::vector<OneGrant> privileges_of(const std::vector<std::string>& statements) {
  std::vector<OneGrant> all;
  for (const std::string& statement : statements) {
    if (!statement.starts_with("GRANT ")) continue;
    const std::size_t on = statement.find(" ON ");
    const std::size_t to = statement.find(" TO ");
    std::string list = statement.substr(6, on - 6);
    while (!list.empty()) {
      const std::size_t comma = std::min(list.find(", "), list.size());
      all.push_back(
          {list.substr(0, comma), statement.substr(on + 4, to - on - 4), statement.substr(to + 4)});
      list = comma == list.size() ? "" : list.substr(comma + 2);
    }
  }
  return all;
}

}  // namespace holdfast::test
