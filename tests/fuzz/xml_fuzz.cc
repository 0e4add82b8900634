// SPDX-License-Identifier: Apache-2.0
// XML documents: whatever is in them ends in a tree or in one Error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  try {
    const XmlElement root =
        parse_xml(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz.xml");
    check_rule(!root.name.empty() && root.line > 0, "a document has a root");
  } catch (const Error& error) {
    check_rule(error.code() == Errc::corrupt || error.code() == Errc::unsupported,
               "a document is refused as such");
  }
  return 0;
}
