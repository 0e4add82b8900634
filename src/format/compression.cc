// SPDX-License-Identifier: Apache-2.0
// zstd frames, written and read whole. What a frame claims is checked on its own headers before
// memory is given to it: a frame can never yield more than its blocks allow.
//
// Source of the frame layout: RFC 8878, section 3.1.1.
#include "format/compression.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/c_handle.h"
#include "base/error.h"

namespace holdfast::format {

namespace {

// Up to here level 1's table holds the whole of it, so that level 3 hardly finds more.
constexpr std::size_t small_bytes_max = 16U * 1024;
constexpr std::size_t probe_from_bytes = 64U * 1024;
constexpr std::size_t probe_sample_bytes = 16U * 1024;
// A sample of which level 1 leaves more than this part of what its bytes carry one by one has next
// to no matches (docs/adr/0007-automatic-compression-may-be-level-1.md); nor has one that hardly
// carries anything been understood by that.
constexpr double matchless_from = 0.8;
constexpr std::size_t matchless_bytes_min = probe_sample_bytes / 4;
// Nor may it then be larger than what level 3 makes of it, or but a little.
constexpr double matchless_cost_max = 1.01;
constexpr std::uint64_t window_bytes_max = 8U * 1024 * 1024;
constexpr int window_log_max = 23;
constexpr std::uint64_t block_bytes_max = 128U * 1024;
// Up to here a claimed size is believed and its memory reserved; above, the frame is first decoded
// into nothing to see whether it is true.
constexpr std::uint64_t believed_bytes_max = 64U * 1024 * 1024;

int zstd_level(Compression level) {
  switch (level) {
    case Compression::fastest:
      return 1;
    case Compression::better:
      return 7;
    case Compression::max:
      return 11;
    case Compression::automatic:
    case Compression::off:
      break;
  }
  return 3;
}

[[noreturn]] void throw_corrupt(std::string_view reason) {
  throw Error(Errc::corrupt, fmt::format("zstd frame is damaged: {}", reason));
}

// What a frame's headers say, without decoding it.
struct FrameShape {
  std::optional<std::uint64_t> content_bytes;
  std::uint64_t content_bytes_max = 0;  // no decoder can get more out of its blocks
};

// Reads little-endian integers from the front of a frame.
class HeaderReader {
 public:
  explicit HeaderReader(ByteView rest) : rest_(rest) {}
  std::uint64_t take(std::size_t count) {
    std::uint64_t value = 0;
    const ByteView bytes = skip(count);
    for (std::size_t i = 0; i < count; ++i) {
      value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    }
    return value;
  }
  ByteView skip(std::size_t count) {
    if (rest_.size() < count) throw_corrupt("it is cut off");
    const ByteView front = rest_.first(count);
    rest_ = rest_.subspan(count);
    return front;
  }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

 private:
  ByteView rest_;
};

struct FrameHeader {
  std::optional<std::uint64_t> content_bytes;
  std::uint64_t window_bytes = 0;
  bool has_checksum = false;
};

FrameHeader read_frame_header(HeaderReader& reader) {
  if (reader.take(4) != ZSTD_MAGICNUMBER) throw_corrupt("it does not begin as one");
  const auto descriptor = static_cast<unsigned>(reader.take(1));
  if ((descriptor & 0x08U) != 0) throw_corrupt("a reserved bit is set");
  if ((descriptor & 0x03U) != 0) throw_corrupt("it needs a dictionary");
  FrameHeader header;
  header.has_checksum = (descriptor & 0x04U) != 0;
  const bool is_single_segment = (descriptor & 0x20U) != 0;
  if (!is_single_segment) {
    const auto window = static_cast<unsigned>(reader.take(1));
    const std::uint64_t base = std::uint64_t{1} << (10 + (window >> 3U));
    header.window_bytes = base + base / 8 * (window & 7U);
    if (header.window_bytes > window_bytes_max) throw_corrupt("its window is above 8 MiB");
  }
  constexpr std::array<std::size_t, 4> size_field_bytes{0, 2, 4, 8};
  const unsigned size_code = descriptor >> 6U;
  if (size_code != 0) {
    header.content_bytes = reader.take(size_field_bytes[size_code]);
    if (size_code == 1) *header.content_bytes += 256;
  } else if (is_single_segment) {
    header.content_bytes = reader.take(1);
  }
  if (is_single_segment) header.window_bytes = *header.content_bytes;
  return header;
}

// Walks the frame's block headers. Errc::corrupt unless it is one frame to its last byte.
FrameShape shape_of(ByteView frame) {
  HeaderReader reader(frame);
  const FrameHeader header = read_frame_header(reader);
  FrameShape shape;
  shape.content_bytes = header.content_bytes;
  const std::uint64_t block_max = std::min(block_bytes_max, header.window_bytes);
  bool is_last_block = false;
  while (!is_last_block) {
    const std::uint64_t block = reader.take(3);
    is_last_block = (block & 1U) != 0;
    const std::uint64_t block_bytes = block >> 3U;
    switch ((block >> 1U) & 3U) {
      case 0:  // raw
        reader.skip(block_bytes);
        shape.content_bytes_max += block_bytes;
        break;
      case 1:  // one byte, repeated
        reader.skip(1);
        shape.content_bytes_max += block_bytes;
        break;
      case 2:  // compressed
        reader.skip(block_bytes);
        shape.content_bytes_max += block_max;
        break;
      default:
        throw_corrupt("a block is of a reserved kind");
    }
  }
  if (header.has_checksum) reader.skip(4);
  if (!reader.at_end()) throw_corrupt("bytes follow it");
  return shape;
}

void check_zstd(std::size_t result, std::string_view doing) {
  if (ZSTD_isError(result) != 0) {
    throw Error(Errc::bug, fmt::format("zstd failed {}: {}", doing, ZSTD_getErrorName(result)));
  }
}

using CompressContext = CHandle<ZSTD_CCtx, ZSTD_freeCCtx>;
using DecompressContext = CHandle<ZSTD_DCtx, ZSTD_freeDCtx>;

void set(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
  check_zstd(ZSTD_CCtx_setParameter(context, parameter, value), "setting a parameter");
}

CompressContext compress_context(int level) {
  CompressContext context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  set(context.get(), ZSTD_c_compressionLevel, level);
  return context;
}

// Level 1, which takes no match below seven bytes, and remembers further back than it would: what
// comes again after all, as keys of other tables do, comes from afar.
CompressContext matchless_context() {
  CompressContext context = compress_context(1);
  set(context.get(), ZSTD_c_windowLog, 21);
  set(context.get(), ZSTD_c_hashLog, 17);
  set(context.get(), ZSTD_c_minMatch, 7);
  return context;
}

// How many bytes a perfect coder of single bytes would make of them (their entropy of order 0).
double entropy_bytes(ByteView sample) {
  std::array<std::uint32_t, 256> counts{};
  for (const std::byte byte : sample) ++counts[std::to_integer<std::size_t>(byte)];
  const auto size = static_cast<double>(sample.size());
  double bits = 0;
  for (const std::uint32_t count : counts) {
    if (count != 0) bits += count * std::log2(size / count);
  }
  return bits / 8;
}

}  // namespace

Compression parse_compression(std::string_view name) {
  if (name == "auto") return Compression::automatic;
  if (name == "off") return Compression::off;
  if (name == "fastest") return Compression::fastest;
  if (name == "better") return Compression::better;
  if (name == "max") return Compression::max;
  throw Error(Errc::usage, fmt::format("unknown compression level {}", name))
      .set_hint("Use auto, off, fastest, better or max.");
}

struct Compressor::State {
  explicit State(Compression wanted)
      : level(wanted), context(compress_context(zstd_level(wanted))) {}

  // What a context makes of 16 KiB; nothing if that is above 97 percent of them.
  std::optional<std::size_t> shrunk_bytes(const CompressContext& by, ByteView sample) {
    const std::size_t result = ZSTD_compress2(by.get(), probe_room.data(), probe_room.size(),
                                              sample.data(), sample.size());
    if (ZSTD_isError(result) != 0) return std::nullopt;
    return result;
  }

  // Of a sample of which level 1 leaves so many bytes.
  Promise promise_of(ByteView sample, std::size_t shrunk) {
    if (level != Compression::automatic || shrunk <= matchless_bytes_min ||
        static_cast<double>(shrunk) <= matchless_from * entropy_bytes(sample))
      return Promise::matches;
    if (!usual_probe) {
      usual_probe = compress_context(zstd_level(level));
      matchless_probe = matchless_context();
    }
    const auto usual = shrunk_bytes(usual_probe, sample);
    const auto without = shrunk_bytes(matchless_probe, sample);
    const bool is_as_small =
        without && (!usual || static_cast<double>(*without) <=
                                  matchless_cost_max * static_cast<double>(*usual));
    return is_as_small ? Promise::matchless : Promise::matches;
  }

  Compression level;
  CompressContext context;
  CompressContext matchless, small;  // made when needed
  // Of samples alone, so that the tables of the others stay as large as they are.
  CompressContext probe = compress_context(1);
  CompressContext usual_probe, matchless_probe;  // made when needed
  std::array<std::byte, probe_sample_bytes * 97 / 100> probe_room;
};

Compressor::Compressor(Compression level) : state_(std::make_unique<State>(level)) {}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

// Two samples, one of which is enough for a yes.
Promise Compressor::judge(ByteView run) {
  if (state_->level == Compression::off || run.size() <= probe_from_bytes) return Promise::unknown;
  for (const ByteView sample :
       {run.subspan(run.size() / 2, probe_sample_bytes), run.first(probe_sample_bytes)}) {
    if (const auto shrunk = state_->shrunk_bytes(state_->probe, sample))
      return state_->promise_of(sample, *shrunk);
  }
  return Promise::none;
}

bool Compressor::compress(ByteView plain, Bytes& to, bool always, Promise promise) {
  if (plain.empty()) return false;
  if (!always) {
    if (state_->level == Compression::off) return false;
    if (promise != Promise::matches && promise != Promise::matchless) promise = judge(plain);
    if (promise == Promise::none) return false;
  }
  ZSTD_CCtx* context = state_->context.get();
  if (!always && promise == Promise::matchless) {
    if (!state_->matchless) state_->matchless = matchless_context();
    context = state_->matchless.get();
  } else if (!always && state_->level == Compression::automatic && promise == Promise::unknown &&
             plain.size() <= small_bytes_max) {
    if (!state_->small) state_->small = compress_context(1);
    context = state_->small.get();
  }
  const std::size_t before = to.size();
  // Given no more room than what pays, zstd stops by itself where it does not.
  const std::size_t room = always ? ZSTD_compressBound(plain.size()) : plain.size() - 1;
  to.resize(before + room);
  const std::size_t result =
      ZSTD_compress2(context, to.data() + before, room, plain.data(), plain.size());
  if (ZSTD_isError(result) != 0) {
    to.resize(before);
    if (always) check_zstd(result, "compressing");
    return false;
  }
  to.resize(before + result);
  return true;
}

struct Decompressor::State {
  State() : context(ZSTD_createDCtx()) {
    if (!context) throw std::bad_alloc();
    check_zstd(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, window_log_max),
               "setting the window");
  }

  // The size of the content, found by decoding it into nothing; stops above `size_bytes_max`.
  std::uint64_t measure(ByteView frame, std::uint64_t size_bytes_max) {
    check_zstd(ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only), "starting anew");
    std::array<std::byte, 64U * 1024> room;
    ZSTD_inBuffer in{frame.data(), frame.size(), 0};
    std::uint64_t size_bytes = 0;
    for (;;) {
      ZSTD_outBuffer out{room.data(), room.size(), 0};
      const std::size_t result = ZSTD_decompressStream(context.get(), &out, &in);
      if (ZSTD_isError(result) != 0) throw_corrupt(ZSTD_getErrorName(result));
      size_bytes += out.pos;
      if (size_bytes > size_bytes_max || result == 0) return size_bytes;
      if (in.pos == in.size && out.pos < out.size) throw_corrupt("it is cut off");
    }
  }

  // Decodes into exactly `room_bytes` of memory, and returns how many of them were filled.
  std::size_t decode(ByteView frame, std::size_t room_bytes, Bytes& plain) {
    plain.resize(room_bytes);
    const std::size_t result =
        ZSTD_decompressDCtx(context.get(), plain.data(), plain.size(), frame.data(), frame.size());
    if (ZSTD_isError(result) != 0) {
      plain.clear();
      throw_corrupt(ZSTD_getErrorName(result));
    }
    return result;
  }

  DecompressContext context;
};

Decompressor::Decompressor() : state_(std::make_unique<State>()) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

void Decompressor::decompress(ByteView frame, std::size_t size_bytes, Bytes& plain) {
  const FrameShape shape = shape_of(frame);
  if (shape.content_bytes.value_or(size_bytes) != size_bytes ||
      shape.content_bytes_max < size_bytes) {
    throw_corrupt(fmt::format("it does not hold {} bytes", size_bytes));
  }
  if (size_bytes > believed_bytes_max && state_->measure(frame, size_bytes) != size_bytes) {
    throw_corrupt(fmt::format("it does not hold {} bytes", size_bytes));
  }
  if (state_->decode(frame, size_bytes, plain) != size_bytes) {
    plain.clear();
    throw_corrupt(fmt::format("it does not hold {} bytes", size_bytes));
  }
}

void Decompressor::decompress_at_most(ByteView frame, std::size_t size_bytes_max, Bytes& plain) {
  const FrameShape shape = shape_of(frame);
  const auto throw_too_large = [&] {
    throw_corrupt(fmt::format("it holds more than {} bytes", size_bytes_max));
  };
  if (shape.content_bytes.value_or(0) > size_bytes_max) throw_too_large();
  std::uint64_t room_bytes = shape.content_bytes.value_or(shape.content_bytes_max);
  if (room_bytes > shape.content_bytes_max) throw_corrupt("its blocks hold less than it says");
  if (room_bytes > believed_bytes_max) {
    room_bytes = state_->measure(frame, size_bytes_max);
    if (room_bytes > size_bytes_max) throw_too_large();
  }
  const std::size_t size_bytes = state_->decode(frame, static_cast<std::size_t>(room_bytes), plain);
  plain.resize(size_bytes);
  if (size_bytes > size_bytes_max) {
    plain.clear();
    throw_too_large();
  }
}

}  // namespace holdfast::format
