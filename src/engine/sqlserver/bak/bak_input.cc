// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/bak_input.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "engine/sqlserver/bak/mtf.h"
#include "engine/sqlserver/bak/packed_source.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t window_bytes = std::size_t{1} << 20U;
constexpr std::uint8_t windows_nt = 14;  // byte 10 of a block: the operating system

class PlainSource final : public BakSource {
 public:
  PlainSource(model::RandomSource& file, Growth growth)
      : file_(file), growth_(std::move(growth)), size_bytes_(file.size_bytes()) {}

  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    grow();
    const std::uint64_t left = size_bytes_ - at_;
    // A little after a jump, much where it goes on.
    const std::size_t wanted = has_jumped_ ? after_jump_bytes : into.size();
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>({wanted, into.size(), left}));
    if (count > 0) file_.read_at(at_, into.first(count));
    has_jumped_ = false;
    at_ += count;
    return count;
  }
  [[nodiscard]] std::uint64_t skip(std::uint64_t count) override {
    grow();
    const std::uint64_t skipped = std::min(count, size_bytes_ - at_);
    at_ += skipped;
    has_jumped_ = true;
    return skipped;
  }
  [[nodiscard]] std::uint64_t piece_at() const noexcept override { return at_; }
  [[nodiscard]] std::uint64_t at() const noexcept override { return at_; }
  [[nodiscard]] const std::optional<Trouble>& trouble() const noexcept override { return none_; }

 private:
  static constexpr std::size_t after_jump_bytes = 4096;

  void grow() {
    if (at_ == size_bytes_ && growth_) size_bytes_ = growth_(size_bytes_);
  }

  model::RandomSource& file_;
  Growth growth_;
  std::uint64_t size_bytes_;
  std::uint64_t at_ = 0;
  bool has_jumped_ = true;
  std::optional<Trouble> none_;
};

}  // namespace

bool begins_as_bak(ByteView front) noexcept {
  if (as_text(front).starts_with(compressed_magic)) return true;
  if (front.size() < block_head_bytes || !as_text(front).starts_with("TAPE")) return false;
  return std::to_integer<std::uint8_t>(front[10]) == windows_nt || parse_block_head(front);
}

BakInput::BakInput(model::RandomSource& file, bool use_index, std::stop_token stop, Growth growth)
    : stop_(std::move(stop)) {
  std::array<std::byte, 16> front{};
  if (file.size_bytes() >= front.size()) file.read_at(0, front);
  is_compressed_ = as_text(front).starts_with(compressed_magic);
  if (is_compressed_) {
    container_version_ = load_le32(front.data() + compressed_magic.size());
    source_ = std::make_unique<PackedSource>(file, use_index, std::move(growth));
  } else {
    source_ = std::make_unique<PlainSource>(file, std::move(growth));
  }
  window_.resize(window_bytes);
}

void BakInput::fill(std::size_t count) {
  check_rule(count <= ahead_bytes_max, "no more is looked ahead than the window has");
  if (begin_ > 0) {
    std::memmove(window_.data(), window_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  while (end_ < count) {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "reading a backup was cancelled");
    const std::size_t more = source_->read(std::span(window_).subspan(end_));
    if (more == 0) return;
    end_ += more;
  }
}

std::uint64_t BakInput::skip(std::uint64_t count) {
  std::uint64_t skipped = std::min<std::uint64_t>(count, end_ - begin_);
  drop(static_cast<std::size_t>(skipped));
  while (skipped < count) {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "reading a backup was cancelled");
    const std::uint64_t jumped = begin_ == end_ ? source_->skip(count - skipped) : 0;
    offset_ += jumped;
    skipped += jumped;
    if (skipped == count) break;
    const auto there = std::min<std::uint64_t>(at_hand(1).size(), count - skipped);
    if (there == 0) break;
    drop(static_cast<std::size_t>(there));
    skipped += there;
  }
  return skipped;
}

}  // namespace holdfast::engine::sqlserver
