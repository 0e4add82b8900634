// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <utility>

namespace holdfast {

// A short string is moved by copying its characters, so whatever a secret was moved from is wiped.
Secret::Secret(std::string&& text) noexcept : text_(std::move(text)) {
  wipe(text);
}
Secret::Secret(const std::string& text) : text_(text) {}
Secret::Secret(Secret&& other) noexcept : text_(std::move(other.text_)) {
  wipe(other.text_);
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe(text_);
  text_ = std::move(other.text_);
  wipe(other.text_);
  return *this;
}

Secret::~Secret() {
  wipe(text_);
}

void wipe(void* memory, std::size_t size_bytes) noexcept {
  if (size_bytes != 0) ::explicit_bzero(memory, size_bytes);  // empty memory may have no address
}

void wipe(std::string& text) noexcept {
  text.resize(text.capacity());  // no allocation: the whole buffer, whatever it held before
  wipe(text.data(), text.size());
  text.clear();
}

void forbid_core_files() noexcept {
  const struct rlimit none {
    0, 0
  };
  static_cast<void>(::setrlimit(RLIMIT_CORE, &none));
  static_cast<void>(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

}  // namespace holdfast
