// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/fifo_export.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/typedb/wire.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t buffer_bytes = 1U << 20U;  // of a pipe too, if the system lets us
constexpr int look_ms = 50;                      // how often is asked whether the writer is done
constexpr milliseconds file_look{10};            // the same, of a file
constexpr std::size_t start_bytes_max = 64U << 10U;

bool has_more_than_header(ByteView start) {
  const Varint length = read_varint(start);
  return length.size_bytes > 0 && length.value < start.size() - length.size_bytes;
}

class Pipe {
 public:
  Pipe(fs::path path, const PipeOptions& options) : path_(std::move(path)) {
    if (mkfifo(path_.c_str(), 0600) != 0) throw system_error(errno, path_.native());
    if (options.writer && chown(path_.c_str(), *options.writer, static_cast<gid_t>(-1)) != 0) {
      throw system_error(errno,
                         fmt::format("giving {} to user {}", path_.native(), *options.writer));
    }
    // Open before anybody writes: whoever opens it to write never waits for us.
    fd_ = open_file(path_, O_RDONLY | O_NONBLOCK);
    static_cast<void>(fcntl(fd_.get(), F_SETPIPE_SZ, static_cast<int>(buffer_bytes)));
  }

  // What there is now; nothing if there is nothing, be it for now or for ever.
  [[nodiscard]] ByteView read(std::span<std::byte> buffer) {
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno != EAGAIN && errno != EINTR) throw system_error(errno, path_.native());
    if (got > 0) is_closed_ = false;
    return buffer.first(got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  // To wait for: not once nobody writes any more, when it would always be ready.
  [[nodiscard]] pollfd wait_for() const { return {is_closed_ ? -1 : fd_.get(), POLLIN, 0}; }
  void waited(const pollfd& seen) {
    if ((seen.revents & (POLLIN | POLLHUP)) == POLLHUP) is_closed_ = true;
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  Fd fd_;
  bool is_closed_ = false;
};

// The writer on its thread; ended and joined in any case.
class Writing {
 public:
  Writing(FileWriter write, JobFiles files)
      : thread_([this, write = std::move(write),
                 files = std::move(files)](const std::stop_token& stop) {
          try {
            write(files, stop);
          } catch (...) {
            failure_ = std::current_exception();
          }
          done_ = true;
        }) {}
  [[nodiscard]] bool done() const { return done_; }
  void end() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  // Once done.
  void rethrow() {
    if (thread_.joinable()) thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::atomic<bool> done_ = false;
  std::exception_ptr failure_;  // once done
  std::jthread thread_;
};

class PipedExport final : public RunningExport {
 public:
  PipedExport(FileWriter write, const PipeOptions& options)
      : directory_("holdfast-pipes", options.scratch_directory),
        buffer_(std::make_unique<std::byte[]>(buffer_bytes)) {
    // Others may pass, and see nothing.
    if (options.writer && chmod(directory_.path().c_str(), 0711) != 0)
      throw system_error(errno, directory_.path().native());
    items_.emplace(directory_.path() / "data.typedb", options);
    schema_.emplace(directory_.path() / "schema.tql", options);
    writing_.emplace(std::move(write), JobFiles{items_->path().native(), schema_->path().native()});
  }
  // Both paths vanish before anything else: who comes too late finds no directory, instead of
  // making a file where the pipe was. Then, without a reader, the writer fails, whoever it is.
  ~PipedExport() override {
    const fs::path gone = directory_.path().native() + ".ended";
    std::error_code failure;
    fs::rename(directory_.path(), gone, failure);
    items_.reset();
    schema_.reset();
    writing_->end();
    if (failure) return;
    try {
      erase_tree(gone);
    } catch (const Error& error) {
      log(LogLevel::warn, "pipes were not removed", {{"why", error.what()}});
    }
  }

  bool wait_for_snapshot(steady_clock::time_point deadline) override {
    while (!has_more_than_header(start_) && start_.size() < start_bytes_max && !is_finished_) {
      const std::optional<ByteView> more = next(deadline);
      if (!more) return false;
      append(start_, *more);
    }
    // Whatever is left of the schema was written before.
    while (take_schema()) {
    }
    return true;
  }
  [[nodiscard]] ByteView start() const override { return start_; }
  [[nodiscard]] const std::string& schema() const override { return schema_text_; }

  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    if (into.empty()) return 0;
    if (given_ == start_.size()) rest_ = rest_.empty() && !is_finished_ ? *next({}) : rest_;
    const ByteView from = given_ < start_.size() ? ByteView(start_).subspan(given_) : rest_;
    const std::size_t count = std::min(into.size(), from.size());
    if (count > 0) std::memcpy(into.data(), from.data(), count);
    if (given_ < start_.size()) {
      given_ += count;
    } else {
      rest_ = rest_.subspan(count);
    }
    return count;
  }

 private:
  bool take_schema() {
    const ByteView more = schema_->read(room());
    schema_text_ += as_text(more);
    if (schema_text_.size() > schema_bytes_max)
      throw Error(Errc::corrupt, "the schema of an export does not end");
    return !more.empty();
  }
  // More data, until the next call; no bytes at the end; nothing at the deadline.
  std::optional<ByteView> next(std::optional<steady_clock::time_point> deadline) {
    for (;;) {
      if (stop().stop_requested()) throw Error(Errc::cancelled, "interrupted while exporting");
      const bool was_done = writing_->done();
      const bool got_schema = take_schema();
      const ByteView data = items_->read(room());
      if (!data.empty()) return data;
      if (got_schema) continue;
      if (was_done) {
        is_finished_ = true;
        writing_->rethrow();
        return ByteView{};
      }
      int wait_ms = look_ms;
      if (deadline) {
        const auto left = std::chrono::ceil<milliseconds>(*deadline - steady_clock::now()).count();
        if (left <= 0) return std::nullopt;
        wait_ms = static_cast<int>(std::min<std::int64_t>(left, look_ms));
      }
      std::array<pollfd, 2> waits{schema_->wait_for(), items_->wait_for()};
      static_cast<void>(poll(waits.data(), waits.size(), wait_ms));
      schema_->waited(waits[0]);
      items_->waited(waits[1]);
    }
  }
  [[nodiscard]] std::span<std::byte> room() const { return {buffer_.get(), buffer_bytes}; }

  TemporaryDirectory directory_;
  std::unique_ptr<std::byte[]> buffer_;
  std::optional<Pipe> items_, schema_;
  std::optional<Writing> writing_;
  Bytes start_;
  std::size_t given_ = 0;  // of start_
  ByteView rest_;          // in the buffer
  std::string schema_text_;
  bool is_finished_ = false;
};

class FiledExport final : public RunningExport {
 public:
  FiledExport(FileWriter write, JobFiles files,
              std::shared_ptr<const std::atomic<bool>> has_snapshot)
      : files_(std::move(files)),
        has_snapshot_(std::move(has_snapshot)),
        writing_(std::in_place, std::move(write), files_) {}
  ~FiledExport() override {
    writing_->end();
    file_.reset();
    for (const std::string& file : {files_.data, files_.schema}) unlink(file.c_str());
  }

  bool wait_for_snapshot(steady_clock::time_point deadline) override {
    for (;;) {
      if (stop().stop_requested()) throw Error(Errc::cancelled, "interrupted while exporting");
      const bool was_done = writing_->done();
      if (was_done) writing_->rethrow();
      look_at_start();
      if (was_done || *has_snapshot_ || has_more_than_header(start_)) break;
      if (steady_clock::now() >= deadline) return false;
      std::this_thread::sleep_for(file_look);
    }
    std::error_code unknown;
    if (fs::exists(files_.schema, unknown))
      schema_text_ = read_text_file(files_.schema, schema_bytes_max);
    return true;
  }
  [[nodiscard]] ByteView start() const override { return start_; }
  [[nodiscard]] const std::string& schema() const override { return schema_text_; }

  // Once it is written: until then nobody knows where it ends.
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    while (!file_ && !writing_->done()) {
      if (stop().stop_requested()) throw Error(Errc::cancelled, "interrupted while exporting");
      std::this_thread::sleep_for(file_look);
    }
    if (stop().stop_requested()) throw Error(Errc::cancelled, "interrupted while exporting");
    if (!file_) {
      writing_->rethrow();
      file_ = open_file(files_.data, O_RDONLY | O_NOFOLLOW);
    }
    return read_some(file_.get(), into, files_.data);
  }

 private:
  void look_at_start() {
    const std::optional<Fd> file = try_open_file(files_.data, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file) return;
    start_.resize(start_bytes_max);
    start_.resize(read_some(file->get(), start_, files_.data));
  }

  const JobFiles files_;
  const std::shared_ptr<const std::atomic<bool>> has_snapshot_;
  std::optional<Writing> writing_;
  Fd file_;
  Bytes start_;
  std::string schema_text_;
};

}  // namespace

std::unique_ptr<RunningExport> export_through_pipes(FileWriter write, const PipeOptions& options) {
  return std::make_unique<PipedExport>(std::move(write), options);
}

std::unique_ptr<RunningExport> export_into_files(
    FileWriter write, JobFiles files, std::shared_ptr<const std::atomic<bool>> has_snapshot) {
  return std::make_unique<FiledExport>(std::move(write), std::move(files), std::move(has_snapshot));
}

std::string stream_files(const FileWriter& write, const PipeOptions& options, ByteSink& data,
                         const std::stop_token& stop) {
  const std::unique_ptr<RunningExport> exported = export_through_pipes(write, options);
  exported->obey(stop);
  const auto buffer = std::make_unique<std::byte[]>(buffer_bytes);
  const std::span<std::byte> room(buffer.get(), buffer_bytes);
  while (const std::size_t count = exported->read(room)) data.write(room.first(count));
  return exported->schema();
}

}  // namespace holdfast::engine::typedb
