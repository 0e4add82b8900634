// SPDX-License-Identifier: Apache-2.0
#include "harness/mariadb_server.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/process.h"
#include "engine/mariadb/location.h"
#include "engine/mariadb/scratch.h"

namespace holdfast::test {

namespace fs = std::filesystem;
using engine::mariadb::Connection;

namespace {

std::vector<std::string> split_at(const std::string& text, char end) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t to = std::min(text.find(end, at), text.size());
    parts.push_back(text.substr(at, to - at));
    at = to + 1;
  }
  return parts;
}

}  // namespace

MariadbServer::MariadbServer(const std::vector<std::string>& more)
    : scratch_(engine::mariadb::start_scratch({}, home_.path(), more)) {}

// Its pid file is where start_scratch() puts it.
void MariadbServer::crash() {
  const fs::path process =
      fs::path("/proc") / split_at(read_text_file(home_.path() / "tmp" / "pid"), '\n').at(0);
  struct ::stat owner {};
  if (::stat(process.c_str(), &owner) != 0) throw system_error(errno, "looking at the server");
  argv_ = {"setpriv", "--pdeathsig", "KILL", "--"};
  if (::geteuid() == 0)
    argv_ = {"setpriv",
             fmt::format("--reuid={}", owner.st_uid),
             fmt::format("--regid={}", owner.st_gid),
             "--clear-groups",
             "--pdeathsig",
             "KILL",
             "--"};
  for (std::string& word : split_at(read_text_file(process / "cmdline"), '\0'))
    argv_.push_back(std::move(word));
  ::kill(std::stoi(process.filename().string()), SIGKILL);
  // It is the scratch server's to reap; without its files open it is dead.
  while (::access((process / "exe").c_str(), F_OK) == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

void MariadbServer::start_again() {
  Command command;
  command.argv = argv_;
  command.directory = "/";
  static_cast<void>(spawn_detached(command, {}));  // ends with us
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (true) {
    try {
      static_cast<void>(connect());
      return;
    } catch (const Error&) {
      if (std::chrono::steady_clock::now() > deadline) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::string MariadbServer::socket() const {
  return engine::mariadb::location_of(scratch_->endpoint()).socket;
}

std::string MariadbServer::uri(const std::string& schema) const {
  return engine::mariadb::uri_of(engine::mariadb::location_of(scratch_->endpoint()), schema);
}

model::Endpoint MariadbServer::endpoint(const std::string& schema) const {
  model::Endpoint endpoint = scratch_->endpoint();
  endpoint.component = schema;
  endpoint.uri = uri(schema);
  return endpoint;
}

Connection MariadbServer::connect() const {
  return {engine::mariadb::location_of(scratch_->endpoint()), nullptr, false};
}

void MariadbServer::run(const std::string& sql) const {
  connect().run(sql);
}

std::string MariadbServer::value(const std::string& sql) const {
  return connect().value(sql);
}

std::vector<std::string> MariadbServer::rows(const std::string& sql) const {
  Connection connection = connect();
  std::vector<std::string> lines;
  for (const auto& row : connection.query(sql)) {
    std::string line;
    for (const auto& cell : row) line += (line.empty() ? "" : "\t") + cell.value_or("\\N");
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string MariadbServer::instance_table(const std::string& component, const std::string& schema,
                                          const std::string& more) const {
  return "[[database]]\nname = \"" + component + "\"\nuri = \"" + uri(schema) +
         "\"\nuser = \"root\"\n" + more + "\n";
}

std::vector<std::string> MariadbServer::client(const std::string& program,
                                               const std::vector<std::string>& words) const {
  std::vector<std::string> argv{program, "--no-defaults", "--user=root", "--socket=" + socket()};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

}  // namespace holdfast::test
