// SPDX-License-Identifier: Apache-2.0
// The one table of all keys of the instance file: the reader checks against it, the documentation
// and the JSON schema are made from it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast::profile {

enum class KeyType : std::uint8_t {
  text,       // a string
  path,       // an absolute path
  integer,    // 0 or more
  duration,   // "90s", "5m"
  argv,       // array of strings: program and arguments, no shell
  argv_list,  // array of argv
  texts,      // array of strings
  paths,      // array of absolute paths
  names,      // table of strings, by any key
};

struct InstanceKey {
  std::string_view table;  // "" for the top; "database" for [[database]]
  std::string_view name;
  KeyType type;
  bool required;
  std::string_view otherwise;  // the default, as text; empty: none
  std::string_view meaning;    // one sentence
};

struct InstanceTable {
  std::string_view name;
  bool repeated;  // [[name]]
  std::string_view meaning;
};

[[nodiscard]] std::span<const InstanceKey> instance_keys() noexcept;
[[nodiscard]] std::span<const InstanceTable> instance_tables() noexcept;
[[nodiscard]] std::string_view key_type_name(KeyType type) noexcept;  // for people: "list of paths"

}  // namespace holdfast::profile
