// SPDX-License-Identifier: Apache-2.0
#include "archive/tree_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include "archive/read_ahead.h"
#include "base/error.h"
#include "repo/tree_place.h"

namespace holdfast::archive {
namespace {

// What the nodes of all directories on the way down may weigh together. Beyond it the outer
// directories are let go and read again on the way back, so that a tree made to be deep and wide
// costs time and not memory.
constexpr std::size_t nodes_bytes_max = 256U << 20U;
// And those of one directory: what is behind them is read when it is its turn.
constexpr std::size_t directory_bytes_max = 64U << 20U;
constexpr std::size_t blobs_kept_bytes = 32U << 20U;  // of a file opened for random access

// One directory on the way down.
struct Level {
  format::Id tree;
  std::size_t path_size;  // of the directory's own path, at the front of the walk's path
  std::deque<format::Node> nodes;
  std::size_t next = 0;
  std::size_t weight_bytes = 0;
  std::string last_name;  // of the entry visited last, when the nodes were let go
  bool has_more = false;  // entries behind `nodes`
};

class TreeWalk {
 public:
  TreeWalk(repo::Repository& repository,
           const std::function<Walk(const std::string&, const format::Node&)>& visit,
           std::stop_token stop)
      : repository_(repository),
        codec_(repository.codec()),
        visit_(visit),
        stop_(std::move(stop)) {}

  void run(const format::Id& root) {
    enter(root);
    while (!levels_.empty()) {
      if (stop_.stop_requested()) throw Error(Errc::cancelled, "the walk was cancelled");
      Level& level = levels_.back();
      path_.resize(level.path_size);
      if (level.has_more && level.next == level.nodes.size()) let_go(level);
      if (level.nodes.empty() && !level.last_name.empty()) load(level);
      if (level.next == level.nodes.size()) {
        weight_bytes_ -= level.weight_bytes;
        levels_.pop_back();
        continue;
      }
      const format::Node& node = level.nodes[level.next++];
      path_ += '/';
      path_ += node.name;
      const Walk answer = visit_(path_, node);
      if (answer == Walk::stop) return;
      if (answer == Walk::on && node.type == format::NodeType::dir)
        enter(format::Id(*node.subtree));
    }
  }

 private:
  void enter(const format::Id& tree) {
    if (levels_.size() == repo::tree_depth_max) {
      throw Error(Errc::corrupt, fmt::format("directories are nested deeper than {} at {}",
                                             repo::tree_depth_max, path_.substr(0, 200)));
    }
    Level level;
    level.tree = tree;
    level.path_size = path_.size();
    load(level);
    levels_.push_back(std::move(level));
    for (std::size_t i = 0; i + 1 < levels_.size() && weight_bytes_ > nodes_bytes_max; ++i) {
      let_go(levels_[i]);
    }
  }

  void load(Level& level) {
    in_context("reading directory " + (path_.empty() ? "/" : path_), [&] {
      Bytes json = repository_.load_blob({format::BlobType::tree, level.tree}, codec_);
      level.weight_bytes = 0;
      level.has_more = false;
      format::read_tree_json(format::padded(json), [&](format::Node&& node) {
        if (level.has_more || (!level.last_name.empty() && node.name <= level.last_name)) return;
        if (level.weight_bytes > directory_bytes_max) {
          level.has_more = true;
          return;
        }
        level.weight_bytes += memory_bytes(node);
        level.nodes.push_back(std::move(node));
      });
    });
    level.last_name.clear();
    level.next = 0;
    weight_bytes_ += level.weight_bytes;
  }

  void let_go(Level& level) {
    if (level.next == 0 || level.nodes.empty()) return;
    level.last_name = std::move(level.nodes[level.next - 1].name);
    weight_bytes_ -= level.weight_bytes;
    level.weight_bytes = 0;
    level.nodes = {};
    level.next = 0;
  }

  repo::Repository& repository_;
  repo::Codec codec_;
  const std::function<Walk(const std::string&, const format::Node&)>& visit_;
  std::stop_token stop_;
  std::vector<Level> levels_;
  std::size_t weight_bytes_ = 0;
  std::string path_;
};

std::vector<std::string_view> components_of(std::string_view path) {
  std::vector<std::string_view> components;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (!name.empty() && name != ".") components.push_back(name);
  }
  return components;
}

std::optional<format::Node> find_entry(repo::Repository& repository, const format::Id& tree,
                                       std::string_view name, std::string_view path) {
  std::optional<format::Node> found;
  in_context(fmt::format("looking for {}", path), [&] {
    repo::Codec codec = repository.codec();
    Bytes json = repository.load_blob({format::BlobType::tree, tree}, codec);
    format::read_tree_json(format::padded(json), [&](format::Node&& node) {
      if (node.name == name) found = std::move(node);
    });
  });
  return found;
}

// Where each blob of a file begins, and where the file ends.
struct FileLayout {
  std::vector<format::Id> content;
  std::vector<std::uint64_t> ends;  // one for each blob

  [[nodiscard]] std::uint64_t begin_of(std::size_t i) const { return i == 0 ? 0 : ends[i - 1]; }
  [[nodiscard]] std::size_t size_of(std::size_t i) const {
    return static_cast<std::size_t>(ends[i] - begin_of(i));
  }
  [[nodiscard]] std::uint64_t size_bytes() const { return ends.empty() ? 0 : ends.back(); }
};

FileLayout layout_of(repo::Repository& repository, const format::Node& node) {
  if (node.type != format::NodeType::file) {
    throw Error(Errc::usage, fmt::format("{} is no regular file", node.name));
  }
  FileLayout layout;
  if (node.content) layout.content = *node.content;
  layout.ends.reserve(layout.content.size());
  std::uint64_t end = 0;
  for (const format::Id& id : layout.content) {
    const auto place = repository.index().find({format::BlobType::data, id});
    if (!place) {
      throw Error(Errc::corrupt,
                  fmt::format("blob {} of file {} is not in the index", id.hex(), node.name));
    }
    end += place->plain_bytes();
    layout.ends.push_back(end);
  }
  if (end != node.size_bytes) {
    throw Error(Errc::corrupt,
                fmt::format("file {} is said to have {} bytes, but its blobs have {}", node.name,
                            node.size_bytes, end));
  }
  return layout;
}

Bytes load_data(repo::Repository& repository, const FileLayout& layout, std::size_t i,
                repo::Codec& codec) {
  return repository.load_blob({format::BlobType::data, layout.content[i]}, codec);
}

// A file of one blob or none, read when it is asked for, without threads.
class SmallFileSource final : public ByteSource {
 public:
  SmallFileSource(repo::Repository& repository, FileLayout layout, repo::Codec* codec)
      : repository_(repository), layout_(std::move(layout)), codec_(codec) {}

  std::size_t read(std::span<std::byte> into) override {
    if (!loaded_ && !layout_.content.empty()) {
      if (codec_ != nullptr) {
        bytes_ = load_data(repository_, layout_, 0, *codec_);
      } else {
        repo::Codec codec = repository_.codec();
        bytes_ = load_data(repository_, layout_, 0, codec);
      }
    }
    loaded_ = true;
    const std::size_t count = std::min(into.size(), bytes_.size() - given_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(given_), count, into.begin());
    given_ += count;
    return count;
  }

 private:
  repo::Repository& repository_;
  FileLayout layout_;
  repo::Codec* codec_;  // the caller's; null: one of its own
  bool loaded_ = false;
  Bytes bytes_;
  std::size_t given_ = 0;
};

std::unique_ptr<ByteSource> open_source(repo::Repository& repository, const format::Node& node,
                                        repo::Codec* codec) {
  FileLayout layout = layout_of(repository, node);
  if (layout.content.size() < 2) {
    return std::make_unique<SmallFileSource>(repository, std::move(layout), codec);
  }
  std::vector<std::uint64_t> ends = std::move(layout.ends);
  const auto content = std::make_shared<const std::vector<format::Id>>(std::move(layout.content));
  return std::make_unique<ReadAhead>(std::move(ends), [&repository, content] {
    const auto own = std::make_shared<repo::Codec>(repository.codec());
    return [&repository, content, own](std::size_t number) {
      return repository.load_blob({format::BlobType::data, (*content)[number]}, *own);
    };
  });
}

class BlobCacheSource final : public model::RandomSource {
 public:
  BlobCacheSource(repo::Repository& repository, FileLayout layout)
      : repository_(repository), layout_(std::move(layout)) {}

  [[nodiscard]] std::uint64_t size_bytes() const override { return layout_.size_bytes(); }

  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    const std::uint64_t size = size_bytes();
    if (offset_bytes > size || into.size() > size - offset_bytes) {
      throw Error(Errc::corrupt,
                  fmt::format("reading {} bytes at {} passes the end of a file of {}", into.size(),
                              offset_bytes, size));
    }
    auto end = std::ranges::upper_bound(layout_.ends, offset_bytes);
    for (auto i = static_cast<std::size_t>(end - layout_.ends.begin()); !into.empty(); ++i) {
      const std::shared_ptr<const Bytes> blob = blob_at(i);
      const auto from = static_cast<std::size_t>(offset_bytes - layout_.begin_of(i));
      const std::size_t count = std::min(into.size(), blob->size() - from);
      std::copy_n(blob->begin() + static_cast<std::ptrdiff_t>(from), count, into.begin());
      into = into.subspan(count);
      offset_bytes += count;
    }
  }

 private:
  struct Kept {
    std::size_t number;
    std::shared_ptr<const Bytes> bytes;
  };

  std::shared_ptr<const Bytes> blob_at(std::size_t number) {
    std::unique_ptr<repo::Codec> codec;
    {
      const std::lock_guard lock(mutex_);
      const auto kept = std::ranges::find(kept_, number, &Kept::number);
      if (kept != kept_.end()) {
        kept_.splice(kept_.begin(), kept_, kept);
        return kept->bytes;
      }
      if (!codecs_.empty()) {
        codec = std::move(codecs_.back());
        codecs_.pop_back();
      }
    }
    if (!codec) codec = std::make_unique<repo::Codec>(repository_.codec());
    auto bytes = std::make_shared<const Bytes>(load_data(repository_, layout_, number, *codec));
    if (bytes->size() != layout_.size_of(number)) {
      throw Error(Errc::corrupt, fmt::format("blob {} has {} bytes where the index says {}",
                                             layout_.content[number].hex(), bytes->size(),
                                             layout_.size_of(number)));
    }
    const std::lock_guard lock(mutex_);
    codecs_.push_back(std::move(codec));
    kept_.push_front({number, bytes});
    kept_bytes_ += bytes->size();
    while (kept_.size() > 1 && kept_bytes_ > blobs_kept_bytes) {
      kept_bytes_ -= kept_.back().bytes->size();
      kept_.pop_back();
    }
    return bytes;
  }

  repo::Repository& repository_;
  const FileLayout layout_;
  std::mutex mutex_;      // guards all below
  std::list<Kept> kept_;  // used last first
  std::size_t kept_bytes_ = 0;
  std::vector<std::unique_ptr<repo::Codec>> codecs_;  // idle ones
};

}  // namespace

void walk_tree(repo::Repository& repository, const format::Id& tree,
               const std::function<Walk(const std::string& path, const format::Node& node)>& visit,
               std::stop_token stop) {
  TreeWalk(repository, visit, std::move(stop)).run(tree);
}

std::optional<format::Node> find_node(repo::Repository& repository, const format::Id& tree,
                                      std::string_view path) {
  const std::vector<std::string_view> components = components_of(path);
  format::Id directory = tree;
  std::optional<format::Node> node;
  for (std::size_t i = 0; i < components.size(); ++i) {
    node = find_entry(repository, directory, components[i], path);
    if (!node) return std::nullopt;
    if (i + 1 == components.size()) break;
    if (node->type != format::NodeType::dir || !node->subtree) return std::nullopt;
    directory = *node->subtree;
  }
  return node;
}

format::Id find_tree(repo::Repository& repository, const format::Id& tree, std::string_view path) {
  format::Id directory = tree;
  std::string so_far;
  for (const std::string_view name : components_of(path)) {
    so_far += '/';
    so_far += name;
    const std::optional<format::Node> node = find_entry(repository, directory, name, so_far);
    if (!node) throw Error(Errc::not_found, fmt::format("{} is not in the snapshot", so_far));
    if (node->type != format::NodeType::dir || !node->subtree) {
      throw Error(Errc::not_found, fmt::format("{} is not a directory in the snapshot", so_far));
    }
    directory = *node->subtree;
  }
  return directory;
}

std::unique_ptr<ByteSource> open_file(repo::Repository& repository, const format::Node& node) {
  return open_source(repository, node, nullptr);
}

std::unique_ptr<ByteSource> open_file(repo::Repository& repository, const format::Node& node,
                                      repo::Codec& codec) {
  return open_source(repository, node, &codec);
}

std::unique_ptr<model::RandomSource> open_file_random(repo::Repository& repository,
                                                      const format::Node& node) {
  return std::make_unique<BlobCacheSource>(repository, layout_of(repository, node));
}

}  // namespace holdfast::archive
