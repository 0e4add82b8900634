// SPDX-License-Identifier: Apache-2.0
// The configuration files of Magnolia and Jackrabbit: facts or one Error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "profile/magnolia/repository_files.h"

namespace {

template <typename Parse>
void try_parse(Parse parse) {
  using namespace holdfast;
  try {
    static_cast<void>(parse());
  } catch (const Error& error) {
    check_rule(error.code() == Errc::corrupt || error.code() == Errc::unsupported,
               "a configuration is refused as such");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::profile::magnolia;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_parse([&] { return parse_repositories(text, "fuzz.xml"); });
  try_parse([&] { return parse_repository_config(text, "fuzz.xml"); });
  try_parse([&] { return parse_workspace_config(text, "fuzz.xml"); });
  try_parse([&] { return parse_initialization_files(text, "fuzz.xml"); });
  static_cast<void>(table_prefix("derby", text));
  return 0;
}
