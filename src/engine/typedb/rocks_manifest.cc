// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/rocks_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/typedb/wire.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::size_t block_bytes = 32U << 10U;
constexpr std::size_t record_header_bytes = 7;          // CRC, length, type
constexpr std::size_t edit_bytes_max = 16U << 20U;      // a file's entry has about a hundred
constexpr std::uint64_t behind_bytes_max = 64U << 20U;  // what is looked at behind a torn place
constexpr std::uint32_t skippable_bit = 1U << 13U;

enum RecordType : std::uint8_t { zero = 0, full = 1, first = 2, middle = 3, last = 4 };

// Of db/version_edit.h. How new files are told changed four times.
enum Tag : std::uint32_t {
  comparator = 1,
  log_number = 2,
  next_file_number = 3,
  last_sequence = 4,
  compact_cursor = 5,
  deleted_file = 6,
  new_file = 7,
  prev_log_number = 9,
  min_log_number = 10,
  new_file_2 = 100,
  new_file_3 = 102,
  new_file_4 = 103,
  column_family = 200,
  column_family_add = 201,
  column_family_drop = 202,
  max_column_family = 203,
  in_atomic_group = 300,
};
constexpr std::uint64_t end_of_custom_fields = 1;

// The numbers and texts of one edit.
class EditReader {
 public:
  EditReader(ByteView edit, std::uint64_t offset) : rest_(edit), offset_(offset) {}
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  std::uint64_t number() {
    const Varint read = read_varint(rest_);
    if (read.size_bytes == 0) refuse("a number is cut short");
    rest_ = rest_.subspan(read.size_bytes);
    return read.value;
  }
  ByteView bytes() {
    const std::uint64_t size = number();
    if (size > rest_.size()) refuse("a text is cut short");
    const ByteView read = rest_.first(static_cast<std::size_t>(size));
    rest_ = rest_.subspan(read.size());
    return read;
  }
  void skip_numbers(unsigned count) {
    for (unsigned i = 0; i < count; ++i) number();
  }
  // Level, number, [path,] size, smallest and largest key, [sequence numbers,] [more].
  std::pair<std::uint64_t, std::uint64_t> new_table(std::uint32_t tag) {
    number();
    const std::uint64_t name = number();
    if (tag == new_file_3) number();
    const std::uint64_t size_bytes = number();
    bytes();
    bytes();
    if (tag != new_file) skip_numbers(2);
    if (tag == new_file_4)
      while (number() != end_of_custom_fields) bytes();
    return {name, size_bytes};
  }
  [[noreturn]] void refuse(std::string_view why, Errc code = Errc::corrupt) const {
    throw Error(
        code, fmt::format("the edit at byte {} of the MANIFEST cannot be read: {}", offset_, why));
  }

 private:
  ByteView rest_;
  std::uint64_t offset_;
};

void apply_edit(EditReader edit, RocksManifest& manifest) {
  std::uint32_t family = 0;
  std::optional<std::string> added;
  bool dropped = false;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> tables;
  while (!edit.at_end()) {
    const auto tag = static_cast<std::uint32_t>(edit.number());
    switch (tag) {
      case comparator:
        edit.bytes();
        break;
      case log_number:
        manifest.log_number = std::max(manifest.log_number, edit.number());
        break;
      case next_file_number:
      case prev_log_number:
      case min_log_number:
      case max_column_family:
      case in_atomic_group:
        edit.number();
        break;
      case last_sequence:
        manifest.last_sequence = edit.number();
        break;
      case compact_cursor:
        edit.number();
        edit.bytes();
        break;
      case deleted_file:
        edit.number();
        manifest.tables.erase(edit.number());
        break;
      case new_file:
      case new_file_2:
      case new_file_3:
      case new_file_4:
        tables.push_back(edit.new_table(tag));
        break;
      case column_family:
        family = static_cast<std::uint32_t>(edit.number());
        break;
      case column_family_add:
        added = std::string(as_text(edit.bytes()));
        if (added->size() > rocks_family_name_bytes_max) edit.refuse("a name is too long");
        break;
      case column_family_drop:
        dropped = true;
        break;
      default:
        if ((tag & skippable_bit) == 0)
          edit.refuse(fmt::format("it has the unknown tag {}", tag), Errc::unsupported);
        edit.bytes();
    }
  }
  if (added) manifest.column_families[family] = std::move(*added);
  for (const auto& [number, size_bytes] : tables) manifest.tables[number] = {family, size_bytes};
  if (manifest.tables.size() > rocks_tables_max ||
      manifest.column_families.size() > rocks_families_max)
    edit.refuse("there are more tables or column families than any server has");
  if (!dropped) return;
  manifest.column_families.erase(family);
  std::erase_if(manifest.tables, [&](const auto& one) { return one.second.family == family; });
}

// A record of a MANIFEST or a log; views are valid until the next block.
struct Record {
  std::uint8_t type;
  ByteView content;
  std::uint64_t offset;
};

// Records in order, block by block: none spans two.
class RecordReader {
 public:
  // `name` is what errors call it.
  RecordReader(ByteSource& file, std::string_view name) : file_(file), name_(name) {}

  // The next whole record; nothing where none stands: at the end, or at what is torn. One that is
  // whole and has another checksum is damaged.
  std::optional<Record> next() {
    // What is too short for a header is filled up with zeros.
    if (filled_ == block_bytes && block_bytes - at_ < record_header_bytes) at_ = filled_;
    if (at_ == filled_) fill();
    if (filled_ - at_ < record_header_bytes) return std::nullopt;
    const ByteView block = ByteView(block_).first(filled_).subspan(at_);
    const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(block[i]); };
    const std::size_t length = byte(4) | byte(5) << 8U;
    if (block.size() - record_header_bytes < length) return std::nullopt;
    const std::uint32_t stored = load_le32(block.data());
    if (byte(6) == zero && length == 0 && stored == 0) return std::nullopt;  // never written
    if (masked_crc(crc32c(block.subspan(6, 1 + length))) != stored)
      throw Error(Errc::corrupt,
                  fmt::format("the record at byte {} of {} is damaged", offset(), name_));
    const Record record{static_cast<std::uint8_t>(byte(6)),
                        block.subspan(record_header_bytes, length), offset()};
    at_ += record_header_bytes + length;
    return record;
  }
  [[nodiscard]] std::uint64_t offset() const noexcept { return begin_ + at_; }
  // After next() returned nothing: whether there are no more bytes.
  [[nodiscard]] bool at_end() const noexcept { return at_ == filled_; }
  // After that: whether anything but zeros is left of the block.
  [[nodiscard]] bool anything_left() const {
    const ByteView left = ByteView(block_).first(filled_).subspan(at_);
    return std::any_of(left.begin(), left.end(), [](std::byte b) { return b != std::byte{0}; });
  }
  // After that: whether a whole record stands behind, in the block or at the front of another.
  bool any_record_behind() {
    for (std::size_t at = at_ + 1; at < filled_; ++at)
      if (is_whole_at(at)) return true;
    for (std::uint64_t seen = 0; filled_ > 0 && seen < behind_bytes_max; seen += block_bytes) {
      fill();
      if (is_whole_at(0)) return true;
    }
    return false;
  }

 private:
  [[nodiscard]] bool is_whole_at(std::size_t at) const {
    const ByteView block = ByteView(block_).first(filled_).subspan(at);
    if (block.size() <= record_header_bytes) return false;
    const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(block[i]); };
    const std::size_t length = byte(4) | byte(5) << 8U;
    return byte(6) >= full && byte(6) <= last && length > 0 &&
           length <= block.size() - record_header_bytes &&
           masked_crc(crc32c(block.subspan(6, 1 + length))) == load_le32(block.data());
  }
  void fill() {
    begin_ += filled_;
    at_ = filled_ = 0;
    while (filled_ < block_bytes) {
      const std::size_t count = file_.read(std::span(block_).subspan(filled_));
      if (count == 0) break;
      filled_ += count;
    }
  }

  ByteSource& file_;
  std::string_view name_;
  Bytes block_ = Bytes(block_bytes);
  std::uint64_t begin_ = 0;  // of the block
  std::size_t filled_ = 0, at_ = 0;
};

}  // namespace

std::uint32_t crc32c(ByteView bytes) noexcept {
  static constexpr auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < made.size(); ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit)
        value = (value >> 1U) ^ ((value & 1U) != 0 ? 0x82f63b78U : 0U);
      made[i] = value;
    }
    return made;
  }();
  std::uint32_t crc = ~0U;
  for (const std::byte byte : bytes)
    crc = (crc >> 8U) ^ table[(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xffU];
  return ~crc;
}

RocksManifest parse_rocks_manifest(ByteSource& file) {
  RocksManifest manifest;
  manifest.column_families[0] = "default";
  RecordReader reader(file, "the MANIFEST");
  Bytes edit;
  bool within = false;
  std::uint64_t begin = 0;
  while (const auto record = reader.next()) {
    const bool begins = record->type == full || record->type == first;
    if (record->type < full || record->type > last || begins == within)
      throw Error(Errc::corrupt, fmt::format("the record at byte {} of the MANIFEST is of type {}",
                                             record->offset, record->type));
    if (begins) {
      edit.clear();
      begin = record->offset;
    }
    if (edit.size() + record->content.size() > edit_bytes_max)
      throw Error(Errc::corrupt, fmt::format("the edit at byte {} of the MANIFEST has more than {} "
                                             "bytes",
                                             begin, edit_bytes_max));
    append(edit, record->content);
    within = record->type == first || record->type == middle;
    if (within) continue;
    apply_edit(EditReader(edit, begin), manifest);
    manifest.whole_bytes = reader.offset();
  }
  if (manifest.whole_bytes == 0)
    throw Error(Errc::corrupt, "the MANIFEST does not begin with a whole record");
  manifest.torn = manifest.whole_bytes < reader.offset() || !reader.at_end();
  const std::uint64_t torn_at = reader.offset();
  if (manifest.torn && reader.any_record_behind())
    throw Error(Errc::corrupt,
                fmt::format("the record at byte {} of the MANIFEST is damaged", torn_at));
  return manifest;
}

RocksLogEnd check_rocks_log(ByteSource& file, std::string_view name) {
  RecordReader reader(file, name);
  RocksLogEnd end;
  bool within = false;
  // What a machine had written of its last record when it lost its power may be of full length.
  const auto next = [&]() -> std::optional<Record> {
    try {
      return reader.next();
    } catch (const Error& error) {
      if (error.code() != Errc::corrupt || reader.any_record_behind()) throw;
      end.torn = true;
      return std::nullopt;
    }
  };
  while (const auto record = next()) {
    const bool begins = record->type == full || record->type == first;
    if (record->type > last || begins == within)
      throw Error(Errc::corrupt, fmt::format("the record at byte {} of {} is of type {}",
                                             record->offset, name, record->type));
    within = record->type == first || record->type == middle;
    if (!within) end.whole_bytes = reader.offset();
  }
  if (end.torn) return end;
  end.torn = within || reader.anything_left();
  end.followed = reader.any_record_behind();
  return end;
}

std::vector<RocksLogFile> rocks_logs(const std::filesystem::path& directory) {
  namespace fs = std::filesystem;
  std::vector<RocksLogFile> logs;
  std::error_code failure;
  fs::directory_iterator entries(directory, failure);
  for (; !failure && entries != fs::directory_iterator(); entries.increment(failure)) {
    if (entries->path().extension() != ".log") continue;
    const std::string stem = entries->path().stem().native();
    RocksLogFile log{0, entries->path(), 0};
    const auto [end, wrong] = std::from_chars(stem.data(), stem.data() + stem.size(), log.number);
    if (wrong != std::errc{} || end != stem.data() + stem.size()) continue;
    std::error_code gone;
    const std::uintmax_t size_bytes = entries->file_size(gone);
    if (!gone) log.size_bytes = size_bytes;
    logs.push_back(std::move(log));
  }
  if (failure) throw system_error(failure.value(), fmt::format("listing {}", directory.native()));
  std::sort(logs.begin(), logs.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return logs;
}

std::string parse_rocks_current(std::string_view content) {
  constexpr std::string_view prefix = "MANIFEST-";
  const std::string_view name = content.substr(0, content.find('\n'));
  const bool digits = name.size() > prefix.size() && name.size() < 32 && name.starts_with(prefix) &&
                      std::all_of(name.begin() + prefix.size(), name.end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || content.size() != name.size() + 1)
    throw Error(Errc::corrupt, "the file CURRENT names no MANIFEST");
  return std::string(name);
}

}  // namespace holdfast::engine::typedb
