// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/cut_wal.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/stored_file.h"
#include "engine/typedb/wal.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

struct End {
  std::uint64_t bytes = 0;  // of the segment, that stay
  std::optional<std::uint64_t> sequence;
};

// Where the records up to `last` end. Damage is what does not stand at the end of all.
End end_of(const WalSegment& segment, const std::optional<std::uint64_t>& last, bool newest) {
  const std::stop_token never;
  StoredFile file(segment.path, never);
  SegmentReader reader(file, true);
  End end;
  while (const auto record = reader.next()) {
    if (last && record->sequence > *last) return end;
    end.sequence = record->sequence;
    end.bytes = record->offset + wal_header_bytes + record->payload_bytes;
  }
  if (reader.end() && !(newest && reader.end()->at_tail))
    throw Error(Errc::corrupt,
                fmt::format("{}: {}", segment.path.native(), display(*reader.end())));
  return end;
}

}  // namespace

WalCut cut_wal(const fs::path& directory, std::optional<std::uint64_t> last) {
  std::vector<WalSegment> segments = list_segments(directory);
  WalCut cut;
  const auto newest = segments.empty() ? 0 : segments.back().number;
  std::optional<std::uint64_t> reached;
  while (!segments.empty()) {
    const WalSegment& segment = segments.back();
    const std::uint64_t size_bytes = fs::file_size(segment.path);
    const End end =
        last && segment.number > *last ? End{} : end_of(segment, last, segment.number == newest);
    cut.bytes += size_bytes - end.bytes;
    if (end.bytes > 0) {
      if (end.bytes < size_bytes) fs::resize_file(segment.path, end.bytes);
      reached = end.sequence;
      break;
    }
    fs::remove(segment.path);
    ++cut.segments;
    segments.pop_back();
  }
  if (last && reached != last)
    throw Error(Errc::not_found, fmt::format("{} has no record {}", directory.native(), *last))
        .set_hint(fmt::format("Its records end at {}.", reached.value_or(0)));
  return cut;
}

}  // namespace holdfast::engine::typedb
