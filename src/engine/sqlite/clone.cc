// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/clone.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::engine::sqlite {
namespace {

constexpr std::size_t step_bytes = 1U << 20U;
constexpr std::uint64_t sample_bytes = 16U << 20U;
// What is assumed where there is too little to measure.
constexpr double rate_unmeasured = 64.0 * (1U << 20U);

// Bytes at `offset_bytes`; fewer than asked only at the end.
std::size_t read_at(int fd, std::span<std::byte> into, std::uint64_t offset_bytes,
                    std::string_view name) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t step = ::pread(fd, into.data() + done, into.size() - done,
                                 static_cast<off_t>(offset_bytes + done));
    if (step < 0 && errno == EINTR) continue;
    if (step < 0) throw system_error(errno, std::string("reading ").append(name));
    if (step == 0) break;
    done += static_cast<std::size_t>(step);
  }
  return done;
}

}  // namespace

bool clone_file(int source_fd, int target_fd) {
  return ::ioctl(target_fd, FICLONE, source_fd) == 0;
}

std::optional<Fd> nameless_file(const std::filesystem::path& directory) {
  const int number = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (number < 0) return std::nullopt;
  return Fd(number);
}

bool copy_bytes(int source_fd, int target_fd, std::string_view name,
                std::optional<SteadyTime> deadline, const std::stop_token& stop) {
  Bytes buffer(step_bytes);
  for (std::uint64_t at = 0;;) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, std::string("stopped copying ").append(name));
    const std::size_t count = read_at(source_fd, buffer, at, name);
    if (count > 0) pwrite_all(target_fd, ByteView(buffer).first(count), at, name);
    at += count;
    if (count < buffer.size()) return true;
    if (deadline && std::chrono::steady_clock::now() > *deadline) return false;
  }
}

double copying_rate(int source_fd, const std::filesystem::path& directory,
                    const std::stop_token& stop) {
  const std::optional<Fd> target = nameless_file(directory);
  if (!target) return rate_unmeasured;
  Bytes buffer(step_bytes);
  const auto begun = std::chrono::steady_clock::now();
  std::uint64_t at = 0;
  while (at < sample_bytes) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "stopped measuring a database file");
    // The bytes are thrown away; that they may be half of a transaction does not matter.
    const std::size_t count = read_at(source_fd, buffer, at, "a database file");
    if (count == 0) break;
    pwrite_all(target->get(), ByteView(buffer).first(count), at, "a sample copy");
    at += count;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  if (at < step_bytes || took.count() <= 0) return rate_unmeasured;
  // Pages are copied one by one, with checks: taken as half as fast as plain bytes.
  return static_cast<double>(at) / took.count() / 2;
}

}  // namespace holdfast::engine::sqlite
