// SPDX-License-Identifier: Apache-2.0
// JDBC URLs: a place or one Error, and never a password in the place.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/uri.h"
#include "profile/magnolia/jdbc_url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::profile::magnolia;
  try {
    const JdbcUrl url = parse_jdbc_url(std::string_view(reinterpret_cast<const char*>(data), size));
    if (url.kind == JdbcKind::server) {
      check_rule(url.uri.find("://") != std::string::npos, "a server has a place");
      check_rule(!holds_password(url.uri), "no place holds a password");
    }
    if (url.kind == JdbcKind::embedded) check_rule(!url.path.empty(), "a file has a path");
  } catch (const Error& error) {
    check_rule(error.code() == Errc::corrupt, "a URL is refused as such");
  }
  return 0;
}
