// SPDX-License-Identifier: Apache-2.0
// A repository in a directory of this machine, written as restic's local backend writes it.
//
// It does not decide whether a repository is there: where no config file is, a missing directory
// holds no files.
#pragma once

#include <atomic>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "base/fd.h"
#include "storage/storage.h"

namespace holdfast::storage {

// How a finished temporary file gets its name without replacing another, from the surest to what
// the poorest file systems can. LocalStorage steps down by itself where one is not supported.
enum class Placing : std::uint8_t { rename_noreplace, link_and_unlink, look_and_rename };

class LocalStorage final : public Storage {
 public:
  static constexpr unsigned default_connections = 2;

  // How often this object has forced something to the disk: what durability tests count.
  struct Counters {
    std::uint64_t files_synced = 0;
    std::uint64_t directories_synced = 0;
  };

  // `root` may be relative (to the working directory of now); nothing is touched yet.
  explicit LocalStorage(const std::filesystem::path& root,
                        unsigned connections = default_connections,
                        Placing placing = Placing::rename_noreplace);

  // Directories are made with mode 0700. Errc::exists if the root is something else than a
  // directory.
  void create() override;
  // After it returns, content and name are on the disk. Leaves no temporary file behind on failure.
  // Files are read-only: mode 0400, or 0440 if the config file is readable by its group.
  void put(const FileRef& file, ByteView content) override;
  void replace_config(ByteView content) override;
  // Keeps the descriptors of the packs read last, since a restore reads many ranges of one pack.
  void read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) override;
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(const FileRef& file) override;
  void list(FileKind kind, const std::function<void(const FoundFile&)>& visit) override;
  // Removing a key, index or snapshot is forced to the disk as well, because what is removed after
  // it (packs no index names) must not be gone while the file that named it comes back.
  void remove(const FileRef& file) override;
  Leftovers remove_leftovers(std::chrono::seconds age_min, bool dry_run) override;
  void distrust_copies() override {}
  [[nodiscard]] unsigned connections_max() const noexcept override { return connections_; }
  [[nodiscard]] std::string location() const override { return root_.string(); }

  [[nodiscard]] Counters counters() const noexcept;

 private:
  struct Modes {
    unsigned directory = 0700;
    unsigned file = 0400;
  };
  using SharedFd = std::shared_ptr<const Fd>;

  [[nodiscard]] std::string full_path(const FileRef& file) const;
  [[nodiscard]] Modes modes();
  [[nodiscard]] SharedFd directory(const std::string& relative, const Modes& modes);
  void forget_directory(const std::string& relative);
  [[nodiscard]] SharedFd open_pack(const FileRef& file);
  void forget_pack(const std::string& name);
  void store(const FileRef& file, ByteView content, bool replaces);
  void place(int directory, const char* temporary, const char* name, const std::string& path);
  void sync_directory(int directory, const std::string& path);
  // Throws Errc::corrupt if a repository is here and lacks this directory, which every one has.
  // Were it taken for empty, a prune would remove all that lost snapshots need.
  void check_directory(std::string_view name) const;
  // False if there is no such directory.
  bool list_directory(FileKind kind, const std::string& relative,
                      const std::function<void(const FoundFile&)>& visit);
  void sweep_directory(const std::string& relative, std::int64_t written_before, bool dry_run,
                       Leftovers& leftovers);

  const std::filesystem::path root_;  // absolute
  const unsigned connections_;
  std::atomic<Placing> placing_;
  std::atomic<std::uint64_t> files_synced_ = 0;
  std::atomic<std::uint64_t> directories_synced_ = 0;
  std::mutex mutex_;                             // guards all below
  std::optional<Modes> modes_;                   // once there is a config file to derive them from
  std::map<std::string, SharedFd> directories_;  // by path below the root; at most 261
  std::list<std::pair<std::string, SharedFd>> packs_;  // by name, the one read last in front
};

}  // namespace holdfast::storage
