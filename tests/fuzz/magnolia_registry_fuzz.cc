// SPDX-License-Identifier: Apache-2.0
// The small files of a repository, read from a copy: namespaces, their numbers, node types.
#include "base/xml.h"
#include "fuzz_target.h"
#include "profile/magnolia/namespaces.h"
#include "profile/magnolia/node_types.h"

namespace fuzz = holdfast::fuzz;
namespace magnolia = holdfast::profile::magnolia;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::allow_errors([&] {
    const auto names = magnolia::Namespaces::parse(text, "fuzz.properties");
    static_cast<void>(names.uri_of("jcr"));
  });
  fuzz::allow_errors([&] { magnolia::check_namespace_numbers(text, "fuzz.properties"); });
  fuzz::allow_errors([&] {
    const auto types = magnolia::NodeTypes::of(holdfast::parse_xml(text, "fuzz.xml"), "fuzz.xml");
    static_cast<void>(types.missing_supertypes());
  });
  return 0;
}
