// SPDX-License-Identifier: Apache-2.0
// What is known of trees that were walked before, for walks through many snapshots: most of their
// trees are the same.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

namespace holdfast::archive {

// Keeps what fits: beyond its bound nothing more is taken, which costs time only. Safe from several
// threads.
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class Memo {
 public:
  [[nodiscard]] std::optional<Value> find(const Key& key) const {
    const std::shared_lock lock(mutex_);
    const auto found = known_.find(key);
    if (found == known_.end()) return std::nullopt;
    return found->second;
  }
  void add(const Key& key, const Value& value) {
    const std::unique_lock lock(mutex_);
    if (known_.size() < entries_max) known_.emplace(key, value);
  }

 private:
  static constexpr std::size_t entries_max = 1'000'000;
  mutable std::shared_mutex mutex_;  // guards known_
  std::unordered_map<Key, Value, Hash> known_;
};

}  // namespace holdfast::archive
