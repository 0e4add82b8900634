// SPDX-License-Identifier: Apache-2.0
// Source: MySQL's "Client/Server Protocol", protocol version 10.
#include "harness/scripted_mysql.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace holdfast::test {
namespace {

std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>((value >> (8 * i)) & 0xFFU);
  return text;
}

std::string counted(std::string_view text) {
  std::string head;
  if (text.size() < 251) {
    head = number(text.size(), 1);
  } else if (text.size() < 65536) {
    head = '\xfc' + number(text.size(), 2);
  } else {
    head = '\xfd' + number(text.size(), 3);
  }
  return head + std::string(text);
}

std::string column(const std::string& name) {
  std::string text = counted("def") + counted("") + counted("") + counted("") + counted(name) +
                     counted(name) + '\x0c';
  text += number(63, 2) + number(1U << 20U, 4);  // binary
  text += '\xfd';                                // VAR_STRING
  return text + number(0, 2) + number(0, 1) + number(0, 2);
}

const std::string end_of_list = '\xfe' + number(0, 2) + number(2, 2);

}  // namespace

class ScriptedMysql::Session {
 public:
  Session(ScriptedMysql& server, int socket, unsigned id)
      : server_(server), socket_(socket), id_(id) {}

  void run() {
    greet();
    if (!receive()) return;
    send_ok();
    while (true) {
      sequence_ = 0;
      const auto command = receive();
      if (!command || command->empty() || (*command)[0] == 1) return;
      if ((*command)[0] != 3) {
        send_ok();
        continue;
      }
      reply(command->substr(1));
    }
  }

 private:
  void send(const std::string& payload) {
    const std::string packet = number(payload.size(), 3) + number(sequence_++, 1) + payload;
    std::size_t done = 0;
    while (done < packet.size()) {
      const ssize_t count =
          ::send(socket_, packet.data() + done, packet.size() - done, MSG_NOSIGNAL);
      if (count <= 0) return;
      done += static_cast<std::size_t>(count);
    }
  }
  bool fill(std::string& into, std::size_t size) {
    into.resize(size);
    std::size_t done = 0;
    while (done < size) {
      const ssize_t count = ::recv(socket_, into.data() + done, size - done, 0);
      if (count <= 0) return false;
      done += static_cast<std::size_t>(count);
    }
    return true;
  }
  std::optional<std::string> receive() {
    std::string head;
    if (!fill(head, 4)) return std::nullopt;
    const auto byte = [&](std::size_t i) {
      return static_cast<std::size_t>(static_cast<unsigned char>(head[i]));
    };
    sequence_ = static_cast<unsigned>(byte(3)) + 1;
    std::string payload;
    if (!fill(payload, byte(0) | (byte(1) << 8U) | (byte(2) << 16U))) return std::nullopt;
    return payload;
  }

  void greet() {
    // Long passwords, protocol 4.1, a database, local files, transactions, plugins for passwords.
    constexpr std::uint64_t abilities =
        0x1U | 0x8U | 0x80U | 0x200U | 0x2000U | 0x8000U | 0x20000U | 0x80000U;
    std::string text = '\x0a' + server_.version_ + '\0' + number(id_, 4) + std::string(8, 'a') +
                       '\0' + number(abilities & 0xFFFFU, 2) + '\xff' + number(2, 2) +
                       number(abilities >> 16U, 2) + number(21, 1) + std::string(10, '\0') +
                       std::string(12, 'b') + '\0' + "mysql_native_password" + '\0';
    send(text);
  }
  void send_ok(const std::string& info = {}) {
    send('\0' + number(0, 1) + number(0, 1) + number(2, 2) + number(0, 2) +
         (info.empty() ? info : counted(info)));
  }
  void send_error(unsigned code, const std::string& message) {
    send('\xff' + number(code, 2) + "#HY000" + message);
  }

  void reply(const std::string& sql) {
    const Answer answer = server_.find(sql);
    if (answer.waits) {
      std::unique_lock lock(server_.mutex_);
      const unsigned before = server_.kills_;
      server_.killed_.wait(lock, [&] { return server_.kills_ != before || server_.ends_; });
      lock.unlock();
      return send_error(1317, "Query execution was interrupted");
    }
    if (answer.error != 0) return send_error(answer.error, answer.message);
    if (answer.takes_file) return take_file();
    if (answer.columns.empty()) return send_ok();
    send(number(answer.columns.size(), 1));
    for (const std::string& name : answer.columns) send(column(name));
    send(end_of_list);
    for (const Line& line : answer.lines) {
      std::string text;
      for (const auto& cell : line) text += cell ? counted(*cell) : std::string("\xfb");
      send(text);
    }
    send(end_of_list);
  }

  void take_file() {
    send('\xfb' + std::string("a file"));
    std::string all;
    while (true) {
      const auto part = receive();
      if (!part) return;
      if (part->empty()) break;
      all += *part;
    }
    {
      const std::lock_guard guard(server_.mutex_);
      server_.file_ += all;
    }
    send_ok("Records: 1  Deleted: 0  Skipped: 0  Warnings: 0");
  }

  ScriptedMysql& server_;
  int socket_;
  unsigned id_;
  unsigned sequence_ = 0;
};

ScriptedMysql::ScriptedMysql(std::string version)
    : version_(std::move(version)), socket_((home_.path() / "s").native()) {
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_.c_str(), sizeof address.sun_path - 1);
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), 16) != 0)
    throw system_error(errno, "listening at " + socket_);
  server_ = std::thread([this] { serve(); });
}

ScriptedMysql::~ScriptedMysql() {
  ends_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);
  server_.join();
  {
    const std::lock_guard guard(mutex_);
    for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
    killed_.notify_all();
  }
  for (std::thread& session : sessions_) session.join();
  for (const int socket : open_) ::close(socket);
}

void ScriptedMysql::serve() {
  unsigned id = 100;
  while (!ends_) {
    const int socket = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::lock_guard guard(mutex_);
    open_.push_back(socket);
    sessions_.emplace_back([this, socket, number = ++id] {
      Session(*this, socket, number).run();
      ::shutdown(socket, SHUT_RDWR);
    });
  }
}

void ScriptedMysql::answer(std::string words, Answer with) {
  const std::lock_guard guard(mutex_);
  rules_.push_back({std::move(words), std::move(with)});
}

void ScriptedMysql::answer(std::string words, std::string value) {
  answer(std::move(words), Answer{.columns = {"value"}, .lines = {{std::move(value)}}});
}

std::vector<std::string> ScriptedMysql::statements() const {
  const std::lock_guard guard(mutex_);
  return statements_;
}

std::string ScriptedMysql::file() const {
  const std::lock_guard guard(mutex_);
  return file_;
}

ScriptedMysql::Answer ScriptedMysql::find(const std::string& sql) {
  const std::lock_guard guard(mutex_);
  statements_.push_back(sql);
  const auto rule = std::find_if(rules_.rbegin(), rules_.rend(), [&](const Rule& one) {
    return sql.find(one.words) != std::string::npos;
  });
  if (sql.starts_with("KILL QUERY") && (rule == rules_.rend() || rule->with.error == 0)) {
    ++kills_;
    killed_.notify_all();
  }
  return rule == rules_.rend() ? Answer{} : rule->with;
}

}  // namespace holdfast::test
