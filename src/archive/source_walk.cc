// SPDX-License-Identifier: Apache-2.0
#include "archive/source_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <ranges>

#include "base/path.h"

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
  target.is_whole = target.is_given || target.is_listed || is_above_whole;
  for (auto& [name, below] : target.below) spread_whole(below, target.is_whole);
}

// A clean path as the directory it starts from ("/", "." or "../..") and the names behind.
std::pair<std::string, std::vector<std::string>> parts_of(const std::string& path) {
  std::string start = path.starts_with('/') ? "/" : ".";
  std::vector<std::string> names;
  for (const auto part : std::views::split(std::string_view(path), '/')) {
    std::string name(part.begin(), part.end());
    if (name == "..") {
      start = start == "." ? name : start + "/" + name;
    } else if (!name.empty() && name != ".") {
      names.push_back(std::move(name));
    }
  }
  return {std::move(start), std::move(names)};
}

// The place of a path's first name directly below the root: its own, or what is free behind it.
Target& first_target(Target& root, const std::string& start, const std::string& name) {
  std::string place = name;
  for (unsigned count = 1; root.below.contains(place); ++count) {
    Target& other = root.below[place];
    if (other.start == start && other.name == name) return other;
    place = fmt::format("{}-{}", name, count);
  }
  Target& target = root.below[place];
  target.start = start;
  target.name = name;
  if (start == "/" && place == name) return target;
  // The kernel's name for the working directory, which no symlink leads to, so that each `..` in
  // front takes back a real directory.
  std::error_code failure;
  const std::filesystem::path here =
      start == "/" ? std::filesystem::path() : std::filesystem::current_path(failure);
  if (failure) throw system_error(failure.value(), "finding the working directory");
  target.source = clean_path(here.string() + "/" + start + "/" + name).substr(1);
  target.path = absolute_path(start + "/" + name);
  return target;
}

// `device`: of the directory it was listed in; none if it was given itself.
void add_target(Target& root, const std::string& path, std::optional<dev_t> device) {
  const auto [start, names] = parts_of(path);
  Target* target = &first_target(root, start, names.front());
  for (std::size_t i = 1; i < names.size(); ++i) target = &target->below[names[i]];
  if (!device) {
    target->is_given = true;
  } else if (!target->is_given && !target->is_listed) {
    target->is_listed = true;
    target->directory_device = *device;
  }
}

struct DirectoryNames {
  dev_t device = 0;
  std::vector<std::string> names;
};

DirectoryNames list_directory(const std::string& path) {
  DirectoryNames entries;
  struct ::stat status {};
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (directory == nullptr) throw_errno("opening", path);
  if (::fstat(::dirfd(directory.get()), &status) != 0) throw_errno("reading", path);
  entries.device = status.st_dev;
  for (;;) {
    errno = 0;
    const struct dirent* const entry = ::readdir(directory.get());
    if (entry == nullptr && errno != 0) throw_errno("listing", path);
    if (entry == nullptr) return entries;
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") entries.names.emplace_back(name);
  }
}

}  // namespace

Targets find_targets(const std::vector<std::string>& paths) {
  Targets targets;
  for (const std::string& given : paths) {
    if (given.empty()) throw Error(Errc::usage, "a path is empty");
    struct ::stat status {};
    try {
      if (::lstat(given.c_str(), &status) != 0) throw_errno("reading", given);
      const std::string path = clean_path(given);
      if (!parts_of(path).second.empty()) {
        add_target(targets.root, path, std::nullopt);
        continue;
      }
      const DirectoryNames entries = list_directory(path);
      for (const std::string& name : entries.names) {
        add_target(targets.root, path == "/" ? path + name : path + "/" + name, entries.device);
      }
    } catch (const Error& error) {  // becomes a line of the report
      targets.missing.emplace_back(given, error);
    }
  }
  spread_whole(targets.root, false);
  return targets;
}

const std::string& source_name(const std::string& name, const Target* target) noexcept {
  return target != nullptr && !target->source.empty() ? target->source : name;
}

std::string source_path(const std::string& prefix, const std::string& name, const Target* target) {
  return target != nullptr && !target->path.empty() ? target->path : prefix + name;
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
  return path(false);
}

std::string Folder::item_path() const {
  return path(true);
}

std::string Folder::path(bool is_in_snapshot) const {
  std::vector<const Folder*> chain;
  for (const Folder* folder = this; folder->parent_ != nullptr; folder = folder->parent_.get()) {
    chain.push_back(folder);
  }
  if (chain.empty()) return "/";
  std::string path;
  for (const Folder* folder : std::views::reverse(chain)) {
    if (!is_in_snapshot && folder->target_ != nullptr && !folder->target_->path.empty()) {
      path = folder->target_->path;
      continue;
    }
    if (path != "/") path += '/';
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
      open_untouched(above->get(), parent == nullptr ? "/" : folder.source_name().c_str(), flags));
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
        open_retrying(handle->get(), is_root ? "/" : next->source_name().c_str(), flags));
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
  listing.item_prefix = folder.item_path();
  if (listing.prefix.back() != '/') listing.prefix += '/';
  if (listing.item_prefix.back() != '/') listing.item_prefix += '/';
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
    if (marker.header.empty() ||
        has_header(listing.handle->get(), marker.name, listing.prefix + marker.name, marker)) {
      markers_here_.push_back(&marker);
    }
  }
}

// The markers in the directory of a listed target. The listing is of "/", which it is seen from.
const std::vector<const SourceWalk::Marker*>& SourceWalk::markers_beside(const Listing& listing,
                                                                         const Target& listed) {
  const std::string source = source_name(listed.name, &listed);
  const std::string directory = source.substr(0, source.rfind('/') + 1);
  const auto [place, is_new] = markers_beside_.try_emplace(directory);
  if (!is_new) return place->second;
  for (const Marker& marker : markers_) {
    const std::string name = directory + marker.name;
    struct ::stat status {};
    if (::fstatat(listing.handle->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (marker.header.empty() ||
        has_header(listing.handle->get(), name, listing.prefix + name, marker)) {
      place->second.push_back(&marker);
    }
  }
  return place->second;
}

// Whether the marker's file begins as it should. One that does not, or cannot be read, excludes
// nothing, which is worth a warning.
bool SourceWalk::has_header(int directory_fd, const std::string& name, const std::string& path,
                            const Marker& marker) {
  try {
    const Fd file(open_untouched(directory_fd, name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
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

bool SourceWalk::is_left_out_by_name(const Listing& listing, const SourceItem& item) {
  const bool is_listed = item.target != nullptr && item.target->is_listed;
  const std::string& name = is_listed ? item.target->name : item.name;
  if (!markers_.empty()) {
    for (const Marker* marker : is_listed ? markers_beside(listing, *item.target) : markers_here_) {
      if (name != marker->name) return true;
    }
  }
  return !options_.excludes.empty() &&
         options_.excludes.matches(source_path(listing.prefix, item.name, item.target));
}

bool SourceWalk::is_left_out_by_status(dev_t directory_device, dev_t allowed_device,
                                       const struct ::stat& status) const {
  const bool is_directory = S_ISDIR(status.st_mode);
  if (options_.one_file_system && status.st_dev != allowed_device) {
    // A mount point itself is kept, so that there is something to mount on after a restore.
    return !is_directory || directory_device != allowed_device;
  }
  return !is_directory && options_.exclude_larger_than &&
         static_cast<std::uint64_t>(status.st_size) > *options_.exclude_larger_than;
}

std::optional<SourceWalk::Choice> SourceWalk::choose(const Listing& listing, const SourceItem& item,
                                                     bool wants_status) {
  const Folder& folder = *listing.folder;
  const bool is_listed = item.target != nullptr && item.target->is_listed;
  // Was given, or something below it.
  const bool is_wanted = item.target != nullptr && (!is_listed || !item.target->below.empty());
  const auto exclude = [&]() -> std::optional<Choice> {
    observer_.item_excluded(source_path(listing.prefix, item.name, item.target));
    return std::nullopt;
  };
  if (!is_wanted && is_left_out_by_name(listing, item)) return exclude();
  if (item.kind == DT_SOCK) return std::nullopt;  // means nothing without its server; as restic

  Choice choice;
  choice.type = S_IFREG;
  choice.is_followed = is_wanted && !item.target->below.empty();
  const std::string& name = source_name(item.name, item.target);
  const dev_t directory_device = is_listed ? item.target->directory_device : folder.device_;
  const dev_t allowed_device = is_listed ? item.target->directory_device : folder.allowed_device_;
  if (item.kind == DT_REG && !wants_status && !choice.is_followed && !options_.one_file_system &&
      !options_.exclude_larger_than) {
    return choice;
  }
  struct ::stat status {};
  const int flags = choice.is_followed ? 0 : AT_SYMLINK_NOFOLLOW;
  if (::fstatat(listing.handle->get(), name.c_str(), &status, flags) != 0) {
    const bool would_be_left_out = options_.one_file_system && directory_device != allowed_device;
    if (errno == ENOENT && would_be_left_out && !is_wanted) return std::nullopt;
    throw_errno("reading", source_path(listing.prefix, item.name, item.target));
  }
  choice.type = status.st_mode & static_cast<mode_t>(S_IFMT);
  choice.status = status;
  if (choice.is_followed && choice.type != S_IFDIR) {
    throw system_error(
        ENOTDIR, fmt::format("opening {}", source_path(listing.prefix, item.name, item.target)));
  }
  if (choice.type == S_IFSOCK) return std::nullopt;
  if (!is_wanted && is_left_out_by_status(directory_device, allowed_device, status)) {
    return exclude();
  }
  return choice;
}

void SourceWalk::descend(const Listing& listing, const SourceItem& item, const Choice& choice,
                         std::shared_ptr<Folder> child) {
  const bool is_given = item.target != nullptr && item.target->is_given;
  const bool is_listed = item.target != nullptr && item.target->is_listed;
  child->device_ = choice.status->st_dev;
  child->allowed_device_ = is_given    ? child->device_
                           : is_listed ? item.target->directory_device
                                       : listing.folder->allowed_device_;
  ++listing.folder->unopened_;
  chosen_.push_back(std::move(child));
}

}  // namespace holdfast::archive
