// SPDX-License-Identifier: Apache-2.0
// The write-ahead log of a TypeDB 3 database: the whole truth of it, as no release removes any of
// it.
//
// A segment is a file `wal-<25 digits>`, named after the sequence number of its first record. A
// record is 8 bytes of sequence number, 8 bytes of payload length, both big-endian, a type and an
// LZ4 frame; none of its header has a checksum. Commits count up by one; whatever else is written
// has the number of the commit before it.
//
// Source: typedb/typedb, durability/wal.rs (sequenced_write, unsequenced_write, write_header,
// trim_corrupted_tail_if_needed), storage/record.rs, concept/thing/statistics.rs of 3.0.0, 3.4.1,
// 3.10.4, 3.12.3.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "engine/typedb/item.h"
#include "model/part.h"

namespace holdfast::engine::typedb {

inline constexpr std::size_t wal_header_bytes = 17;

enum WalType : std::uint8_t {
  wal_commit_old = 0,  // of 3.0.0 to 3.10.4; newer ones still read it
  wal_status = 1,
  wal_commit = 2,  // of 3.11.0 and later
  wal_statistics = 10,
};
[[nodiscard]] constexpr bool is_commit(std::uint8_t type) noexcept {
  return type == wal_commit_old || type == wal_commit;
}
[[nodiscard]] constexpr bool is_known_wal_type(std::uint8_t type) noexcept {
  return is_commit(type) || type == wal_status || type == wal_statistics;
}

// The number in a segment's name; nothing for another name.
[[nodiscard]] std::optional<std::uint64_t> segment_number(std::string_view name) noexcept;
[[nodiscard]] std::string segment_name(std::uint64_t number);

struct WalRecord {
  std::uint64_t offset = 0;  // in the segment, of its header
  std::uint64_t sequence = 0;
  std::uint64_t payload_bytes = 0;
  std::uint8_t type = 0;
};

// What stands where a record should, and is none that is whole.
struct WalEnd {
  enum class Why : std::uint8_t {
    short_header,
    short_payload,  // it says it is longer than the file
    empty_payload,
    bad_payload,  // its LZ4 frame is damaged, or holds nothing
  };
  Why why = Why::short_header;
  std::uint64_t offset = 0;    // up to here the segment is whole
  std::uint64_t end = 0;       // how many bytes there are
  std::uint64_t sequence = 0;  // what its header says, unless that is short
  std::uint64_t payload_bytes = 0;
  // Whether it may be the rest of a write that was broken off: no record follows it.
  bool at_tail = true;
};
[[nodiscard]] std::string display(const WalEnd& end);

// The records of one segment in order. Reads headers, and payloads if these are to be looked at.
class SegmentReader {
 public:
  // The segment outlives it.
  SegmentReader(model::RandomSource& segment, bool with_payloads)
      : segment_(segment), with_payloads_(with_payloads) {}
  // The next whole record; nothing at the end, of which end() says whether it is one.
  [[nodiscard]] std::optional<WalRecord> next();
  [[nodiscard]] const std::optional<WalEnd>& end() const noexcept { return end_; }

 private:
  [[nodiscard]] std::optional<WalRecord> header_at(std::uint64_t offset);
  [[nodiscard]] bool is_whole_payload(const WalRecord& record);
  [[nodiscard]] bool any_record_behind(std::uint64_t offset);
  void end_at(WalEnd::Why why, const WalRecord& record);

  model::RandomSource& segment_;
  bool with_payloads_;
  std::uint64_t offset_ = 0;
  std::optional<WalEnd> end_;
  Bytes unpacked_;  // what is only counted
};

// Whether the next record may have this number. `last`: of the newest commit so far; nothing before
// the first record.
[[nodiscard]] bool follows(const std::optional<std::uint64_t>& last,
                           const WalRecord& record) noexcept;

// What a server counted: it writes that into its log now and then.
struct WalStatistics {
  std::uint64_t as_of = 0;  // the newest commit that is counted
  ThingCounts things;
};
// `payload`: unpacked, at least its first wal_statistics_bytes. Nothing for a form that is unknown.
//
// Source: concept/thing/statistics.rs of 3.0.0 to 3.12.3 (fields in this order, by bincode with
// numbers of 8 bytes, little-endian): version 0, as_of, one that is passed over, everything, all
// things, entities, relations, attributes, role players, ownerships.
inline constexpr std::size_t wal_statistics_bytes = 80;
[[nodiscard]] std::optional<WalStatistics> parse_wal_statistics(ByteView payload) noexcept;

// A whole log, as it was found.
struct WalSummary {
  std::uint64_t segments = 0, records = 0, size_bytes = 0;
  std::array<std::uint64_t, 256> records_of_type{};
  std::optional<std::uint64_t> first_sequence, last_sequence;
  // The newest segment ends in a record that was not written to its end, which servers from 3.4.1
  // on cut off. Offsets are of that segment.
  std::optional<WalEnd> torn;
  std::filesystem::path newest;             // the newest segment
  std::optional<WalStatistics> statistics;  // the newest that can be read
  // What is damaged or missing, each a sentence with the file and the byte.
  std::vector<std::string> damage;

  [[nodiscard]] bool has_new_commits() const noexcept { return records_of_type[wal_commit] > 0; }
};
inline constexpr std::size_t wal_damage_max = 10;  // no more are told
// How far a log is looked at: to `bytes` of the segment of that number.
struct WalLimit {
  std::uint64_t segment = 0, bytes = 0;
};
// Reads `directory`, "<database>/wal", as far as `limit` if there is one. With payloads every LZ4
// frame is unpacked, else only headers are read. A segment that cannot be read is damage. Errors
// only if `directory` cannot be listed, and Errc::cancelled soon after a stop request.
[[nodiscard]] WalSummary examine_wal(const std::filesystem::path& directory, bool with_payloads,
                                     const std::stop_token& stop,
                                     const std::optional<WalLimit>& limit = {});

struct WalSegment {
  std::uint64_t number = 0;
  std::filesystem::path path;
};
// The segments of a log in order. `others`, if given, gets what has a segment's prefix and is none.
[[nodiscard]] std::vector<WalSegment> list_segments(
    const std::filesystem::path& directory, std::vector<std::filesystem::path>* others = nullptr);

}  // namespace holdfast::engine::typedb
