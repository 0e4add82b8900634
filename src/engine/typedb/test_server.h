// SPDX-License-Identifier: Apache-2.0
// Stands in for a server of TypeDB 3, as far as its files go: appends commits with their status,
// rolls segments, makes checkpoints and removes older ones, as fast as it can, so many at a time.
// And where copies go.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "engine/engine.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {

class TestServer {
 public:
  enum class Checkpoints : std::uint8_t { renamed, in_place };  // from 3.8.2 on, and before

  TestServer(std::filesystem::path database, Checkpoints checkpoints)
      : database_(std::move(database)), checkpoints_(checkpoints) {
    for (const std::string_view keyspace : keyspace_names)
      put_file(database_ / "storage" / keyspace / "LOCK", "");
    for (int i = 0; i < 100; ++i) commit();
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        if (number_ >= allowed_) {
          std::this_thread::sleep_for(std::chrono::microseconds(100));
          continue;
        }
        for (int i = 0; i < commits_for_checkpoint; ++i) commit();
        make_checkpoint();
      }
    });
  }

  // Lets it do more.
  void go_on() noexcept { allowed_ = acknowledged_ + commits_at_a_time; }

  // The newest commit that somebody was told is made.
  [[nodiscard]] std::uint64_t acknowledged() const noexcept { return acknowledged_; }
  [[nodiscard]] std::uint64_t checkpoints() const noexcept { return checkpoints_made_; }

 private:
  static constexpr std::uint64_t segment_bytes = 4000;
  static constexpr int commits_for_checkpoint = 20;
  static constexpr std::uint64_t commits_for_statistics = 7;
  static constexpr std::uint64_t commits_at_a_time = 200;

  void append(const std::string& record, std::uint64_t number) {
    if (!segment_ || segment_size_bytes_ >= segment_bytes) {
      const std::filesystem::path path = database_ / "wal" / segment_name(number);
      std::filesystem::create_directories(path.parent_path());
      segment_ = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
      segment_size_bytes_ = 0;
    }
    // A header that is written in two pieces, then the payload.
    const std::string_view text = record;
    for (const std::string_view piece : {text.substr(0, 9), text.substr(9, 8), text.substr(17)})
      write_all(segment_->get(), as_bytes(piece), "a segment");
    segment_size_bytes_ += record.size();
  }

  void commit() {
    ++number_;
    const bool is_old = checkpoints_ == Checkpoints::in_place;
    append(wal_record(number_, is_old ? wal_commit_old : wal_commit,
                      fmt::format("commit {}", number_)),
           number_);
    append(wal_record(number_, wal_status, "ok"), number_);
    acknowledged_ = number_;
    if (number_ % commits_for_statistics == 0) append(wal_statistics_record(number_, {}), number_);
  }

  void make_checkpoint() {
    const std::filesystem::path all = database_ / "checkpoint";
    const std::string name = std::to_string(1'700'000'000'000'000 + number_);
    const bool renamed = checkpoints_ == Checkpoints::renamed;
    const std::filesystem::path made = all / (renamed ? name + ".tmp" : name);
    const std::string content = fmt::format("records up to {}", number_);
    for (const std::string_view keyspace : keyspace_names) {
      // RocksDB makes each under another name.
      const std::filesystem::path making = made / (std::string(keyspace) + ".tmp");
      for (const char* file : {"000007.sst", "000009.sst", "MANIFEST-000005"})
        put_file(making / file, content);
      put_file(making / "CURRENT", "MANIFEST-000005\n");
      std::filesystem::rename(making, made / keyspace);
    }
    put_file(made / "STORAGE_METADATA", std::to_string(number_));
    if (renamed) std::filesystem::rename(made, all / name);
    for (const auto& entry : std::filesystem::directory_iterator(all))
      if (entry.path().filename() != name) std::filesystem::remove_all(entry.path());
    ++checkpoints_made_;
  }

  std::filesystem::path database_;
  Checkpoints checkpoints_;
  std::optional<Fd> segment_;
  std::uint64_t segment_size_bytes_ = 0, number_ = 0;
  std::atomic<std::uint64_t> acknowledged_{0}, checkpoints_made_{0}, allowed_{commits_at_a_time};
  std::jthread thread_;
};

// Puts streams below a directory.
class TestSink final : public model::PartSink {
 public:
  explicit TestSink(std::filesystem::path file) : file_(std::move(file)) {}
  [[nodiscard]] std::unique_ptr<Segment> segment(std::uint32_t number) override {
    EXPECT_EQ(number, 0U);
    return std::make_unique<File>(file_);
  }

 private:
  class File final : public Segment {
   public:
    explicit File(const std::filesystem::path& path) : path_(path) {
      std::filesystem::create_directories(path.parent_path());
      file_ = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    }
    void write(ByteView bytes) override { write_all(file_.get(), bytes, path_.native()); }
    void finish() override {}

   private:
    std::filesystem::path path_;
    Fd file_;
  };
  std::filesystem::path file_;
};

inline void copy_streams(Hold& hold, std::size_t database, const std::filesystem::path& to) {
  for (const model::Part& part : hold.parts(database)) {
    ASSERT_EQ(part.kind, model::PartKind::stream);
    TestSink sink(to / part.path);
    hold.copy(database, part, sink, {});
    EXPECT_EQ(std::filesystem::file_size(to / part.path), part.bytes_estimate) << part.path;
  }
}

}  // namespace holdfast::engine::typedb
