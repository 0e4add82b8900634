// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/variables.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::size_t size_bytes_max = 64U << 10U;
constexpr std::size_t depth_max = 32;
constexpr std::size_t lookups_max = 10'000;

class Expander {
 public:
  explicit Expander(const Lookup& lookup) : lookup_(lookup) {}

  Expansion take(std::string_view text) {
    append(text);
    return std::move(expansion_);
  }

 private:
  void append(std::string_view text) {
    while (!text.empty()) {
      const std::size_t begin = std::min(text.find("${"), text.size());
      add(text.substr(0, begin));
      text.remove_prefix(begin);
      if (text.empty()) return;
      const std::size_t end = text.find('}');
      if (end == std::string_view::npos) return add(text);
      append_variable(text.substr(2, end - 2), text.substr(0, end + 1));
      text.remove_prefix(end + 1);
    }
  }

  void append_variable(std::string_view name, std::string_view written) {
    if (++lookups_ > lookups_max) throw Error(Errc::corrupt, "a value with too many variables");
    if (std::find(open_.begin(), open_.end(), name) != open_.end() || open_.size() >= depth_max) {
      note(expansion_.circular, name);
      return add(written);
    }
    const Variable* variable = lookup_(name);
    if (variable == nullptr) {
      note(expansion_.undefined, name);
      return add(written);
    }
    expansion_.used.emplace(name);
    open_.emplace_back(name);
    append(variable->value);
    open_.pop_back();
  }

  void add(std::string_view text) {
    if (expansion_.text.size() + text.size() > size_bytes_max)
      throw Error(Errc::corrupt, "a value of more than 64 KiB");
    expansion_.text += text;
  }

  static void note(std::vector<std::string>& names, std::string_view name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  }

  const Lookup& lookup_;
  Expansion expansion_;
  std::vector<std::string> open_;
  std::size_t lookups_ = 0;
};

}  // namespace

void Variables::set(const std::string& name, std::string value, std::string where) {
  variables_[name] = {std::move(value), std::move(where)};
}

const Variable* Variables::find(std::string_view name) const {
  const auto found = variables_.find(name);
  return found == variables_.end() ? nullptr : &found->second;
}

Expansion expand(std::string_view text, const Lookup& lookup) {
  return Expander(lookup).take(text);
}

Expansion expand(std::string_view text, const Variables& variables) {
  return expand(text, [&](std::string_view name) { return variables.find(name); });
}

}  // namespace holdfast::profile::magnolia
