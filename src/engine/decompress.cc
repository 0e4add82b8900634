// SPDX-License-Identifier: Apache-2.0
#include "engine/decompress.h"

#include <fmt/format.h>
#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include <utility>

#include "base/c_handle.h"
#include "base/error.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t input_bytes = 64U << 10U;

[[noreturn]] void damaged(std::string_view kind, std::string_view why) {
  throw Error(Errc::corrupt, fmt::format("{} data cannot be decompressed: {}", kind, why));
}

// Input for a decompressor: what it has not taken yet, and more when that is used up.
class Input {
 public:
  explicit Input(std::unique_ptr<ByteSource> source)
      : source_(std::move(source)), buffer_(input_bytes) {}
  // Not empty unless the source has ended.
  [[nodiscard]] ByteView view() {
    if (at_ == filled_ && !ended_) {
      at_ = 0;
      filled_ = source_->read(buffer_);
      ended_ = filled_ == 0;
    }
    return ByteView(buffer_).subspan(at_, filled_ - at_);
  }
  void took(std::size_t count) { at_ += count; }

 private:
  std::unique_ptr<ByteSource> source_;
  Bytes buffer_;
  std::size_t at_ = 0, filled_ = 0;
  bool ended_ = false;
};

class Inflater final : public ByteSource {
 public:
  explicit Inflater(std::unique_ptr<ByteSource> source) : input_(std::move(source)) {
    constexpr int any_container = 15 + 32;
    if (::inflateInit2(&stream_, any_container) != Z_OK)
      throw Error(Errc::io, "zlib could not be started");
  }
  ~Inflater() override { ::inflateEnd(&stream_); }

  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    if (into.empty()) return 0;
    const auto wanted = static_cast<uInt>(std::min<std::size_t>(into.size(), 1U << 30U));
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = wanted;
    while (stream_.avail_out == wanted) {
      const ByteView more = input_.view();
      if (at_end_) {
        // Another member may follow, as `cat a.gz b.gz` makes them.
        if (more.empty()) return 0;
        ::inflateReset(&stream_);
        at_end_ = false;
      }
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(more.data()));
      stream_.avail_in = static_cast<uInt>(more.size());
      const int result = ::inflate(&stream_, Z_NO_FLUSH);
      input_.took(more.size() - stream_.avail_in);
      if (result == Z_STREAM_END) {
        at_end_ = true;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        damaged("gzip", stream_.msg != nullptr ? stream_.msg : "it is malformed");
      } else if (more.empty() && stream_.avail_out == wanted) {
        damaged("gzip", "it ends too early");
      }
    }
    return wanted - stream_.avail_out;
  }

 private:
  Input input_;
  z_stream stream_{};
  bool at_end_ = false;
};

struct FreeZstd {
  void operator()(ZSTD_DCtx* context) const noexcept { ::ZSTD_freeDCtx(context); }
};

class ZstdReader final : public ByteSource {
 public:
  explicit ZstdReader(std::unique_ptr<ByteSource> source)
      : input_(std::move(source)), context_(::ZSTD_createDCtx()) {
    if (!context_) throw Error(Errc::io, "zstd could not be started");
    // Of hostile files too: a window of 128 MiB is what zstd itself takes without being asked.
    ::ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, 27);
  }

  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos == 0 && !into.empty()) {
      const ByteView more = input_.view();
      if (more.empty() && at_end_) return 0;
      ZSTD_inBuffer in{more.data(), more.size(), 0};
      const std::size_t result = ::ZSTD_decompressStream(context_.get(), &out, &in);
      input_.took(in.pos);
      if (::ZSTD_isError(result) != 0) damaged("zstd", ::ZSTD_getErrorName(result));
      at_end_ = result == 0;
      if (more.empty() && out.pos == 0 && !at_end_) damaged("zstd", "it ends too early");
    }
    return out.pos;
  }

 private:
  Input input_;
  std::unique_ptr<ZSTD_DCtx, FreeZstd> context_;
  bool at_end_ = true;
};

struct FreeLz4 {
  void operator()(LZ4F_dctx* context) const noexcept { ::LZ4F_freeDecompressionContext(context); }
};

class Lz4Reader final : public ByteSource {
 public:
  explicit Lz4Reader(std::unique_ptr<ByteSource> source) : input_(std::move(source)) {
    LZ4F_dctx* context = nullptr;
    if (::LZ4F_isError(::LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0)
      throw Error(Errc::io, "lz4 could not be started");
    context_.reset(context);
  }

  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    while (!into.empty()) {
      const ByteView more = input_.view();
      if (more.empty() && at_end_) return 0;
      std::size_t out_bytes = into.size();
      std::size_t in_bytes = more.size();
      const std::size_t result = ::LZ4F_decompress(context_.get(), into.data(), &out_bytes,
                                                   more.data(), &in_bytes, nullptr);
      if (::LZ4F_isError(result) != 0) damaged("lz4", ::LZ4F_getErrorName(result));
      input_.took(in_bytes);
      at_end_ = result == 0;
      if (out_bytes > 0) return out_bytes;
      if (more.empty() && !at_end_) damaged("lz4", "it ends too early");
    }
    return 0;
  }

 private:
  Input input_;
  std::unique_ptr<LZ4F_dctx, FreeLz4> context_;
  bool at_end_ = true;
};

}  // namespace

std::string_view compression_name(Compression compression) noexcept {
  switch (compression) {
    case Compression::none:
      return "none";
    case Compression::gzip:
      return "gzip";
    case Compression::lz4:
      return "lz4";
    case Compression::zstd:
      return "zstd";
  }
  return "";
}

Compression compression_of(ByteView front) noexcept {
  const std::string_view text = as_text(front);
  if (text.starts_with("\x1f\x8b")) return Compression::gzip;
  if (text.starts_with("\x04\x22\x4d\x18")) return Compression::lz4;
  if (text.starts_with("\x28\xb5\x2f\xfd")) return Compression::zstd;
  return Compression::none;
}

std::unique_ptr<ByteSource> decompress(std::unique_ptr<ByteSource> source,
                                       Compression compression) {
  switch (compression) {
    case Compression::none:
      break;
    case Compression::gzip:
      return std::make_unique<Inflater>(std::move(source));
    case Compression::lz4:
      return std::make_unique<Lz4Reader>(std::move(source));
    case Compression::zstd:
      return std::make_unique<ZstdReader>(std::move(source));
  }
  return source;
}

}  // namespace holdfast::engine
