// SPDX-License-Identifier: Apache-2.0
// Writes backup files for tests. They are synthetic: made from what is known of the format, not by
// SQL Server, so that they prove that the reader keeps to that, and no more.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "engine/sqlserver/bak/bak_reader.h"
#include "engine/sqlserver/checks.h"
#include "model/part.h"

namespace holdfast::engine::sqlserver::test {

class MemoryFile final : public model::RandomSource {
 public:
  explicit MemoryFile(std::string_view content) : content_(content) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return content_.size(); }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    if (offset_bytes > content_.size() || into.size() > content_.size() - offset_bytes)
      throw Error(Errc::bug, "read past the end");
    std::memcpy(into.data(), content_.data() + offset_bytes, into.size());
    read_bytes += into.size();
  }
  std::uint64_t read_bytes = 0;

 private:
  std::string_view content_;
};

// What is told of a file that is a backup.
inline BakReport read(const std::string& content, bool deep = true) {
  MemoryFile file(content);
  return read_bak(file, deep, {}).value();
}

inline void put(std::string& to, std::size_t at, std::uint64_t value, std::size_t bytes) {
  if (to.size() < at + bytes) to.resize(at + bytes);
  for (std::size_t i = 0; i < bytes; ++i) to[at + i] = static_cast<char>(value >> (8 * i) & 0xffU);
}
inline std::string le(std::uint64_t value, std::size_t bytes) {
  std::string text;
  put(text, 0, value, bytes);
  return text;
}
inline std::string utf16(std::string_view ascii) {
  std::string text;
  for (const char c : ascii) text += {c, '\0'};
  return text;
}
// "2026-11-22 04:05:06" as five bytes.
inline std::string date(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t count) {
    return static_cast<std::uint64_t>(std::stoul(std::string(text.substr(at, count))));
  };
  const std::uint64_t bits = number(0, 4) << 26U | number(5, 2) << 22U | number(8, 2) << 17U |
                             number(11, 2) << 12U | number(14, 2) << 6U | number(17, 2);
  std::string bytes;
  for (int shift = 32; shift >= 0; shift -= 8)
    bytes += static_cast<char>(bits >> static_cast<unsigned>(shift) & 0xffU);
  return bytes;
}

// ---- packing: [MS-XCA] with codes of nine bits for all symbols, and matches as they are found
// ----

class XcaWriter {
 public:
  static std::string pack(std::string_view text) {
    XcaWriter writer;
    for (std::size_t at = 0; at < text.size();) {
      const auto [distance, length] = writer.match(text, at);
      if (length < 4) {
        writer.bits(9, static_cast<std::uint8_t>(text[at++]));
        continue;
      }
      writer.repeat(distance, length);
      for (const std::size_t end = at + length; at < end; ++at) writer.seen(text, at);
    }
    writer.bits(9, 256);  // the end
    return writer.finish();
  }

 private:
  XcaWriter() : out_(256, '\x99'), last_(65536, std::string::npos) {
    slots_[0] = out_.size();
    slots_[1] = slots_[0] + 2;
    out_.resize(slots_[1] + 2);
  }
  static std::size_t hash(std::string_view text, std::size_t at) {
    std::uint32_t word = 0;
    std::memcpy(&word, text.data() + at, 4);
    return word * 2'654'435'761U >> 16U;
  }
  void seen(std::string_view text, std::size_t at) {
    if (at + 4 <= text.size()) last_[hash(text, at)] = at;
  }
  std::pair<std::size_t, std::size_t> match(std::string_view text, std::size_t at) {
    if (at + 4 > text.size()) return {0, 0};
    const std::size_t before = last_[hash(text, at)];
    last_[hash(text, at)] = at;
    if (before == std::string::npos) return {0, 0};
    std::size_t length = 0;
    while (at + length < text.size() && text[before + length] == text[at + length]) ++length;
    return {at - before, length};
  }
  void repeat(std::size_t distance, std::size_t length) {
    const auto distance_bits = static_cast<unsigned>(std::bit_width(distance) - 1);
    const std::size_t rest = length - 3;
    bits(9, static_cast<std::uint32_t>(256 + distance_bits * 16 + std::min<std::size_t>(rest, 15)));
    if (rest >= 15) {
      if (rest < 15 + 255) {
        out_ += static_cast<char>(rest - 15);
      } else {
        out_ += '\xff';
        out_ += le(rest, 2);
      }
    }
    bits(distance_bits, static_cast<std::uint32_t>(distance - (std::size_t{1} << distance_bits)));
  }
  void bits(unsigned count, std::uint32_t value) {
    if (count <= free_) {
      free_ -= count;
      next_ = next_ << count | value;
      return;
    }
    put(out_, slots_[0], next_ << free_ | value >> (count - free_), 2);
    slots_[0] = slots_[1];
    slots_[1] = out_.size();
    out_.resize(out_.size() + 2);
    free_ += 16 - count;
    next_ = value;
  }
  std::string finish() {
    put(out_, slots_[0], next_ << free_, 2);
    return std::move(out_);
  }

  std::string out_;
  std::vector<std::size_t> last_;  // where a hash was seen last
  std::size_t slots_[2] = {};      // of the next two words
  std::uint32_t next_ = 0;
  unsigned free_ = 16;
};

// ---- blocks ----

inline std::string stream(std::string_view type, std::string_view content, unsigned media = 0) {
  std::string text(type);
  put(text, 4, 0, 2);
  put(text, 6, media, 2);
  put(text, 8, content.size(), 8);
  put(text, 16, 0, 4);
  put(text, 20, xor16(as_bytes(text)), 2);
  return text += content;
}

class Block {
 public:
  Block(std::string_view type, std::size_t fields_end) : text_(type) {
    put(text_, 8, 0, 2);
    text_.resize(fields_end);
    text_[10] = 14;
    text_[11] = 1;
    text_[48] = 2;
  }
  Block& number(std::size_t at, std::uint64_t value, std::size_t bytes) {
    put(text_, at, value, bytes);
    return *this;
  }
  Block& bytes(std::size_t at, std::string_view value) {
    text_.replace(at, value.size(), value);
    return *this;
  }
  // Behind all fields; where it is stands at `at`.
  Block& text(std::size_t at, std::string_view value) {
    put(text_, at, value.size(), 2);
    put(text_, at + 2, text_.size(), 2);
    text_ += value;
    return *this;
  }
  // With its streams, filled up to a multiple of `align` from `offset` on.
  [[nodiscard]] std::string finish(const std::vector<std::string>& streams, std::size_t offset,
                                   std::size_t align) const {
    std::string whole = text_;
    whole.resize((whole.size() + 3) / 4 * 4);
    put(whole, 8, whole.size(), 2);
    put(whole, 50, xor16(as_bytes(whole).first(50)), 2);
    for (const std::string& one : streams) {
      whole += one;
      whole.resize((whole.size() + 3) / 4 * 4);
    }
    const std::size_t end = (offset + whole.size() + 22 + align - 1) / align * align - offset;
    return whole += stream("SPAD", std::string(end - whole.size() - 22, '\0'));
  }

 private:
  std::string text_;
};

// ---- a backup ----

struct TestFile {
  std::uint32_t id = 1, filegroup = 1;  // 0: the log
  std::string logical = "Shop", physical = "D:\\Data\\Shop.mdf";
  std::uint64_t size_bytes = 8U << 20U;
};

enum class Sums : std::uint8_t { none, plain, turning, wrong };

struct TestSet {
  char type = 'D';
  std::uint32_t kind = 4;
  std::uint32_t flags = 512;
  std::string name = "Nightly", user = "HOST\\dba", server = "HOST\\SQL", machine = "HOST";
  std::string database = "Shop";
  std::string start = "2026-11-22 04:05:06", finish = "2026-11-22 04:06:07";
  std::uint64_t guid = 1;
  std::vector<TestFile> files{{}, {2, 0, "Shop_log", "E:\\Log\\Shop.ldf", 1U << 20U}};
  std::uint32_t first_page = 0, pages = 24;  // of file 1
  std::uint16_t page_marks = 0x200;
  std::uint32_t again_from = 0, again = 0;  // pages that stand in a second stream too
  std::size_t log_bytes = 2048;
  Sums sums = Sums::none;
  bool has_end = true;  // MSLS and what follows
};

struct TestBak {
  std::vector<TestSet> sets{TestSet{}};
  std::uint16_t families = 1, family = 1, sequence = 1;
  std::uint16_t filemark_units = 1;
  // Of a compressed one.
  std::uint32_t version = 2;
  bool has_index = true;
  bool is_stored = false;  // records of data are not packed

  [[nodiscard]] std::string plain() const { return write(false); }
  [[nodiscard]] std::string packed() const { return write(true); }

 private:
  struct Region {
    std::string bytes;
    std::vector<std::size_t> marks;  // behind each stream of data or log
  };

  [[nodiscard]] std::string write(bool is_packed) const;
  [[nodiscard]] Region tape() const;
  [[nodiscard]] Region data(const TestSet& set, std::size_t number, std::size_t offset) const;
  [[nodiscard]] Region end(const TestSet& set, std::size_t number, std::size_t offset) const;
  [[nodiscard]] std::size_t align() const {
    return std::max<std::size_t>(1024, std::size_t{512} * filemark_units);
  }
  void add_filemark(std::string& to, std::vector<std::size_t>& places) const;
  void add_region(std::string& to, const Region& region, bool is_packed, bool is_first) const;
  void add_record(std::string& to, std::string_view content, bool may_store) const;
};

// A page of file 1 that says who it is, with some content and its checksum.
inline std::string page(std::uint32_t number, std::uint16_t marks) {
  std::string text(page_bytes, '\0');
  text[0] = 1;
  text[1] = number % 8 == 1 ? 11 : 1;
  put(text, 4, marks, 2);
  put(text, 32, number, 4);
  put(text, 36, 1, 2);
  for (std::size_t i = 96; i < 4000; i += 7)
    text[i] = static_cast<char>((number * 31 + i * i) >> 3U & 0xffU);
  if ((marks & 0x200U) != 0)
    put(text, 60, page_checksum(reinterpret_cast<const std::byte*>(text.data())), 4);
  return text;
}

// `value` behind what `record` has; its bytes and where it is stand at `at`.
inline void put_text(std::string& record, std::size_t at, std::string_view value) {
  const std::string text = utf16(value);
  put(record, at, text.size(), 2);
  put(record, at + 2, record.size(), 2);
  record += text;
}

inline std::string set_record(const TestSet& set, bool is_end) {
  std::string text("SCIN");
  text.resize(336);
  put(text, 8, set.flags, 4);
  put(text, 24, 4321, 2);
  text[27] = 16;
  const auto lsn = [&](std::size_t at, std::uint64_t file, std::uint64_t block) {
    put(text, at, file, 4);
    put(text, at + 4, block, 4);
    put(text, at + 8, 1, 2);
  };
  lsn(32, 40, is_end ? 100 : 90);
  lsn(42, 40, is_end ? 200 : 95);
  lsn(52, 40, is_end ? 100 : 90);
  lsn(62, 39, 80);
  text.replace(72, 5, date("2020-02-03 04:05:06"));
  text.replace(77, 5, date(set.start));
  if (is_end && !set.finish.empty()) text.replace(82, 5, date(set.finish));
  text[87] = set.type;
  text[91] = static_cast<char>(160);
  put(text, 94, 957, 2);
  put(text, 96, 3'000'000, 8);
  put(text, 116, 0x409, 4);
  text.replace(216, 5, std::string("\x09\x04\xd0\x00\x34", 5));
  put_text(text, 104, set.database);
  put_text(text, 108, set.server);
  put(text, 4, text.size(), 4);
  return text;
}

inline std::string file_record(const TestFile& file, std::uint32_t pages) {
  std::string text("SFIN");
  text.resize(400);
  put(text, 8, file.filegroup == 0 ? 4 : 0x84, 4);
  put(text, 16, page_bytes, 4);
  put(text, 20, file.id, 4);
  put(text, 24, pages, 4);
  put(text, 32, 4096, 4);
  put(text, 36, file.filegroup, 4);
  put(text, 40, file.size_bytes, 8);
  put_text(text, 48, file.logical);
  put_text(text, 52, file.physical);
  put(text, 4, text.size(), 4);
  return text;
}

inline std::string configuration(const TestSet& set, bool is_end) {
  std::string text = set_record(set, is_end);
  for (const TestFile& file : set.files) text += file_record(file, set.pages);
  return text;
}

inline std::string sum_of(std::string_view content, Sums how) {
  Xor32 plain;
  plain.add(as_bytes(content));
  const std::uint32_t turning = turning_xor(as_bytes(content));
  return le(how == Sums::plain ? plain.value() : how == Sums::turning ? turning : ~turning, 4);
}

inline TestBak::Region TestBak::tape() const {
  Block block("TAPE", 94);
  block.number(52, 0xABCD0000U + family, 4).number(60, sequence, 2);
  block.number(64, filemark_units, 2).number(84, 1024, 2).number(86, 0x1200, 2);
  block.bytes(88, date("2026-11-22 04:05:06")).text(80, utf16("Microsoft SQL Server"));
  std::string raid = std::string(16, '\x5a') + le(0, 4) + le(families, 2) + le(family, 2) +
                     le(families, 2) + std::string(6, '\0');
  return {block.finish({stream("RAID", raid)}, 0, align()), {}};
}

inline TestBak::Region TestBak::data(const TestSet& set, std::size_t number,
                                     std::size_t offset) const {
  Region region;
  std::string& to = region.bytes;
  const auto add = [&](const Block& block, const std::vector<std::string>& streams) {
    to += block.finish(streams, offset + to.size(), align());
  };
  Block start("SSET", 98);
  start.number(52, set.kind, 4).number(60, 0x1200, 2).number(62, number, 2);
  start.bytes(88, date(set.start)).text(64, utf16(set.name)).text(76, utf16(set.user));
  start.text(44, le(set.guid, 8) + std::string(8, '\x11'));
  add(start, {});
  Block volume("VOLB", 74);
  volume.text(56, utf16("D:")).text(60, utf16("Data")).text(64, utf16(set.machine));
  add(volume, {});
  add(Block("MSCI", 56), {stream("MQCI", configuration(set, false))});
  const unsigned summed = set.sums == Sums::none ? 0 : 0x20;
  const auto bulk = [&](std::string_view block_type, std::string_view stream_type,
                        std::string content, unsigned media) {
    const Block block(block_type, 60);
    const std::size_t head = to.size() + 60;
    // Two bytes and what fills up in front of them, so that the content begins at a sector.
    const std::size_t data_at = (offset + head + 22 + 24 + 511) / 512 * 512 - offset;
    const std::string pad(data_at - 24 - head - 22, '\0');
    content.insert(0, 2, '\0');
    std::vector<std::string> streams{stream("APAD", pad, 0x80),
                                     stream(stream_type, content, media | summed)};
    region.marks.push_back(data_at - 2 + content.size());
    if (media != 0) streams.push_back(stream(stream_type, "", 6));
    if (summed != 0) {
      if (media != 0) streams.pop_back();
      streams.push_back(stream("CSUM", sum_of(content, set.sums)));
    }
    add(block, streams);
  };
  const auto pages_of = [&](std::uint32_t from, std::uint32_t count) {
    std::string pages;
    for (std::uint32_t i = 0; i < count; ++i) pages += page(from + i, set.page_marks);
    return pages;
  };
  if (set.pages > 0) bulk("MSDA", "MQDA", pages_of(set.first_page, set.pages), 2);
  if (set.again > 0) bulk("MSDA", "MQDA", pages_of(set.again_from, set.again), 2);
  if (set.log_bytes > 0) bulk("MSTL", "MQTL", std::string(set.log_bytes, 'L'), 0);
  if (set.has_end) add(Block("MSLS", 56), {stream("MQCI", configuration(set, true))});
  return region;
}

inline TestBak::Region TestBak::end(const TestSet& set, std::size_t number,
                                    std::size_t offset) const {
  Block block("ESET", 88);
  block.number(52, 4, 4).number(78, number, 2).bytes(80, date(set.start));
  Region region;
  region.bytes = block.finish({stream("TSMP", std::string(64, 'm'))}, offset, align());
  region.bytes += block.finish({}, offset + region.bytes.size(), align());
  return region;
}

inline void TestBak::add_filemark(std::string& to, std::vector<std::size_t>& places) const {
  std::string text = Block("SFMB", 512).finish({}, 0, 1024).substr(0, 512);
  put(text, 4, 0x80000000U, 4);
  put(text, 8, 512, 2);
  text.resize(std::size_t{512} * filemark_units);
  put(text, 52, 55, 4);
  put(text, 56, places.size(), 4);
  for (std::size_t i = 0; i < places.size() && i < 55; ++i)
    put(text, 72 + 8 * i, places[places.size() - 1 - i], 8);
  put(text, 50, xor16(as_bytes(text).first(50)), 2);
  places.push_back(to.size());
  to += text;
}

inline void TestBak::add_record(std::string& to, std::string_view content, bool may_store) const {
  std::string chunk = is_stored && may_store ? std::string(content) : XcaWriter::pack(content);
  const bool is_packed = !(is_stored && may_store);
  std::string head = le(is_packed ? 0x21 : 0x20, 1) + le(content.size() / 512, 1) +
                     le(is_packed ? chunk.size() : chunk.size() & 0xffffU, 2);
  if (version >= 2) head += std::string(16, '\xee') + le(0, 4);
  head += le(turning_xor(as_bytes(chunk)), 4);
  to += head + chunk;
}

inline void TestBak::add_region(std::string& to, const Region& region, bool is_packed,
                                bool is_first) const {
  if (!is_packed) {
    to += region.bytes;
    return;
  }
  // A stream's content ends a record, so that the index can name what is behind it.
  std::vector<std::size_t> ends = region.marks;
  ends.push_back(region.bytes.size());
  std::vector<std::pair<std::size_t, std::size_t>> entries;
  std::size_t at = 0;
  for (const std::size_t mark : ends) {
    const std::size_t end = mark / 512 * 512;
    while (at < end) {
      const std::size_t count = std::min<std::size_t>(65536, end - at);
      add_record(to, std::string_view(region.bytes).substr(at, count), !is_first);
      at += count;
    }
    if (mark != region.bytes.size()) entries.emplace_back(at, to.size());
  }
  const std::size_t head = version >= 2 ? 24 : 4;
  const std::size_t unit = std::size_t{512} * filemark_units;
  const auto left = [&](std::size_t least) {
    return (to.size() + head + least + unit - 1) / unit * unit - to.size() - head;
  };
  if (has_index && !entries.empty()) {
    std::string table;
    for (const auto& [offset, place] : entries) table += le(offset, 8) + le(place, 8);
    const std::size_t size = left(table.size() + 32);
    const std::string both = le(1, 2) + le(1, 2) + le(entries.size(), 4) + le(size, 4) +
                             le(turning_xor(as_bytes(table)), 4);
    to += le(0x2c, 4) + std::string(head - 4, '\0') + both + table +
          std::string(size - table.size() - 32, '\0') + both;
    return;
  }
  const std::size_t size = left(0);
  to += le(0x24 | size << 16U, 4) + std::string(head - 4 + size, '\0');
}

inline std::string TestBak::write(bool is_packed) const {
  std::string to;
  std::vector<std::size_t> filemarks;
  if (is_packed) to = ("MSSQLBAK" + le(version, 4) + le(3, 4)).append(464, '\0');
  std::size_t offset = 0;  // in the chain
  bool is_first = true;
  const auto add = [&](const Region& region) {
    add_region(to, region, is_packed, std::exchange(is_first, false));
    add_filemark(to, filemarks);
    offset += region.bytes.size() + std::size_t{512} * filemark_units;
  };
  add(tape());
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const Region first = data(sets[i], i + 1, offset);
    if (!sets[i].has_end) {
      add_region(to, first, is_packed, false);
      offset += first.bytes.size();
      continue;
    }
    add(first);
    add(end(sets[i], i + 1, offset));
  }
  return to;
}

}  // namespace holdfast::engine::sqlserver::test
