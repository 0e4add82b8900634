// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/bak_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t filemark_unit_bytes = 512, filemark_units_max = 128;
constexpr std::uint16_t media_checksummed = 0x20;  // a CSUM stream follows
constexpr std::uint32_t flag_checksums = 16;
constexpr std::size_t wrong_pages_shown = 20;

bool is_zeros(ByteView bytes) noexcept {
  return bytes.empty() || (bytes[0] == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

// What stands in an extent that is not in use may be anything. A page is one that says so in two of
// three ways: by its version and type, by its place, by its mark.
void PageCheck::page(const std::byte* page, std::uint64_t place) {
  constexpr unsigned mark_checksum = 0x200, mark_encrypted = 0x800;
  constexpr unsigned type_max = 20, pages_of_extent = 8;
  const std::uint32_t number = load_le32(page + 32);
  const std::uint16_t file = load_le16(page + 36), marks = load_le16(page + 4);
  const auto type = std::to_integer<unsigned>(page[1]);
  const bool is_first = in_stream_++ % pages_of_extent == 0;
  const bool has_form = page[0] == std::byte{1} && type > 0 && type <= type_max;
  const bool is_placed =
      is_first ? number % pages_of_extent == 0 && file != 0 && (file == file_ || number == 0)
               : number == next_page_ && file == file_;
  const bool is_marked = (marks & mark_checksum) != 0;
  const std::pair id(is_first ? file : file_, is_first ? number : next_page_);
  next_page_ = id.second + 1;
  if (has_form || is_placed) file_ = file;
  ++counts_.pages;
  if (is_zeros(ByteView(page, page_bytes))) {
    ++counts_.empty;
    return;
  }
  if (!is_marked || (!has_form && !is_placed)) {
    ++counts_.unmarked;
    return;
  }
  const bool is_encrypted = (marks & mark_encrypted) != 0;
  if (is_encrypted) ++counts_.encrypted;
  if (page_checksum(page) == load_le32(page + 60)) {
    ++counts_.right;
    if (is_encrypted) ++encrypted_right_;
    // What was changed while it was copied is copied again, in a later stream.
    const auto before = wrong_.find(id);
    if (before != wrong_.end() && before->second.stream < stream_) wrong_.erase(before);
  } else if (wrong_.size() < kept_max) {
    wrong_[id] = {place, stream_, is_encrypted};
  } else {
    ++wrong_beyond_;
  }
}

void PageCheck::finish() {
  // Where no page with that mark is right, the checksum may be of what it was before.
  if (encrypted_right_ == 0)
    std::erase_if(wrong_, [](const auto& one) { return one.second.is_encrypted; });
  counts_.wrong = wrong_.size() + wrong_beyond_;
  for (const auto& [id, wrong] : wrong_) {
    if (counts_.wrong_pages.size() == wrong_pages_shown) break;
    counts_.wrong_pages.push_back(
        fmt::format("page {}:{} at byte {}", id.first, id.second, wrong.place));
  }
  wrong_.clear();
}

bool BakWalk::stop(WalkEnd::Kind kind, std::string what) {
  end_ = {kind, input_.place(), std::move(what), {}};
  return false;
}

// There is less than there must be.
bool BakWalk::missing(std::string what) {
  if (const auto& trouble = input_.trouble()) {
    const bool is_cut = trouble->kind == Trouble::Kind::cut;
    end_ = {is_cut ? WalkEnd::Kind::cut : WalkEnd::Kind::packing, trouble->at, trouble->what,
            trouble->kind};
  } else {
    end_ = {WalkEnd::Kind::cut, report_.size_bytes, std::move(what), {}};
  }
  return false;
}

WalkEnd BakWalk::run() {
  while (block()) {
    report_.good_until = input_.is_compressed() ? input_.place() : input_.offset();
    report_.last_block = tag_text(block_);
  }
  if (pages_) pages_->finish();
  return end_;
}

bool BakWalk::block() {
  const bool may_end = !report_.sets.empty() && report_.sets.back().is_closed;
  const ByteView front = input_.ahead(block_head_bytes);
  const auto head = parse_block_head(front);
  if (!head) {
    if (input_.trouble()) return missing({});
    if (may_end && is_zeros(front)) return stop(WalkEnd::Kind::closed, {});
    if (front.size() < block_head_bytes) return missing("a block begins here");
    return stop(WalkEnd::Kind::damaged, "no block with a right checksum begins here");
  }
  if (input_.offset() == 0 && head->type != tag("TAPE"))
    return stop(WalkEnd::Kind::damaged, "it does not begin with block TAPE");
  block_ = head->type;
  if (head->type == tag("SFMB")) return filemark();
  if (head->streams_at < block_head_bytes)
    return stop(WalkEnd::Kind::damaged,
                fmt::format("block {} is shorter than its head", tag_text(block_)));
  const ByteView whole = input_.ahead(head->streams_at);
  if (whole.size() < head->streams_at) return missing("block " + tag_text(block_));
  if (!take(*head, whole)) return false;
  input_.drop(head->streams_at);
  return streams();
}

// All but a set's last two end what was not begun.
bool BakWalk::filemark() {
  const std::size_t units = report_.tape.filemark_units;
  if (units < 1 || units > filemark_units_max)
    return stop(WalkEnd::Kind::damaged,
                fmt::format("block TAPE tells filemarks of {} times 512 bytes", units));
  const std::size_t size_bytes = units * filemark_unit_bytes;
  if (input_.ahead(size_bytes).size() < size_bytes) return missing("a filemark");
  input_.drop(size_bytes);
  if (BakSet* const open = set(); open != nullptr) {
    if (open->has_data_end && open->end_block) {
      open->is_closed = true;
      if (pages_) pages_->finish();
      pages_.reset();
    }
    open->has_data_end = true;
  }
  return true;
}

bool BakWalk::take(const BlockHead& head, ByteView block) {
  const Tag type = head.type;
  if (type == tag("TAPE")) {
    if (input_.offset() != 0) return stop(WalkEnd::Kind::damaged, "a second block TAPE");
    report_.tape = parse_tape(block);
    return true;
  }
  if (type == tag("SSET")) {
    SetBlock found = parse_set(block);
    if (!may_tell(sizeof(BakSet) + found.name.size() + found.description.size() +
                  found.user.size()))
      return false;
    if (pages_) pages_->finish();
    BakSet& begun = report_.sets.emplace_back();
    begun.at = input_.place();
    begun.block = std::move(found);
    if (deep_) pages_.emplace(begun.pages);
    return true;
  }
  BakSet* const open = set();
  if (open == nullptr)
    return stop(WalkEnd::Kind::damaged, fmt::format("block {} is of no set", tag_text(type)));
  if (type == tag("VOLB")) {
    open->volume = parse_volume(block);
    const VolumeBlock& volume = open->volume;
    return may_tell(volume.device.size() + volume.volume.size() + volume.machine.size());
  }
  if (type == tag("MSCI")) open->begin.emplace();
  if (type == tag("MSLS")) open->end.emplace();
  if (type == tag("ESET")) open->end_block = parse_end(block);
  return true;
}

bool BakWalk::streams() {
  while (true) {
    const ByteView front = input_.ahead(block_head_bytes);
    if (front.size() < stream_head_bytes)
      return missing(fmt::format("a stream of block {}", tag_text(block_)));
    const auto head = parse_stream_head(front);
    // A block may have none.
    if (!head && parse_block_head(front)) return true;
    if (!head)
      return stop(
          WalkEnd::Kind::damaged,
          fmt::format("no stream of block {} with a right checksum begins here", tag_text(block_)));
    input_.drop(stream_head_bytes);
    if (!stream(*head)) return false;
    if (head->type == tag("SPAD")) return true;
    const std::size_t padding = (4 - input_.offset() % 4) % 4;
    if (input_.skip(padding) < padding)
      return missing(fmt::format("a stream of block {}", tag_text(block_)));
  }
}

bool BakWalk::stream(const StreamHead& head) {
  if (!content(head)) {
    if (end_.kind == WalkEnd::Kind::cut && end_.what.empty())
      end_.what = fmt::format("stream {} of block {}", tag_text(head.type), tag_text(block_));
    return false;
  }
  return true;
}

bool BakWalk::content(const StreamHead& head) {
  BakSet* const open = set();
  if (head.type == tag("CSUM")) return checksum(head.size_bytes);
  if (open != nullptr && head.encryption != 0) open->is_encrypted = true;
  const bool has_checksums = open != nullptr && open->begin && open->begin->facts &&
                             (open->begin->facts->flags & flag_checksums) != 0;
  is_summed_ = deep_ && (has_checksums || (head.media & media_checksummed) != 0);
  xor_ = {};
  turning_ = {};
  constexpr std::uint64_t small_max = 4096;
  if (block_ == tag("TAPE") && head.type == tag("RAID") && head.size_bytes <= small_max) {
    const auto size_bytes = static_cast<std::size_t>(head.size_bytes);
    report_.media = parse_media_set(input_.ahead(size_bytes));
    return pass(size_bytes);
  }
  if (open == nullptr) return pass(head.size_bytes);
  if (head.type == tag("MQCI") && head.encryption == 0 && head.compression == 0) {
    if (block_ == tag("MSCI")) return configuration(head.size_bytes, *open->begin);
    if (block_ == tag("MSLS")) return configuration(head.size_bytes, *open->end);
  }
  if (head.type == tag("MQDA")) {
    open->data_bytes += head.size_bytes;
    if (deep_ && head.encryption == 0 && head.compression == 0) return data(head.size_bytes);
  }
  if (head.type == tag("MQTL")) open->log_bytes += head.size_bytes;
  return pass(head.size_bytes);
}

bool BakWalk::pass(std::uint64_t size_bytes) {
  if (!deep_) return input_.skip(size_bytes) == size_bytes || missing({});
  for (std::uint64_t left = size_bytes; left > 0;) {
    const ByteView all = input_.at_hand(1);
    if (all.empty()) return missing({});
    const ByteView piece =
        all.first(static_cast<std::size_t>(std::min<std::uint64_t>(left, all.size())));
    if (is_summed_) {
      xor_.add(piece);
      turning_.add(piece);
    }
    left -= piece.size();
    input_.drop(piece.size());
  }
  return true;
}

// In front of the pages stand as many bytes as bring them to a multiple of 512 in the file.
bool BakWalk::data(std::uint64_t size_bytes) {
  std::uint64_t left = size_bytes - size_bytes % page_bytes;
  if (!pass(size_bytes - left)) return false;
  pages_->begin_stream();
  while (left > 0) {
    const ByteView all = input_.at_hand(page_bytes);
    if (all.size() < page_bytes) return missing({});
    const auto count = static_cast<std::size_t>(
        std::min<std::uint64_t>(left / page_bytes, all.size() / page_bytes));
    const std::uint64_t place = input_.place();
    for (std::size_t i = 0; i < count; ++i)
      pages_->page(all.data() + i * page_bytes,
                   input_.is_compressed() ? place : place + i * page_bytes);
    if (is_summed_) {
      xor_.add(all.first(count * page_bytes));
      turning_.add(all.first(count * page_bytes));
    }
    left -= count * page_bytes;
    input_.drop(count * page_bytes);
  }
  return true;
}

// Of what goes before it. Which of two ways it is made in was not seen in a genuine file.
bool BakWalk::checksum(std::uint64_t size_bytes) {
  constexpr std::uint64_t checksum_bytes = 4;
  if (size_bytes != checksum_bytes || !is_summed_ || set() == nullptr) return pass(size_bytes);
  const ByteView told = input_.ahead(checksum_bytes);
  if (told.size() < checksum_bytes) return missing({});
  const std::uint32_t value = load_le32(told.data());
  const bool is_right = value == xor_.value() || value == turning_.value();
  ++(is_right ? set()->checksums_right : set()->checksums_wrong);
  input_.drop(checksum_bytes);
  return true;
}

// Records, each with its type and size in front.
bool BakWalk::configuration(std::uint64_t size_bytes, SetConfiguration& into) {
  constexpr std::size_t head_bytes = 8;
  std::uint64_t left = size_bytes;
  while (left >= head_bytes) {
    const ByteView front = input_.ahead(head_bytes);
    if (front.size() < head_bytes) return missing({});
    const std::size_t record_bytes = load_le32(front.data() + 4);
    if (record_bytes < head_bytes || record_bytes > left ||
        record_bytes > BakInput::ahead_bytes_max) {
      into.is_understood = false;
      break;
    }
    const ByteView bytes = input_.ahead(record_bytes);
    if (bytes.size() < record_bytes) return missing({});
    if (!record(bytes, into)) return false;
    input_.drop(record_bytes);
    left -= record_bytes;
  }
  return input_.skip(left) == left || missing({});
}

bool BakWalk::record(ByteView bytes, SetConfiguration& into) {
  const std::string_view type = as_text(bytes).substr(0, 4);
  if (type == "SCIN" && !into.facts) {
    into.facts = parse_set_facts(bytes);
    return !into.facts || may_tell(into.facts->database.size() + into.facts->server.size());
  }
  auto file = type == "SFIN" ? parse_database_file(bytes) : std::nullopt;
  if (!file) return true;
  if (!may_tell(sizeof(DatabaseFile) + file->logical_name.size() + file->physical_name.size()))
    return false;
  into.files.push_back(std::move(*file));
  return true;
}

bool BakWalk::may_tell(std::size_t bytes) {
  told_bytes_ += bytes;
  return told_bytes_ <= bak_told_bytes_max || stop(WalkEnd::Kind::too_many, {});
}

}  // namespace holdfast::engine::sqlserver
