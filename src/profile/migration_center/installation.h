// SPDX-License-Identifier: Apache-2.0
// Jobservers and WebClients of migration-center in directories of this machine.
//
// Source: the vendor's installation page of 24.1: the Jobserver for Linux has bin/startDaemon.sh,
// bin/stopDaemon.sh and bin/runConsole.sh, that for Windows startService.bat, stopService.bat and
// runConsole.bat in its folder; the WebClient is the web application /mc-web-client of a Tomcat.
// Where the Jobserver writes its logs is said nowhere: directories `log` and `logs` of it are taken
// for that.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "model/instance.h"

namespace holdfast::profile::migration_center {

[[nodiscard]] bool is_jobserver(const std::string& directory);
// A Tomcat with a WebClient in it.
[[nodiscard]] bool is_web_client(const std::string& directory);

struct Installation {
  std::vector<std::string> jobservers, web_clients;  // absolute
  std::vector<std::string> unseen;  // what could not be looked into, with the reason
};

// What is at `directory` or below it to three levels, in the first 20,000 directories, without
// following links. Errc::cancelled.
[[nodiscard]] Installation find_installation(const std::string& directory,
                                             const std::stop_token& stop = {});
// That of `home`, with what the instance file names elsewhere.
[[nodiscard]] Installation installation_of(const model::Instance& instance);

// Directories with logs: of Jobservers and, with `web`, of WebClients.
[[nodiscard]] std::vector<std::string> log_directories(const Installation& installation, bool web);

}  // namespace holdfast::profile::migration_center
