// SPDX-License-Identifier: Apache-2.0
// A text that must not leave the process: passwords and keys.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast {

// Holds a secret, wipes it at the end of its life, and cannot be printed by accident: there is no
// conversion to text but reveal(). Copyable on purpose is not given; move only.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string&& text) noexcept;  // takes the text over and wipes what it leaves
  explicit Secret(const std::string& text);      // copies; the argument stays the caller's care
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  [[nodiscard]] std::string_view reveal() const noexcept { return text_; }
  [[nodiscard]] Secret clone() const { return Secret(std::string(text_)); }

 private:
  std::string text_;
};

// Overwrites memory in a way the compiler keeps.
void wipe(void* memory, std::size_t size_bytes) noexcept;
// Overwrites a text with all of its buffer; it is empty afterwards.
void wipe(std::string& text) noexcept;

// Turns core dumps of this process off (RLIMIT_CORE 0 and PR_SET_DUMPABLE 0), so that no secret
// reaches a core file. Called once at start.
void forbid_core_files() noexcept;

}  // namespace holdfast
