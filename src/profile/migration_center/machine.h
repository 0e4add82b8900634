// SPDX-License-Identifier: Apache-2.0
// What this machine shows of a migration-center at work: connections to the port of a Jobserver,
// logs that are written to; and which host names are its own.
//
// Source: the columns of /proc/net/tcp and tcp6 are those of Linux's
// Documentation/networking/proc_net_tcp: local and remote address as hexadecimal words in the
// machine's byte order, ports in hexadecimal, states 01 (established) and 0A (listening).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::profile::migration_center {

struct Connection {
  std::string local, remote;  // "127.0.0.1:9700", "[::1]:9700"
};

struct PortUse {
  bool is_listening = false;
  std::vector<Connection> connections;  // each once, though both ends may be here
};

// Of the text of one such file.
void add_port_use(std::string_view table, std::uint16_t port, PortUse& use);
// Of this network namespace. Errc::not_found, denied if it cannot be told.
[[nodiscard]] PortUse look_at_port(std::uint16_t port);

struct HostAndPort {
  std::string host;
  std::uint16_t port;
};

// "host", "host:port", "::1" or "[::1]:port"; the port is `port` where none is named. Nothing for
// what is no such: an empty host, one with spaces or slashes, a port that is none.
[[nodiscard]] std::optional<HostAndPort> split_address(std::string_view address,
                                                       std::uint16_t port);

// Whether it is a name or an address of this machine, as far as can be told without asking a name
// server.
[[nodiscard]] bool is_here(std::string_view host);

// Files in directories, and what became of them since.
class LogWatch {
 public:
  // Files below them are watched, but for those that tell only who looks at pages: Tomcat's
  // access logs.
  explicit LogWatch(std::vector<std::string> directories) : directories_(std::move(directories)) {}

  [[nodiscard]] bool has_directories() const noexcept { return !directories_.empty(); }
  // Files that are written to: since the last look; if it is the first, in the last `recently`.
  // Errc::denied and the like for a directory that cannot be read, Errc::unsupported for a link to
  // a directory, which is not followed.
  [[nodiscard]] std::vector<std::string> look(std::chrono::seconds recently);
  [[nodiscard]] std::size_t files() const noexcept { return seen_.size(); }
  // Whether the last look saw a file below that directory.
  [[nodiscard]] bool has_files_below(const std::string& path) const;

 private:
  struct Seen {
    std::uint64_t size_bytes = 0;
    std::filesystem::file_time_type written;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  std::vector<std::string> directories_;
  std::map<std::string, Seen> seen_;
  bool has_looked_ = false;
};

}  // namespace holdfast::profile::migration_center
