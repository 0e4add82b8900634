// SPDX-License-Identifier: Apache-2.0
// For tests of jobs only: a repository in a temporary directory whose key costs nothing, and a
// record of every change made to its storage.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "job/repository_init.h"

namespace holdfast::job {

// What was put and removed, in order: "put pack", "remove lock".
struct ChangeLog {
  std::mutex mutex;
  std::vector<std::string> changes;
  std::string fail_on;  // this change throws Errc::io instead
  std::function<void(const std::string& change)> before;

  void add(std::string change) {
    if (before) before(change);
    const std::lock_guard lock(mutex);
    if (change == fail_on) throw Error(Errc::io, "the test does not allow to " + change);
    changes.push_back(std::move(change));
  }
  [[nodiscard]] std::vector<std::string> without_locks() {
    const std::lock_guard lock(mutex);
    std::vector<std::string> rest = changes;
    std::erase_if(rest, [](const std::string& change) { return change.ends_with(" lock"); });
    return rest;
  }
};

class LoggingStorage final : public storage::Storage {
 public:
  LoggingStorage(std::unique_ptr<storage::Storage> inner, ChangeLog& log)
      : inner_(std::move(inner)), log_(log) {}
  void create() override { inner_->create(); }
  void put(const storage::FileRef& file, ByteView content) override {
    log_.add("put " + std::string(storage::file_kind_name(file.kind)));
    inner_->put(file, content);
  }
  void replace_config(ByteView content) override { inner_->replace_config(content); }
  void read(const storage::FileRef& file, std::uint64_t offset_bytes,
            std::span<std::byte> out) override {
    inner_->read(file, offset_bytes, out);
  }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(const storage::FileRef& file) override {
    return inner_->size_bytes(file);
  }
  void list(storage::FileKind kind,
            const std::function<void(const storage::FoundFile&)>& visit) override {
    inner_->list(kind, visit);
  }
  void remove(const storage::FileRef& file) override {
    log_.add("remove " + std::string(storage::file_kind_name(file.kind)));
    inner_->remove(file);
  }
  storage::Leftovers remove_leftovers(std::chrono::seconds age_min, bool dry_run) override {
    return inner_->remove_leftovers(age_min, dry_run);
  }
  void distrust_copies() override { inner_->distrust_copies(); }
  [[nodiscard]] unsigned connections_max() const noexcept override {
    return inner_->connections_max();
  }
  [[nodiscard]] std::string location() const override { return inner_->location(); }

 private:
  std::unique_ptr<storage::Storage> inner_;
  ChangeLog& log_;
};

class JobTest : public testing::Test {
 protected:
  JobTest()
      : directory_("holdfast-job-test",
                   std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "") {
    environment.hostname = "testhost";
    environment.username = "tester";
    access.location = path("repository");
    access.password = std::make_shared<const Secret>("sesame");
    InitOptions init;
    init.key_cost = format::ScryptCost{16, 1, 1};
    static_cast<void>(init_repository(environment, access, init, stop));
    environment.wrap_storage = [this](std::unique_ptr<storage::Storage> storage) {
      return std::make_unique<LoggingStorage>(std::move(storage), log);
    };
  }

  [[nodiscard]] std::string path(std::string_view name) const {
    return (directory_.path() / name).string();
  }
  std::string write(std::string_view name, std::string_view content) const {
    const std::filesystem::path at = directory_.path() / name;
    std::filesystem::create_directories(at.parent_path());
    write_file_durably(at, as_bytes(content), 0644);
    return at.string();
  }

  Environment environment;
  RepositoryAccess access;
  std::stop_source stop;
  model::SilentObserver observer;
  ChangeLog log;

 private:
  TemporaryDirectory directory_;
};

}  // namespace holdfast::job
