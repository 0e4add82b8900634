// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/installation.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <initializer_list>

#include "base/error.h"
#include "base/path.h"

namespace holdfast::profile::migration_center {
namespace {

namespace fs = std::filesystem;

constexpr int depth_max = 3;
constexpr std::size_t directories_max = 20'000;

bool is_file(const std::string& path) {
  std::error_code failure;
  return fs::is_regular_file(path, failure);
}

class Search {
 public:
  explicit Search(const std::stop_token& stop) : stop_(stop) {}

  void look(const std::string& directory, int depth) {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    if (is_jobserver(directory)) return found.jobservers.push_back(directory);
    if (is_web_client(directory)) return found.web_clients.push_back(directory);
    if (depth >= depth_max) return;
    if (++seen_ == directories_max) {
      found.unseen.push_back(
          fmt::format("{} and what follows it: more than {} directories", directory, seen_));
    }
    if (seen_ >= directories_max) return;
    std::vector<std::string> below;
    std::error_code failure;
    fs::directory_iterator item(directory, failure);
    for (; !failure && item != fs::directory_iterator(); item.increment(failure)) {
      std::error_code gone;
      if (item->is_directory(gone) && !item->is_symlink(gone))
        below.push_back(item->path().string());
    }
    // One that is not there has nothing in it.
    if (failure && failure != std::errc::no_such_file_or_directory)
      found.unseen.push_back(fmt::format("{}: {}", directory, failure.message()));
    std::sort(below.begin(), below.end());
    for (const std::string& one : below) look(one, depth + 1);
  }

  Installation found;

 private:
  const std::stop_token& stop_;
  std::size_t seen_ = 0;
};

}  // namespace

bool is_jobserver(const std::string& directory) {
  return (is_file(directory + "/bin/startDaemon.sh") &&
          is_file(directory + "/bin/stopDaemon.sh")) ||
         (is_file(directory + "/startService.bat") && is_file(directory + "/stopService.bat"));
}

bool is_web_client(const std::string& directory) {
  std::error_code failure;
  const std::string application = directory + "/webapps/mc-web-client";
  return is_file(directory + "/conf/server.xml") &&
         (fs::is_directory(application, failure) || is_file(application + ".war"));
}

Installation find_installation(const std::string& directory, const std::stop_token& stop) {
  Search search(stop);
  search.look(directory, 0);
  return std::move(search.found);
}

Installation installation_of(const model::Instance& instance) {
  Installation found;
  if (!instance.home.empty()) found = find_installation(clean_path(instance.home));
  const std::string web_client = clean_path(instance.migration_center.web_client);
  if (!instance.migration_center.web_client.empty() &&
      std::find(found.web_clients.begin(), found.web_clients.end(), web_client) ==
          found.web_clients.end())
    found.web_clients.push_back(web_client);
  return found;
}

std::vector<std::string> log_directories(const Installation& installation, bool web) {
  std::vector<std::string> logs;
  const auto add = [&](const std::vector<std::string>& places) {
    for (const std::string& place : places) {
      for (const char* name : {"/log", "/logs"}) {
        std::error_code failure;
        if (fs::is_directory(place + name, failure)) logs.push_back(place + name);
      }
    }
  };
  add(installation.jobservers);
  if (web) add(installation.web_clients);
  return logs;
}

}  // namespace holdfast::profile::migration_center
