// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/configuration.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::string_view space = " \t\r";

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

// The next line, without its end.
std::string_view next_line(std::string_view& text) noexcept {
  const std::size_t end = std::min(text.size(), text.find('\n'));
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  return line;
}

// The place of the quote that ends `text`, which begins with one; npos if it does not end.
std::size_t end_of_quoted(std::string_view text) noexcept {
  const char quote = text.front();
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote) {
      if (quote == '"' || at + 1 == text.size() || text[at + 1] != quote) return at;
      ++at;
    }
  }
  return std::string_view::npos;
}

std::string unquoted(std::string_view text) {
  std::string plain;
  const char quote = text.front();
  for (std::size_t at = 1; at + 1 < text.size(); ++at) {
    const bool escape = quote == '"' ? text[at] == '\\' : text[at] == quote;
    if (escape) ++at;
    // Of the escapes of YAML only those that stand for the very character behind the backslash.
    if (escape && quote == '"' && text[at] != '"' && text[at] != '\\' && text[at] != '/')
      throw Error(Errc::unsupported, fmt::format("the YAML value {} has escapes", text));
    plain += text[at];
  }
  return plain;
}

std::optional<std::string> scalar_of(std::string_view text) {
  text = trimmed(text);
  if (text.empty() || text.front() == '#') return std::nullopt;
  if (text.front() == '"' || text.front() == '\'') {
    const std::size_t end = end_of_quoted(text);
    if (end == std::string_view::npos)
      throw Error(Errc::unsupported, fmt::format("the YAML value {} does not end", text));
    text = text.substr(0, end + 1);
    std::string plain = unquoted(text);
    if (plain.empty()) return std::nullopt;
    return plain;
  }
  if (const std::size_t comment = text.find(" #"); comment != std::string_view::npos)
    text = trimmed(text.substr(0, comment));
  if (std::string_view("{[&*!|>$%@`").find(text.front()) != std::string_view::npos)
    throw Error(Errc::unsupported, fmt::format("the YAML value `{}` is no plain one", text));
  if (text == "~" || text == "null") return std::nullopt;
  return std::string(text);
}

struct Entry {
  std::size_t indent = 0;
  std::string_view key, value;
};

// A `key: value` or `key:`; nothing for anything else.
std::optional<Entry> entry_of(std::string_view line) {
  const std::size_t indent = line.find_first_not_of(' ');
  if (indent == std::string_view::npos || line[indent] == '#') return std::nullopt;
  const std::string_view text = trimmed(line);
  std::size_t key_end = 0;
  if (text.front() == '"' || text.front() == '\'') {
    key_end = end_of_quoted(text);
    if (key_end == std::string_view::npos) return std::nullopt;
  }
  const std::size_t colon = text.find(':', key_end);
  if (colon == std::string_view::npos) return std::nullopt;
  if (colon + 1 < text.size() && space.find(text[colon + 1]) == std::string_view::npos)
    return std::nullopt;
  std::string_view key = trimmed(text.substr(0, colon));
  if (key_end > 0) key = key.substr(1, key_end - 1);
  return Entry{indent, key, text.substr(colon + 1)};
}

}  // namespace

std::optional<std::string> yaml_value(std::string_view yaml, std::string_view section,
                                      std::string_view key) {
  bool within = false;
  std::size_t indent = 0;  // of the section's keys, once the first was seen
  while (!yaml.empty()) {
    const std::optional<Entry> entry = entry_of(next_line(yaml));
    if (!entry) continue;
    if (entry->indent == 0) {
      within = entry->key == section;
      indent = 0;
      // What stands on its line is no block.
      if (within && scalar_of(entry->value))
        throw Error(Errc::unsupported, fmt::format("`{}` is no block of YAML", section));
      continue;
    }
    if (!within) continue;
    if (indent == 0) indent = entry->indent;
    if (entry->indent == indent && entry->key == key) return scalar_of(entry->value);
  }
  return std::nullopt;
}

std::optional<std::string> property_value(std::string_view properties, std::string_view key) {
  std::optional<std::string> found;
  while (!properties.empty()) {
    const std::string_view line = trimmed(next_line(properties));
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    const std::size_t key_end = std::min(line.size(), line.find_first_of("=: \t"));
    if (line.substr(0, key_end) != key) continue;
    std::string_view value = trimmed(line.substr(key_end));
    if (!value.empty() && (value.front() == '=' || value.front() == ':'))
      value = trimmed(value.substr(1));
    std::string plain;
    for (std::size_t at = 0; at < value.size(); ++at) {
      if (value[at] == '\\' && at + 1 < value.size()) ++at;
      plain += value[at];
    }
    found = std::move(plain);
  }
  if (found && found->empty()) found.reset();
  return found;
}

}  // namespace holdfast::engine::typedb
