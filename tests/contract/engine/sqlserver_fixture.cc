// SPDX-License-Identifier: Apache-2.0
#include "contract/engine/sqlserver_fixture.h"

#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::test {

int signal_of(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      body();
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace holdfast::test
