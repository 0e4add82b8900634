// SPDX-License-Identifier: Apache-2.0
#include "cli/variables.h"

#include <cstdlib>
#include <cstring>

#include <unistd.h>

namespace holdfast::cli {

std::optional<std::string> Variables::find(std::string_view name) const {
  for (const std::string_view prefix : {"HOLDFAST_", "RESTIC_"}) {
    if (auto value = find_exactly(std::string(prefix) + std::string(name))) return value;
  }
  return std::nullopt;
}

std::string Variables::full_name(std::string_view name) const {
  const std::string ours = "HOLDFAST_" + std::string(name);
  const std::string restics = "RESTIC_" + std::string(name);
  if (!find_exactly(ours) && find_exactly(restics)) return restics;
  return ours;
}

std::optional<std::string> Variables::find_exactly(std::string_view full_name) const {
  const auto found = values_.find(full_name);
  if (found == values_.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

const Secret* Variables::find_secret(std::string_view full_name) const {
  const auto found = secrets_.find(full_name);
  if (found == secrets_.end() || found->second.empty()) return nullptr;
  return &found->second;
}

Variables take_variables() {
  Variables variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    const std::string_view name = text.substr(0, equals);
    bool is_secret = false;
    for (const std::string_view secret : secret_variables) is_secret = is_secret || name == secret;
    if (!is_secret) variables.set(std::string(name), std::string(text.substr(equals + 1)));
  }
  for (const std::string_view secret : secret_variables) {
    const std::string name(secret);
    char* value = std::getenv(name.c_str());
    if (value == nullptr) continue;
    variables.set_secret(name, Secret(std::string(value)));
    wipe(value, std::strlen(value));  // /proc/<pid>/environ shows this very memory
    ::unsetenv(name.c_str());
  }
  return variables;
}

}  // namespace holdfast::cli
