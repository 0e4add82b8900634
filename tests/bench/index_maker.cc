// SPDX-License-Identifier: Apache-2.0
// holdfast_index_maker REPOSITORY PASSWORD_FILE BLOBS
//
// Fills an empty local repository with what a large one has: an index of so many blobs of data, and
// one snapshot with trees that refer to them. Trees, index files and the snapshot are real, and
// stored as a backup stores them. Of the packs of data there are only names and sizes, their bytes
// are holes; but for a few, in which every second blob is needed by nobody, so that a prune has
// something to pack anew. One pack in twenty is needed by nobody as a whole.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/crew.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"
#include "base/timestamp.h"
#include "format/snapshot_file.h"
#include "format/tree.h"
#include "repo/blob_writer.h"
#include "repo/open.h"
#include "repo/parallel.h"
#include "repo/replacement.h"

namespace holdfast {
namespace {

using format::BlobType;
using format::Id;
using format::Node;
using format::NodeType;

constexpr std::uint32_t pack_blobs = 15;           // about 16 MiB, as packs usually are
constexpr std::uint32_t blob_bytes = 1'100'000;    // stored; what restic's chunks mostly have
constexpr std::uint32_t directory_packs = 7;       // whose blobs the files of one directory have
constexpr std::uint32_t folder_directories = 100;  // in one of the directories of the root
constexpr std::size_t worn_blob_bytes = 128U << 10U;

// The same numbers every time, without a pattern that would compress.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL) {}
  std::uint64_t next() {  // splitmix64
    std::uint64_t word = state_ += 0x9e3779b97f4a7c15ULL;
    word = (word ^ (word >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    word = (word ^ (word >> 27U)) * 0x94d049bb133111ebULL;
    return word ^ (word >> 31U);
  }
  void fill(std::span<std::byte> bytes) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) store_le64(&bytes[at], next());
  }

 private:
  std::uint64_t state_;
};

struct Blob {
  Id id;
  std::uint32_t size_bytes = 0;        // stored
  std::uint32_t plain_size_bytes = 0;  // three halves of it
};

Blob blob_of(std::uint64_t number) {
  Noise noise(2 * number);
  Blob blob;
  noise.fill(blob.id.bytes);
  blob.size_bytes = blob_bytes + static_cast<std::uint32_t>(noise.next() % 200'000) - 100'000;
  blob.plain_size_bytes = blob.size_bytes / 2 * 3;
  return blob;
}

bool is_needed(std::uint64_t pack) {
  return pack % 20 != 19;
}

class IndexMaker {
 public:
  IndexMaker(const std::string& root, const Secret& password, std::uint64_t blobs)
      : root_(root), packs_(blobs / pack_blobs) {
    repo::Location location;
    location.url = root;
    repository_ = repo::open(location, password, {});
    writer_ = std::make_unique<repo::BlobWriter>(*repository_, repo::WriterOptions{}, nullptr);
  }

  void make() {
    std::exception_ptr failure;
    std::jthread data([&] {
      try {
        make_data_packs();
      } catch (...) {
        failure = std::current_exception();
      }
    });
    save_directories();
    const Id root = save_root();
    writer_->finish();
    data.join();
    if (failure) std::rethrow_exception(failure);
    format::SnapshotFile snapshot;
    snapshot.time = system_clock().now();
    snapshot.tree = root;
    snapshot.paths = {"/data"};
    snapshot.hostname = "bench";
    snapshot.username = "bench";
    repository_->save_unpacked(storage::FileKind::snapshot, format::to_json(snapshot));
  }

 private:
  void make_data_packs();
  void save_directories();
  Id save_directory(std::uint64_t first_pack, repo::BlobWriter::Worker& worker);
  Id save_worn(repo::BlobWriter::Worker& worker);
  Id save_root();

  static Node node_of(std::string name, NodeType type) {
    Node node;
    node.name = std::move(name);
    node.type = type;
    node.mode = format::to_go_mode(type == NodeType::dir ? 0040755 : 0100644);
    node.mtime = node.atime = node.ctime = Timestamp{1'700'000'000, 123'456'789};
    node.uid = node.gid = 1000;
    node.user = node.group = "somebody";
    node.links = 1;
    return node;
  }
  Id save_tree(const std::vector<Node>& nodes, repo::BlobWriter::Worker& worker) {
    format::TreeWriter tree;
    for (const Node& node : nodes) tree.add(node);
    return writer_->save(BlobType::tree, tree.finish(), worker).id;
  }
  Id save_directories_of(std::span<const Id> trees, repo::BlobWriter::Worker& worker) {
    std::vector<Node> nodes;
    for (const Id& tree : trees) {
      nodes.push_back(node_of(fmt::format("directory {:06}", nodes.size()), NodeType::dir));
      nodes.back().subtree = tree;
    }
    return save_tree(nodes, worker);
  }

  const std::string root_;
  const std::uint64_t packs_;
  std::unique_ptr<repo::Repository> repository_;
  std::unique_ptr<repo::BlobWriter> writer_;
  std::vector<Id> directories_;
};

void IndexMaker::make_data_packs() {
  repo::IndexWriter index(*repository_, nullptr);
  for (std::uint64_t number = 0; number < packs_; ++number) {
    format::IndexedPack pack;
    Noise(2 * number + 1).fill(pack.id.bytes);
    std::uint32_t offset = 0;
    for (std::uint64_t each = number * pack_blobs; each < (number + 1) * pack_blobs; ++each) {
      const Blob blob = blob_of(each);
      pack.blobs.push_back(
          {{BlobType::data, blob.id}, offset, blob.size_bytes, blob.plain_size_bytes});
      offset += blob.size_bytes;
    }
    const std::string name = pack.id.hex();
    const std::string path = fmt::format("{}/data/{}/{}", root_, name.substr(0, 2), name);
    const Fd file = open_file(path, O_CREAT | O_EXCL | O_WRONLY, 0400);
    if (::ftruncate(file.get(), static_cast<off_t>(format::pack_file_bytes(pack.blobs))) != 0) {
      throw system_error(errno, "making " + path);
    }
    index.add(pack);
  }
  index.finish();
}

void IndexMaker::save_directories() {
  directories_.resize((packs_ + directory_packs - 1) / directory_packs);
  repo::for_each_parallel(directories_.size(), cores_available(), {}, [&] {
    const auto worker = std::make_shared<repo::BlobWriter::Worker>(*repository_);
    return [&, worker](std::size_t item) {
      directories_[item] = save_directory(item * directory_packs, *worker);
    };
  });
}

// Files of one to nine blobs each.
Id IndexMaker::save_directory(std::uint64_t first_pack, repo::BlobWriter::Worker& worker) {
  std::vector<Node> nodes;
  for (std::uint64_t pack = first_pack; pack < std::min(packs_, first_pack + directory_packs);
       ++pack) {
    if (!is_needed(pack)) continue;
    for (std::uint64_t each = pack * pack_blobs; each < (pack + 1) * pack_blobs; ++each) {
      if (nodes.empty() || nodes.back().content->size() > nodes.size() % 9) {
        nodes.push_back(node_of(fmt::format("file {:012}", each), NodeType::file));
        nodes.back().content.emplace();
        nodes.back().inode = each;
      }
      const Blob blob = blob_of(each);
      nodes.back().content->push_back(blob.id);
      nodes.back().size_bytes += blob.plain_size_bytes;
    }
  }
  return save_tree(nodes, worker);
}

// One file of every second blob of a few packs that are really there.
Id IndexMaker::save_worn(repo::BlobWriter::Worker& worker) {
  std::vector<Node> nodes = {node_of("worn", NodeType::file)};
  nodes[0].content.emplace();
  Bytes plain(worn_blob_bytes);
  const std::uint64_t count = std::max<std::uint64_t>(packs_ * pack_blobs / 5'000, 2);
  for (std::uint64_t number = 0; number < count; ++number) {
    Noise(~number).fill(plain);
    const Id id = writer_->save(BlobType::data, plain, worker).id;
    if (number % 2 != 0) continue;
    nodes[0].content->push_back(id);
    nodes[0].size_bytes += plain.size();
  }
  return save_tree(nodes, worker);
}

Id IndexMaker::save_root() {
  repo::BlobWriter::Worker worker(*repository_);
  std::vector<Id> folders;
  for (std::size_t at = 0; at < directories_.size(); at += folder_directories) {
    const std::size_t count = std::min<std::size_t>(folder_directories, directories_.size() - at);
    folders.push_back(save_directories_of(std::span(directories_).subspan(at, count), worker));
  }
  folders.push_back(save_worn(worker));
  return save_directories_of(folders, worker);
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error(Errc::usage, fmt::format("\"{}\" is no number of blobs", text));
  }
  return number;
}

}  // namespace
}  // namespace holdfast

int main(int count, char** words) {
  using namespace holdfast;
  if (count != 4) {
    fmt::print(stderr, "usage: holdfast_index_maker REPOSITORY PASSWORD_FILE BLOBS\n");
    return 1;
  }
  try {
    std::string password = read_text_file(words[2]);
    while (password.ends_with('\n')) password.pop_back();
    IndexMaker(words[1], Secret(std::move(password)), number_of(words[3])).make();
  } catch (const std::exception& error) {
    fmt::print(stderr, "holdfast_index_maker: {}\n", error.what());
    return 1;
  }
  return 0;
}
