// SPDX-License-Identifier: Apache-2.0
// Which release of TypeDB can take what another one has made: its directory, or its export.
//
// Sources: typedb/typedb, constant ENCODING_VERSION of every 2.x tag; storage/record.rs and
// storage/storage.rs of 3.0.0 to 3.12.3 (3.x marks its directories with no version: a record of
// type 2 is what 3.10.4 and older pass over in silence); migrator/ of 2.0.0 to 2.29.1 and
// server/service/migration/ of 3.4.0 and later; pull request 6397 (ids of 2.0.0 to 2.2.0).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::engine::typedb {

// What a directory is written in.
enum class Encoding : std::uint8_t { v2_0, v2_1, v2_2, v3_a, v3_b };
[[nodiscard]] std::string_view encoding_name(Encoding encoding) noexcept;  // "2.x/0"
// "2.0.0 to 2.5.0": the releases that write it.
[[nodiscard]] std::string_view encoding_releases(Encoding encoding) noexcept;
// "3.0.0 and later": those that open it.
[[nodiscard]] std::string opened_by(Encoding encoding);

// Releases that are alike in what they read and write.
struct ReleaseRange {
  std::string_view first, last;  // last: as far as is known; empty: it goes on
  Encoding encoding;
  bool exports = true;       // a data file can be had of it
  bool imports = true;       // it takes one
  bool lossy_ids = false;    // its exports give different things the same id
  bool with_schema = false;  // export and import have schema and data together
};
inline constexpr std::array<ReleaseRange, 8> release_ranges{{
    {"2.0.0", "2.2.0", Encoding::v2_0, true, true, true, false},
    {"2.3.0", "2.5.0", Encoding::v2_0, true, true, false, false},
    {"2.6.0", "2.7.1", Encoding::v2_1, true, true, false, false},
    {"2.8.0", "2.18.0", Encoding::v2_2, true, true, false, false},
    {"2.19.0", "2.29.1", Encoding::v2_2, true, true, false, true},
    {"3.0.0", "3.3.0", Encoding::v3_a, false, false, false, false},
    {"3.4.0", "3.10.4", Encoding::v3_a, true, true, false, true},
    {"3.11.0", "", Encoding::v3_b, true, true, false, true},
}};
// "2.0.0 to 2.2.0", "3.11.0 and later".
[[nodiscard]] std::string display(const ReleaseRange& range);

// The range of a release, by its place in the list: "2.18.0", "3.11.0-rc1". Nothing for what is no
// release of these; one between two ranges belongs to the earlier.
[[nodiscard]] std::optional<std::size_t> range_of(std::string_view release) noexcept;

enum class Way : std::uint8_t { copy, exported };
enum class Verdict : std::uint8_t {
  compatible,      // as it is
  upgrade_needed,  // after one of the two servers was exchanged for another release
  impossible,      // never this way
};
struct Compatibility {
  Verdict verdict = Verdict::impossible;
  std::string why;   // a sentence; empty if compatible
  std::string mend;  // a sentence that names releases; empty if compatible
};
// Whether what a server of range `from` has can be brought to one of range `to`. Places in
// release_ranges.
[[nodiscard]] Compatibility compare(std::size_t from, std::size_t to, Way way);
// Whether a server of range `to` opens a directory of that encoding.
[[nodiscard]] Compatibility compare(Encoding directory, std::size_t to);

}  // namespace holdfast::engine::typedb
