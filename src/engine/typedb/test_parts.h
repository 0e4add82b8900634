// SPDX-License-Identifier: Apache-2.0
// A copy to be restored that lies in a directory, as if it came from a repository.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/stream.h"
#include "engine/engine.h"
#include "engine/typedb/stored_file.h"

namespace holdfast::engine::typedb {

// A copy that lies in a directory: its files as streams, or all of it as a tree.
class TestParts final : public model::PartSource {
 public:
  TestParts(std::filesystem::path directory, bool as_tree)
      : directory_(std::move(directory)), tree_(as_tree) {}
  [[nodiscard]] std::vector<Entry> list() const override {
    std::vector<Entry> entries;
    if (tree_) return {{directory_.native().substr(1), model::PartKind::tree, 0}};
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_))
      if (entry.is_regular_file())
        entries.push_back({entry.path().lexically_relative(directory_).native(),
                           model::PartKind::stream, entry.file_size()});
    return entries;
  }
  [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view path) const override {
    return std::make_unique<Text>(read_text_file(directory_ / path));
  }
  [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(
      std::string_view path) const override {
    return std::make_unique<StoredFile>(directory_ / path, never_);
  }
  void restore_tree(std::string_view /*path*/,
                    const std::filesystem::path& directory) const override {
    std::filesystem::copy(directory_, directory, std::filesystem::copy_options::recursive);
  }
  [[nodiscard]] const Json& facts() const override { return facts_; }

 private:
  class Text final : public ByteSource {
   public:
    explicit Text(std::string text) : text_(std::move(text)), rest_(as_bytes(text_)) {}
    [[nodiscard]] std::size_t read(std::span<std::byte> into) override { return rest_.read(into); }

   private:
    std::string text_;
    BytesSource rest_;
  };
  std::stop_token never_;
  std::filesystem::path directory_;
  bool tree_;
  Json facts_ = Json::object();
};

}  // namespace holdfast::engine::typedb
