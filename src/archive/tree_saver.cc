// SPDX-License-Identifier: Apache-2.0
#include "archive/tree_saver.h"

#include <algorithm>
#include <utility>

namespace holdfast::archive {

void TreeSaver::let_go(std::shared_ptr<SavingFolder> folder, Worker& worker) {
  if (is_last(*folder)) save(std::move(folder), worker);
}

void TreeSaver::save(std::shared_ptr<SavingFolder> folder, Worker& worker) {
  static thread_local format::TreeWriter tree;
  for (;;) {
    tree.clear();
    std::size_t count = 0;
    for (const auto& entry : folder->entries) {
      if (entry == nullptr) continue;
      tree.add(*entry);
      ++count;
    }
    std::vector<std::unique_ptr<format::Node>>().swap(folder->entries);  // frees the memory
    if (folder->parent() == nullptr && count == 0) return;
    const ByteView json = tree.finish();
    const repo::SavedBlob saved = writer_.save(format::BlobType::tree, json, worker);
    if (folder->parent() == nullptr) {
      root_ = saved.id;
      return;
    }
    folder->node.subtree = saved.id;
    report_.directory_saved(folder->item_path(), folder->node, folder->previous.get(),
                            saved.is_new ? json.size() : 0, saved.is_new ? saved.stored_bytes : 0,
                            folder->begun);
    auto parent = std::static_pointer_cast<SavingFolder>(folder->parent());
    parent->entries[folder->place] = std::make_unique<format::Node>(std::move(folder->node));
    if (!is_last(*parent)) return;
    folder = std::move(parent);
  }
}

}  // namespace holdfast::archive
