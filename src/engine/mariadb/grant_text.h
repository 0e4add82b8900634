// SPDX-License-Identifier: Apache-2.0
// Rights as text: the lines of SHOW GRANTS taken apart, and the statements that give the same
// again. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::engine::mariadb {

// Whom everybody is, in MariaDB from 10.11 on.
inline constexpr std::string_view everybody = "PUBLIC";

// "`ann`@`%`"; a role, without a host, is "`readers`".
[[nodiscard]] std::string account_name(std::string_view user, std::string_view host);

// Whether the name of a schema in a grant, a pattern as of LIKE, matches one.
[[nodiscard]] bool matches_schema(std::string_view pattern, std::string_view name);
// The pattern that matches this schema alone, not quoted.
[[nodiscard]] std::string schema_pattern(std::string_view schema);

// One right or several of an account on a schema or one of its objects.
struct GrantDef {
  std::string account;     // quoted: "`ann`@`%`", a role's "`readers`", or PUBLIC
  std::string privileges;  // "SELECT, INSERT (`a`)"
  std::string kind;        // "PROCEDURE", "FUNCTION", …; empty for tables and the schema
  std::string object;      // empty: all of the schema
  bool with_option = false;
  // The statement that gives it in a schema, and in no other whose name is like it.
  [[nodiscard]] std::string statement(std::string_view schema) const;
};

// A role that was given to an account, or to another role.
struct Membership {
  std::string role, member;  // quoted; of default roles a list, with commas
  bool with_option = false;
  bool is_default = false;  // it is the member's default role: said by itself
  bool is_mysql = false;    // says so in MySQL's words
  [[nodiscard]] std::string statement() const;
};

// One line of SHOW GRANTS.
struct GrantLine {
  enum class Kind { other, grant, revoke };
  Kind kind = Kind::other;
  std::vector<std::string> privileges;  // upper case, without columns: "SELECT", "LOCK TABLES"
  std::string schema;                   // "*" for all; a pattern where `object` is empty
  std::string words;                    // the privileges, with their columns
  std::string object_kind, object;
  bool is_whole_schema = false;  // ON schema.*, not on one of its objects
  std::string grantee;
  bool with_option = false;
};
[[nodiscard]] GrantLine parse_grant(std::string_view line);

// The grant of a line; nothing if it is of another schema or account, or gives no such right.
[[nodiscard]] std::optional<GrantDef> parse_grant_on(std::string_view line,
                                                     const std::string& schema,
                                                     const std::string& account);
// Those of a line that gives roles, or makes them the default; none if it is another.
[[nodiscard]] std::vector<Membership> parse_memberships(std::string_view line);
// The same of a line that is known to have one.
[[nodiscard]] std::optional<Membership> parse_membership(std::string_view line);
// Whether a statement makes this account, or role, and does nothing else.
[[nodiscard]] bool makes_only(std::string_view create, const std::string& account);
// The roles that a membership gives, each by itself.
[[nodiscard]] std::vector<std::string> roles_of(const Membership& membership);
// The definition of an account without the roles that it has by default, as those may not exist
// yet, and these as a membership. Source: dev.mysql.com/doc/refman/8.4/en/show-create-user.html.
[[nodiscard]] std::string without_default_roles(std::string_view create_user,
                                                std::optional<Membership>& roles);

}  // namespace holdfast::engine::mariadb
