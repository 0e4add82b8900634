// SPDX-License-Identifier: Apache-2.0
#include "engine/h2/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/error.h"
#include "engine/h2/pages.h"

namespace holdfast::engine::h2 {
namespace {

constexpr std::uint64_t first_chunk_block = 2;  // after the headers
constexpr std::size_t problems_max = 10;
constexpr std::size_t listing_pages_max = 1U << 20U;
constexpr std::size_t text_page_bytes_max = 64U << 20U;
constexpr std::uint64_t next_hops_max = 1U << 20U;

class Reader {
 public:
  Reader(model::RandomSource& file, const std::stop_token& stop)
      : file_(file), stop_(stop), blocks_(file.size_bytes() / block_bytes) {}

  std::optional<StoreFacts> run(bool whole) {
    std::array<std::byte, 16> front{};
    const std::size_t count = std::min<std::uint64_t>(front.size(), file_.size_bytes());
    file_.read_at(0, std::span(front).first(count));
    if (!begins_as_store(ByteView(front).first(count)) && !second_header_is_good())
      return std::nullopt;
    facts_.encrypted = is_encrypted(ByteView(front).first(count));
    if (facts_.encrypted) return std::move(facts_);
    if (!read_headers()) return std::move(facts_);
    find_newest();
    if (!facts_.newest) {
      problem("has no whole chunk");
      return std::move(facts_);
    }
    if (whole) look_at_chunks();
    return std::move(facts_);
  }

 private:
  void problem(std::string what) {
    if (facts_.problems.size() < problems_max) facts_.problems.push_back(std::move(what));
  }
  void check_stop() const {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "stopped looking at an H2 store");
  }
  // Up to `count` bytes from there; fewer at the end of the file.
  Bytes read(std::uint64_t offset, std::size_t count) {
    const std::uint64_t size = file_.size_bytes();
    Bytes bytes(offset >= size ? 0 : std::min<std::uint64_t>(count, size - offset));
    if (!bytes.empty()) file_.read_at(offset, bytes);
    return bytes;
  }

  // One damaged header must not make a store look like any file.
  bool second_header_is_good() { return parse_header(read(block_bytes, block_bytes)).has_value(); }

  bool read_headers() {
    for (const std::uint64_t at : {std::uint64_t{0}, block_bytes}) {
      const std::optional<Header> header = parse_header(read(at, block_bytes));
      if (!header) continue;
      // Both say the same but in the moment of writing; then the newer one counts.
      const bool newer = facts_.good_headers == 0 ||
                         header->version.value_or(0) > facts_.header.version.value_or(0);
      agree_ = facts_.good_headers == 0 || header->version == facts_.header.version;
      if (newer) facts_.header = *header;
      ++facts_.good_headers;
    }
    if (facts_.good_headers == 0) {
      problem("has two headers, and the checksums of both are wrong");
      return false;
    }
    if (facts_.header.format > newest_known_format || facts_.header.block_size != block_bytes) {
      throw Error(Errc::unsupported,
                  fmt::format("the store is of format {} with blocks of {} bytes, which this "
                              "version of Holdfast does not know",
                              facts_.header.format, facts_.header.block_size));
    }
    return true;
  }

  std::optional<ChunkHeader> header_at(std::uint64_t block) {
    if (block < first_chunk_block || block >= blocks_) return std::nullopt;
    std::optional<ChunkHeader> found =
        parse_chunk_header(read(block * block_bytes, chunk_header_max));
    if (!found || found->chunk.blocks > blocks_ - block) return std::nullopt;
    if (found->chunk.block != 0 && found->chunk.block != block) return std::nullopt;
    found->chunk.block = block;
    return found;
  }

  std::optional<Footer> footer_before(std::uint64_t block) {
    if (block <= first_chunk_block || block > blocks_) return std::nullopt;
    return parse_footer(read(block * block_bytes - footer_bytes, footer_bytes));
  }

  // A chunk with its header and its footer, or nothing.
  std::optional<ChunkHeader> whole_chunk(std::uint64_t block) {
    std::optional<ChunkHeader> found = header_at(block);
    if (!found) return std::nullopt;
    const std::optional<Footer> footer = footer_before(block + found->chunk.blocks);
    const bool fits = footer && footer->id == found->chunk.id &&
                      footer->version == found->chunk.version &&
                      (footer->block == 0 || footer->block == block) &&
                      (footer->blocks == 0 || footer->blocks == found->chunk.blocks);
    return fits ? found : std::nullopt;
  }

  // The chunk nearest to the end of the file.
  std::optional<ChunkHeader> last_chunk() {
    for (std::uint64_t end = blocks_; end > first_chunk_block; --end) {
      if (end % 4096 == 0) check_stop();
      const std::optional<Footer> footer = footer_before(end);
      if (!footer) continue;
      const std::uint64_t length = footer->blocks;
      const std::uint64_t begin = footer->block != 0 ? footer->block
                                  : length < end     ? end - length
                                                     : 0;
      std::optional<ChunkHeader> chunk = whole_chunk(begin);
      if (chunk && chunk->chunk.block + chunk->chunk.blocks == end) return chunk;
    }
    return std::nullopt;
  }

  void take_newer(const std::optional<ChunkHeader>& chunk) {
    if (chunk && (!facts_.newest || chunk->chunk.version > facts_.newest->version))
      facts_.newest = chunk->chunk;
  }

  void find_newest() {
    const Header& header = facts_.header;
    const bool closed = header.clean && agree_ && facts_.good_headers == 2;
    if (header.block) {
      const std::optional<ChunkHeader> named = whole_chunk(*header.block);
      const bool fits = named && named->chunk.id == header.chunk.value_or(0);
      if (fits) take_newer(named);
      // H2 itself would go back to an older state and say nothing.
      if (!fits && closed)
        problem(fmt::format("was closed with chunk {} at block {}, and that is not whole",
                            header.chunk.value_or(0), *header.block));
      facts_.closed = closed && fits;
      if (facts_.closed) return;
    }
    if (file_.size_bytes() % block_bytes != 0 && closed) problem("ends within a block");
    take_newer(last_chunk());
    for (std::uint64_t hops = 0; facts_.newest && hops < next_hops_max; ++hops) {
      const std::uint64_t before = facts_.newest->version;
      take_newer(whole_chunk(facts_.newest->next));
      if (facts_.newest->version == before) break;
    }
  }

  // Every page of a chunk says where it is, and each begins where the one before ends.
  void look_at_pages(const ChunkHeader& chunk) {
    const std::uint64_t begin = chunk.chunk.block * block_bytes;
    const std::uint64_t end = chunk.chunk.blocks * block_bytes - footer_bytes;
    std::uint64_t at = chunk.size_bytes;
    for (std::uint64_t page = 0; page < chunk.chunk.pages; ++page) {
      check_stop();
      const Bytes front = read(begin + at, page_front_bytes);
      const PageFront found =
          front.size() == page_front_bytes ? parse_page_front(front) : PageFront{};
      if (found.size_bytes < page_front_bytes || at + found.size_bytes > end ||
          !belongs(found, chunk.chunk.id, at)) {
        return problem(
            fmt::format("has a damaged page at byte {} (chunk {})", begin + at, chunk.chunk.id));
      }
      at += found.size_bytes;
      ++facts_.pages;
    }
    if (chunk.chunk.table != 0 && chunk.chunk.table != at)
      problem(fmt::format("has pages that end at the wrong byte (chunk {})", chunk.chunk.id));
  }

  TextPage listing_page(const PagePosition& position, const Chunk& chunk) {
    const std::uint64_t end = chunk.blocks * block_bytes - footer_bytes;
    const std::uint64_t begin = chunk.block * block_bytes;
    const Bytes front = read(begin + position.offset, page_front_bytes);
    if (position.offset >= end || front.size() < page_front_bytes)
      throw Error(Errc::corrupt, "a page is said to be outside its chunk");
    const PageFront found = parse_page_front(front);
    if (!belongs(found, chunk.id, position.offset) || found.size_bytes > end - position.offset ||
        found.size_bytes > text_page_bytes_max)
      throw Error(Errc::corrupt,
                  fmt::format("a page at byte {} is damaged", begin + position.offset));
    return parse_text_page(read(begin + position.offset, found.size_bytes),
                           facts_.header.format >= 2);
  }

  void note_entries(const TextPage& page) {
    for (const auto& [name, value] : page.entries) {
      if (!name.starts_with("chunk.")) continue;
      std::optional<Chunk> chunk = parse_chunk(value);
      if (!chunk) throw Error(Errc::corrupt, fmt::format("the entry `{}` cannot be read", name));
      chunks_[chunk->id] = *chunk;
    }
  }

  // The list of chunks is itself in pages of several chunks: what lies in one that is not known yet
  // waits until it is.
  void list_chunks() {
    chunks_[facts_.newest->id] = *facts_.newest;
    std::vector<PagePosition> waiting{page_position(facts_.newest->root)};
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    while (!waiting.empty()) {
      std::vector<PagePosition> later;
      const std::size_t before = waiting.size();
      bool progress = false;
      for (const PagePosition& position : waiting) {
        check_stop();
        const auto chunk = chunks_.find(position.chunk);
        if (chunk == chunks_.end() || chunk->second.block == 0 || chunk->second.block >= blocks_ ||
            chunk->second.blocks > blocks_) {
          later.push_back(position);
          continue;
        }
        progress = true;
        if (!seen.emplace(position.chunk, position.offset).second)
          throw Error(Errc::corrupt, "a page is its own descendant");
        if (seen.size() > listing_pages_max || later.size() > listing_pages_max)
          throw Error(Errc::corrupt, "the list of chunks has too many pages");
        const TextPage page = listing_page(position, chunk->second);
        note_entries(page);
        for (const std::uint64_t child : page.children) {
          if (child != 0) later.push_back(page_position(child));
        }
      }
      if (!progress && later.size() == before)
        throw Error(Errc::corrupt, "the list of chunks lies in a chunk that it does not name");
      waiting = std::move(later);
    }
    chunks_[facts_.newest->id] = *facts_.newest;  // its own entry is older than itself
  }

  void look_at_chunks() {
    try {
      list_chunks();
      facts_.listed = true;
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      if (error.code() == Errc::corrupt)
        problem(fmt::format("lists its chunks wrongly: {}", error.message()));
      chunks_.clear();
      chunks_[facts_.newest->id] = *facts_.newest;
    }
    for (const auto& [id, chunk] : chunks_) {
      if (chunk.live_pages == 0 && id != facts_.newest->id) continue;  // may be overwritten by now
      const std::optional<ChunkHeader> found = whole_chunk(chunk.block);
      if (!found || found->chunk.id != id) {
        problem(fmt::format("lacks chunk {} at block {}", id, chunk.block));
        continue;
      }
      ++facts_.chunks;
      look_at_pages(*found);
    }
  }

  model::RandomSource& file_;
  const std::stop_token& stop_;
  const std::uint64_t blocks_;
  bool agree_ = true;
  std::map<std::uint64_t, Chunk> chunks_;
  StoreFacts facts_;
};

}  // namespace

std::optional<StoreFacts> read_store(model::RandomSource& file, bool whole,
                                     const std::stop_token& stop) {
  return Reader(file, stop).run(whole);
}

}  // namespace holdfast::engine::h2
