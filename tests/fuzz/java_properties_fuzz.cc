// SPDX-License-Identifier: Apache-2.0
// Property files, and the values of some expanded by the others: an answer or one Error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "profile/magnolia/java_command.h"
#include "profile/magnolia/java_properties.h"
#include "profile/magnolia/variables.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::profile::magnolia;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(argument_file_words(text));
  try {
    Variables variables;
    for (const JavaProperty& one : parse_java_properties(text, "fuzz.properties")) {
      check_rule(is_utf8(one.key) && is_utf8(one.value), "properties are UTF-8");
      variables.set(one.key, one.value, "");
    }
    std::size_t tried = 0;
    for (const auto& [name, variable] : variables.all()) {
      if (++tried > 20) break;
      static_cast<void>(expand(variable.value, variables));
    }
  } catch (const Error& error) {
    check_rule(error.code() == Errc::corrupt, "a property file is refused as such");
  }
  return 0;
}
