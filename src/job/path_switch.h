// SPDX-License-Identifier: Apache-2.0
// Putting restored files and directories in the place of others, every step announced in the
// journal with its undo before it is made. What was there is kept under another name.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "job/journal.h"

namespace holdfast::job {

// The entries of one journal that stand or fall together. Safe from several threads.
class Changes {
 public:
  explicit Changes(Journal& journal) : journal_(journal) {}
  std::uint64_t announce(std::string_view kind, std::string_view what, const Json& undo);
  // An announced change that was not made after all.
  void drop(std::uint64_t entry);
  // Everything announced stays as it is now, on purpose: all of it or, if we are killed, nothing.
  void settle();

 private:
  Journal& journal_;
  std::mutex mutex_;  // guards entries_
  std::vector<std::uint64_t> entries_;
};

// One path on its way to being replaced. The changes outlive it.
class PathSwitch {
 public:
  // `path` is absolute, without a slash at its end. Missing directories above it are made. `aside`
  // is a directory of the same file system for all that is not in its place, if that must not lie
  // beside it.
  PathSwitch(std::filesystem::path path, Changes& changes, std::filesystem::path aside = {});

  // Where its new content is made: not there yet.
  [[nodiscard]] const std::filesystem::path& fresh() const noexcept { return fresh_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  // Another name of it in the directory for what is not in its place.
  [[nodiscard]] std::filesystem::path named(std::string_view suffix) const;

  // Puts the new content in place, durably. What is there is kept under `kept`, if `replace` or if
  // it is an empty directory; else Errc::exists. True if something with content was kept. Undone
  // long afterwards, the new content stays under a name like `kept`.
  bool switch_in(bool replace, const std::filesystem::path& kept);
  // Removes an empty directory that was kept; call when nothing will be undone any more.
  void tidy() noexcept;

 private:
  void rename(const std::filesystem::path& from, const std::filesystem::path& to,
              std::string_view what, Json undo = {});

  std::filesystem::path path_, aside_, fresh_;
  Changes* changes_;
  std::filesystem::path empty_;
};

// Makes the directory and those above it that are missing, announced.
void make_directories(const std::filesystem::path& directory, Changes& changes);

}  // namespace holdfast::job
