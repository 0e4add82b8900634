// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/grant_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

// The tokens of a line that say something.
class Words {
 public:
  explicit Words(std::string_view line) : tokens_(tokens_of(line)) {
    std::erase_if(tokens_, [](const Token& token) { return token.kind == Token::Kind::space; });
  }
  [[nodiscard]] bool is_end() const { return at_ >= tokens_.size(); }
  [[nodiscard]] const Token& here() const { return tokens_[at_]; }
  [[nodiscard]] bool is_word(std::string_view word) const {
    return !is_end() && here().is_word(word);
  }
  [[nodiscard]] bool is_symbol(char c) const { return !is_end() && here().is_symbol(c); }
  [[nodiscard]] bool take_word(std::string_view word) { return take_if(is_word(word)); }
  [[nodiscard]] bool take_symbol(char c) { return take_if(is_symbol(c)); }
  void step() { ++at_; }

  // A name in any of the quotes that servers of both flavours and all ages put around it.
  [[nodiscard]] bool is_name() const {
    return !is_end() && (here().is_name() || here().kind == Token::Kind::text);
  }
  // "`ann`@`%`", 'ann'@'%', `readers`, readers; as account_name() writes it. Empty if there is
  // none.
  std::string take_account() {
    if (!is_name()) return "";
    const bool is_bare = here().kind == Token::Kind::word;
    const std::string user = here().name();
    step();
    if (!take_symbol('@'))
      return is_bare && ascii_upper(user) == everybody ? std::string(everybody) : quote_name(user);
    if (!is_name()) return "";
    const std::string host = here().name();
    step();
    return quote_name(user) + "@" + quote_name(host);
  }
  std::vector<std::string> take_accounts() {
    std::vector<std::string> accounts;
    do {
      accounts.push_back(take_account());
      if (accounts.back().empty()) return {};
    } while (take_symbol(','));
    return accounts;
  }

 private:
  bool take_if(bool is_it) {
    if (is_it) ++at_;
    return is_it;
  }
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

// "SELECT, INSERT (`a`, `b`)" up to ON. False if there is anything else in it.
bool take_privileges(Words& words, GrantLine& grant) {
  do {
    std::string privilege;
    for (; !words.is_end() && words.here().kind == Token::Kind::word && !words.is_word("ON");
         words.step())
      privilege += (privilege.empty() ? "" : " ") + ascii_upper(words.here().text);
    if (privilege.empty()) return false;
    grant.privileges.push_back(privilege);
    grant.words += (grant.words.empty() ? "" : ", ") + privilege;
    if (!words.take_symbol('(')) continue;
    std::string columns;
    do {
      if (!words.is_name()) return false;
      columns += (columns.empty() ? "" : ", ") + quote_name(words.here().name());
      words.step();
    } while (words.take_symbol(','));
    if (!words.take_symbol(')')) return false;
    grant.words += " (" + columns + ")";
  } while (words.take_symbol(','));
  return true;
}

std::string list_of(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

}  // namespace

std::string account_name(std::string_view user, std::string_view host) {
  return quote_name(user) + "@" + quote_name(host);
}

bool matches_schema(std::string_view pattern, std::string_view name) {
  // Where the last % was, and what it has taken so far: only that one is ever given another length.
  std::optional<std::size_t> any;
  std::size_t taken = 0;
  std::size_t p = 0;
  std::size_t n = 0;
  while (n < name.size()) {
    const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
    const std::size_t at = escaped ? p + 1 : p;
    if (!escaped && p < pattern.size() && pattern[p] == '%') {
      any = p++;
      taken = n;
    } else if (at < pattern.size() &&
               ((!escaped && pattern[at] == '_') || pattern[at] == name[n])) {
      p = at + 1;
      ++n;
    } else if (any) {
      p = *any + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

std::string schema_pattern(std::string_view schema) {
  std::string pattern;
  for (const char c : schema) {
    if (c == '_' || c == '%' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

std::string GrantDef::statement(std::string_view schema) const {
  const std::string on =
      object.empty() ? quote_name(schema_pattern(schema)) + ".*" : quote_name(schema, object);
  return fmt::format("GRANT {} ON {}{}{} TO {}{}", privileges, kind, kind.empty() ? "" : " ", on,
                     account, with_option ? " WITH GRANT OPTION" : "");
}

std::string Membership::statement() const {
  if (is_default)
    return fmt::format("SET DEFAULT ROLE {} {} {}", role, is_mysql ? "TO" : "FOR", member);
  return fmt::format("GRANT {} TO {}{}", role, member, with_option ? " WITH ADMIN OPTION" : "");
}

GrantLine parse_grant(std::string_view line) {
  Words words(line);
  GrantLine grant;
  const bool is_revoke = words.is_word("REVOKE");
  if (!words.take_word("GRANT") && !words.take_word("REVOKE")) return {};
  if (!take_privileges(words, grant) || !words.take_word("ON")) return {};
  for (; !words.is_end() && words.here().kind == Token::Kind::word; words.step()) {
    if (!words.is_word("TABLE"))
      grant.object_kind += (grant.object_kind.empty() ? "" : " ") + ascii_upper(words.here().text);
  }
  if (!words.is_name() && !words.is_symbol('*')) return {};
  grant.schema = words.here().name();
  words.step();
  if (!words.take_symbol('.') || words.is_end()) return {};
  grant.is_whole_schema = words.is_symbol('*');
  if (!grant.is_whole_schema) grant.object = words.here().name();
  words.step();
  if (!words.take_word(is_revoke ? "FROM" : "TO")) return {};
  grant.grantee = words.take_account();
  for (; !words.is_end(); words.step()) {
    if (!words.is_word("GRANT")) continue;
    words.step();
    grant.with_option = grant.with_option || words.is_word("OPTION");
    if (words.is_end()) break;
  }
  grant.kind = is_revoke ? GrantLine::Kind::revoke : GrantLine::Kind::grant;
  return grant;
}

std::optional<GrantDef> parse_grant_on(std::string_view line, const std::string& schema,
                                       const std::string& account) {
  GrantLine grant = parse_grant(line);
  if (grant.kind != GrantLine::Kind::grant || grant.schema == "*") return std::nullopt;
  // Lines for an account also list what its roles may.
  if (grant.grantee.empty() || grant.grantee != Words(account).take_account()) return std::nullopt;
  // Grants on whole schemas name patterns, those on objects do not.
  const bool is_it = grant.is_whole_schema ? matches_schema(grant.schema, schema)
                                           : grant.schema == schema && !grant.object.empty();
  if (!is_it) return std::nullopt;
  return GrantDef{std::move(grant.grantee), std::move(grant.words), std::move(grant.object_kind),
                  std::move(grant.object), grant.with_option};
}

std::vector<Membership> parse_memberships(std::string_view line) {
  Words words(line);
  Membership membership;
  if (words.take_word("SET")) {
    membership.is_default = true;
    if (!words.take_word("DEFAULT") || !words.take_word("ROLE")) return {};
  } else if (!words.take_word("GRANT")) {
    return {};
  }
  const std::vector<std::string> roles = words.take_accounts();
  membership.is_mysql = membership.is_default && words.is_word("TO");
  if (!words.take_word("TO") && !(membership.is_default && words.take_word("FOR"))) return {};
  membership.member = words.take_account();
  if (roles.empty() || membership.member.empty()) return {};
  if (words.take_word("WITH")) membership.with_option = words.is_word("ADMIN");
  if (membership.is_default) {
    membership.role = list_of(roles);
    return {membership};
  }
  std::vector<Membership> memberships;
  for (const std::string& role : roles) {
    membership.role = role;
    memberships.push_back(membership);
  }
  return memberships;
}

std::optional<Membership> parse_membership(std::string_view line) {
  std::vector<Membership> all = parse_memberships(line);
  return all.size() == 1 ? std::optional(std::move(all[0])) : std::nullopt;
}

bool makes_only(std::string_view create, const std::string& account) {
  Words words(create);
  if (!words.take_word("CREATE")) return false;
  if (!words.take_word("USER") && !words.take_word("ROLE")) return false;
  if (words.take_word("IF") && !(words.take_word("NOT") && words.take_word("EXISTS"))) return false;
  if (words.take_account() != account) return false;
  // Further accounts would follow a comma; servers take the words of some comments for statements.
  for (; !words.is_end(); words.step()) {
    if (words.is_symbol(',') || words.is_symbol(';') || words.here().kind == Token::Kind::comment)
      return false;
  }
  return true;
}

std::vector<std::string> roles_of(const Membership& membership) {
  return Words(membership.role).take_accounts();
}

std::string without_default_roles(std::string_view create_user, std::optional<Membership>& roles) {
  Words words(create_user);
  if (!words.take_word("CREATE") || !words.take_word("USER")) return std::string(create_user);
  const std::string member = words.take_account();
  for (; !words.is_end(); words.step()) {
    if (!words.is_word("DEFAULT")) continue;
    const char* const begin = words.here().text.data();
    words.step();
    if (!words.take_word("ROLE")) continue;
    const std::vector<std::string> names = words.take_accounts();
    if (names.empty()) continue;
    roles = {list_of(names), member, false, true, true};
    const auto head = static_cast<std::size_t>(begin - create_user.data());
    const std::size_t tail =
        words.is_end() ? create_user.size()
                       : static_cast<std::size_t>(words.here().text.data() - create_user.data());
    return std::string(create_user.substr(0, head)) + std::string(create_user.substr(tail));
  }
  return std::string(create_user);
}

}  // namespace holdfast::engine::mariadb
