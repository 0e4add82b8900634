// SPDX-License-Identifier: Apache-2.0
// Instance files: whatever is in them ends in an instance or in one Error; what was read can be
// written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "profile/instance_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  model::Instance instance;
  try {
    instance = profile::parse_instance(text, "fuzz.toml");
  } catch (const Error&) {
    return 0;
  }
  const std::string written = profile::to_toml(instance, {});
  const model::Instance again = profile::parse_instance(written, "written.toml");
  check_rule(profile::to_toml(again, {}) == written, "an instance is written as it is read");
  return 0;
}
