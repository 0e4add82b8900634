// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/dac/zip.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "engine/sqlserver/bak/file_window.h"
#include "engine/sqlserver/checks.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::uint32_t head_mark = 0x0403'4b50, entry_mark = 0x0201'4b50, end_mark = 0x0605'4b50,
                        end64_mark = 0x0606'4b50, locator_mark = 0x0706'4b50,
                        descriptor_mark = 0x0807'4b50;
constexpr std::size_t head_bytes = 30, entry_bytes = 46, end_bytes = 22, end64_bytes = 56,
                      locator_bytes = 20, comment_bytes_max = 65'535;
constexpr std::uint32_t full32 = 0xffff'ffff;
constexpr std::uint16_t full16 = 0xffff;
// Encrypted, strongly encrypted, with a head whose values are masked.
constexpr std::uint16_t flag_descriptor = 8, flags_encrypted = 0x2041;
constexpr std::uint16_t extra_zip64 = 1;
constexpr std::size_t troubles_max = 20, followed_max = 10'000;

std::uint16_t u16(ByteView from, std::size_t at) {
  return load_le16(from.data() + at);
}
std::uint32_t u32(ByteView from, std::size_t at) {
  return load_le32(from.data() + at);
}
std::uint64_t u64(ByteView from, std::size_t at) {
  return load_le64(from.data() + at);
}

std::string shown(std::string_view name) {
  std::string text(name);
  std::ranges::replace_if(
      text, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return text;
}

// What a directory's entry and a part's head both say.
struct Head {
  std::uint16_t version = 0, flags = 0, method = 0, time = 0, date = 0;
  std::uint32_t crc = 0;
  std::uint64_t packed_bytes = 0, size_bytes = 0;
  std::string name;

  // `at`: of the version.
  static Head read(ByteView from, std::size_t at) {
    Head head;
    head.version = u16(from, at);
    head.flags = u16(from, at + 2);
    head.method = u16(from, at + 4);
    head.time = u16(from, at + 6);
    head.date = u16(from, at + 8);
    head.crc = u32(from, at + 10);
    head.packed_bytes = u32(from, at + 14);
    head.size_bytes = u32(from, at + 18);
    return head;
  }
};

// Puts numbers of 64 bits in place of those that are all ones. False: there are none.
bool widen(ByteView extra, std::span<std::uint64_t* const> numbers) {
  const bool is_wanted =
      std::ranges::any_of(numbers, [](const auto* number) { return *number == full32; });
  if (!is_wanted) return true;
  while (extra.size() >= 4) {
    const std::uint16_t id = u16(extra, 0);
    const std::size_t size = u16(extra, 2);
    if (size > extra.size() - 4) return false;
    ByteView field = extra.subspan(4, size);
    extra = extra.subspan(4 + size);
    if (id != extra_zip64) continue;
    for (std::uint64_t* const number : numbers) {
      if (*number != full32) continue;
      if (field.size() < 8) return false;
      *number = u64(field, 0);
      field = field.subspan(8);
    }
    return true;
  }
  return false;
}

// Where the directory lies, by the archive's end.
struct End {
  std::uint64_t entries = 0, bytes = 0, at = 0;
  std::uint64_t end_at = 0;  // where the end begins
};

class Reading {
 public:
  Reading(model::RandomSource& file, const std::stop_token& stop) : window_(file), stop_(stop) {
    index_.size_bytes = file.size_bytes();
  }

  std::optional<ZipIndex> run() {
    const ByteView front = window_.at(0, 4);
    const bool begins = front.size() == 4 && u32(front, 0) == head_mark;
    const auto end = find_end();
    if (!begins && !end) return std::nullopt;
    if (end) {
      if (const auto where = read_end(*end)) {
        is_directory_whole_ = read_directory(*where);
        check_places(where->at);
      }
      if (!is_directory_whole_) walk_parts();
    } else {
      const Stop stop = walk_parts();
      trouble(
          ZipTrouble::Kind::cut, stop.at,
          fmt::format("the archive's directory is missing: the file ends at byte {}, and its {} "
                      "parts can be followed up to byte {}, {}",
                      index_.size_bytes, followed_, stop.at, stop.where));
    }
    return std::move(index_);
  }

 private:
  void trouble(ZipTrouble::Kind kind, std::uint64_t at, std::string what) {
    if (index_.troubles.size() == troubles_max)
      ++index_.troubles_left_out;
    else
      index_.troubles.push_back({kind, at, std::move(what)});
  }
  void damaged(std::uint64_t at, std::string what) {
    trouble(ZipTrouble::Kind::damaged, at, std::move(what));
  }

  // The last one behind which there is its comment and nothing else; else the last one.
  std::optional<std::uint64_t> find_end() {
    const std::uint64_t size = index_.size_bytes;
    if (size < end_bytes) return std::nullopt;
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(size, end_bytes + comment_bytes_max));
    const ByteView tail = window_.at(size - count, count);
    std::optional<std::uint64_t> last;
    for (std::size_t at = count - end_bytes + 1; at-- > 0;) {
      if (u32(tail, at) != end_mark) continue;
      if (!last) last = size - count + at;
      if (at + end_bytes + u16(tail, at + 20) == count) return size - count + at;
    }
    return last;
  }

  std::optional<End> read_end(std::uint64_t at) {
    const ByteView tail = window_.at(at, end_bytes);
    End end{u16(tail, 10), u32(tail, 12), u32(tail, 16), at};
    const std::uint64_t behind = at + end_bytes + u16(tail, 20);
    const bool is_one = u16(tail, 4) == 0 && u16(tail, 6) == 0 && u16(tail, 8) == u16(tail, 10);
    if (!is_one) damaged(at, "the archive's end says that it is one of several files");
    if (behind != index_.size_bytes)
      trouble(behind > index_.size_bytes ? ZipTrouble::Kind::cut : ZipTrouble::Kind::foreign,
              std::min(behind, index_.size_bytes),
              fmt::format("the file has {} bytes, and is not as long as the archive's end says, {}",
                          index_.size_bytes, behind));
    if (at >= locator_bytes && u32(window_.at(at - locator_bytes, 4), 0) == locator_mark) {
      if (!read_end64(end)) return std::nullopt;
    } else if (end.entries == full16 || end.bytes == full32 || end.at == full32) {
      if (end.at == full32 || end.bytes == full32) {
        damaged(at, "the archive's end refers to one of 64 bits, which is not in front of it");
        return std::nullopt;
      }
    }
    if (end.at > end.end_at || end.bytes != end.end_at - end.at) {
      damaged(at, fmt::format("the directory is said to be {} bytes from byte {} on, and its end "
                              "begins at byte {}",
                              end.bytes, end.at, end.end_at));
      if (end.bytes > end.end_at) return std::nullopt;
      end.at = end.end_at - end.bytes;  // one of the two may be right
    }
    return end;
  }

  // Takes the numbers that are all ones from the end of 64 bits.
  bool read_end64(End& end) {
    const std::uint64_t locator_at = end.end_at - locator_bytes;
    const ByteView locator = window_.at(locator_at, locator_bytes);
    const std::uint64_t at = u64(locator, 8);
    const bool is_one = u32(locator, 4) == 0 && u32(locator, 16) == 1;
    if (!is_one || at > locator_at || locator_at - at < end64_bytes) {
      damaged(locator_at, "the place of the archive's end of 64 bits is wrong");
      return false;
    }
    const ByteView wide = window_.at(at, end64_bytes);
    if (u32(wide, 0) != end64_mark || u64(wide, 4) != locator_at - at - 12 || u32(wide, 16) != 0 ||
        u32(wide, 20) != 0 || u64(wide, 24) != u64(wide, 32)) {
      damaged(at, "the archive's end of 64 bits is malformed");
      return false;
    }
    const auto take = [&](std::uint64_t& narrow, std::uint64_t full, std::size_t from) {
      const std::uint64_t number = u64(wide, from);
      if (narrow != full && narrow != number)
        damaged(at, "the archive's two ends do not say the same");
      narrow = number;
    };
    take(end.entries, full16, 32);
    take(end.bytes, full32, 40);
    take(end.at, full32, 48);
    end.end_at = at;
    return true;
  }

  // False: not to its end.
  bool read_directory(const End& end) {
    if (end.bytes > zip_directory_bytes_max)
      throw Error(Errc::unsupported, fmt::format("the archive's directory has {} bytes, and {} at "
                                                 "most are read",
                                                 end.bytes, zip_directory_bytes_max));
    std::vector<std::pair<std::uint64_t, Head>> heads;
    std::uint64_t at = end.at;
    const std::uint64_t until = end.at + end.bytes;
    while (at < until) {
      if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
      const ByteView fixed = window_.at(at, entry_bytes);
      const bool is_entry =
          until - at >= entry_bytes && fixed.size() == entry_bytes && u32(fixed, 0) == entry_mark;
      const std::uint64_t size =
          is_entry ? entry_bytes + std::uint64_t{u16(fixed, 28)} + u16(fixed, 30) + u16(fixed, 32)
                   : 0;
      if (!is_entry || size > until - at) {
        damaged(at, fmt::format("no entry of the directory begins here; the {} before it are good",
                                index_.parts.size()));
        break;
      }
      read_entry(at, window_.at(at, static_cast<std::size_t>(size)), heads);
      at += size;
    }
    if (at == until && index_.parts.size() != end.entries)
      damaged(end.end_at, fmt::format("the directory has {} entries, and its end says {}",
                                      index_.parts.size(), end.entries));
    for (std::size_t i = 0; i < heads.size(); ++i)
      read_head(index_.parts[i], heads[i].first, heads[i].second);
    return at == until && !index_.parts.empty();
  }

  void read_entry(std::uint64_t at, ByteView entry,
                  std::vector<std::pair<std::uint64_t, Head>>& heads) {
    Head head = Head::read(entry, 6);
    const std::size_t name_bytes = u16(entry, 28), extra_bytes = u16(entry, 30);
    head.name = as_text(entry.subspan(entry_bytes, name_bytes));
    ZipPart part;
    part.name = shown(head.name);
    part.head_at = u32(entry, 42);
    std::uint64_t* const numbers[] = {&head.size_bytes, &head.packed_bytes, &part.head_at};
    const bool is_wide = widen(entry.subspan(entry_bytes + name_bytes, extra_bytes), numbers);
    const std::uint16_t disk = u16(entry, 34);
    if (!is_wide || (disk != 0 && disk != full16))
      damaged(at, fmt::format("the directory's entry of part {} is malformed", part.name));
    part.flags = head.flags;
    part.method = head.method;
    part.crc = head.crc;
    part.packed_bytes = head.packed_bytes;
    part.size_bytes = head.size_bytes;
    part.is_sound = is_wide;
    index_.parts.push_back(std::move(part));
    heads.emplace_back(at, std::move(head));
  }

  // Held against the entry.
  void read_head(ZipPart& part, std::uint64_t entry_at, const Head& entry) {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    if (!part.is_sound) return;
    part.is_sound = false;
    const ByteView fixed = window_.at(part.head_at, head_bytes);
    if (fixed.size() < head_bytes || u32(fixed, 0) != head_mark)
      return damaged(part.head_at, fmt::format("part {} is said to begin here, and does not (entry "
                                               "at byte {})",
                                               part.name, entry_at));
    const std::size_t name_bytes = u16(fixed, 26), extra_bytes = u16(fixed, 28);
    Head head = Head::read(fixed, 4);
    const std::size_t size = head_bytes + name_bytes + extra_bytes;
    const ByteView all = window_.at(part.head_at, size);
    if (all.size() < size)
      return damaged(part.head_at, fmt::format("the head of part {} has no end", part.name));
    head.name = as_text(all.subspan(head_bytes, name_bytes));
    std::uint64_t* const numbers[] = {&head.size_bytes, &head.packed_bytes};
    const bool is_wide = widen(all.subspan(head_bytes + name_bytes, extra_bytes), numbers);
    const std::string differs = is_wide ? difference(head, entry) : "size";
    part.content_at = part.head_at + size;
    part.end_at = part.content_at + part.packed_bytes;
    if (part.end_at < part.content_at || part.end_at > index_.size_bytes)
      return damaged(part.head_at, fmt::format("part {} is said to have {} bytes, which the file "
                                               "does not hold",
                                               part.name, part.packed_bytes));
    if (!differs.empty())
      return damaged(part.head_at,
                     fmt::format("the head of part {} says another {} than its entry in the "
                                 "directory at byte {}",
                                 part.name, differs, entry_at));
    part.is_sound = true;
  }

  static std::string difference(const Head& head, const Head& entry) {
    if (head.name != entry.name) return "name";
    if (head.flags != entry.flags) return "use of flags";
    if (head.method != entry.method) return "method";
    if (head.version != entry.version) return "version";
    if (head.time != entry.time || head.date != entry.date) return "time";
    const bool is_later = (head.flags & flag_descriptor) != 0;
    const auto differs = [&](std::uint64_t one, std::uint64_t other) {
      return one != other && !(is_later && (one == 0 || one == full32));
    };
    if (differs(head.crc, entry.crc)) return "checksum";
    if (differs(head.packed_bytes, entry.packed_bytes) ||
        differs(head.size_bytes, entry.size_bytes))
      return "size";
    return {};
  }

  // Each byte in front of the directory is of one part.
  void check_places(std::uint64_t directory_at) {
    std::vector<ZipPart*> order;
    for (ZipPart& part : index_.parts)
      if (part.is_sound) order.push_back(&part);
    std::ranges::sort(order, {}, &ZipPart::head_at);
    const bool knows_all = order.size() == index_.parts.size() && index_.troubles.empty();
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      ZipPart& part = *order[i];
      if (part.head_at < at) {
        part.is_sound = order[i - 1]->is_sound = false;
        damaged(part.head_at, fmt::format("parts {} and {} lie in the same place",
                                          order[i - 1]->name, part.name));
      } else if (part.head_at > at && knows_all) {
        foreign(at, part.head_at);
      }
      const std::uint64_t limit = i + 1 < order.size() ? order[i + 1]->head_at : directory_at;
      if (part.is_sound && (part.flags & flag_descriptor) != 0) take_descriptor(part, limit);
      at = std::max(at, part.end_at);
    }
    if (knows_all && directory_at > at) foreign(at, directory_at);
    std::ranges::sort(order, {}, &ZipPart::name);
    for (std::size_t i = 1; i < order.size(); ++i)
      if (order[i]->name == order[i - 1]->name)
        damaged(order[i]->head_at, fmt::format("part {} is there twice", order[i]->name));
  }

  void foreign(std::uint64_t from, std::uint64_t to) {
    trouble(ZipTrouble::Kind::foreign, from,
            fmt::format("{} bytes from byte {} on are of no part", to - from, from));
  }

  // Checksum and sizes behind the content: with or without a mark, in 32 or 64 bits.
  void take_descriptor(ZipPart& part, std::uint64_t limit) {
    for (const std::size_t mark : {std::size_t{4}, std::size_t{0}}) {
      for (const std::size_t width : {std::size_t{8}, std::size_t{4}}) {
        const std::size_t size = mark + 4 + 2 * width;
        if (limit < part.end_at || limit - part.end_at < size) continue;
        const ByteView found = window_.at(part.end_at, size);
        const auto number = [&](std::size_t at) {
          return width == 8 ? u64(found, at) : u32(found, at);
        };
        if (mark > 0 && u32(found, 0) != descriptor_mark) continue;
        if (u32(found, mark) != part.crc || number(mark + 4) != part.packed_bytes ||
            number(mark + 4 + width) != part.size_bytes)
          continue;
        part.end_at += size;
        return;
      }
    }
    damaged(part.end_at, fmt::format("what follows part {} does not say what its entry in the "
                                     "directory says",
                                     part.name));
    part.is_sound = false;
  }

  struct Stop {
    std::uint64_t at = 0;
    std::string where;
  };
  // Without a directory: names of parts, and how far they are there.
  Stop walk_parts() {
    std::uint64_t at = 0;
    while (true) {
      if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
      const ByteView fixed = window_.at(at, head_bytes);
      if (fixed.size() < 4) return {at, "behind a part"};
      if (u32(fixed, 0) == entry_mark) return {at, "within the directory"};
      if (u32(fixed, 0) != head_mark) return {at, "where no part begins"};
      if (fixed.size() < head_bytes) return {at, "within the head of a part"};
      const std::size_t name_bytes = u16(fixed, 26), extra_bytes = u16(fixed, 28);
      Head head = Head::read(fixed, 4);
      const ByteView all = window_.at(at, head_bytes + name_bytes + extra_bytes);
      if (all.size() < head_bytes + name_bytes + extra_bytes)
        return {at, "within the head of a part"};
      const std::string name = shown(as_text(all.subspan(head_bytes, name_bytes)));
      if (++followed_ <= followed_max) index_.followed.push_back(name);
      std::uint64_t* const numbers[] = {&head.size_bytes, &head.packed_bytes};
      static_cast<void>(widen(all.subspan(head_bytes + name_bytes, extra_bytes), numbers));
      const std::uint64_t content_at = at + all.size();
      const std::uint64_t there = index_.size_bytes - content_at;
      if ((head.flags & flag_descriptor) != 0)
        return {at, fmt::format("at part {}, whose size stands behind it", name)};
      if (head.packed_bytes > there)
        return {at, fmt::format("within part {}, of whose {} bytes {} are there", name,
                                head.packed_bytes, there)};
      at = content_at + head.packed_bytes;
    }
  }

  FileWindow window_;
  const std::stop_token& stop_;
  ZipIndex index_;
  bool is_directory_whole_ = false;
  std::uint64_t followed_ = 0;
};

}  // namespace

std::string ZipPart::obstacle() const {
  if ((flags & flags_encrypted) != 0) return "it is encrypted";
  if (method != 0 && method != 8) return fmt::format("it is packed by method {}", method);
  if (method == 0 && packed_bytes != size_bytes) return "its sizes differ though it is not packed";
  return {};
}

const ZipPart* ZipIndex::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(parts, name, &ZipPart::name);
  return found == parts.end() || !found->is_sound ? nullptr : &*found;
}

std::optional<ZipIndex> read_zip_index(model::RandomSource& file, const std::stop_token& stop) {
  return Reading(file, stop).run();
}

}  // namespace holdfast::engine::sqlserver
