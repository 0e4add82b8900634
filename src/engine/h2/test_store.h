// SPDX-License-Identifier: Apache-2.0
// Stores as H2 writes them, made here for tests that need no H2.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "engine/h2/header.h"

namespace holdfast::engine::h2 {

// Chunk 1 in block 2 holds a page of data; chunk 2 in block 3 the list of chunks; what follows are
// empty blocks for tests that add to it.
class TestStore {
 public:
  explicit TestStore(unsigned format = 2, bool closed = true) : format_(format) {
    const std::string described = chunk_text(1, 2, 0, 0);
    add_chunk(1, 2, {page(1, 0, 1, {{"a", "b"}})});
    add_chunk(2, 3, {page(2, 0, 0, {{"chunk.1", described}, {"map.1", "name:t"}})});
    set_headers(closed);
  }

  [[nodiscard]] Bytes& bytes() noexcept { return bytes_; }

  void set_headers(bool closed) {
    const std::string fields =
        closed ? fmt::format(
                     "H:2,block:3,blockSize:1000,chunk:2,clean:1,created:1a1fe4f9fe8,"
                     "format:{},version:2",
                     format_)
               : fmt::format("H:2,blockSize:1000,created:1a1fe4f9fe8,format:{}", format_);
    put(0, with_sum(fields) + "\n");
    put(block_bytes, with_sum(fields) + "\n");
  }
  void put(std::size_t at, std::string_view text) {
    if (bytes_.size() < at + text.size()) grow(at + text.size());
    std::copy(as_bytes(text).begin(), as_bytes(text).end(),
              bytes_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  // A chunk of one block.
  void add_chunk(unsigned id, unsigned block, const std::vector<std::string>& pages) {
    grow((block + 1) * block_bytes);
    std::size_t size = 0;
    for (const std::string& one : pages) size += one.size();
    const std::string header = header_of(id, block, header_bytes, header_bytes + size);
    std::string text = header;
    for (const std::string& one : pages) text += one;
    put(block * block_bytes, text);
    const std::string footer =
        format_ < 3 ? fmt::format("chunk:{:x},block:{:x},version:{:x}", id, block, id)
                    : fmt::format("chunk:{:x},len:1,version:{:x}", id, id);
    std::string padded = with_sum(footer);
    padded.resize(footer_bytes - 1, ' ');
    put((block + 1) * block_bytes - footer_bytes, padded + "\n");
  }
  // A leaf at the front of chunk `chunk`.
  [[nodiscard]] std::string page(unsigned chunk, unsigned number, unsigned map,
                                 const std::vector<std::pair<std::string, std::string>>& entries) {
    std::string body;
    if (format_ >= 2) body += static_cast<char>(number);
    body += static_cast<char>(map);
    body += static_cast<char>(entries.size());
    body += '\0';  // a leaf
    for (const auto& [key, value] : entries) body += sized(key);
    for (const auto& [key, value] : entries) body += sized(value);
    return framed(chunk, header_bytes, body);
  }
  // `body` is what follows the check value.
  [[nodiscard]] static std::string framed(unsigned chunk, std::size_t offset,
                                          const std::string& body) {
    const auto size = static_cast<std::uint32_t>(body.size() + 6);
    const auto folded = [](std::uint32_t number) { return (number >> 16U ^ number) & 0xffffU; };
    const std::uint32_t check =
        folded(chunk) ^ folded(static_cast<std::uint32_t>(offset)) ^ folded(size);
    std::string text;
    for (const unsigned shift : {24U, 16U, 8U, 0U}) text += static_cast<char>(size >> shift);
    text += static_cast<char>(check >> 8U);
    text += static_cast<char>(check);
    return text + body;
  }
  [[nodiscard]] static std::string with_sum(const std::string& fields) {
    return fmt::format("{},fletcher:{:x}", fields, fletcher32(as_bytes(fields)));
  }
  static constexpr std::size_t header_bytes = 200;

 private:
  [[nodiscard]] std::string chunk_text(unsigned id, unsigned block, std::size_t root,
                                       std::size_t table) const {
    std::string text = fmt::format("chunk:{:x},", id);
    if (format_ < 3 || root == 0) text += fmt::format("block:{:x},", block);
    text += fmt::format("len:1,map:1,max:100,pages:1,root:{:x},time:1,version:{:x}", root, id);
    if (format_ >= 2 && table != 0) text += fmt::format(",toc:{:x}", table);
    return text;
  }
  [[nodiscard]] std::string header_of(unsigned id, unsigned block, std::size_t root_at,
                                      std::size_t table) const {
    std::string text =
        chunk_text(id, block, std::uint64_t{id} << 38U | std::uint64_t{root_at} << 6U, table);
    text.resize(header_bytes - 1, ' ');
    return text + "\n";
  }
  static std::string sized(const std::string& text) {
    std::string out;
    std::size_t size = text.size();
    for (; size >= 0x80; size >>= 7U) out += static_cast<char>((size & 0x7fU) | 0x80U);
    out += static_cast<char>(size);
    return out + text;
  }
  void grow(std::size_t size) {
    if (bytes_.size() < size) bytes_.resize(size, std::byte{0});
  }

  unsigned format_;
  Bytes bytes_;
};

}  // namespace holdfast::engine::h2
