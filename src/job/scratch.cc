// SPDX-License-Identifier: Apache-2.0
#include "job/scratch.h"

#include <cstdlib>

#include "base/error.h"

namespace holdfast::job {

std::filesystem::path scratch_base() {
  const char* given = std::getenv("TMPDIR");
  return given != nullptr && *given == '/' ? std::filesystem::path(given)
                                           : std::filesystem::path("/var/tmp");
}

void make_directories(const std::filesystem::path& directory) {
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (failure) throw system_error(failure.value(), "making " + directory.string());
}

}  // namespace holdfast::job
