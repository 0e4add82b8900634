// SPDX-License-Identifier: Apache-2.0
#include "archive/tree_saver.h"

#include <algorithm>
#include <utility>

namespace holdfast::archive {

void TreeSaver::let_go(std::shared_ptr<SavingFolder> folder, std::size_t destination,
                       Worker& worker) {
  if (is_last(*folder, destination)) save(std::move(folder), destination, worker);
}

void TreeSaver::let_go(const std::shared_ptr<SavingFolder>& folder, Worker& worker) {
  for (std::size_t i = 0; i < destinations_.size(); ++i) let_go(folder, i, worker);
}

void TreeSaver::save(std::shared_ptr<SavingFolder> folder, std::size_t destination,
                     Worker& worker) {
  static thread_local format::TreeWriter tree;
  for (;;) {
    SavingFolder::Side& side = folder->sides[destination];
    tree.clear();
    std::size_t count = 0;
    for (const auto& entry : side.entries) {
      if (entry == nullptr) continue;
      tree.add(*entry);
      ++count;
    }
    std::vector<std::unique_ptr<format::Node>>().swap(side.entries);  // frees the memory
    if (folder->parent() == nullptr && count == 0) return;
    const ByteView json = tree.finish();
    repo::SavedBlob saved;
    const bool is_saved = destinations_.attempt(destination, [&] {
      saved = destinations_.writer(destination)
                  .save(format::BlobType::tree, json, worker.of(destination));
    });
    if (!is_saved) return;
    if (folder->parent() == nullptr) {
      roots_[destination] = saved.id;
      return;
    }
    auto node = std::make_unique<format::Node>(folder->node);
    node->subtree = saved.id;
    report_.directory_saved(destination, folder->item_path(), *node, side.previous.get(),
                            saved.is_new ? json.size() : 0, saved.is_new ? saved.stored_bytes : 0,
                            folder->begun);
    auto parent = std::static_pointer_cast<SavingFolder>(folder->parent());
    parent->sides[destination].entries[folder->place] = std::move(node);
    if (!is_last(*parent, destination)) return;
    folder = std::move(parent);
  }
}

}  // namespace holdfast::archive
