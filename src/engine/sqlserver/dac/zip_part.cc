// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/sqlserver/dac/zip.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t window_bytes = std::size_t{128} << 10U;

class Part : public ByteSource {
 public:
  Part(model::RandomSource& file, ZipPart part, std::stop_token stop)
      : file_(file), part_(std::move(part)), stop_(std::move(stop)), window_(window_bytes) {}

  [[nodiscard]] std::size_t read(std::span<std::byte> into) final {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    // zlib counts in 32 bits.
    const std::size_t count = unpack(into.first(std::min<std::size_t>(into.size(), 1U << 30U)));
    given_ += count;
    if (given_ > part_.size_bytes)
      refuse(
          fmt::format("it has more than the {} bytes that the directory says", part_.size_bytes));
    crc_ = ::crc32(crc_, reinterpret_cast<const Bytef*>(into.data()), static_cast<uInt>(count));
    if (count == 0 && !into.empty()) check_end();
    return count;
  }

 protected:
  // 0 at the end only.
  virtual std::size_t unpack(std::span<std::byte> into) = 0;

  // Of the packed bytes, what was not taken yet.
  [[nodiscard]] ByteView packed() {
    if (at_ == filled_) {
      const std::uint64_t left = part_.packed_bytes - read_;
      at_ = 0;
      filled_ = static_cast<std::size_t>(std::min<std::uint64_t>(left, window_.size()));
      file_.read_at(part_.content_at + read_, std::span(window_).first(filled_));
      read_ += filled_;
    }
    return ByteView(window_).subspan(at_, filled_ - at_);
  }
  void took(std::size_t count) noexcept { at_ += count; }
  [[nodiscard]] std::uint64_t packed_left() const noexcept {
    return part_.packed_bytes - read_ + (filled_ - at_);
  }
  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(Errc::corrupt, fmt::format("part {}: {}, before byte {} of the file", part_.name,
                                           why, part_.content_at + read_ - (filled_ - at_)));
  }

 private:
  void check_end() const {
    if (packed_left() > 0)
      refuse(fmt::format("it ends with {} packed bytes left over", packed_left()));
    if (given_ < part_.size_bytes)
      refuse(fmt::format("it has {} bytes, and the directory says {}", given_, part_.size_bytes));
    if (crc_ != part_.crc)
      throw Error(Errc::corrupt,
                  fmt::format("part {}: its checksum is {:08x}, and the directory says {:08x}; it "
                              "lies from byte {} to {} of the file",
                              part_.name, crc_, part_.crc, part_.content_at,
                              part_.content_at + part_.packed_bytes));
  }

  model::RandomSource& file_;
  const ZipPart part_;
  std::stop_token stop_;
  Bytes window_;
  std::size_t at_ = 0, filled_ = 0;
  std::uint64_t read_ = 0, given_ = 0;
  uLong crc_ = 0;
};

class StoredPart final : public Part {
 public:
  using Part::Part;

 private:
  std::size_t unpack(std::span<std::byte> into) override {
    const ByteView there = packed();
    const std::size_t count = std::min(there.size(), into.size());
    std::copy_n(there.begin(), count, into.begin());
    took(count);
    return count;
  }
};

class DeflatedPart final : public Part {
 public:
  DeflatedPart(model::RandomSource& file, const ZipPart& part, std::stop_token stop)
      : Part(file, part, std::move(stop)) {
    constexpr int no_container = -15;
    if (::inflateInit2(&stream_, no_container) != Z_OK)
      throw Error(Errc::io, "zlib could not be started");
  }
  ~DeflatedPart() override { ::inflateEnd(&stream_); }

 private:
  std::size_t unpack(std::span<std::byte> into) override {
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = static_cast<uInt>(into.size());
    while (!at_end_ && stream_.avail_out == into.size() && !into.empty()) {
      const ByteView more = packed();
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(more.data()));
      stream_.avail_in = static_cast<uInt>(more.size());
      const int result = ::inflate(&stream_, Z_NO_FLUSH);
      took(more.size() - stream_.avail_in);
      at_end_ = result == Z_STREAM_END;
      if (!at_end_ && result != Z_OK && result != Z_BUF_ERROR)
        refuse(fmt::format("it cannot be unpacked ({})",
                           stream_.msg != nullptr ? stream_.msg : "it is malformed"));
      if (!at_end_ && more.empty() && stream_.avail_out == into.size())
        refuse("what is packed has no end");
    }
    return into.size() - stream_.avail_out;
  }

  z_stream stream_{};
  bool at_end_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> open_zip_part(model::RandomSource& file, const ZipPart& part,
                                          std::stop_token stop) {
  if (std::string why = part.obstacle(); !why.empty())
    throw Error(Errc::unsupported, fmt::format("part {}: {}", part.name, why));
  if (part.method == 0) return std::make_unique<StoredPart>(file, part, std::move(stop));
  return std::make_unique<DeflatedPart>(file, part, std::move(stop));
}

}  // namespace holdfast::engine::sqlserver
