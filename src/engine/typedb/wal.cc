// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/wal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <system_error>

#include "base/error.h"
#include "engine/decompress.h"
#include "engine/typedb/stored_file.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "wal-";
constexpr std::size_t number_digits = 25;
constexpr std::string_view frame_magic("\x04\x22\x4d\x18", 4);  // of LZ4
constexpr std::size_t unpack_bytes = 64U << 10U;

// A piece of a segment.
class PieceSource final : public ByteSource {
 public:
  PieceSource(model::RandomSource& segment, std::uint64_t at, std::uint64_t size_bytes)
      : segment_(segment), at_(at), left_(size_bytes) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
    if (count > 0) segment_.read_at(at_, into.first(count));
    at_ += count;
    left_ -= count;
    return count;
  }

 private:
  model::RandomSource& segment_;
  std::uint64_t at_, left_;
};

std::unique_ptr<ByteSource> unpack(model::RandomSource& segment, const WalRecord& record) {
  return decompress(std::make_unique<PieceSource>(segment, record.offset + wal_header_bytes,
                                                  record.payload_bytes),
                    Compression::lz4);
}

std::optional<WalStatistics> statistics_in(model::RandomSource& segment, const WalRecord& record) {
  std::array<std::byte, wal_statistics_bytes> front{};
  std::size_t filled = 0;
  try {
    const std::unique_ptr<ByteSource> plain = unpack(segment, record);
    while (filled < front.size()) {
      const std::size_t count = plain->read(std::span(front).subspan(filled));
      if (count == 0) break;
      filled += count;
    }
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
  }
  return parse_wal_statistics(ByteView(front).first(filled));
}

class Examination {
 public:
  Examination(bool with_payloads, const std::stop_token& stop)
      : with_payloads_(with_payloads), stop_(stop) {}

  WalSummary run(const fs::path& directory, const std::optional<WalLimit>& limit) {
    std::vector<fs::path> others;
    std::vector<WalSegment> segments = list_segments(directory, &others);
    for (const fs::path& other : others)
      damage(other, "it is no segment, and a server ends over its name");
    if (limit)
      std::erase_if(segments, [&](const WalSegment& one) { return one.number > limit->segment; });
    for (const WalSegment& segment : segments) {
      const bool newest = &segment == &segments.back();
      try {
        StoredFile file(segment.path, stop_);
        if (limit && newest) file.end_at(limit->bytes);
        read(segment, newest, file);
      } catch (const Error& error) {
        if (error.code() == Errc::cancelled) throw;
        damage(segment.path, error.message());
      }
    }
    if (!segments.empty()) summary_.newest = segments.back().path;
    return std::move(summary_);
  }

 private:
  void read(const WalSegment& segment, bool newest, StoredFile& file) {
    summary_.size_bytes += file.size_bytes();
    ++summary_.segments;
    SegmentReader reader(file, with_payloads_);
    bool first = true;
    std::optional<WalRecord> statistics;
    while (const auto record = reader.next()) {
      take(segment, *record, first);
      first = false;
      if (record->type == wal_statistics) statistics = record;
    }
    if (statistics)
      if (const auto told = statistics_in(file, *statistics)) summary_.statistics = told;
    if (first) check_name(segment);
    if (!reader.end()) return;
    if (newest && reader.end()->at_tail) {
      summary_.torn = reader.end();
    } else {
      damage(segment.path, display(*reader.end()));
    }
  }

  // Of one that holds no record: its name alone tells what was written before it.
  void check_name(const WalSegment& segment) {
    const std::uint64_t last = summary_.last_sequence.value_or(0);
    if (segment.number != last && segment.number != last + 1)
      damage(segment.path,
             fmt::format("it holds no record, and the log before it ends at number {}", last));
  }

  void take(const WalSegment& segment, const WalRecord& record, bool first) {
    ++summary_.records;
    ++summary_.records_of_type[record.type];
    if (first && record.sequence != segment.number)
      damage(segment.path, fmt::format("its first record has number {}", record.sequence));
    if (!follows(summary_.last_sequence, record))
      damage(segment.path, fmt::format("at byte {} number {} follows number {}", record.offset,
                                       record.sequence, summary_.last_sequence.value_or(0)));
    if (!summary_.first_sequence) summary_.first_sequence = record.sequence;
    summary_.last_sequence = record.sequence;
  }
  void damage(const fs::path& file, std::string_view what) {
    if (summary_.damage.size() < wal_damage_max)
      summary_.damage.push_back(fmt::format("{}: {}", file.filename().native(), what));
  }

  WalSummary summary_;
  bool with_payloads_;
  const std::stop_token& stop_;
};

}  // namespace

std::optional<std::uint64_t> segment_number(std::string_view name) noexcept {
  if (!name.starts_with(prefix) || name.size() != prefix.size() + number_digits)
    return std::nullopt;
  name.remove_prefix(prefix.size());
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (failure != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return number;
}

std::string segment_name(std::uint64_t number) {
  return fmt::format("{}{:0{}}", prefix, number, number_digits);
}

std::string display(const WalEnd& end) {
  const std::uint64_t left = end.end - end.offset;
  switch (end.why) {
    case WalEnd::Why::short_header:
      return fmt::format("at byte {} stand {} bytes, fewer than a record's header has", end.offset,
                         left);
    case WalEnd::Why::short_payload:
      return fmt::format("record {} at byte {} has {} of its {} bytes", end.sequence, end.offset,
                         left - wal_header_bytes, end.payload_bytes);
    case WalEnd::Why::empty_payload:
      return fmt::format("record {} at byte {} is empty", end.sequence, end.offset);
    case WalEnd::Why::bad_payload:
      return fmt::format("record {} at byte {} cannot be unpacked", end.sequence, end.offset);
  }
  return {};
}

// Nothing if no whole header stands there.
std::optional<WalRecord> SegmentReader::header_at(std::uint64_t offset) {
  if (segment_.size_bytes() - offset < wal_header_bytes) return std::nullopt;
  std::array<std::byte, wal_header_bytes> bytes{};
  segment_.read_at(offset, bytes);
  return WalRecord{offset, load_be64(bytes.data()), load_be64(bytes.data() + 8),
                   std::to_integer<std::uint8_t>(bytes[16])};
}

bool SegmentReader::is_whole_payload(const WalRecord& record) {
  try {
    const std::unique_ptr<ByteSource> plain = unpack(segment_, record);
    unpacked_.resize(unpack_bytes);
    std::uint64_t plain_bytes = 0;
    while (const std::size_t count = plain->read(unpacked_)) plain_bytes += count;
    return plain_bytes > 0;
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    return false;
  }
}

// Whether a header and the beginning of its frame stand anywhere from `offset` on.
bool SegmentReader::any_record_behind(std::uint64_t offset) {
  constexpr std::size_t needed = wal_header_bytes + frame_magic.size();
  const std::uint64_t size_bytes = segment_.size_bytes();
  Bytes buffer(unpack_bytes);
  for (; offset + needed <= size_bytes; offset += buffer.size() - needed + 1) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size_bytes - offset));
    segment_.read_at(offset, std::span(buffer).first(count));
    const std::string_view text = as_text(ByteView(buffer).first(count));
    for (std::size_t at = wal_header_bytes;; ++at) {
      at = text.find(frame_magic, at);
      if (at == std::string_view::npos) break;
      const auto record = header_at(offset + at - wal_header_bytes);
      if (record && is_known_wal_type(record->type) && record->payload_bytes > 0 &&
          record->payload_bytes <= size_bytes - record->offset - wal_header_bytes)
        return true;
    }
  }
  return false;
}

void SegmentReader::end_at(WalEnd::Why why, const WalRecord& record) {
  const std::uint64_t size_bytes = segment_.size_bytes();
  // A server cuts off all that follows. If another record is in that, this one was written to its
  // end as well. Its length may be what is damaged, so that the other may stand anywhere.
  end_ = WalEnd{why,
                offset_,
                size_bytes,
                record.sequence,
                record.payload_bytes,
                !any_record_behind(offset_ + 1)};
}

std::optional<WalRecord> SegmentReader::next() {
  if (end_ || offset_ == segment_.size_bytes()) return std::nullopt;
  const std::optional<WalRecord> record = header_at(offset_);
  if (!record) {
    end_at(WalEnd::Why::short_header, {});
    return std::nullopt;
  }
  const std::uint64_t room = segment_.size_bytes() - offset_ - wal_header_bytes;
  if (record->payload_bytes > room) {
    end_at(WalEnd::Why::short_payload, *record);
  } else if (record->payload_bytes == 0) {
    end_at(WalEnd::Why::empty_payload, *record);
  } else if (with_payloads_ && !is_whole_payload(*record)) {
    end_at(WalEnd::Why::bad_payload, *record);
  } else {
    offset_ += wal_header_bytes + record->payload_bytes;
    return record;
  }
  return std::nullopt;
}

bool follows(const std::optional<std::uint64_t>& last, const WalRecord& record) noexcept {
  if (!last) return true;
  const bool counts_up = record.sequence == *last + 1;
  const bool repeats = record.sequence == *last;
  if (!is_known_wal_type(record.type)) return counts_up || repeats;
  return is_commit(record.type) ? counts_up : repeats;
}

std::optional<WalStatistics> parse_wal_statistics(ByteView payload) noexcept {
  if (payload.size() < wal_statistics_bytes || load_le64(payload.data()) != 0) return std::nullopt;
  const auto number = [&](std::size_t place) { return load_le64(payload.data() + 8 * place); };
  const auto count = [&](std::size_t place) { return static_cast<std::int64_t>(number(place)); };
  WalStatistics told;
  told.as_of = number(1);
  told.things = {count(5), count(7), count(6), count(8), count(9)};
  return told;
}

std::vector<WalSegment> list_segments(const fs::path& directory, std::vector<fs::path>* others) {
  std::vector<WalSegment> segments;
  std::error_code failure;
  fs::directory_iterator entries(directory, failure);
  for (; !failure && entries != fs::directory_iterator(); entries.increment(failure)) {
    const std::string name = entries->path().filename().native();
    if (const auto number = segment_number(name)) {
      segments.push_back({*number, entries->path()});
    } else if (others != nullptr && name.starts_with(prefix)) {
      others->push_back(entries->path());
    }
  }
  if (failure) throw system_error(failure.value(), fmt::format("listing {}", directory.native()));
  std::sort(segments.begin(), segments.end(),
            [](const WalSegment& a, const WalSegment& b) { return a.number < b.number; });
  return segments;
}

WalSummary examine_wal(const fs::path& directory, bool with_payloads, const std::stop_token& stop,
                       const std::optional<WalLimit>& limit) {
  return Examination(with_payloads, stop).run(directory, limit);
}

}  // namespace holdfast::engine::typedb
