// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/greeting.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/fd.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr int patience_ms = 3000;
constexpr std::size_t header_bytes = 4;
constexpr char protocol = 10;

bool waits(int fd, short events) {
  pollfd one{fd, events, 0};
  return ::poll(&one, 1, patience_ms) == 1;
}

Fd connected(int family, const sockaddr* address, socklen_t size) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return {};
  if (::connect(fd.get(), address, size) == 0) return fd;
  if (errno != EINPROGRESS || !waits(fd.get(), POLLOUT)) return {};
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) return {};
  return fd;
}

Fd connect_to(const Location& location) {
  if (location.host.empty()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (location.socket.size() >= sizeof address.sun_path) return {};
    std::memcpy(address.sun_path, location.socket.data(), location.socket.size());
    return connected(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(location.port);
  if (::getaddrinfo(location.host.c_str(), port.c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Fd fd = connected(one->ai_family, one->ai_addr, one->ai_addrlen);
    if (fd.get() >= 0) return fd;
  }
  return {};
}

}  // namespace

std::string version_in_greeting(std::string_view packet) {
  if (packet.size() <= header_bytes || packet[header_bytes] != protocol) return "";
  packet.remove_prefix(header_bytes + 1);
  const std::size_t end = packet.find('\0');
  if (end == std::string_view::npos) return "";
  std::string version(packet.substr(0, end));
  if (version.starts_with("5.5.5-")) version.erase(0, 6);
  return version;
}

std::string greeted_version(const Location& location) {
  const Fd fd = connect_to(location);
  if (fd.get() < 0) return "";
  std::array<char, 256> buffer{};
  std::size_t had = 0;
  while (had < buffer.size() && waits(fd.get(), POLLIN)) {
    const ssize_t got = ::recv(fd.get(), buffer.data() + had, buffer.size() - had, 0);
    if (got <= 0) break;
    had += static_cast<std::size_t>(got);
    std::string version = version_in_greeting({buffer.data(), had});
    if (!version.empty()) return version;
  }
  return "";
}

}  // namespace holdfast::engine::mariadb
