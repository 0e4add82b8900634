// SPDX-License-Identifier: Apache-2.0
#include "cli/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "cli/exit_code.h"

namespace holdfast::cli {

namespace {

// So many requests to stop that the user no longer wants to wait: the process ends at once.
constexpr int patience = 3;

sigset_t waited_for() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGUSR1);
  return set;
}

}  // namespace

void block_signals() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGHUP, &ignore, nullptr);
  ::sigaction(SIGPIPE, &ignore, nullptr);
  const sigset_t set = waited_for();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

SignalThread::SignalThread(Environment& environment) {
  const sigset_t set = waited_for();
  signals_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!signals_) throw system_error(errno, "opening a descriptor for signals");
  end_ = Fd(::eventfd(0, EFD_CLOEXEC));
  if (!end_) throw system_error(errno, "opening a descriptor for the end of the run");
  thread_ = std::jthread([this, &environment] { wait(environment); });
}

SignalThread::~SignalThread() {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(end_.get(), &one, sizeof one));
}

void SignalThread::wait(Environment& environment) {
  int stops = 0;
  while (true) {
    std::array<pollfd, 2> waiting{pollfd{signals_.get(), POLLIN, 0}, pollfd{end_.get(), POLLIN, 0}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (waiting[1].revents != 0) return;
    signalfd_siginfo signal{};
    if (::read(signals_.get(), &signal, sizeof signal) != static_cast<ssize_t>(sizeof signal))
      continue;
    if (signal.ssi_signo == static_cast<std::uint32_t>(SIGUSR1)) {
      environment.status_requests.fire();
      continue;
    }
    if (++stops >= patience) ::_exit(exit_code(Errc::cancelled));
    environment.interrupted.store(true);
    environment.stop.request_stop();
  }
}

}  // namespace holdfast::cli
