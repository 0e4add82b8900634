// SPDX-License-Identifier: Apache-2.0
#include "base/crew.h"

#include <sched.h>

#include <algorithm>
#include <system_error>

#include "base/error.h"

namespace holdfast {

Crew::~Crew() {
  // Whoever did not come as far as join() is unwinding: those who wait for him must be woken.
  if (!threads_.empty()) give_up(nullptr);
}

void Crew::start(std::function<void(std::stop_token)> work) {
  try {
    threads_.emplace_back([this, work = std::move(work)] {
      try {
        work(stop_.get_token());
      } catch (...) {
        give_up(std::current_exception());
      }
    });
  } catch (const std::system_error& failure) {
    throw system_error(failure.code().value(), "starting a thread");
  }
}

void Crew::fail(std::exception_ptr error) noexcept {
  give_up(std::move(error));
}

void Crew::give_up(std::exception_ptr error) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(has_given_up_, true)) return;
    first_error_ = std::move(error);
  }
  stop_.request_stop();
  if (on_failure_) on_failure_();
}

void Crew::join() {
  for (std::jthread& thread : threads_) thread.join();
  threads_.clear();
  std::exception_ptr error;
  {
    const std::lock_guard lock(mutex_);
    error = first_error_;
  }
  if (error) std::rethrow_exception(error);
}

unsigned cores_available() noexcept {
  cpu_set_t mask;
  if (::sched_getaffinity(0, sizeof mask, &mask) == 0) {
    return static_cast<unsigned>(std::max(CPU_COUNT(&mask), 1));
  }
  return std::max(std::thread::hardware_concurrency(), 1U);  // more cores than the mask can hold
}

}  // namespace holdfast
