// SPDX-License-Identifier: Apache-2.0
#include "base/path.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/error.h"

namespace holdfast {

std::string clean_path(std::string_view path) {
  const bool is_absolute = path.starts_with('/');
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    const bool is_up = part == "..";
    if (is_up && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (!is_up || !is_absolute) {
      parts.push_back(part);
    }
  }
  std::string clean = is_absolute ? "/" : "";
  for (const std::string_view part : parts) {
    if (clean.size() > 1 || (clean.size() == 1 && !is_absolute)) clean += '/';
    clean += part;
  }
  return clean.empty() ? "." : clean;
}

std::string working_directory() {
  struct ::stat here {};
  struct ::stat named {};
  const char* const name = std::getenv("PWD");
  if (name != nullptr && name[0] == '/' && ::stat(".", &here) == 0 && ::stat(name, &named) == 0 &&
      here.st_dev == named.st_dev && here.st_ino == named.st_ino) {
    return clean_path(name);
  }
  std::error_code failure;
  const std::filesystem::path directory = std::filesystem::current_path(failure);
  if (failure) throw system_error(failure.value(), "finding the working directory");
  return directory.string();
}

std::string absolute_path(std::string_view path) {
  if (path.starts_with('/')) return clean_path(path);
  return clean_path(working_directory() + "/" + std::string(path));
}

}  // namespace holdfast
