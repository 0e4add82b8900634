// SPDX-License-Identifier: Apache-2.0
// Keys of TypeDB 2 databases, made here for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/typedb/releases.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {

class TestKeys {
 public:
  explicit TestKeys(Encoding encoding)
      : first_(encoding == Encoding::v2_0 ? 150 : 130),
        step_(encoding == Encoding::v2_0 ? 10 : 1) {}
  [[nodiscard]] std::string entity(std::uint64_t number) const { return thing(0, number); }
  // `value`: with its type in front.
  [[nodiscard]] std::string attribute(std::string_view value) const {
    return prefix(1) + "\x6f" + std::string("\0\5", 2) + std::string(value);
  }
  [[nodiscard]] std::string relation(std::uint64_t number) const { return thing(2, number); }
  [[nodiscard]] std::string role(std::uint64_t number) const { return thing(3, number); }
  [[nodiscard]] static std::string text(std::string_view value) {
    return "\x28" + big_endian(value.size()).substr(6) + std::string(value);
  }

 private:
  [[nodiscard]] std::string prefix(int kind) const {
    return {static_cast<char>(first_ + kind * step_)};
  }
  [[nodiscard]] std::string thing(int kind, std::uint64_t number) const {
    return prefix(kind) + "\x6e" + std::string("\0\1", 2) + big_endian(number);
  }
  int first_, step_;
};

}  // namespace holdfast::engine::typedb
