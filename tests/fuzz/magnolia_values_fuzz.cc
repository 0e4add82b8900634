// SPDX-License-Identifier: Apache-2.0
// Values of configuration files, as a restore rewrites them: what nobody maps stays byte by byte.
#include "fuzz_target.h"
#include "profile/magnolia/relocate.h"

namespace fuzz = holdfast::fuzz;
namespace magnolia = holdfast::profile::magnolia;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto none = [](const magnolia::ValuePlace&,
                       const std::string&) -> std::optional<std::string> { return std::nullopt; };
  fuzz::allow_errors(
      [&] { fuzz::require(magnolia::map_values(text, none) == text, "a value was changed"); });
  const auto all = [](const magnolia::ValuePlace&,
                      const std::string& value) -> std::optional<std::string> {
    return "<\"&\xC3\xA4" + value;
  };
  fuzz::allow_errors([&] { static_cast<void>(magnolia::map_values(text, all)); });
  for (const char* const uri :
       {"postgresql://h:1/d", "mysql://h:1/d", "derby:/d", "h2:/d.mv.db", "none"})
    fuzz::allow_errors([&] { static_cast<void>(magnolia::redirected_url(text, uri)); });
  return 0;
}
