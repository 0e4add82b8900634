// SPDX-License-Identifier: Apache-2.0
// The one owner of file descriptors, and whole-file operations on them. Every descriptor that is
// opened here is close-on-exec. All failures are Errors from system_error().
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/stream.h"

namespace holdfast {

class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int number) noexcept : number_(number) {}
  Fd(Fd&& other) noexcept : number_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }
  [[nodiscard]] int release() noexcept;
  void reset(int number = -1) noexcept;  // closes what it held; errors of close are lost

  // Closes and throws if the system reports a late write error.
  void close(std::string_view path);

 private:
  int number_ = -1;
};

// open(2) with O_CLOEXEC added; `mode` counts only with O_CREAT. `path` is also the error's object.
[[nodiscard]] Fd open_file(const std::filesystem::path& path, int flags, unsigned mode = 0600);
// The same, but a file that is not there is a value, not an Error.
[[nodiscard]] std::optional<Fd> try_open_file(const std::filesystem::path& path, int flags);
[[nodiscard]] Fd open_at(int directory, const std::string& name, int flags, unsigned mode = 0600);

// Exactly `into.size()` bytes from `offset_bytes`; Errc::corrupt if the file ends before.
void pread_exact(int fd, std::span<std::byte> into, std::uint64_t offset_bytes,
                 std::string_view path);
// Up to into.size() bytes; 0 only at the end of the file. Retries EINTR.
[[nodiscard]] std::size_t read_some(int fd, std::span<std::byte> into, std::string_view path);
void write_all(int fd, ByteView bytes, std::string_view path);
void pwrite_all(int fd, ByteView bytes, std::uint64_t offset_bytes, std::string_view path);
void fsync_file(int fd, std::string_view path);
void fsync_directory(const std::filesystem::path& directory);

// The content of a small file; Errc::corrupt if it is larger than `size_bytes_max`.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path,
                                         std::size_t size_bytes_max = 64U << 20U);
// Replaces `path` durably and as a whole: temporary file beside it, fsync, rename, fsync directory.
void write_file_durably(const std::filesystem::path& path, ByteView content, unsigned mode = 0600);

class FdSink final : public ByteSink {
 public:
  FdSink(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}  // does not own the fd
  void write(ByteView bytes) override { write_all(fd_, bytes, path_); }

 private:
  int fd_;
  std::string path_;
};

class FdSource final : public ByteSource {
 public:
  FdSource(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}  // does not own the fd
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    return read_some(fd_, into, path_);
  }

 private:
  int fd_;
  std::string path_;
};

// Makes a directory and those above it that are not there, mode 0700. What is there is left as it
// is, whatever it is.
void make_private_directories(const std::filesystem::path& path);

// Removes a file, a link or a directory with everything in it, at any depth, and directories in
// which their owner may not write too. Follows no link. What is not there is removed already. On
// failure everything else is gone.
void erase_tree(const std::filesystem::path& path);

// A directory of its own below TMPDIR (else /var/tmp), mode 0700, removed with all content at the
// end of its life.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(std::string_view name_prefix,
                              const std::filesystem::path& below = {});
  ~TemporaryDirectory();
  TemporaryDirectory(TemporaryDirectory&&) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace holdfast
