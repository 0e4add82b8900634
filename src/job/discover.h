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
  // Components that the instance file need not name: its profile finds them for each job.
  std::vector<model::DatabaseSettings> databases;
  std::vector<model::FilesSettings> files;
};

// Each of `places` is a directory, a database file, a URI of an engine ("sqlite:/srv/app.db"), or
// "pid:1234". Profiles are asked first what directories and processes are: each application that
// one knows is an instance. All other places together are one more, named after the first of them.
// Never empty. Errc::not_found if a place is not there; Errc::usage for what is none of these;
// Errc::denied if a process may not be looked at; Errc::cancelled soon after a stop request.
[[nodiscard]] std::vector<Discovery> discover(std::span<const std::string> places,
                                              std::stop_token stop = {});

// As an instance file, to be read and completed by a person.
[[nodiscard]] std::string to_instance_file(const Discovery& discovery);

}  // namespace holdfast::job
