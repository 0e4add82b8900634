// SPDX-License-Identifier: Apache-2.0
// A key and a certificate of our own, for servers of tests that want TLS.
#pragma once

#include <string>

namespace holdfast::test {

struct SelfSigned {
  std::string key, certificate;  // PEM
};
// For a server of that IP address, good from an hour ago for a day.
[[nodiscard]] SelfSigned make_self_signed(const std::string& address);

}  // namespace holdfast::test
