// SPDX-License-Identifier: Apache-2.0
// The instance file: TOML, every key checked against one table, from which docs/instance-file.md
// and its JSON schema are made.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/instance.h"

namespace holdfast::profile {

// Where `-I NAME` points: a path if it has a slash or ends in ".toml" and exists, else
// /etc/holdfast/NAME.toml. Errc::not_found naming the places looked at.
[[nodiscard]] std::filesystem::path find_instance_file(std::string_view name);

// Reads and checks it. Errc::usage with "FILE:LINE:COLUMN: …" for an unknown key (with the nearest
// known one), a wrong type, a missing or repeated name, an unknown engine or profile, a relative
// path; Errc::denied for a file with a secret in it or a password file that others can read.
[[nodiscard]] model::Instance read_instance_file(const std::filesystem::path& file);
[[nodiscard]] model::Instance parse_instance(std::string_view toml, std::string_view file_name);

// The password of a source; nullptr if the source is empty. A command that fails is
// Errc::failed_child, a password file that others can read Errc::denied; Errc::cancelled soon after
// a stop request.
[[nodiscard]] std::shared_ptr<const Secret> resolve_password(const model::PasswordSource& source,
                                                             std::string_view whose,
                                                             std::stop_token stop = {});

// The instance as TOML; `comments` maps a component's name to a comment saying where it was read.
// What equals its default is left out. parse_instance() of it gives the same instance.
[[nodiscard]] std::string to_toml(const model::Instance& instance,
                                  const std::vector<std::pair<std::string, std::string>>& comments);

// The table of all keys, as Markdown for docs/instance-file.md and as JSON schema.
[[nodiscard]] std::string keys_as_markdown();
[[nodiscard]] std::string keys_as_json_schema();

}  // namespace holdfast::profile
