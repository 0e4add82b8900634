// SPDX-License-Identifier: Apache-2.0
// Parts of a component kept in memory: what the archive does for engines, without an archive.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/stream.h"
#include "model/part.h"

namespace holdfast::test {

// Takes one part. Segments may come in any order and from any thread.
class MemoryPartSink final : public model::PartSink {
 public:
  [[nodiscard]] std::unique_ptr<Segment> segment(std::uint32_t number) override {
    return std::make_unique<MemorySegment>(*this, number);
  }

  // All segments in order. Errc::bug if one was begun and not finished.
  [[nodiscard]] Bytes content() const {
    const std::lock_guard lock(mutex_);
    if (begun_ != segments_.size()) throw Error(Errc::bug, "a segment was not finished");
    Bytes all;
    for (const auto& [number, bytes] : segments_) append(all, bytes);
    return all;
  }
  [[nodiscard]] bool finished() const {
    const std::lock_guard lock(mutex_);
    return begun_ > 0 && begun_ == segments_.size();
  }

 private:
  class MemorySegment final : public Segment {
   public:
    MemorySegment(MemoryPartSink& sink, std::uint32_t number) : sink_(sink), number_(number) {
      const std::lock_guard lock(sink_.mutex_);
      ++sink_.begun_;
    }
    void write(ByteView bytes) override { append(bytes_, bytes); }
    void finish() override {
      const std::lock_guard lock(sink_.mutex_);
      if (!sink_.segments_.emplace(number_, std::move(bytes_)).second) {
        throw Error(Errc::bug, "a segment was written twice");
      }
    }

   private:
    MemoryPartSink& sink_;
    std::uint32_t number_;
    Bytes bytes_;
  };

  mutable std::mutex mutex_;
  std::size_t begun_ = 0;
  std::map<std::uint32_t, Bytes> segments_;
};

// The parts of one component on their way back. Streams only.
class MemoryPartSource final : public model::PartSource {
 public:
  explicit MemoryPartSource(Json facts = Json::object()) : facts_(std::move(facts)) {}
  void put(std::string path, Bytes content) { parts_[std::move(path)] = std::move(content); }
  [[nodiscard]] Bytes& at(const std::string& path) { return parts_.at(path); }

  [[nodiscard]] std::vector<Entry> list() const override {
    std::vector<Entry> entries;
    for (const auto& [path, bytes] : parts_)
      entries.push_back({path, model::PartKind::stream, bytes.size()});
    return entries;
  }
  [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view path) const override {
    return std::make_unique<BytesSource>(ByteView(find(path)));
  }
  [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(
      std::string_view path) const override {
    return std::make_unique<MemoryRandomSource>(find(path));
  }
  void restore_tree(std::string_view path,
                    const std::filesystem::path& /*directory*/) const override {
    throw Error(Errc::not_found, "no tree " + std::string(path));
  }
  [[nodiscard]] const Json& facts() const override { return facts_; }

 private:
  class MemoryRandomSource final : public model::RandomSource {
   public:
    explicit MemoryRandomSource(const Bytes& bytes) : bytes_(bytes) {}
    [[nodiscard]] std::uint64_t size_bytes() const override { return bytes_.size(); }
    void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
      if (offset_bytes > bytes_.size() || into.size() > bytes_.size() - offset_bytes) {
        throw Error(Errc::corrupt, "read past the end of a part");
      }
      std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset_bytes), into.size(),
                  into.begin());
    }

   private:
    const Bytes& bytes_;
  };

  [[nodiscard]] const Bytes& find(std::string_view path) const {
    const auto found = parts_.find(std::string(path));
    if (found == parts_.end()) throw Error(Errc::not_found, "no part " + std::string(path));
    return found->second;
  }

  Json facts_;
  std::map<std::string, Bytes> parts_;
};

}  // namespace holdfast::test
