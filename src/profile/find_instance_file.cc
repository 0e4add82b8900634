// SPDX-License-Identifier: Apache-2.0
// Where an instance file is that somebody names.
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "profile/instance_file.h"

namespace holdfast::profile {

std::filesystem::path find_instance_file(std::string_view name) {
  const std::filesystem::path direct(name);
  std::error_code ignored;
  const bool is_path = name.find('/') != std::string_view::npos || name.ends_with(".toml");
  if (is_path || std::filesystem::is_regular_file(direct, ignored)) {
    if (std::filesystem::exists(direct, ignored)) return std::filesystem::absolute(direct);
    if (is_path) {
      throw Error(Errc::not_found, "no instance file " + direct.string())
          .set_hint("`holdfast discover DIRECTORY` writes one.");
    }
  }
  const std::filesystem::path shared =
      std::filesystem::path("/etc/holdfast") / (std::string(name) + ".toml");
  if (std::filesystem::exists(shared, ignored)) return shared;
  throw Error(Errc::not_found, "no instance file for \"" + std::string(name) + "\": neither " +
                                   std::filesystem::absolute(direct).string() + " nor " +
                                   shared.string())
      .set_hint("`holdfast discover DIRECTORY` writes one.");
}

}  // namespace holdfast::profile
