// SPDX-License-Identifier: Apache-2.0
// The files of a Derby database that can be understood without Derby: its properties, the control
// file of its log, the headers of its containers and the checksums of their pages. Pure functions;
// hostile bytes are nothing, never undefined behaviour.
//
// Sources: apache/derby (trunk of 2020), below java/org.apache.derby.engine/org/apache/derby/:
// impl/store/raw/log/LogToFile.java ("Format of log control file", "Format of the log file",
// readControlFile), impl/store/raw/log/LogCounter.java, impl/store/raw/data/FileContainer.java
// (container header), StoredPage.java and AllocPage.java (page layout), RAFContainer.java,
// iapi/services/io/StoredFormatIds.java. Tried with files of Derby 10.14.2.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::engine::derby {

// CRC-32 as of zlib, Ethernet and java.util.zip; `before` continues one.
[[nodiscard]] std::uint32_t crc32(ByteView bytes, std::uint32_t before = 0) noexcept;

// A Java properties file as java.util.Properties writes it: comments, `key=value`, backslash
// escapes, lines that go on. Source: Javadoc of java.util.Properties.load. Nothing for a line
// without an end of its escape; a name twice means the last.
using Properties = std::map<std::string, std::string>;
[[nodiscard]] std::optional<Properties> parse_properties(std::string_view text);
// Whether these are of a database: the protocol that Derby looks for when it opens one.
[[nodiscard]] bool names_database(const Properties& properties);
[[nodiscard]] bool is_encrypted(const Properties& properties);

// log/log.ctrl, and its mirror, which is written after it.
struct LogControl {
  std::uint64_t checkpoint_file = 0;      // 0: no checkpoint was taken yet
  std::uint64_t checkpoint_position = 0;  // of the last checkpoint's record in that file
  std::uint32_t major = 0, minor = 0;     // of the engine that it is for
  bool beta = false;
  bool not_synced = false;  // it ran once with derby.system.durability=test
};
// Nothing if its checksum is wrong or it is no control file; both are the same to Derby.
[[nodiscard]] std::optional<LogControl> parse_log_control(ByteView bytes);

// The front of log/logN.dat.
inline constexpr std::size_t log_header_bytes = 24;
struct LogHeader {
  std::uint64_t number = 0;
};
[[nodiscard]] std::optional<LogHeader> parse_log_header(ByteView bytes);
// How many records stand at the front of a piece of a log file, up to `records_max`; nothing if
// there is none, or one that the piece does not hold whole. `instant`: what the first must say it
// is, its file's number in the upper half, its position in the lower.
[[nodiscard]] std::optional<unsigned> count_records(ByteView log, std::uint64_t instant,
                                                    unsigned records_max);

// What the first page of a container (seg0/cN.dat) says of it.
inline constexpr std::size_t container_front_bytes = 189;
struct Container {
  std::uint32_t page_bytes = 0;  // 1024..262144, a power of two
  bool dropped = false;
};
// Nothing if it is no container, or the checksum of its header is wrong.
[[nodiscard]] std::optional<Container> parse_container(ByteView front);

// Whether the checksum at the end of a page is right. `first`: it is the container's first, in
// which the container's header is not summed up. Pages that were reserved and never written are
// all zero, and good. Of an encrypted database nothing can be said.
[[nodiscard]] bool is_good_page(ByteView page, bool first) noexcept;

}  // namespace holdfast::engine::derby
