// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/machine.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/ascii.h"
#include "base/error.h"
#include "base/fd.h"
#include "profile/migration_center/text.h"

namespace holdfast::profile::migration_center {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view established = "01", listening = "0A";
constexpr std::size_t log_files_max = 100'000;

struct Address {
  std::string text;
  std::uint16_t port = 0;
};

// "0100007F:25E4": words of 32 bits in the byte order of this machine.
std::optional<Address> parse_address(std::string_view field) {
  const std::size_t colon = field.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < colon / 8; ++i) {
    const char* const end = field.data() + 8 * i + 8;
    const auto result = std::from_chars(end - 8, end, words[i], 16);
    if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  }
  Address address;
  const auto port =
      std::from_chars(field.data() + colon + 1, field.data() + field.size(), address.port, 16);
  if (port.ec != std::errc() || port.ptr != field.data() + field.size()) return std::nullopt;
  // An address of IPv4 in one of IPv6 is that of IPv4.
  const bool is_mapped = colon == 32 && words[0] == 0 && words[1] == 0 && words[2] == htonl(0xffff);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (colon == 8 || is_mapped) {
    ::inet_ntop(AF_INET, colon == 8 ? words.data() : &words[3], text.data(), text.size());
    address.text = fmt::format("{}:{}", text.data(), address.port);
  } else {
    ::inet_ntop(AF_INET6, words.data(), text.data(), text.size());
    address.text = fmt::format("[{}]:{}", text.data(), address.port);
  }
  return address;
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (std::size_t at = line.find_first_not_of(' '); at != std::string_view::npos;
       at = line.find_first_not_of(' ', at)) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = end;
  }
  return fields;
}

// An address in its usual spelling; empty for what is no address.
std::string address_text(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, address, text.data(), text.size()) == nullptr ? "" : text.data();
}

bool is_own_address(const std::string& host) {
  std::array<std::byte, sizeof(in6_addr)> address{};
  const int family = host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (::inet_pton(family, host.c_str(), address.data()) != 1) return false;
  const std::string wanted = address_text(family, address.data());
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, ::freeifaddrs);
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != family) continue;
    const void* const here =
        family == AF_INET ? static_cast<const void*>(
                                &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr)
                          : &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
    if (address_text(family, here) == wanted) return true;
  }
  return false;
}

bool tells_of_pages_only(const std::string& name) {
  return name.find("access_log") != std::string::npos;
}

}  // namespace

void add_port_use(std::string_view table, std::uint16_t port, PortUse& use) {
  while (!table.empty()) {
    const std::size_t end = std::min(table.find('\n'), table.size());
    const std::vector<std::string_view> fields = fields_of(table.substr(0, end));
    table.remove_prefix(std::min(end + 1, table.size()));
    if (fields.size() < 4) continue;
    const auto local = parse_address(fields[1]);
    const auto remote = parse_address(fields[2]);
    if (!local || !remote) continue;
    if (fields[3] == listening && local->port == port) use.is_listening = true;
    if (fields[3] != established || (local->port != port && remote->port != port)) continue;
    // Of a connection of this machine with itself there are two lines.
    bool is_known = false;
    for (const Connection& other : use.connections)
      is_known = is_known || (other.local == remote->text && other.remote == local->text);
    if (!is_known) use.connections.push_back({local->text, remote->text});
  }
}

PortUse look_at_port(std::uint16_t port) {
  PortUse use;
  add_port_use(read_text_file("/proc/self/net/tcp"), port, use);
  // Where there is no IPv6, there is no such file.
  std::error_code none;
  if (fs::exists("/proc/self/net/tcp6", none))
    add_port_use(read_text_file("/proc/self/net/tcp6"), port, use);
  return use;
}

std::optional<HostAndPort> split_address(std::string_view address, std::uint16_t port) {
  HostAndPort found{"", port};
  std::string_view rest;
  if (address.starts_with('[')) {
    const std::size_t end = address.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    found.host = address.substr(1, end - 1);
    rest = address.substr(end + 1);
  } else {
    // More than one colon: an address of IPv6 without a port.
    const std::size_t colon =
        address.find(':') == address.rfind(':') ? address.find(':') : std::string_view::npos;
    found.host = address.substr(0, colon);
    if (colon != std::string_view::npos) rest = address.substr(colon);
  }
  if (found.host.empty() || found.host.find_first_of(" \t/@[]") != std::string::npos)
    return std::nullopt;
  if (rest.empty()) return found;
  const auto result = std::from_chars(rest.data() + 1, rest.data() + rest.size(), found.port);
  if (rest[0] != ':' || result.ec != std::errc() || result.ptr != rest.data() + rest.size() ||
      found.port == 0)
    return std::nullopt;
  return found;
}

bool is_here(std::string_view host) {
  std::array<char, 256> name{};
  const bool is_named = ::gethostname(name.data(), name.size() - 1) == 0;
  return equal_but_for_case(host, "localhost") || host == "::1" || host.starts_with("127.") ||
         (is_named && equal_but_for_case(host, name.data())) || is_own_address(std::string(host));
}

bool LogWatch::has_files_below(const std::string& path) const {
  const auto next = seen_.lower_bound(path + "/");
  return next != seen_.end() && next->first.starts_with(path + "/");
}

std::vector<std::string> LogWatch::look(std::chrono::seconds recently) {
  std::map<std::string, Seen> now;
  std::vector<std::string> growing;
  const auto clock_now = fs::file_time_type::clock::now();
  for (const std::string& directory : directories_) {
    std::error_code failure;
    fs::recursive_directory_iterator item(directory, failure);
    for (; !failure && item != fs::recursive_directory_iterator(); item.increment(failure)) {
      std::error_code gone;
      const std::string path = item->path().string();
      if (item->is_symlink(gone) && item->is_directory(gone)) {
        throw Error(Errc::unsupported, path + " is a link to a directory")
            .set_hint("Name where it leads as one of `logs` in [migration_center].");
      }
      if (!item->is_regular_file(gone)) continue;
      if (tells_of_pages_only(item->path().filename().string())) continue;
      Seen seen{item->file_size(gone), {}};
      if (!gone) seen.written = item->last_write_time(gone);
      if (gone) continue;
      if (now.size() >= log_files_max)
        throw Error(Errc::unsupported,
                    fmt::format("{} has more than {} files", directory, log_files_max));
      const auto before = seen_.find(path);
      const bool is_written = has_looked_ ? before == seen_.end() || !(before->second == seen)
                                          : seen.written + recently >= clock_now;
      if (is_written) growing.push_back(path);
      now.emplace(path, seen);
    }
    if (failure) throw system_error(failure.value(), "reading " + directory);
  }
  seen_ = std::move(now);
  has_looked_ = true;
  return growing;
}

}  // namespace holdfast::profile::migration_center
