// SPDX-License-Identifier: Apache-2.0
// The environment variables of this run, taken once at the start. Passwords among them are taken
// out of the process's own environment at that moment and kept as secrets.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace holdfast::cli {

class Variables {
 public:
  // Of HOLDFAST_<name> and RESTIC_<name> the first that is set and not empty.
  [[nodiscard]] std::optional<std::string> find(std::string_view name) const;
  // The full name of the one that find() takes; "HOLDFAST_<name>" if none is set.
  [[nodiscard]] std::string full_name(std::string_view name) const;
  // A variable by its full name; nothing if unset or empty.
  [[nodiscard]] std::optional<std::string> find_exactly(std::string_view full_name) const;
  // A secret variable by its full name ("RESTIC_PASSWORD"); nullptr if unset or empty.
  [[nodiscard]] const Secret* find_secret(std::string_view full_name) const;

  void set(std::string name, std::string value) { values_[std::move(name)] = std::move(value); }
  void set_secret(std::string name, Secret value) { secrets_[std::move(name)] = std::move(value); }

 private:
  std::map<std::string, std::string, std::less<>> values_;
  std::map<std::string, Secret, std::less<>> secrets_;
};

// The names that hold a password itself, in full.
inline constexpr std::string_view secret_variables[] = {
    "HOLDFAST_PASSWORD",
    "RESTIC_PASSWORD",
    "HOLDFAST_FROM_PASSWORD",
    "RESTIC_FROM_PASSWORD",
};

// Copies the process's environment; the secret variables are overwritten in place and unset. Call
// before any thread is started.
[[nodiscard]] Variables take_variables();

}  // namespace holdfast::cli
