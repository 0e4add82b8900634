// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/scratch.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "base/hash.h"
#include "engine/postgresql/scratch_server.h"

namespace holdfast::engine::postgresql {
namespace {

unsigned major_of(std::string_view version) {
  unsigned major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  return major;
}

// None that the copy knows: it may take the rights of `postgres` away, as providers do.
std::string superuser_name() {
  std::array<std::byte, 6> bytes{};
  fill_random(bytes);
  return "holdfast_" + to_hex(bytes);
}

class ScratchServer final : public Scratch {
 public:
  ScratchServer(unsigned major, const std::filesystem::path& directory)
      : server_({directory, major, "UTF8", superuser_name(), {}}) {
    endpoint_.component = "scratch";
    endpoint_.engine = "postgresql";
    endpoint_.uri = server_.uri("scratch");
    endpoint_.user = server_.superuser();
  }
  [[nodiscard]] const model::Endpoint& endpoint() const override { return endpoint_; }

 private:
  PrivateServer server_;
  model::Endpoint endpoint_;
};

}  // namespace

std::unique_ptr<Scratch> make_scratch(const Probe& probe, const std::filesystem::path& directory) {
  // The database itself is made by load(), with encoding and collation of the copy.
  return std::make_unique<ScratchServer>(major_of(probe.version), directory);
}

}  // namespace holdfast::engine::postgresql
