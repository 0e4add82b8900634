// SPDX-License-Identifier: Apache-2.0
// What is copied by itself, and how it travels between an engine and the archive.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/stream.h"

namespace holdfast::model {

enum class PartKind : std::uint8_t { stream, tree };

struct Part {
  PartKind kind = PartKind::stream;
  // Below databases/<component>/, components joined by '/': "data.db". None is empty, `.` or `..`:
  // an engine whose names may be so escapes them first (model::escape_name); what is written so
  // already stays as it is.
  std::string path;
  std::uint64_t bytes_estimate = 0;  // for progress and for the choice of chunk size; 0: unknown
  std::filesystem::path directory;   // trees: what to archive
  std::vector<std::string> exclude;  // trees: patterns as of --exclude
};

// Takes one stream part. A part is written either through one segment, number 0, or as several
// numbered segments, each by one thread, in any order; they are joined in the order of their
// numbers.
class PartSink {
 public:
  virtual ~PartSink() = default;
  PartSink(const PartSink&) = delete;
  PartSink& operator=(const PartSink&) = delete;
  // The sink of one segment; finished when the returned object is destroyed after finish().
  class Segment : public ByteSink {
   public:
    virtual void finish() = 0;  // success; without it the segment is dropped and the part fails
  };
  [[nodiscard]] virtual std::unique_ptr<Segment> segment(std::uint32_t number) = 0;

 protected:
  PartSink() = default;
};

// Bytes at any place; safe from several threads.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
  // Fills `into` from `offset_bytes`; Errc::corrupt past the end.
  virtual void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) = 0;

 protected:
  RandomSource() = default;
};

// The copied parts of one component on their way back. Safe from several threads.
class PartSource {
 public:
  virtual ~PartSource() = default;
  PartSource(const PartSource&) = delete;
  PartSource& operator=(const PartSource&) = delete;
  struct Entry {
    std::string path;  // as Part::path
    PartKind kind = PartKind::stream;
    std::uint64_t size_bytes = 0;  // streams
  };
  [[nodiscard]] virtual std::vector<Entry> list() const = 0;
  // A stream from its start; Errc::not_found naming the part.
  [[nodiscard]] virtual std::unique_ptr<ByteSource> open(std::string_view path) const = 0;
  [[nodiscard]] virtual std::unique_ptr<RandomSource> open_random(std::string_view path) const = 0;
  // Puts a tree part's content below `directory`, with metadata.
  virtual void restore_tree(std::string_view path,
                            const std::filesystem::path& directory) const = 0;
  // What the engine said about this component at backup: DatabaseFacts::engine_facts of the
  // manifest.
  [[nodiscard]] virtual const Json& facts() const = 0;

 protected:
  PartSource() = default;
};

}  // namespace holdfast::model
