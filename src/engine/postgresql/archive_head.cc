// SPDX-License-Identifier: Apache-2.0
// Header and table of contents of pg_dump's archives.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"
#include "base/hash.h"
#include "engine/postgresql/archive_file.h"

namespace holdfast::engine::postgresql {
namespace {

constexpr std::string_view magic = "PGDMP";
constexpr unsigned minor_min = 10, minor_max = 16;
// Names are at most 63 bytes by default; a COPY statement names up to 1600 columns.
constexpr std::uint64_t kept_text_bytes_max = 1U << 20U;
constexpr std::uint64_t text_bytes_max = 1U << 30U;

class HeadReader {
 public:
  HeadReader(ByteSource& source, std::uint64_t memory_bytes_max)
      : source_(source), memory_bytes_max_(memory_bytes_max), buffer_(64U << 10U) {}

  ArchiveHead read() {
    read_header();
    read_entries();
    head_.size_bytes = position_;
    return std::move(head_);
  }

 private:
  [[noreturn]] void damaged(std::string_view what) const {
    throw Error(Errc::corrupt,
                fmt::format("the archive's {} at byte {}: {}", place_, position_, what));
  }

  std::uint8_t byte() {
    if (at_ == filled_) {
      at_ = 0;
      filled_ = source_.read(buffer_);
      if (filled_ == 0) damaged("the file ends here");
    }
    ++position_;
    return std::to_integer<std::uint8_t>(buffer_[at_++]);
  }

  std::int64_t integer() {
    const bool negative = byte() != 0;
    std::uint64_t value = 0;
    for (unsigned i = 0; i < head_.integer_bytes; ++i) {
      const std::uint64_t digit = byte();
      if (i < 8) {
        value |= digit << (8 * i);
      } else if (digit != 0) {
        damaged("a number is out of range");
      }
    }
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max()))
      damaged("a number is out of range");
    return negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
  }

  // A text piece by piece; false if there is none, which is not the empty text.
  template <typename Take>
  bool text_to(Take take) {
    const std::int64_t length = integer();
    if (length < 0) return false;
    if (static_cast<std::uint64_t>(length) > text_bytes_max) damaged("a text is impossibly long");
    auto left = static_cast<std::uint64_t>(length);
    while (left > 0) {
      std::array<std::byte, 1> one{std::byte{byte()}};
      take(ByteView(one));
      --left;
      const auto more = static_cast<std::size_t>(std::min<std::uint64_t>(left, filled_ - at_));
      take(ByteView(buffer_).subspan(at_, more));
      at_ += more;
      position_ += more;
      left -= more;
    }
    return true;
  }

  std::optional<std::string> text() {
    std::string result;
    const bool is_there = text_to([&](ByteView piece) {
      if (result.size() + piece.size() > kept_text_bytes_max) damaged("a text is impossibly long");
      result += as_text(piece);
    });
    if (!is_there) return std::nullopt;
    return result;
  }

  void read_header() {
    for (const char expected : magic) {
      if (byte() != static_cast<std::uint8_t>(expected)) damaged("it does not begin with PGDMP");
    }
    head_.major = byte();
    head_.minor = byte();
    if (head_.major != 1 || head_.minor < minor_min || head_.minor > minor_max) {
      throw Error(Errc::unsupported,
                  fmt::format("archives of version {}.{} are not known (1.{} to 1.{} are)",
                              head_.major, head_.minor, minor_min, minor_max));
    }
    head_.revision = byte();
    head_.integer_bytes = byte();
    head_.offset_bytes = byte();
    if (head_.integer_bytes == 0 || head_.integer_bytes > 32) damaged("its integers have no size");
    if (head_.offset_bytes == 0 || head_.offset_bytes > 32) damaged("its offsets have no size");
    switch (byte()) {
      case 1:
        head_.format = ArchiveFormat::custom;
        break;
      case 3:
        head_.format = ArchiveFormat::tar;
        break;
      case 5:
        head_.format = ArchiveFormat::directory;
        break;
      default:
        damaged("it is of no known format");
    }
    read_compression();
    read_time();
    head_.database = text().value_or("");
    head_.server_version = text().value_or("");
    head_.dump_version = text().value_or("");
  }

  void read_compression() {
    if (!head_.at_least(15)) {
      head_.compression = integer() != 0 ? Compression::gzip : Compression::none;
      return;
    }
    const std::uint8_t algorithm = byte();
    if (algorithm > 3) damaged(fmt::format("compression {} is not known", algorithm));
    head_.compression = static_cast<Compression>(algorithm);
  }

  void read_time() {
    std::array<std::int64_t, 7> parts{};
    for (std::int64_t& part : parts) part = integer();
    const auto [second, minute, hour, day, month, year, summer] = parts;
    static_cast<void>(summer);
    const bool sound = second >= 0 && second <= 61 && minute >= 0 && minute < 60 && hour >= 0 &&
                       hour < 24 && day >= 1 && day <= 31 && month >= 0 && month < 12 &&
                       year > -1900 && year < 8100;
    if (!sound) damaged("it was made at an impossible time");
    head_.created = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", year + 1900, month + 1, day,
                                hour, minute, second);
  }

  void read_entries() {
    place_ = "table of contents";
    const std::int64_t count = integer();
    if (count < 0) damaged("it has an impossible number of entries");
    head_.entries_expected = static_cast<std::uint64_t>(count);
    for (std::int64_t i = 0; i < count; ++i) {
      place_ = fmt::format("entry {} of {}", i + 1, count);
      read_entry();
    }
  }

  void read_entry() {
    ArchiveEntry entry;
    const std::int64_t id = integer();
    if (id <= 0) damaged("it has an impossible number");
    entry.dump_id = static_cast<std::int32_t>(id);
    entry.has_data = integer() != 0;
    static_cast<void>(text());  // of its catalog
    static_cast<void>(text());  // of itself there
    entry.tag = text().value_or("");
    entry.description = text().value_or("");
    static_cast<void>(integer());  // pre-data, data or post-data
    read_definition(entry);
    static_cast<void>(text_to([](ByteView) {}));  // how it is dropped
    entry.copy_statement = text().value_or("");
    entry.schema = text().value_or("");
    static_cast<void>(text());                             // tablespace
    if (head_.at_least(14)) static_cast<void>(text());     // table access method
    if (head_.at_least(16)) static_cast<void>(integer());  // kind of relation
    entry.owner = text().value_or("");
    static_cast<void>(text());  // with oids
    while (text()) {            // what it depends on
    }
    if (head_.format == ArchiveFormat::custom) {
      read_offset(entry);
    } else {
      entry.file = text().value_or("");
    }
    // A short entry in the file is a long one here; a hostile table of contents has millions.
    memory_bytes_ += sizeof(entry) + entry.tag.capacity() + entry.description.capacity() +
                     entry.copy_statement.capacity() + entry.schema.capacity() +
                     entry.owner.capacity() + entry.definition_sha256.capacity() +
                     entry.file.capacity();
    if (memory_bytes_ > memory_bytes_max_) {
      throw Error(Errc::unsupported,
                  fmt::format("the archive's {} at byte {}: its table of contents takes more than "
                              "{} bytes of memory",
                              place_, position_, memory_bytes_max_));
    }
    head_.entries.push_back(std::move(entry));
  }

  void read_definition(ArchiveEntry& entry) {
    Sha256 hash;
    std::string kept;
    const bool is_encoding = entry.description == "ENCODING";
    static_cast<void>(text_to([&](ByteView piece) {
      hash.update(piece);
      entry.definition_bytes += piece.size();
      if (is_encoding && kept.size() < 256) kept += as_text(piece);
    }));
    entry.definition_sha256 = to_hex(hash.finish());
    if (!is_encoding) return;  // SET client_encoding = 'UTF8';
    const std::size_t from = kept.find('\'');
    const std::size_t to = kept.find('\'', from == std::string::npos ? from : from + 1);
    if (from != std::string::npos && to != std::string::npos)
      head_.encoding = kept.substr(from + 1, to - from - 1);
  }

  void read_offset(ArchiveEntry& entry) {
    const std::uint8_t state = byte();
    std::uint64_t offset = 0;
    for (unsigned i = 0; i < head_.offset_bytes; ++i) {
      const std::uint64_t digit = byte();
      if (i < 8) {
        offset |= digit << (8 * i);
      } else if (digit != 0) {
        damaged("an offset is out of range");
      }
    }
    constexpr std::uint8_t not_set = 1, set = 2, none = 3;
    if (state == set) {
      entry.offset = offset;
    } else if (state == none) {
      entry.no_data = true;
    } else if (state != not_set) {
      damaged("an offset is of no known state");
    }
  }

  ByteSource& source_;
  std::uint64_t memory_bytes_max_, memory_bytes_ = 0;
  Bytes buffer_;
  std::size_t at_ = 0, filled_ = 0;
  std::uint64_t position_ = 0;
  std::string place_ = "header";
  ArchiveHead head_;
};

}  // namespace

std::string_view archive_format_name(ArchiveFormat format) noexcept {
  switch (format) {
    case ArchiveFormat::custom:
      return "custom";
    case ArchiveFormat::directory:
      return "directory";
    case ArchiveFormat::tar:
      return "tar";
  }
  return "";
}

bool is_archive(ByteView front) noexcept {
  return as_text(front).starts_with(magic);
}

ArchiveHead read_archive_head(ByteSource& source, std::uint64_t memory_bytes_max) {
  return HeadReader(source, memory_bytes_max).read();
}

}  // namespace holdfast::engine::postgresql
