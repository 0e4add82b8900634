// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/configuration_file.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::profile::magnolia {

std::optional<std::string> read_configuration_file(const std::string& path) {
  struct ::stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw system_error(errno, path);
  }
  // Opening a pipe would wait for its writer.
  if (!S_ISREG(status.st_mode)) throw Error(Errc::corrupt, path + ": no regular file");
  return read_text_file(path, 4U << 20U);
}

}  // namespace holdfast::profile::magnolia
