// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/table_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/typedb/rocks_manifest.h"
#include "engine/typedb/wire.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::size_t footer_bytes = 53;
constexpr std::size_t trailer_bytes = 5;
constexpr std::uint64_t magic = 0x88e241b785f4cff7U;
constexpr std::string_view extended_magic("\x3e\x00\x7a\x00", 4);

enum Checksum : std::uint8_t { crc_32c = 1, xxh3 = 4 };
enum Packing : std::uint8_t { plain = 0, lz4 = 4, lz4hc = 5 };

struct Handle {
  std::uint64_t offset = 0, size_bytes = 0;
};

[[noreturn]] void refuse(std::uint64_t offset, std::string_view why) {
  throw Error(Errc::corrupt, fmt::format("at byte {}: {}", offset, why));
}
[[noreturn]] void pass(std::string_view why) {
  throw Error(Errc::unsupported, fmt::format("the table {}", why));
}

// Reads forward within one block.
class Cursor {
 public:
  Cursor(ByteView bytes, std::uint64_t block) : rest_(bytes), block_(block) {}
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  std::uint64_t number() {
    const Varint read = read_varint(rest_);
    if (read.size_bytes == 0) refuse(block_, "the block ends within a number");
    rest_ = rest_.subspan(read.size_bytes);
    return read.value;
  }
  ByteView bytes(std::uint64_t count) {
    if (count > rest_.size()) refuse(block_, "the block ends within an entry");
    const ByteView taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  Handle handle() {
    const std::uint64_t offset = number();
    return {offset, number()};
  }

 private:
  ByteView rest_;
  std::uint64_t block_;
};

// The entries of a block, without what lies behind them: where restarts are.
ByteView entries_of(ByteView block, std::uint64_t offset) {
  if (block.size() < 4) refuse(offset, "the block is too short");
  const std::uint64_t restarts = load_le32(block.data() + block.size() - 4) & 0x7fffffffU;
  if (restarts > (block.size() - 4) / 4) refuse(offset, "the block has more restarts than bytes");
  return block.first(block.size() - 4 - 4 * restarts);
}

class Table {
 public:
  Table(model::RandomSource& file, const std::stop_token& stop) : file_(file), stop_(stop) {}

  std::uint64_t run() {
    read_footer();
    const auto entries = named(block_at(metaindex_, true), metaindex_.offset);
    read_properties(entries);
    for (const auto& [name, handle] : entries) {
      if (name == "rocksdb.index") {
        index_ = handle;
      } else if (name.starts_with("partitionedfilter.")) {
        for (const Handle& filter : handles_in(handle)) block_at(filter, false);
      } else if (name != "rocksdb.properties") {
        block_at(handle, false);
      }
    }
    if (!index_) refuse(metaindex_.offset, "no index is named");
    for (const Handle& found : handles_in(*index_)) {
      if (!two_levels_) {
        block_at(found, false);
        continue;
      }
      for (const Handle& data : handles_in(found)) block_at(data, false);
    }
    return blocks_;
  }

 private:
  void read_footer() {
    const std::uint64_t size_bytes = file_.size_bytes();
    if (size_bytes < footer_bytes) refuse(0, "the file is shorter than its footer");
    footer_ = size_bytes - footer_bytes;
    std::array<std::byte, footer_bytes> bytes{};
    file_.read_at(footer_, bytes);
    if (load_le64(bytes.data() + 45) != magic) refuse(footer_, "no magic number stands there");
    const std::uint32_t version = load_le32(bytes.data() + 41);
    if (version < 2 || version > 6) pass(fmt::format("has format {}", version));
    checksum_ = std::to_integer<std::uint8_t>(bytes[0]);
    if (checksum_ != crc_32c && checksum_ != xxh3)
      pass(fmt::format("has checksums of kind {}", checksum_));
    if (version < 6) {
      Cursor handles(ByteView(bytes).subspan(1, 40), footer_);
      metaindex_ = handles.handle();
      index_ = handles.handle();
      return;
    }
    if (as_text(ByteView(bytes).subspan(1, 4)) != extended_magic)
      refuse(footer_, "the footer is not that of its format");
    context_ = load_le32(bytes.data() + 9);
    const std::uint64_t metaindex_bytes = load_le32(bytes.data() + 13);
    if (metaindex_bytes + trailer_bytes > footer_)
      refuse(footer_, "the metaindex is larger than the file");
    metaindex_ = {footer_ - trailer_bytes - metaindex_bytes, metaindex_bytes};
    const std::uint32_t stored = load_le32(bytes.data() + 5);
    store_le32(bytes.data() + 5, 0);
    const ByteView body(bytes);
    const std::uint32_t sum = checksum_of(body.first(footer_bytes - 1), bytes.back());
    if (sum + modifier_at(footer_) != stored) refuse(footer_, "the footer is damaged");
  }

  // A checksum of bytes and one more, as of a block and its kind of packing.
  [[nodiscard]] std::uint32_t checksum_of(ByteView bytes, std::byte last) const {
    if (checksum_ == crc_32c) {
      Bytes all;
      append(all, bytes);
      append(all, ByteView(&last, 1));
      return masked_crc(crc32c(all));
    }
    const auto sum = static_cast<std::uint32_t>(XXH3_64bits(bytes.data(), bytes.size()));
    return sum ^ (std::to_integer<std::uint32_t>(last) * 0x6b9083d9U);
  }
  // Tells blocks of other files and places apart.
  [[nodiscard]] std::uint32_t modifier_at(std::uint64_t offset) const noexcept {
    if (context_ == 0) return 0;
    return context_ ^ static_cast<std::uint32_t>(offset + (offset >> 32U));
  }

  // Its content, unpacked if that is wanted.
  Bytes block_at(const Handle& handle, bool unpack) {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "stopped reading a table");
    if (handle.size_bytes > table_block_bytes_max || handle.offset > footer_ ||
        handle.size_bytes + trailer_bytes > footer_ - handle.offset)
      refuse(handle.offset,
             fmt::format("a block of {} bytes is not in the file", handle.size_bytes));
    // No block is named twice: what a hostile index says cannot take longer than the file is long.
    read_bytes_ += handle.size_bytes + trailer_bytes;
    if (read_bytes_ > footer_) refuse(handle.offset, "blocks overlap");
    Bytes bytes(handle.size_bytes + trailer_bytes);
    file_.read_at(handle.offset, bytes);
    const std::byte packing = bytes[handle.size_bytes];
    const ByteView content = ByteView(bytes).first(handle.size_bytes);
    if (checksum_of(content, packing) + modifier_at(handle.offset) !=
        load_le32(bytes.data() + handle.size_bytes + 1))
      refuse(handle.offset, fmt::format("the block of {} bytes is damaged", handle.size_bytes));
    ++blocks_;
    if (!unpack) return {};
    return unpacked(std::move(bytes), handle, std::to_integer<std::uint8_t>(packing));
  }

  static Bytes unpacked(Bytes bytes, const Handle& handle, std::uint8_t packing) {
    bytes.resize(handle.size_bytes);
    if (packing == plain) return bytes;
    if (packing != lz4 && packing != lz4hc) pass(fmt::format("is packed in way {}", packing));
    Cursor cursor(bytes, handle.offset);
    const std::uint64_t size_bytes = cursor.number();
    // No LZ4 block gives more than 255 bytes for one of its own.
    if (size_bytes > std::min(255 * (handle.size_bytes + 1), table_block_bytes_max))
      refuse(handle.offset, "it cannot be unpacked");
    const std::size_t before = read_varint(bytes).size_bytes;
    return in_context(fmt::format("unpacking the block at byte {}", handle.offset), [&] {
      return unpack_lz4_block(ByteView(bytes).subspan(before), size_bytes);
    });
  }

  // Names and handles of a metaindex.
  static std::vector<std::pair<std::string, Handle>> named(const Bytes& block,
                                                           std::uint64_t offset) {
    std::vector<std::pair<std::string, Handle>> found;
    for (auto& [name, value] : texts(block, offset))
      found.emplace_back(name, Cursor(as_bytes(value), offset).handle());
    return found;
  }

  // Keys share the front of the one before them.
  static std::vector<std::pair<std::string, std::string>> texts(const Bytes& block,
                                                                std::uint64_t offset) {
    std::vector<std::pair<std::string, std::string>> found;
    std::string key;
    for (Cursor cursor(entries_of(block, offset), offset); !cursor.at_end();) {
      const std::uint64_t shared = cursor.number();
      const std::uint64_t own = cursor.number();
      const std::uint64_t value = cursor.number();
      if (shared > key.size()) refuse(offset, "an entry shares more than there is");
      key.resize(shared);
      key += as_text(cursor.bytes(own));
      found.emplace_back(key, as_text(cursor.bytes(value)));
    }
    return found;
  }

  void read_properties(const std::vector<std::pair<std::string, Handle>>& entries) {
    const auto place = std::find_if(entries.begin(), entries.end(), [](const auto& entry) {
      return entry.first == "rocksdb.properties";
    });
    if (place == entries.end()) pass("has no properties");
    const Handle& handle = place->second;
    for (const auto& [name, value] : texts(block_at(handle, true), handle.offset)) {
      if (name == "rocksdb.index.value.is.delta.encoded") {
        deltas_ = Cursor(as_bytes(value), handle.offset).number() != 0;
      } else if (name == "rocksdb.block.based.table.index.type" && value.size() == 4) {
        const std::uint32_t kind = load_le32(as_bytes(value).data());
        if (kind != 0 && kind != 2) pass(fmt::format("has an index of kind {}", kind));
        two_levels_ = kind == 2;
      }
    }
  }

  // The handles that an index block has.
  std::vector<Handle> handles_in(const Handle& index) {
    const Bytes block = block_at(index, true);
    std::vector<Handle> found;
    Handle last;
    for (Cursor cursor(entries_of(block, index.offset), index.offset); !cursor.at_end();) {
      const std::uint64_t shared = cursor.number();
      const std::uint64_t own = cursor.number();
      if (!deltas_) cursor.number();
      cursor.bytes(own);
      if (!deltas_ || shared == 0) {
        last = cursor.handle();
      } else {
        last.offset += last.size_bytes + trailer_bytes;
        last.size_bytes += static_cast<std::uint64_t>(zigzag(cursor.number()));
      }
      found.push_back(last);
    }
    return found;
  }

  model::RandomSource& file_;
  const std::stop_token& stop_;
  std::uint64_t footer_ = 0, blocks_ = 0, read_bytes_ = 0;
  std::uint8_t checksum_ = 0;
  std::uint32_t context_ = 0;
  Handle metaindex_;
  std::optional<Handle> index_;
  bool deltas_ = false, two_levels_ = false;
};

// A length that goes on in bytes of 255.
std::size_t longer(ByteView packed, std::size_t& at, std::size_t length) {
  if (length != 15) return length;
  for (std::uint8_t more = 255; more == 255; length += more) {
    if (at == packed.size()) throw Error(Errc::corrupt, "an LZ4 block ends within a length");
    more = std::to_integer<std::uint8_t>(packed[at++]);
  }
  return length;
}

}  // namespace

Bytes unpack_lz4_block(ByteView packed, std::size_t size_bytes) {
  const auto refuse_block = [] { throw Error(Errc::corrupt, "an LZ4 block is damaged"); };
  Bytes out;
  out.reserve(size_bytes);
  for (std::size_t at = 0; at < packed.size();) {
    const auto token = std::to_integer<std::size_t>(packed[at++]);
    const std::size_t literals = longer(packed, at, token >> 4U);
    if (literals > packed.size() - at || literals > size_bytes - out.size()) refuse_block();
    append(out, packed.subspan(at, literals));
    at += literals;
    if (at == packed.size()) break;  // the last sequence has no match
    if (packed.size() - at < 2) refuse_block();
    const std::size_t distance = std::to_integer<std::size_t>(packed[at]) |
                                 std::to_integer<std::size_t>(packed[at + 1]) << 8U;
    at += 2;
    const std::size_t match = longer(packed, at, token & 15U) + 4;
    if (distance == 0 || distance > out.size() || match > size_bytes - out.size()) refuse_block();
    for (std::size_t i = 0; i < match; ++i) out.push_back(out[out.size() - distance]);
  }
  if (out.size() != size_bytes) refuse_block();
  return out;
}

std::uint64_t verify_table(model::RandomSource& table, const std::stop_token& stop) {
  return Table(table, stop).run();
}

}  // namespace holdfast::engine::typedb
