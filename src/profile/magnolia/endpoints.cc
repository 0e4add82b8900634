// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/endpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "profile/magnolia/relocate.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::size_t value_bytes_max = 512;
constexpr std::size_t where_bytes_max = 512;

using Words = std::initializer_list<std::string_view>;

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool holds_one(std::string_view text, Words words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  });
}
bool ends_with_one(std::string_view text, Words words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.ends_with(word); });
}
bool begins_with_one(std::string_view text, Words words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.starts_with(word); });
}

// "smtp.example.org", "10.0.0.7", "mail:25". Upper case is a class's, not a host's.
bool is_host(std::string_view text) {
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    const std::string_view port = text.substr(colon + 1);
    if (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), is_digit))
      return false;
    text = text.substr(0, colon);
  }
  if (text.empty() || text.size() > 253 || text.front() == '.' || text.back() == '.' ||
      text.find("..") != std::string_view::npos)
    return false;
  const bool is_address =
      std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
  if (is_address) return std::count(text.begin(), text.end(), '.') == 3;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.';
  });
}

// Names of packages and files have dots too.
bool looks_like_no_host(std::string_view text) {
  return begins_with_one(text, {"com.", "org.", "net.", "info.", "java.", "javax.", "jakarta."}) ||
         ends_with_one(text, {".xml", ".ftl", ".properties", ".yaml", ".yml", ".html", ".jsp",
                              ".json", ".js", ".css", ".jar", ".txt", ".class", ".log"});
}

bool is_this_machine(std::string_view host) {
  const std::string_view name = host.substr(0, host.find(':'));
  return name == "localhost" || name.starts_with("127.") || name == "0.0.0.0";
}

// "scheme://host:port" of a URL; nothing if it is none.
std::optional<std::string> of_url(std::string_view value) {
  const std::size_t colon = value.find("://");
  if (colon == std::string_view::npos || colon == 0 || !is_letter(value[0])) return std::nullopt;
  const std::string_view scheme = value.substr(0, colon);
  const bool is_scheme = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
  if (!is_scheme || ascii_lower(scheme) == "file") return std::nullopt;
  std::string_view authority = value.substr(colon + 3);
  const std::size_t slash = authority.find_first_of("/?#");
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos && at > slash) {
    // Behind a path, or behind a password with a slash that nobody escaped.
    const std::string_view before = authority.substr(0, slash);
    const std::size_t last_colon = before.rfind(':');
    if (last_colon != std::string_view::npos) {
      const std::string_view port = before.substr(last_colon + 1);
      if (std::all_of(port.begin(), port.end(), is_digit)) return std::nullopt;
      authority.remove_prefix(at + 1);
    }
  } else if (at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  authority = authority.substr(0, authority.find_first_of("/?#"));
  const bool is_place =
      !authority.empty() && std::all_of(authority.begin(), authority.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == ':' || c == '[' ||
               c == ']' || c == '_' || (static_cast<unsigned char>(c) & 0x80U) != 0;
      });
  if (!is_place) return std::nullopt;
  return std::string(scheme) + "://" + std::string(authority);
}

bool is_mail_address(std::string_view value) {
  const std::size_t at = value.find('@');
  if (at == 0 || at == std::string_view::npos) return false;
  const bool is_user =
      std::all_of(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(at), [](char c) {
        return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-' || c == '+';
      });
  const std::string domain = ascii_lower(value.substr(at + 1));
  return is_user && domain.find('.') != std::string::npos && is_host(domain);
}

std::string cut(std::string text) {
  if (text.size() > where_bytes_max) text.replace(where_bytes_max, std::string::npos, "…");
  return text;
}

}  // namespace

void Endpoints::add(EndpointFact endpoint) {
  endpoint.where = cut(std::move(endpoint.where));
  told_.insert(std::move(endpoint));
  if (told_.size() <= told_max) return;
  told_.erase(std::prev(told_.end()));
  ++untold_;
}

std::optional<std::string> endpoint_of(std::string_view key, std::string_view value) {
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  if (value.empty() || value.size() > value_bytes_max || value.starts_with("jdbc:"))
    return std::nullopt;
  const std::string name = ascii_lower(key);
  if (name.starts_with("xmlns") || holds_one(name, {"pass", "pwd", "pswd", "secret", "token",
                                                    "auth", "credential", "schemalocation"}))
    return std::nullopt;
  if (auto url = of_url(value)) return url;
  if (is_mail_address(value)) return std::string(value);
  if (!holds_one(name, {"host", "server", "smtp", "mail", "relay", "proxy", "domain", "url",
                        "receiver", "endpoint"}) ||
      ends_with_one(name, {"class", "factory", "type", "bean", "package", "template", "location",
                           "file", "path", "dir"}))
    return std::nullopt;
  const bool has_dot = value.find('.') != std::string_view::npos;
  const bool is_named_so = ends_with_one(name, {"host", "hostname", "server", "relay"});
  if (!is_host(value) || is_this_machine(value) || looks_like_no_host(value) ||
      (!has_dot && !is_named_so) ||
      (!has_dot && !std::any_of(value.begin(), value.end(), is_letter)))
    return std::nullopt;
  if (value == "true" || value == "false" || value == "none" || value == "null")
    return std::nullopt;
  return std::string(value);
}

void add_endpoints_of_file(std::string_view text, const std::string& file, Endpoints& to) {
  // Of <param name="smtpServer" value="…"/> the name is the key.
  std::string name;
  std::size_t named = 0;  // the element
  const auto look = [&](const ValuePlace& place,
                        const std::string& value) -> std::optional<std::string> {
    if (place.attribute == "name" && !place.element.empty()) {
      name = value;
      named = place.number;
      return std::nullopt;
    }
    std::string key(place.attribute.empty() ? place.element : place.attribute);
    if (place.attribute == "value" && !place.element.empty()) {
      // What it is of is said behind it: it may be a password.
      if (named != place.number) return std::nullopt;
      key = name;
    }
    if (auto found = endpoint_of(key, value)) to.add({file + ": " + key, std::move(*found)});
    return std::nullopt;
  };
  static_cast<void>(map_values(text, look));
}

Json with_endpoints(Json facts, const Endpoints& endpoints) {
  Endpoints all = endpoints;
  if (const Json* const list = facts.find("endpoints")) {
    for (const Json& one : list->as_array())
      all.add({one.string_or("where", ""), one.string_or("value", "")});
  }
  all.add_untold(facts.uint_or("endpoints_untold", 0));
  if (all.told().empty()) return facts;
  Json list = Json::array();
  for (const EndpointFact& one : all.told())
    list.push(Json::object().set("where", one.where).set("value", one.value));
  facts.set("endpoints", std::move(list));
  if (all.untold() > 0) facts.set("endpoints_untold", all.untold());
  return facts;
}

}  // namespace holdfast::profile::magnolia
