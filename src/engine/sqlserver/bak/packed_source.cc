// SPDX-License-Identifier: Apache-2.0
// The first two bytes of a record are its kind and how many times 512 bytes its content has, the
// next two how many bytes follow. Source of this and of the rest: docs/sqlserver.md, "Compressed
// backups".
#include "engine/sqlserver/bak/packed_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "engine/sqlserver/bak/mtf.h"
#include "engine/sqlserver/checks.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t unit_bytes = 512;
constexpr std::uint8_t packed_kind = 0x21, padding_kind = 0x24, index_kind = 0x2c;
constexpr std::size_t check_bytes = 4;
constexpr std::size_t first_record_at = 480;    // in all genuine files
constexpr std::size_t first_record_max = 8192;  // further it is not looked for
constexpr Tag filemark = tag("SFMB");
constexpr std::size_t filemark_units_max = 128;
constexpr std::size_t index_head_bytes = 16, index_entry_bytes = 16;
constexpr std::size_t slack_bytes_max = 3;  // of a chunk, behind its last bits

bool is_filemark(ByteView bytes) noexcept {
  const auto head = parse_block_head(bytes);
  return head && head->type == filemark;
}

bool begins_as_filemark(ByteView bytes) noexcept {
  return bytes.size() >= filemark.size() &&
         std::memcmp(bytes.data(), filemark.data(), filemark.size()) == 0;
}

}  // namespace

PackedSource::PackedSource(model::RandomSource& file, bool use_index, Growth growth)
    : file_(file, std::move(growth)), use_index_(use_index) {
  if (find_first_record()) return;
  at_ = piece_at_ = first_record_at;
  if (!file_.reaches(at_ + unit_bytes)) {
    static_cast<void>(
        fail(Trouble::Kind::cut, file_.size_bytes(), "the first record is not there"));
  } else {
    static_cast<void>(
        fail(Trouble::Kind::unknown, at_, "no record is found that could be the first"));
  }
}

// Where the first record is was the same in all genuine files, which were of one version; of older
// ones only the shorter head is known, by description.
bool PackedSource::find_first_record() {
  constexpr std::array layouts{Layout{24, true}, Layout{4, false}};
  for (const Layout& layout : layouts) {
    if (!is_first_record(first_record_at, layout)) continue;
    at_ = first_record_at;
    layout_ = layout;
    return true;
  }
  for (std::uint64_t at = compressed_magic.size() + 8; at < first_record_max; ++at) {
    for (const Layout& layout : layouts) {
      if (!is_first_record(at, layout)) continue;
      at_ = at;
      layout_ = layout;
      return true;
    }
  }
  return false;
}

// Its content begins with TAPE; the rest of it is looked at when it is read.
bool PackedSource::is_first_record(std::uint64_t at, const Layout& layout) {
  const ByteView tag_word = file_.at(at, 4);
  if (tag_word.size() < 4 || std::to_integer<std::uint8_t>(tag_word[0]) != packed_kind)
    return false;
  const std::size_t packed_bytes = load_le16(tag_word.data() + 2);
  const ByteView chunk = file_.at(at + layout.head_bytes + check_bytes, packed_bytes);
  if (!is_xca_table(chunk)) return false;
  std::array<std::byte, 4> front{};
  const XcaDecoder::Result made = decoder_.unpack(chunk, front);
  // The first match may reach further than we want.
  static_cast<void>(made);
  return std::memcmp(front.data(), "TAPE", front.size()) == 0;
}

std::size_t PackedSource::fail(Trouble::Kind kind, std::uint64_t at, std::string what) {
  trouble_ = Trouble{kind, at, std::move(what)};
  return 0;
}

std::optional<PackedSource::Record> PackedSource::head() {
  const ByteView bytes = file_.at(at_, layout_.head_bytes);
  if (bytes.size() < layout_.head_bytes) return std::nullopt;
  Record record;
  record.kind = std::to_integer<std::uint8_t>(bytes[0]);
  record.unpacked_bytes = std::to_integer<std::size_t>(bytes[1]) * unit_bytes;
  record.packed_bytes = load_le16(bytes.data() + 2);
  return record;
}

std::size_t PackedSource::read(std::span<std::byte> into) {
  while (!trouble_ && file_.reaches(at_ + 1)) {
    if (at_ % unit_bytes == 0 && begins_as_filemark(file_.at(at_, filemark.size())))
      return take_filemark(into);
    const auto record = head();
    if (!record) return fail(Trouble::Kind::cut, file_.size_bytes(), "a record is cut off");
    if (record->kind == 0 && at_region_begin_) return 0;  // nothing more, or not of ours
    piece_at_ = at_;
    if (record->kind == packed_kind) return take_record(*record, into);
    if (record->kind == index_kind) {
      if (!pass_index()) return 0;
    } else if (record->kind == padding_kind) {
      at_ += layout_.head_bytes + record->packed_bytes;
    } else {
      return take_stored(*record, into);
    }
  }
  return 0;
}

std::size_t PackedSource::take_record(const Record& record, std::span<std::byte> into) {
  using Kind = Trouble::Kind;
  const ByteView bytes = file_.at(at_ + layout_.head_bytes, check_bytes + record.packed_bytes);
  if (bytes.size() < check_bytes + record.packed_bytes)
    return fail(Kind::cut, file_.size_bytes(), "a record is cut off");
  const ByteView chunk = bytes.subspan(check_bytes);
  const std::uint32_t told = load_le32(bytes.data()), found = turning_xor(chunk);
  if (layout_.has_known_check && told != found)
    return fail(Kind::damaged, at_,
                fmt::format("its checksum is {:08x}, and {:08x} is told", found, told));
  if (record.unpacked_bytes == 0 || record.unpacked_bytes > xca_chunk_bytes_max)
    return fail(Kind::damaged, at_, "the size of its content is none");
  const auto content = into.first(record.unpacked_bytes);
  const XcaDecoder::Result made = decoder_.unpack(chunk, content);
  if (made.damage != nullptr)
    return fail(Kind::damaged, at_, fmt::format("it cannot be unpacked: {}", made.damage));
  if (made.used_bytes + slack_bytes_max < chunk.size())
    return fail(Kind::damaged, at_, "it has more than is told");
  if (filemark_bytes_ == 0) learn_filemark_size(content);
  at_ += layout_.head_bytes + bytes.size();
  at_region_begin_ = false;
  in_region_ += content.size();
  ++counts_.records;
  counts_.packed_bytes += chunk.size();
  counts_.unpacked_bytes += content.size();
  return content.size();
}

// What cannot be packed must be held somehow, of which no genuine file was seen. Its checksum
// proves or refutes that the content stands there as it is.
std::size_t PackedSource::take_stored(const Record& record, std::span<std::byte> into) {
  const ByteView bytes = file_.at(at_ + layout_.head_bytes, check_bytes + record.unpacked_bytes);
  const bool is_it = record.unpacked_bytes > 0 &&
                     bytes.size() == check_bytes + record.unpacked_bytes &&
                     (record.packed_bytes == 0 || record.packed_bytes == record.unpacked_bytes) &&
                     turning_xor(bytes.subspan(check_bytes)) == load_le32(bytes.data());
  if (!is_it)
    return fail(Trouble::Kind::unknown, at_,
                fmt::format("it is of kind 0x{:02x}, which is not known", record.kind));
  std::memcpy(into.data(), bytes.data() + check_bytes, record.unpacked_bytes);
  at_ += layout_.head_bytes + bytes.size();
  at_region_begin_ = false;
  in_region_ += record.unpacked_bytes;
  ++counts_.records;
  ++counts_.stored;
  counts_.packed_bytes += record.unpacked_bytes;
  counts_.unpacked_bytes += record.unpacked_bytes;
  return record.unpacked_bytes;
}

std::size_t PackedSource::take_filemark(std::span<std::byte> into) {
  const std::size_t wanted = filemark_bytes_ == 0 ? unit_bytes : filemark_bytes_;
  const ByteView bytes = file_.at(at_, std::min(wanted, into.size()));
  std::memcpy(into.data(), bytes.data(), bytes.size());
  piece_at_ = at_;
  at_ += bytes.size();
  at_region_begin_ = true;
  in_region_ = 0;
  marks_loaded_ = false;
  marks_.clear();
  return bytes.size();
}

void PackedSource::learn_filemark_size(ByteView tape) noexcept {
  const std::size_t units = tape.size() < 66 ? 1 : load_le16(tape.data() + 64);
  filemark_bytes_ = std::clamp<std::size_t>(units, 1, filemark_units_max) * unit_bytes;
}

// It has the same head at both ends; between these stand its entries, and zeros.
bool PackedSource::pass_index() {
  const std::uint64_t begin = at_ + layout_.head_bytes;
  const ByteView front = file_.at(begin, index_head_bytes);
  std::array<std::byte, index_head_bytes> head{};
  if (front.size() < head.size())
    return fail(Trouble::Kind::cut, file_.size_bytes(), "the index is cut off") != 0;
  std::ranges::copy(front, head.begin());
  const std::uint64_t entries = load_le32(head.data() + 4), size_bytes = load_le32(head.data() + 8);
  if (size_bytes < 2 * index_head_bytes ||
      entries > (size_bytes - 2 * index_head_bytes) / index_entry_bytes)
    return fail(Trouble::Kind::damaged, at_, "the sizes in the index do not agree") != 0;
  if (!file_.reaches(begin + size_bytes))
    return fail(Trouble::Kind::cut, file_.size_bytes(), "the index is cut off") != 0;
  const ByteView back = file_.at(begin + size_bytes - head.size(), head.size());
  if (!is_equal(back, head))
    return fail(Trouble::Kind::damaged, at_, "the index does not end as it begins") != 0;
  const std::uint64_t entries_bytes = entries * index_entry_bytes;
  if (entries_bytes <= FileWindow::bytes_max) {
    const ByteView all = file_.at(begin + head.size(), static_cast<std::size_t>(entries_bytes));
    if (turning_xor(all) != load_le32(head.data() + 12))
      return fail(Trouble::Kind::damaged, at_, "the checksum of the index is wrong") != 0;
  }
  at_ = begin + size_bytes;
  return true;
}

// The last filemark tells where the others are, the latest first.
std::uint64_t PackedSource::region_end() {
  constexpr std::uint32_t wide_places = 0x80000000U;
  constexpr std::size_t count_at = 56, places_at = 72;
  const std::uint64_t size = file_.size_bytes();
  if (filemark_bytes_ == 0 || size < filemark_bytes_) return 0;
  const ByteView block = file_.at(size - filemark_bytes_, filemark_bytes_);
  if (!is_filemark(block) || (load_le32(block.data() + 4) & wide_places) == 0) return 0;
  std::uint64_t end = size - filemark_bytes_;
  const std::size_t room = (block.size() - places_at) / 8;
  const std::size_t count = std::min<std::size_t>(load_le32(block.data() + count_at), room);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t place = load_le64(block.data() + places_at + 8 * i);
    if (place > at_) end = std::min(end, place);
  }
  return end;
}

// Of an index that is right in all; it only saves time.
void PackedSource::load_marks() {
  marks_loaded_ = true;
  const std::uint64_t end = region_end();
  if (end < at_ + index_head_bytes) return;
  const ByteView back = file_.at(end - index_head_bytes, index_head_bytes);
  if (back.size() < index_head_bytes) return;
  const std::uint64_t count = load_le32(back.data() + 4), size_bytes = load_le32(back.data() + 8);
  const std::uint32_t check = load_le32(back.data() + 12);
  if (size_bytes > FileWindow::bytes_max || size_bytes + layout_.head_bytes > end - at_ ||
      count * index_entry_bytes + 2 * index_head_bytes > size_bytes)
    return;
  const std::uint64_t begin = end - size_bytes;
  const ByteView head = file_.at(begin - layout_.head_bytes, 1);
  if (std::to_integer<std::uint8_t>(head[0]) != index_kind) return;
  const ByteView entries =
      file_.at(begin + index_head_bytes, static_cast<std::size_t>(count * index_entry_bytes));
  if (turning_xor(entries) != check) return;
  Mark before{in_region_, at_};
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* const entry = entries.data() + i * index_entry_bytes;
    const Mark mark{load_le64(entry), load_le64(entry + 8)};
    if (mark.at >= end) return marks_.clear();
    if (mark.offset <= before.offset || mark.at <= before.at) continue;
    marks_.push_back(mark);
    before = mark;
  }
}

std::uint64_t PackedSource::skip(std::uint64_t count) {
  std::uint64_t skipped = 0;
  if (use_index_ && !marks_loaded_) load_marks();
  while (!trouble_ && skipped < count) {
    const std::uint64_t wanted = in_region_ + (count - skipped);
    const auto behind = std::ranges::upper_bound(marks_, wanted, {}, &Mark::offset);
    if (behind != marks_.begin() && std::prev(behind)->offset > in_region_) {
      const Mark& mark = *std::prev(behind);
      skipped += mark.offset - in_region_;
      in_region_ = mark.offset;
      at_ = mark.at;
      continue;
    }
    const auto record = head();
    if (!record || record->kind != packed_kind || record->unpacked_bytes == 0 ||
        record->unpacked_bytes > count - skipped)
      break;
    const std::uint64_t size = layout_.head_bytes + check_bytes + record->packed_bytes;
    if (!file_.reaches(at_ + size)) break;
    at_ += size;
    in_region_ += record->unpacked_bytes;
    skipped += record->unpacked_bytes;
  }
  return skipped;
}

}  // namespace holdfast::engine::sqlserver
