// SPDX-License-Identifier: Apache-2.0
// The texts in an H2 store: its two headers, and the header and footer of each chunk. Pure
// functions; hostile bytes are nothing, never undefined behaviour.
//
// Sources: h2database, h2/src/docsrc/html/mvstore.html ("File Format"), and for what differs
// between versions h2/src/main/org/h2/mvstore/{MVStore,Chunk,DataUtils}.java of the tags
// version-1.4.200 (format 1), version-2.1.214 (format 2) and version-2.2.224 (format 3).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace holdfast::engine::h2 {

inline constexpr std::uint64_t block_bytes = 4096;
inline constexpr std::size_t footer_bytes = 128;       // at the end of a chunk
inline constexpr std::size_t chunk_header_max = 1024;  // at its beginning, to the line feed
inline constexpr std::uint64_t newest_known_format = 3;

// Fletcher-32 over big-endian 16-bit words, both sums beginning at 0xffff; an odd last byte is the
// high one of a word.
[[nodiscard]] std::uint32_t fletcher32(ByteView bytes) noexcept;

using Fields = std::map<std::string, std::string>;
// "a:1,b:\"x,y\",…" as keys and values. Nothing if it is no such text.
[[nodiscard]] std::optional<Fields> parse_fields(std::string_view text);
// The same, with a last field `fletcher` over what stands before it; what is around it may be
// spaces, line feeds and zero bytes.
[[nodiscard]] std::optional<Fields> parse_checked(ByteView bytes);
// A hexadecimal number without prefix; nothing if the field is missing or none.
[[nodiscard]] std::optional<std::uint64_t> hex_field(const Fields& fields, const std::string& name);

// One of the two blocks at the front of a store.
struct Header {
  std::uint64_t format = 1;
  std::uint64_t block_size = block_bytes;
  std::uint64_t created_ms = 0;  // since 1970
  // A chunk that was new when this was written; none in a store that was never closed.
  std::optional<std::uint64_t> chunk, block, version;
  bool clean = false;  // written as the store was closed
};
[[nodiscard]] std::optional<Header> parse_header(ByteView block);

struct Chunk {
  std::uint64_t id = 0;
  std::uint64_t block = 0;  // where it begins; 0: not said, as from format 3 on
  std::uint64_t blocks = 0;
  std::uint64_t pages = 0, live_pages = 0;
  std::uint64_t root = 0;  // position of the root page of the map that lists chunks
  std::uint64_t next = 0;  // where the next chunk was expected; 0: not said
  std::uint64_t version = 0;
  std::uint64_t table = 0;  // offset of the table of pages; 0: none, as in format 1
};
// From the fields of a header, or of an entry of the list of chunks.
[[nodiscard]] std::optional<Chunk> parse_chunk(std::string_view text);
// The header at the front of `bytes`, and how long it is with its line feed.
struct ChunkHeader {
  Chunk chunk;
  std::size_t size_bytes = 0;
};
[[nodiscard]] std::optional<ChunkHeader> parse_chunk_header(ByteView bytes);

struct Footer {
  std::uint64_t id = 0, version = 0;
  std::uint64_t block = 0;   // 0: not said
  std::uint64_t blocks = 0;  // 0: not said, as before format 3
};
[[nodiscard]] std::optional<Footer> parse_footer(ByteView bytes);

// An encrypted store begins so; everything after its first block is unreadable to us.
// Source: h2/src/main/org/h2/store/fs/encrypt/FileEncrypt.java.
[[nodiscard]] bool is_encrypted(ByteView front) noexcept;
// Whether it begins as a store does, whole or not.
[[nodiscard]] bool begins_as_store(ByteView front) noexcept;

}  // namespace holdfast::engine::h2
