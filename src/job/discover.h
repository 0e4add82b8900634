// SPDX-License-Identifier: Apache-2.0
// discover: looks at a directory, a database or a process and drafts an instance file, with a
// comment on where each fact was read. Reads only.
#pragma once

#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "model/instance.h"

namespace holdfast::job {

struct Discovery {
  model::Instance instance;
  std::vector<std::pair<std::string, std::string>> comments;  // of a component; of "": of the whole
};

// Each of `places` is a directory, a database file, a URI of an engine ("sqlite:/srv/app.db"), or
// "pid:1234"; all together are one instance, named after the first. Errc::not_found if one is not
// there; Errc::usage for what is none of these; Errc::denied if a process may not be looked at;
// Errc::cancelled soon after a stop request.
[[nodiscard]] Discovery discover(std::span<const std::string> places, std::stop_token stop = {});

// As an instance file, to be read and completed by a person.
[[nodiscard]] std::string to_instance_file(const Discovery& discovery);

}  // namespace holdfast::job
