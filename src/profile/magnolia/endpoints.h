// SPDX-License-Identifier: Apache-2.0
// The other systems that an instance is configured to talk to: mail servers, receivers of
// publishing, services. A copy of it in another environment would talk to the same.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/json.h"

namespace holdfast::profile::magnolia {

struct EndpointFact {
  // "config:/modules/mail/config/smtpConfiguration/smtpServer", or a file and the key in it.
  std::string where;
  std::string value;
  friend auto operator<=>(const EndpointFact&, const EndpointFact&) = default;
};

// The smallest of those that were met, so that the same are told whatever their order.
class Endpoints {
 public:
  static constexpr std::size_t told_max = 100;
  void add(EndpointFact endpoint);
  void add_untold(std::uint64_t more) noexcept { untold_ += more; }
  [[nodiscard]] const std::set<EndpointFact>& told() const noexcept { return told_; }
  [[nodiscard]] std::uint64_t untold() const noexcept { return untold_; }

 private:
  std::set<EndpointFact> told_;
  std::uint64_t untold_ = 0;
};

// What of a configured value says where another system is: "https://www.example.org:8443" of a URL,
// "smtp.example.org:25", "editors@example.org". Never its user, password, path or query, where
// tokens may stand. Nothing for other values, for databases (JDBC), for this very machine, and for
// whatever a key names that is a secret's. Up to 512 bytes of value are looked at. Source of keys
// in workspace `config`: docs.magnolia-cms.com, "Mail module", "Publishing", "REST Client".
[[nodiscard]] std::optional<std::string> endpoint_of(std::string_view key, std::string_view value);

// Adds those that stand in a configuration file, XML or Java properties; `file`: where it lies.
void add_endpoints_of_file(std::string_view text, const std::string& file, Endpoints& to);

// Writes them into the facts of a plan, beside those that are there: `endpoints`, of which each has
// `where` and `value`, and `endpoints_untold`, how many more there are.
[[nodiscard]] Json with_endpoints(Json facts, const Endpoints& endpoints);

}  // namespace holdfast::profile::magnolia
