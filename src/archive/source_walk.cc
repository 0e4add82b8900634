// SPDX-License-Identifier: Apache-2.0
#include "archive/source_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ranges>

namespace holdfast::archive {

namespace {

constexpr std::size_t open_folders_max = 64;
constexpr std::size_t entries_buffer_bytes = std::size_t{256} << 10U;

[[noreturn]] void throw_errno(std::string_view doing, std::string_view object) {
  throw system_error(errno, fmt::format("{} {}", doing, object));
}

int open_retrying(int directory_fd, const char* name, int flags) noexcept {
  int fd = -1;
  do {
    fd = ::openat(directory_fd, name, flags | O_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

// Walking leaves no trace in access times where the system allows that: to root and to owners.
int open_untouched(int directory_fd, const char* name, int flags) noexcept {
  if ((flags & O_PATH) != 0) return open_retrying(directory_fd, name, flags);
  const int fd = open_retrying(directory_fd, name, flags | O_NOATIME);
  return fd < 0 && errno == EPERM ? open_retrying(directory_fd, name, flags) : fd;
}

// As deep as the given paths, which the system bounds.
void spread_whole(Target& target, bool is_above_whole) {
  target.is_whole = target.is_given || is_above_whole;
  for (auto& [name, below] : target.below) spread_whole(below, target.is_whole);
}

}  // namespace

Targets find_targets(const std::vector<std::string>& paths) {
  Targets targets;
  for (const std::string& path : paths) {
    struct ::stat status {};
    if (path.empty() || path.front() != '/') {
      throw Error(Errc::usage, fmt::format("path \"{}\" is not absolute", path));
    }
    if (::lstat(path.c_str(), &status) != 0) {
      targets.missing.emplace_back(path, system_error(errno, fmt::format("reading {}", path)));
      continue;
    }
    Target* target = &targets.root;
    for (const auto part : std::views::split(std::string_view(path).substr(1), '/')) {
      const std::string_view name(part.begin(), part.end());
      if (name == "." || name == "..") {
        throw Error(Errc::usage, fmt::format("path \"{}\" is not clean", path));
      }
      if (!name.empty()) target = &target->below[std::string(name)];
    }
    target->is_given = true;
  }
  spread_whole(targets.root, false);
  return targets;
}

Folder::Folder(std::shared_ptr<Folder> parent, std::string name, const Target* target)
    : parent_(std::move(parent)), name_(std::move(name)), target_(target) {}

// A chain of parents that only this one holds goes link by link, not by recursion.
Folder::~Folder() {
  std::shared_ptr<Folder> above = std::move(parent_);
  while (above != nullptr && above.use_count() == 1) {
    std::shared_ptr<Folder> next = std::move(above->parent_);
    above = std::move(next);
  }
}

std::string Folder::path() const {
  std::vector<const Folder*> chain;
  for (const Folder* folder = this; folder->parent_ != nullptr; folder = folder->parent_.get()) {
    chain.push_back(folder);
  }
  if (chain.empty()) return "/";
  std::string path;
  for (const Folder* folder : std::views::reverse(chain)) {
    path += '/';
    path += folder->name_;
  }
  return path;
}

SourceWalk::SourceWalk(const ArchiveOptions& options, model::Observer& observer,
                       std::stop_token stop)
    : options_(options),
      observer_(observer),
      stop_(std::move(stop)),
      entries_(entries_buffer_bytes) {
  for (const std::string& text : options.exclude_if_present) {
    const std::size_t colon = text.find(':');
    Marker marker{text.substr(0, colon), colon == text.npos ? "" : text.substr(colon + 1)};
    if (marker.name.empty()) {
      throw Error(Errc::usage, fmt::format("\"{}\" names no file to exclude by", text));
    }
    markers_.push_back(std::move(marker));
  }
}

void SourceWalk::walk(const std::shared_ptr<Folder>& root) {
  struct ::stat status {};
  if (::stat("/", &status) != 0) throw_errno("reading", "/");
  root->device_ = root->allowed_device_ = status.st_dev;
  pending_.push_back(root);
  while (!pending_.empty() && !is_stopped()) {
    const std::shared_ptr<Folder> folder = std::move(pending_.back());
    pending_.pop_back();
    walk_one(folder);
    for (auto& child : std::views::reverse(chosen_)) pending_.push_back(std::move(child));
    chosen_.clear();
  }
  pending_.clear();
}

void SourceWalk::walk_one(const std::shared_ptr<Folder>& folder) {
  Listing listing;
  listing.folder = folder;
  try {
    listing.handle = open(*folder);
    list(listing);
  } catch (const Error& error) {  // becomes a line of the report
    left_out(folder, error);
    return;
  }
  visit(listing);
  if (folder->unopened_ == 0) return;
  folder->handle_ = listing.handle;
  opened_.push_back(folder);
  keep_few_open();
}

std::shared_ptr<const Fd> SourceWalk::open(Folder& folder) {
  Folder* parent = folder.parent_.get();
  const bool is_last = parent != nullptr && --parent->unopened_ == 0;
  const std::shared_ptr<const Fd> above = handle_of_parent(folder);
  if (is_last) parent->handle_.reset();

  const bool is_listed = folder.target_ == nullptr || folder.target_->is_whole;
  const int flags = O_DIRECTORY | (is_listed ? O_RDONLY : O_PATH) |
                    (folder.is_followed() || parent == nullptr ? 0 : O_NOFOLLOW);
  auto handle = std::make_shared<const Fd>(
      open_untouched(above->get(), parent == nullptr ? "/" : folder.name_.c_str(), flags));
  if (!*handle) throw_errno("opening", folder.path());
  struct ::stat status {};
  if (::fstat(handle->get(), &status) != 0) throw_errno("reading", folder.path());
  folder.identity_ = {status.st_dev, status.st_ino};
  return handle;
}

// The descriptor of the directory that `folder` lies in. If it was given up: opened again, from the
// nearest one above that is open, step by step, because a path may be longer than the system takes.
std::shared_ptr<const Fd> SourceWalk::handle_of_parent(Folder& folder) {
  std::vector<Folder*> closed;
  Folder* above = folder.parent_.get();
  while (above != nullptr && above->handle_ == nullptr) {
    closed.push_back(above);
    above = above->parent_.get();
  }
  std::shared_ptr<const Fd> handle =
      above != nullptr ? above->handle_ : std::make_shared<const Fd>();
  for (std::size_t left = closed.size(); left-- > 0;) {
    Folder* next = closed[left];
    const bool is_root = next->parent_ == nullptr;
    const int flags = O_PATH | O_DIRECTORY | (next->is_followed() || is_root ? 0 : O_NOFOLLOW);
    auto opened = std::make_shared<const Fd>(
        open_retrying(handle->get(), is_root ? "/" : next->name_.c_str(), flags));
    if (!*opened) throw_errno("opening", next->path());
    struct ::stat status {};
    if (::fstat(opened->get(), &status) != 0) throw_errno("reading", next->path());
    if (next->identity_ != std::pair(status.st_dev, status.st_ino)) {
      throw Error(Errc::not_found,
                  fmt::format("directory {} was replaced while it was read", next->path()));
    }
    handle = std::move(opened);
    // The walk comes back up this way: the last few are kept, or each would cost the whole way.
    if (left < open_folders_max / 2 && next->unopened_ > 0) {
      next->handle_ = handle;
      opened_.push_back(next->weak_from_this());
    }
  }
  keep_few_open();
  return handle;
}

void SourceWalk::keep_few_open() {
  if (opened_.size() <= open_folders_max) return;
  std::erase_if(opened_, [](const std::weak_ptr<Folder>& each) {
    const auto folder = each.lock();
    return folder == nullptr || folder->handle_ == nullptr;
  });
  while (opened_.size() > open_folders_max) {
    if (const auto folder = opened_.front().lock()) folder->handle_.reset();
    opened_.pop_front();
  }
}

void SourceWalk::list(Listing& listing) {
  const Folder& folder = *listing.folder;
  listing.prefix = folder.path();
  if (listing.prefix.back() != '/') listing.prefix += '/';
  markers_here_.clear();
  const bool is_whole = folder.target_ == nullptr || folder.target_->is_whole;
  const auto by_name = [](const SourceItem& a, const SourceItem& b) { return a.name < b.name; };
  if (is_whole) {
    read_entries(listing);
    std::sort(listing.items.begin(), listing.items.end(), by_name);
    // A file system that lists a name twice would make a tree that no one can read.
    const auto twice =
        std::unique(listing.items.begin(), listing.items.end(),
                    [](const SourceItem& a, const SourceItem& b) { return a.name == b.name; });
    listing.items.erase(twice, listing.items.end());
  }
  if (folder.target_ != nullptr) {
    for (const auto& [name, target] : folder.target_->below) {
      SourceItem given{name, DT_UNKNOWN, &target};
      const auto place =
          std::lower_bound(listing.items.begin(), listing.items.end(), given, by_name);
      if (place != listing.items.end() && place->name == name) {
        place->target = &target;
      } else {
        listing.items.insert(place, std::move(given));
      }
    }
  }
  if (is_whole && !markers_.empty()) find_markers(listing);
}

void SourceWalk::read_entries(Listing& listing) {
  // Laid out by the kernel; d_reclen leads from one to the next.
  constexpr std::size_t name_offset = offsetof(struct dirent64, d_name);
  for (;;) {
    const ssize_t size = ::getdents64(listing.handle->get(), entries_.data(), entries_.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw_errno("listing", listing.folder->path());
    if (size == 0) return;
    const char* at = entries_.data();
    const char* const end = at + size;
    while (at < end) {
      std::uint16_t entry_bytes = 0;
      std::memcpy(&entry_bytes, at + offsetof(struct dirent64, d_reclen), sizeof entry_bytes);
      unsigned char kind = 0;
      std::memcpy(&kind, at + offsetof(struct dirent64, d_type), sizeof kind);
      const std::string_view name(at + name_offset);
      if (name != "." && name != "..") {
        listing.items.push_back({std::string(name), kind, nullptr});
      }
      at += entry_bytes;
    }
  }
}

void SourceWalk::find_markers(const Listing& listing) {
  for (const Marker& marker : markers_) {
    const auto place = std::lower_bound(
        listing.items.begin(), listing.items.end(), marker.name,
        [](const SourceItem& item, const std::string& name) { return item.name < name; });
    if (place == listing.items.end() || place->name != marker.name) continue;
    if (marker.header.empty() || has_header(listing, marker)) markers_here_.push_back(&marker);
  }
}

// Whether the marker's file begins as it should. One that does not, or cannot be read, excludes
// nothing, which is worth a warning.
bool SourceWalk::has_header(const Listing& listing, const Marker& marker) {
  const std::string path = listing.prefix + marker.name;
  try {
    const Fd file(open_untouched(listing.handle->get(), marker.name.c_str(),
                                 O_RDONLY | O_NONBLOCK | O_NOCTTY));
    if (!file) throw_errno("opening", path);
    std::string begin(marker.header.size(), '\0');
    std::size_t size = 0;
    while (size < begin.size()) {
      const std::size_t step =
          read_some(file.get(), std::as_writable_bytes(std::span(begin)).subspan(size), path);
      if (step == 0) break;
      size += step;
    }
    if (size == begin.size() && begin == marker.header) return true;
    observer_.warning(fmt::format("{} does not begin as a marker and excludes nothing", path));
  } catch (const Error& error) {  // becomes a line of the report
    observer_.warning(fmt::format("marker {} excludes nothing: {}", path, error.message()));
  }
  return false;
}

bool SourceWalk::is_left_out_by_name(const Listing& listing, const SourceItem& item) const {
  for (const Marker* marker : markers_here_) {
    if (item.name != marker->name) return true;
  }
  return !options_.excludes.empty() && options_.excludes.matches(listing.prefix + item.name);
}

bool SourceWalk::is_left_out_by_status(const Folder& folder, const struct ::stat& status) const {
  const bool is_directory = S_ISDIR(status.st_mode);
  if (options_.one_file_system && status.st_dev != folder.allowed_device_) {
    // A mount point itself is kept, so that there is something to mount on after a restore.
    return !is_directory || folder.device_ != folder.allowed_device_;
  }
  return !is_directory && options_.exclude_larger_than &&
         static_cast<std::uint64_t>(status.st_size) > *options_.exclude_larger_than;
}

std::optional<SourceWalk::Choice> SourceWalk::choose(const Listing& listing, const SourceItem& item,
                                                     bool wants_status) {
  const Folder& folder = *listing.folder;
  const bool is_wanted = item.target != nullptr;  // was given, or something below it
  if (!is_wanted && is_left_out_by_name(listing, item)) return std::nullopt;
  if (item.kind == DT_SOCK) return std::nullopt;  // means nothing without its server; as restic

  Choice choice;
  choice.type = S_IFREG;
  choice.is_followed = is_wanted && !item.target->below.empty();
  if (item.kind == DT_REG && !wants_status && !choice.is_followed && !options_.one_file_system &&
      !options_.exclude_larger_than) {
    return choice;
  }
  struct ::stat status {};
  const int flags = choice.is_followed ? 0 : AT_SYMLINK_NOFOLLOW;
  if (::fstatat(listing.handle->get(), item.name.c_str(), &status, flags) != 0) {
    const bool would_be_left_out =
        options_.one_file_system && folder.device_ != folder.allowed_device_;
    if (errno == ENOENT && would_be_left_out && !is_wanted) return std::nullopt;
    throw_errno("reading", listing.prefix + item.name);
  }
  choice.type = status.st_mode & static_cast<mode_t>(S_IFMT);
  choice.status = status;
  if (choice.is_followed && choice.type != S_IFDIR) {
    throw system_error(ENOTDIR, fmt::format("opening {}{}", listing.prefix, item.name));
  }
  if (choice.type == S_IFSOCK) return std::nullopt;
  if (!is_wanted && is_left_out_by_status(folder, status)) return std::nullopt;
  return choice;
}

void SourceWalk::descend(const Listing& listing, const SourceItem& item, const Choice& choice,
                         std::shared_ptr<Folder> child) {
  const bool is_given = item.target != nullptr && item.target->is_given;
  child->device_ = choice.status->st_dev;
  child->allowed_device_ = is_given ? child->device_ : listing.folder->allowed_device_;
  ++listing.folder->unopened_;
  chosen_.push_back(std::move(child));
}

}  // namespace holdfast::archive
