// SPDX-License-Identifier: Apache-2.0
// Embedded databases for tests, with somebody who has one open.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "engine/derby/derby.h"
#include "engine/derby/test_database.h"
#include "engine/h2/h2.h"
#include "engine/h2/test_store.h"

namespace holdfast::engine::embedded {

// Another process that has a lock on a file, as a Java virtual machine has it, until the object is
// gone; or for a while after `asked` has appeared.
class Locker {
 public:
  explicit Locker(const std::filesystem::path& file, const std::filesystem::path& asked = {}) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      struct flock lock {};
      lock.l_type = F_WRLCK;
      lock.l_whence = SEEK_SET;
      const int fd = ::open(file.c_str(), O_RDWR);
      const char answer = ::fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
      if (::write(ends[1], &answer, 1) == 1) {
        while (asked.empty() || ::access(asked.c_str(), F_OK) != 0) ::usleep(10'000);
        ::usleep(400'000);
      }
      ::_exit(0);
    }
    char answer = 0;
    EXPECT_EQ(::read(ends[0], &answer, 1), 1);
    had_ = answer == 'y';
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~Locker() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Locker(const Locker&) = delete;
  Locker& operator=(const Locker&) = delete;
  [[nodiscard]] bool had() const noexcept { return had_; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  pid_t pid_ = -1;
  bool had_ = false;
};

// Each test runs for every kind.
class PlacesTest : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] bool is_derby() const { return GetParam() == "derby"; }
  [[nodiscard]] const Kind& kind() const { return is_derby() ? derby::kind() : h2::kind(); }
  [[nodiscard]] const Engine& engine() const { return is_derby() ? derby::engine() : h2::engine(); }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return home_.path() / (is_derby() ? name : name + ".mv.db");
  }
  std::filesystem::path make(const std::string& name) const { return make_at(path(name)); }
  std::filesystem::path make_at(const std::filesystem::path& place) const {
    if (is_derby()) {
      derby::make_database(place);
    } else {
      write_file_durably(place, h2::TestStore().bytes());
    }
    return place;
  }
  [[nodiscard]] model::Endpoint endpoint(const std::filesystem::path& place) const {
    model::Endpoint endpoint;
    endpoint.component = "shop";
    endpoint.engine = GetParam();
    endpoint.uri = GetParam() + ":" + place.native();
    return endpoint;
  }
  [[nodiscard]] std::filesystem::path lock_file(const std::filesystem::path& place) const {
    return kind().lock_of(place).path;
  }
  // A lock file as Derby leaves it; H2 has none of its own.
  void put_lock_file(const std::filesystem::path& place) const {
    if (is_derby()) write_file_durably(lock_file(place), kind_bytes(place), 0644);
  }
  [[nodiscard]] std::vector<std::string> names_in(const std::filesystem::path& directory) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  void damage(const std::filesystem::path& place) const {
    const std::filesystem::path file = is_derby() ? place / "seg0" / "c10.dat" : place;
    std::filesystem::resize_file(file, is_derby() ? 5000 : 3 * h2::block_bytes);
  }
  template <typename Body>
  static Errc code_of(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Errc::bug;
  }

  TemporaryDirectory home_{"holdfast-embedded-test"};

 private:
  [[nodiscard]] ByteView kind_bytes(const std::filesystem::path& place) const {
    static std::string content;
    content = kind().lock_of(place).content;
    return as_bytes(content);
  }
};

}  // namespace holdfast::engine::embedded
