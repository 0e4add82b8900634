// SPDX-License-Identifier: Apache-2.0
#include "job/node_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "archive/file_node.h"
#include "archive/tree_walk.h"
#include "base/c_handle.h"
#include "base/error.h"
#include "base/fd.h"
#include "repo/tree_place.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
using format::Node;
using format::NodeType;

constexpr std::size_t buffer_bytes = 1U << 20U;

void check_stop(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
}

void check_depth(unsigned depth) {
  if (depth > repo::tree_depth_max) throw Error(Errc::corrupt, "directories are nested too deeply");
}

class SavedDirectory final : public NodeDirectory {
 public:
  SavedDirectory(repo::Repository& repository, const format::Id& tree) : repository_(repository) {
    repo::Codec codec = repository.codec();
    nodes_ = format::parse_tree(repository.load_blob({format::BlobType::tree, tree}, codec));
    std::erase_if(nodes_, [](const Node& node) { return node.type == NodeType::socket; });
  }
  [[nodiscard]] std::vector<Node> entries() override { return nodes_; }
  [[nodiscard]] std::unique_ptr<NodeDirectory> open(const Node& directory) override {
    if (!directory.subtree)
      throw Error(Errc::corrupt, "directory " + directory.name + " has no tree");
    return open_node_directory(repository_, *directory.subtree);
  }
  [[nodiscard]] std::unique_ptr<ByteSource> read(const Node& file) override {
    return archive::open_file(repository_, file);
  }

 private:
  repo::Repository& repository_;
  std::vector<Node> nodes_;
};

// Reads a descriptor that it owns.
class OwningSource final : public ByteSource {
 public:
  OwningSource(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    return read_some(fd_.get(), into, path_);
  }

 private:
  Fd fd_;
  std::string path_;
};

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

std::vector<std::string> names_in(int directory, const std::string& path) {
  // A descriptor of its own, because the stream closes it and moves its position.
  Fd copy = open_at(directory, ".", O_RDONLY | O_DIRECTORY);
  const CHandle<DIR, ::closedir> listing(::fdopendir(copy.get()));
  if (!listing) throw system_error(errno, "reading " + path);
  static_cast<void>(copy.release());
  std::vector<std::string> names;
  errno = 0;
  while (const ::dirent* entry = ::readdir(listing.get())) {
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  if (errno != 0) throw system_error(errno, "reading " + path);
  std::sort(names.begin(), names.end());
  return names;
}

class DiskDirectory final : public NodeDirectory {
 public:
  DiskDirectory(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  [[nodiscard]] std::vector<Node> entries() override {
    std::vector<Node> nodes;
    for (const std::string& name : names_in(fd_.get(), path_)) {
      struct ::stat status {};
      if (::fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        throw system_error(errno, "looking at " + path_ + "/" + name);
      }
      if (S_ISSOCK(status.st_mode)) continue;
      nodes.push_back(archive::make_node(fd_.get(), name, status, {}, path_ + "/" + name));
    }
    return nodes;
  }
  [[nodiscard]] std::unique_ptr<NodeDirectory> open(const Node& directory) override {
    return std::make_unique<DiskDirectory>(open_at(fd_.get(), directory.name, directory_flags),
                                           path_ + "/" + directory.name);
  }
  [[nodiscard]] std::unique_ptr<ByteSource> read(const Node& file) override {
    return std::make_unique<OwningSource>(
        open_at(fd_.get(), file.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), path_ + "/" + file.name);
  }

 private:
  Fd fd_;
  std::string path_;
};

// Writes nodes below one directory of the file system, descriptor by descriptor.
class NodeRestore {
 public:
  NodeRestore(model::Observer& observer, std::stop_token stop)
      : observer_(observer), stop_(std::move(stop)) {}

  void restore(NodeDirectory& parent, const Node& node, int directory, const std::string& name,
               const std::string& path, unsigned depth) {
    check_stop(stop_);
    check_depth(depth);
    if (node.type == NodeType::dir) {
      if (::mkdirat(directory, name.c_str(), 0700) != 0)
        throw system_error(errno, "making " + path);
      const Fd made = open_at(directory, name, directory_flags);
      const std::unique_ptr<NodeDirectory> below = parent.open(node);
      for (const Node& entry : below->entries()) {
        restore(*below, entry, made.get(), entry.name, path + "/" + entry.name, depth + 1);
      }
    } else if (!link(node, directory, name, path)) {
      make(parent, node, directory, name, path);
      ++observer_.files_done;
    }
    Node named = node;
    named.name = name;
    const std::string withheld = archive::apply_metadata(directory, name, named, path);
    if (!withheld.empty()) observer_.warning(withheld);
  }

 private:
  // True if the file is another name of one that was restored.
  bool link(const Node& node, int directory, const std::string& name, const std::string& path) {
    if (node.links < 2 || node.type != NodeType::file) return false;
    const auto [known, is_new] = links_.try_emplace({node.device_id, node.inode}, path);
    if (is_new) return false;
    if (::linkat(AT_FDCWD, known->second.c_str(), directory, name.c_str(), 0) != 0) {
      throw system_error(errno, "linking " + path);
    }
    return true;
  }

  void make(NodeDirectory& parent, const Node& node, int directory, const std::string& name,
            const std::string& path) {
    const auto make_special = [&](mode_t type) {
      if (::mknodat(directory, name.c_str(), type | 0600U, node.device) != 0) {
        throw system_error(errno, "making " + path);
      }
    };
    switch (node.type) {
      case NodeType::file: {
        const Fd fd = open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        const std::unique_ptr<ByteSource> source = parent.read(node);
        while (const std::size_t count = source->read(buffer_)) {
          check_stop(stop_);
          write_all(fd.get(), ByteView(buffer_).first(count), path);
          observer_.bytes_done += count;
        }
        return;
      }
      case NodeType::symlink:
        if (::symlinkat(node.link_target.c_str(), directory, name.c_str()) != 0) {
          throw system_error(errno, "making " + path);
        }
        return;
      case NodeType::dev:
        return make_special(S_IFBLK);
      case NodeType::chardev:
        return make_special(S_IFCHR);
      case NodeType::fifo:
        return make_special(S_IFIFO);
      default:
        throw Error(Errc::unsupported,
                    path + " is of type " + std::string(format::node_type_name(node.type)));
    }
  }

  model::Observer& observer_;
  std::stop_token stop_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> links_;
  Bytes buffer_ = Bytes(buffer_bytes);
};

std::string kind_text(const Node& node) {
  switch (node.type) {
    case NodeType::file:
      return "a file";
    case NodeType::dir:
      return "a directory";
    case NodeType::symlink:
      return "a symbolic link";
    default:
      return std::string(format::node_type_name(node.type));
  }
}

std::string time_text(const Timestamp& time) {
  return fmt::format("{}.{:09}", time.seconds, time.nanoseconds);
}

std::vector<std::string> xattrs_of(const Node& node, bool is_root) {
  std::vector<std::string> texts;
  for (const format::ExtendedAttribute& attribute : node.extended_attributes) {
    if (!is_root && !attribute.name.starts_with("user.")) continue;
    texts.push_back(attribute.name + "=" + (attribute.value ? to_hex(*attribute.value) : ""));
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

class NodeComparison {
 public:
  NodeComparison(bool content, std::size_t count_max, std::stop_token stop)
      : content_(content), count_max_(count_max), stop_(std::move(stop)) {}

  void compare(NodeDirectory& parent, const Node& expected, NodeDirectory& found_parent,
               const Node& found, const std::string& path, unsigned depth) {
    check_stop(stop_);
    check_depth(depth);
    if (full()) return;
    if (expected.type != found.type) return add(path, kind_text(expected), kind_text(found));
    compare_metadata(expected, found, path);
    if (expected.type == NodeType::file && content_ && expected.size_bytes == found.size_bytes) {
      compare_content(*parent.read(expected), *found_parent.read(found), path);
    }
    if (expected.type != NodeType::dir) return;
    const std::unique_ptr<NodeDirectory> below = parent.open(expected);
    const std::unique_ptr<NodeDirectory> found_below = found_parent.open(found);
    compare_entries(*below, *found_below, path, depth);
  }

  [[nodiscard]] std::vector<NodeDifference> take() { return std::move(differences_); }
  void add(const std::string& path, std::string expected, std::string found) {
    if (!full()) differences_.push_back({path, std::move(expected), std::move(found)});
  }

 private:
  [[nodiscard]] bool full() const { return differences_.size() >= count_max_; }

  // Two sorted lists side by side.
  void compare_entries(NodeDirectory& below, NodeDirectory& found_below, const std::string& path,
                       unsigned depth) {
    const std::vector<Node> expected = below.entries();
    const std::vector<Node> found = found_below.entries();
    auto here = found.begin();
    for (const Node& node : expected) {
      for (; here != found.end() && here->name < node.name; ++here) {
        add(path + "/" + here->name, "nothing", kind_text(*here));
      }
      const std::string place = path + "/" + node.name;
      if (here == found.end() || here->name != node.name) {
        add(place, kind_text(node), "nothing");
      } else {
        compare(below, node, found_below, *here, place, depth + 1);
        ++here;
      }
    }
    for (; here != found.end(); ++here) add(path + "/" + here->name, "nothing", kind_text(*here));
  }

  void compare_metadata(const Node& expected, const Node& found, const std::string& path) {
    const auto differ = [&](std::string_view what, const std::string& a, const std::string& b) {
      if (a != b) add(path, fmt::format("{} {}", what, a), fmt::format("{} {}", what, b));
    };
    if (expected.type == NodeType::file) {
      differ("size", std::to_string(expected.size_bytes), std::to_string(found.size_bytes));
    }
    if (expected.type == NodeType::symlink) {
      differ("link to", expected.link_target, found.link_target);
    } else {
      // A file that could not be given to its owner was restored without these.
      const bool is_anothers =
          !is_root_ && (expected.uid != found.uid || expected.gid != found.gid);
      const std::uint32_t compared = is_anothers ? 01777U : 07777U;
      differ("mode", fmt::format("{:04o}", format::to_unix_permissions(expected.mode) & compared),
             fmt::format("{:04o}", format::to_unix_permissions(found.mode) & compared));
    }
    if (expected.type == NodeType::dev || expected.type == NodeType::chardev) {
      differ("device", std::to_string(expected.device), std::to_string(found.device));
    }
    if (is_root_) {
      differ("owner", fmt::format("{}:{}", expected.uid, expected.gid),
             fmt::format("{}:{}", found.uid, found.gid));
    }
    differ("modified", time_text(expected.mtime), time_text(found.mtime));
    differ("xattrs", fmt::format("{}", fmt::join(xattrs_of(expected, is_root_), " ")),
           fmt::format("{}", fmt::join(xattrs_of(found, is_root_), " ")));
  }

  void compare_content(ByteSource& expected, ByteSource& found, const std::string& path) {
    std::uint64_t offset = 0;
    while (true) {
      check_stop(stop_);
      const std::size_t count = fill(expected, buffer_);
      const std::size_t found_count = fill(found, found_buffer_);
      const auto [at, other] = std::mismatch(
          buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(count),
          found_buffer_.begin(), found_buffer_.begin() + static_cast<std::ptrdiff_t>(found_count));
      if (at != buffer_.begin() + static_cast<std::ptrdiff_t>(count) || count != found_count) {
        const auto where = offset + static_cast<std::uint64_t>(at - buffer_.begin());
        return add(path, "the content that was saved",
                   fmt::format("other content from byte {} on", where));
      }
      if (count == 0) return;
      offset += count;
    }
  }

  static std::size_t fill(ByteSource& source, Bytes& buffer) {
    std::size_t size_bytes = 0;
    while (size_bytes < buffer.size()) {
      const std::size_t count = source.read(std::span(buffer).subspan(size_bytes));
      if (count == 0) break;
      size_bytes += count;
    }
    return size_bytes;
  }

  const bool is_root_ = ::geteuid() == 0;
  bool content_;
  std::size_t count_max_;
  std::stop_token stop_;
  std::vector<NodeDifference> differences_;
  Bytes buffer_ = Bytes(buffer_bytes), found_buffer_ = Bytes(buffer_bytes);
};

void count_below(NodeDirectory& parent, const Node& node, const std::stop_token& stop,
                 unsigned depth, NodeCounts& counts) {
  check_stop(stop);
  check_depth(depth);
  if (node.type != NodeType::dir) {
    ++counts.files;
    if (node.type == NodeType::file) counts.bytes += node.size_bytes;
    return;
  }
  ++counts.directories;
  const std::unique_ptr<NodeDirectory> below = parent.open(node);
  for (const Node& entry : below->entries()) count_below(*below, entry, stop, depth + 1, counts);
}

}  // namespace

std::unique_ptr<NodeDirectory> open_node_directory(repo::Repository& repository,
                                                   const format::Id& tree) {
  return std::make_unique<SavedDirectory>(repository, tree);
}

std::unique_ptr<NodeDirectory> open_node_directory(const fs::path& directory) {
  return std::make_unique<DiskDirectory>(open_file(directory, directory_flags), directory.string());
}

void restore_node(NodeDirectory& parent, const Node& node, const fs::path& target,
                  model::Observer& observer, std::stop_token stop) {
  const Fd directory = open_file(target.parent_path(), O_RDONLY | O_DIRECTORY);
  NodeRestore restore(observer, std::move(stop));
  restore.restore(parent, node, directory.get(), target.filename().string(), target.string(), 0);
}

std::vector<NodeDifference> compare_node(NodeDirectory& parent, const Node& node,
                                         const fs::path& target, bool content,
                                         std::size_t count_max, std::stop_token stop) {
  NodeComparison comparison(content, count_max, std::move(stop));
  Fd directory = open_file(target.parent_path(), O_RDONLY | O_DIRECTORY);
  const std::string name = target.filename().string();
  struct ::stat status {};
  if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) throw system_error(errno, "looking at " + target.string());
    comparison.add(target.string(), kind_text(node), "nothing");
    return comparison.take();
  }
  const Node found = archive::make_node(directory.get(), name, status, {}, target.string());
  DiskDirectory found_parent(std::move(directory), target.parent_path().string());
  comparison.compare(parent, node, found_parent, found, target.string(), 0);
  return comparison.take();
}

NodeCounts count_node(NodeDirectory& parent, const Node& node, std::stop_token stop) {
  NodeCounts counts;
  count_below(parent, node, stop, 0, counts);
  return counts;
}

NodePlace find_entry(const fs::path& path) {
  std::unique_ptr<NodeDirectory> parent = open_node_directory(path.parent_path());
  for (format::Node& node : parent->entries()) {
    if (node.name == path.filename().string()) return {std::move(parent), std::move(node)};
  }
  throw Error(Errc::not_found, path.string() + " does not exist");
}

std::uint64_t restore_verified(const NodePlace& place, const fs::path& target, bool verify,
                               model::Observer& observer, std::stop_token stop) {
  restore_node(*place.parent, place.node, target, observer, stop);
  if (!verify) return 0;
  const auto differences = compare_node(*place.parent, place.node, target, true, 1000, stop);
  for (const NodeDifference& difference : differences) {
    ++observer.errors;
    observer.item_failed(difference.path, "verify",
                         difference.found + " instead of " + difference.expected);
  }
  return differences.size();
}

}  // namespace holdfast::job
