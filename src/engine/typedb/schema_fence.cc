// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/schema_fence.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/typedb/database_lock.h"
#include "engine/typedb/location.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Of the time until the deadline, that is kept for what is captured behind the fence.
constexpr int share_of_capture = 4;
// How long a server on this very host may be silent.
constexpr std::chrono::seconds look_time{2};
constexpr std::string_view listening = "0A";
constexpr std::size_t word_digits = 8;

fs::path link_of(const fs::path& path) {
  std::error_code unknown;
  return fs::read_symlink(path, unknown);
}

// The numbers of its sockets.
std::set<std::string> sockets_of(const fs::path& process) {
  constexpr std::string_view front = "socket:[";
  std::set<std::string> found;
  std::error_code failure;
  fs::directory_iterator entries(process / "fd", failure);
  for (; !failure && entries != fs::directory_iterator(); entries.increment(failure)) {
    const std::string target = link_of(entries->path()).native();
    if (!target.starts_with(front) || !target.ends_with(']')) continue;
    found.insert(target.substr(front.size(), target.size() - front.size() - 1));
  }
  return found;
}

// Of 32 bits of an address, as the kernel writes a word in its memory.
std::optional<std::uint32_t> word_of(std::string_view hex) {
  std::uint32_t word = 0;
  const auto [end, bad] = std::from_chars(hex.data(), hex.data() + hex.size(), word, 16);
  if (bad != std::errc{} || end != hex.data() + hex.size()) return std::nullopt;
  return word;
}

// "0100007F" is 127.0.0.1; where any address is meant, the one of this host.
std::optional<std::string> host_of(std::string_view hex) {
  std::array<std::uint32_t, 4> words{};
  const std::size_t count = hex.size() / word_digits;
  if (hex.size() % word_digits != 0 || (count != 1 && count != words.size())) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    const auto word = word_of(hex.substr(i * word_digits, word_digits));
    if (!word) return std::nullopt;
    words[i] = *word;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (count == 1) {
    const in_addr address{words[0] == INADDR_ANY ? htonl(INADDR_LOOPBACK) : words[0]};
    return inet_ntop(AF_INET, &address, text.data(), text.size());
  }
  in6_addr address{};
  std::memcpy(&address, words.data(), sizeof address);
  if (IN6_IS_ADDR_V4MAPPED(&address))
    return inet_ntop(AF_INET, &words[3], text.data(), text.size());
  if (IN6_IS_ADDR_UNSPECIFIED(&address)) address = in6addr_loopback;
  return fmt::format("[{}]", inet_ntop(AF_INET6, &address, text.data(), text.size()));
}

struct Listener {
  std::string host;
  std::uint32_t port = 0;
};

// "  0: 0100007F:06C1 00000000:0000 0A …", the tenth word is the socket's number.
std::optional<Listener> listener_in(const std::string& line, const std::set<std::string>& sockets) {
  std::istringstream words(line);
  std::string number, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
  words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >>
      inode;
  if (!words || state != listening || !sockets.contains(inode)) return std::nullopt;
  const std::size_t colon = local.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto host = host_of(std::string_view(local).substr(0, colon));
  const auto port = word_of(std::string_view(local).substr(colon + 1));
  if (!host || !port) return std::nullopt;
  return Listener{*host, *port};
}

std::vector<Listener> listeners_of(const fs::path& process) {
  const std::set<std::string> sockets = sockets_of(process);
  std::vector<Listener> found;
  for (const char* table : {"tcp", "tcp6"}) {
    std::error_code ignored;
    if (!fs::exists(process / "net" / table, ignored)) continue;
    std::istringstream lines(read_text_file(process / "net" / table));
    for (std::string line; std::getline(lines, line);)
      if (auto one = listener_in(line, sockets)) found.push_back(std::move(*one));
  }
  return found;
}

}  // namespace

bool SchemaFence::take(const ServerAccess& access, std::span<const std::string> databases,
                       steady_clock::time_point deadline, const std::stop_token& stop) {
  const auto now = steady_clock::now();
  const auto until = deadline - (deadline - now) / share_of_capture;
  try {
    for (const std::string& database : databases) {
      const auto left = std::chrono::floor<milliseconds>(until - steady_clock::now());
      if (left.count() <= 0) throw Error(Errc::unavailable, "the time for the fence is over");
      sessions_.push_back(std::make_unique<SchemaSession>(access, database, left, stop));
    }
    if (steady_clock::now() > deadline)
      throw Error(Errc::unavailable, "the fence came after its time");
  } catch (const Error& error) {
    let_go();
    if (error.code() != Errc::unavailable) throw;
    log(LogLevel::debug, "writers were not fenced", {{"why", error.what()}});
    return false;
  }
  return true;
}

void SchemaFence::release() {
  std::optional<Error> lost;
  for (const auto& session : sessions_) {
    try {
      session->release();
    } catch (const Error& error) {
      lost = error;
    }
  }
  sessions_.clear();
  if (lost) throw Error(*lost);
}

std::optional<std::string> listens_at(pid_t pid, const fs::path& proc) {
  const fs::path process = proc / std::to_string(pid);
  const fs::path network = link_of(process / "ns/net");
  if (network.empty() || network != link_of(proc / "self/ns/net")) return std::nullopt;
  const std::vector<Listener> found = listeners_of(process);
  const Listener* chosen = found.size() == 1 ? &found.front() : nullptr;
  for (const Listener& one : found)
    if (one.port == default_port) chosen = &one;
  if (chosen == nullptr) return std::nullopt;
  return fmt::format("{}:{}", chosen->host, chosen->port);
}

std::optional<ServerAccess> find_fencing_server(const fs::path& database,
                                                const std::stop_token& stop, const fs::path& proc) {
  try {
    const std::optional<InUse> use = who_has(database);
    if (!use || use->holder.pid < 0) return std::nullopt;
    const auto address = listens_at(use->holder.pid, proc);
    if (!address) return std::nullopt;
    ServerAccess access;
    access.target.address = *address;
    access.target.patience = look_time;
    Connection connection(access, stop);
    if (connection.generation() == Generation::v3) return std::nullopt;
    if (!connection.contains(database.filename().native(), stop)) return std::nullopt;
    return access;
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled) throw;
    log(LogLevel::debug, "no server keeps writers out", {{"why", error.what()}});
    return std::nullopt;
  }
}

}  // namespace holdfast::engine::typedb
