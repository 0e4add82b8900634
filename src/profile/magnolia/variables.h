// SPDX-License-Identifier: Apache-2.0
// `${…}` in configuration values, and what they stand for. Pure.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::profile::magnolia {

struct Variable {
  std::string value;
  std::string where;  // "file:line", or a sentence for people
};

// Variables by name; the later one of a name wins.
class Variables {
 public:
  void set(const std::string& name, std::string value, std::string where);
  [[nodiscard]] const Variable* find(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, Variable, std::less<>>& all() const noexcept {
    return variables_;
  }

 private:
  std::map<std::string, Variable, std::less<>> variables_;
};

struct Expansion {
  std::string text;                    // what could not be resolved is left as it stood
  std::vector<std::string> undefined;  // names without a value, each once
  std::vector<std::string> circular;   // names whose value leads back to them
  std::set<std::string> used;          // every name that was looked up with success
  [[nodiscard]] bool is_whole() const noexcept { return undefined.empty() && circular.empty(); }
};

// `lookup` gives a variable or nullptr. Values are expanded too. Errc::corrupt if the result grows
// past 64 KiB.
using Lookup = std::function<const Variable*(std::string_view name)>;
[[nodiscard]] Expansion expand(std::string_view text, const Lookup& lookup);
[[nodiscard]] Expansion expand(std::string_view text, const Variables& variables);

}  // namespace holdfast::profile::magnolia
