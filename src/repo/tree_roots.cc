// SPDX-License-Identifier: Apache-2.0
#include "repo/tree_roots.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/crew.h"
#include "base/error.h"
#include "format/tree_damage.h"
#include "repo/damage.h"
#include "repo/pack_reader.h"
#include "repo/parallel.h"
#include "repo/used_blobs.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::Id;
using format::PackedBlob;

class Search {
 public:
  Search(Repository& repository, model::Observer& observer)
      : repository_(repository),
        observer_(observer),
        read_(repository.index().blob_number_end()),
        referred_(repository.index().blob_number_end()) {}

  void refer_to(const Id& tree) {
    if (const auto number = repository_.index().blob_number({BlobType::tree, tree})) {
      referred_.insert(*number);
    }
  }

  // A copy of a tree that lies in another pack may be read there; each counts once.
  void read_pack(const Id& id, Codec& codec) {
    std::vector<PackedBlob> trees = repository_.index().pack(id)->blobs;
    std::erase_if(trees, [&](const PackedBlob& blob) { return blob.blob.type != BlobType::tree; });
    read_pack_blobs(
        repository_, id, trees, codec,
        [&](const PackedBlob& blob, Bytes& plain) { read_tree(blob.blob, plain); },
        [&](const PackedBlob& blob, const Error&) {
          reporting(blob.blob, [&] {
            Bytes plain = repository_.load_blob(blob.blob, codec);
            read_tree(blob.blob, plain);
          });
        });
    observer_.files_done.fetch_add(trees.size(), std::memory_order_relaxed);
  }

  [[nodiscard]] std::vector<Id> roots() const {
    std::vector<Id> roots;
    repository_.index().for_each(
        [&](const BlobHandle& blob, const BlobPlace&, std::uint32_t /*pack_number*/) {
          if (blob.type != BlobType::tree) return;
          const std::uint32_t number = *repository_.index().blob_number(blob);
          if (read_.contains(number) && !referred_.contains(number)) roots.push_back(blob.id);
        });
    std::ranges::sort(roots);
    roots.erase(std::unique(roots.begin(), roots.end()), roots.end());
    return roots;
  }

 private:
  // Damage becomes a warning.
  template <typename Body>
  void reporting(const BlobHandle& blob, Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      observer_.warning(fmt::format("tree {} cannot be read: {}", blob.id.hex(), error.message()));
    }
  }

  void read_tree(const BlobHandle& blob, Bytes& json) {
    reporting(blob, [&] {
      std::vector<Id> below;  // only a tree that is read to its end refers to any
      format::read_damaged_tree_json(format::padded(json), [&](format::Node&& node) {
        if (node.subtree) below.push_back(*node.subtree);
      });
      for (const Id& tree : below) refer_to(tree);
      read_.insert(*repository_.index().blob_number(blob));
    });
  }

  Repository& repository_;
  model::Observer& observer_;
  BlobSet read_;
  BlobSet referred_;
};

}  // namespace

std::vector<Id> find_tree_roots(Repository& repository, const std::vector<Id>& snapshot_trees,
                                model::Observer& observer, const std::stop_token& stop) {
  Search search(repository, observer);
  for (const Id& tree : snapshot_trees) search.refer_to(tree);
  const std::vector<Id> packs = repository.index().pack_ids();
  for_each_parallel(packs.size(), cores_available(), stop, [&] {
    const auto codec = std::make_shared<Codec>(repository.codec());
    return [&, codec](std::size_t item) { search.read_pack(packs[item], *codec); };
  });
  return search.roots();
}

}  // namespace holdfast::repo
