// SPDX-License-Identifier: Apache-2.0
// Small files of an application, read with care: nothing but a regular file of at most 4 MiB.
#pragma once

#include <optional>
#include <string>

namespace holdfast::profile::magnolia {

// The content; nothing if there is no such file. Errc::corrupt for what is no regular file or too
// large, Errc::denied if it may not be read.
[[nodiscard]] std::optional<std::string> read_configuration_file(const std::string& path);

}  // namespace holdfast::profile::magnolia
