// SPDX-License-Identifier: Apache-2.0
// A fuzzer's bytes as a file that is read at any place, never behind its end.
#pragma once

#include <cstring>

#include "fuzz_target.h"
#include "model/part.h"

namespace holdfast::fuzz {

class RandomInput final : public model::RandomSource {
 public:
  explicit RandomInput(ByteView bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return bytes_.size(); }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    require(offset_bytes <= bytes_.size() && into.size() <= bytes_.size() - offset_bytes,
            "it reads behind the end");
    if (!into.empty()) std::memcpy(into.data(), bytes_.data() + offset_bytes, into.size());
  }

 private:
  ByteView bytes_;
};

}  // namespace holdfast::fuzz
