// SPDX-License-Identifier: Apache-2.0
// A SQL Server as a scenario file tells it to behave, behind an ODBC driver of its own: scenario.h
// of scripted_odbc says how such a file is written. It replays documented behaviour; it shows what
// is said to SQL Server and how its answers are taken, not that SQL Server understands.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"
#include "model/endpoint.h"

namespace holdfast::test {

class ScriptedServer {
 public:
  static constexpr const char* scenarios = HOLDFAST_SOURCES "/tests/contract/engine/sqlserver";
  // What a scenario calls the directory that both see.
  static constexpr const char* backup_directory = "E:\\Backup";

  explicit ScriptedServer(const std::string& scenario) {
    static std::atomic<int> servers = 0;
    host_ = "db" + std::to_string(++servers);
    std::filesystem::create_directories(exchange());
    become(scenario);
  }
  // The same server, which from now on behaves so. What it remembers stays.
  void become(const std::string& scenario) {
    const auto from = std::filesystem::path(scenarios) / (scenario + ".toml");
    std::filesystem::remove(home() / "scenario.toml");
    std::filesystem::create_symlink(from, home() / "scenario.toml");
  }
  // What a program's environment needs for it.
  static std::pair<std::string, std::string> environment() {
    return {"HOLDFAST_SCRIPTED_ODBC", root().native()};
  }
  [[nodiscard]] std::filesystem::path home() const { return root() / host_; }
  [[nodiscard]] std::filesystem::path exchange() const { return home() / "exchange"; }
  // Statements that were sent, a line each.
  [[nodiscard]] std::string statements() const {
    const auto file = home() / "statements.log";
    return std::filesystem::exists(file) ? read_text_file(file) : std::string();
  }
  [[nodiscard]] bool was_asked(std::string_view words) const {
    return statements().find(words) != std::string::npos;
  }
  [[nodiscard]] std::size_t files_left() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(exchange()))
      ++count;
    return count;
  }
  // Whether a scenario has set it: "database Shop".
  [[nodiscard]] bool is_set(std::string what) const {
    for (char& c : what)
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    for (char& c : what) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return std::filesystem::exists(home() / "marks" / what);
  }
  [[nodiscard]] model::Endpoint endpoint(std::map<std::string, std::string> options = {}) const {
    model::Endpoint made;
    made.component = "shop";
    made.engine = "sqlserver";
    made.uri = "sqlserver://" + host_ + "/Shop";
    made.user = "holdfast";
    made.password = std::make_shared<Secret>(std::string("se cret;'1"));
    made.options = std::move(options);
    made.options.emplace("driver", HOLDFAST_SCRIPTED_ODBC_DRIVER);
    made.options.emplace("backup_directory", backup_directory);
    made.options.emplace("exchange_directory", exchange().native());
    return made;
  }
  // The same with a receiver in place of the directories, at a port that nobody listens at just now
  // and with a certificate for this machine that the server trusts: receiver.pem of its home.
  [[nodiscard]] model::Endpoint receiving_endpoint() const {
    const std::string certificate = home() / "receiver.pem", key = home() / "key.pem";
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
        "/CN=localhost -addext subjectAltName=DNS:localhost -keyout " +
        key + " -out " + certificate + " 2>/dev/null";
    if (std::system(command.c_str()) != 0) throw Error(Errc::failed_child, "openssl failed");
    model::Endpoint made = endpoint({{"receiver", "localhost:" + std::to_string(free_port())},
                                     {"receiver_certificate", certificate},
                                     {"receiver_key", key}});
    made.options.erase("backup_directory");
    made.options.erase("exchange_directory");
    return made;
  }

 private:
  static unsigned free_port() {
    const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd.get(), any, size) != 0 || ::getsockname(fd.get(), any, &size) != 0) return 0;
    return ntohs(address.sin_port);
  }
  // Told to the driver by the environment, also to that of programs that are started.
  static const std::filesystem::path& root() {
    static const TemporaryDirectory place("holdfast-scripted-sqlserver");
    static const int told = ::setenv("HOLDFAST_SCRIPTED_ODBC", place.path().c_str(), 1);
    static_cast<void>(told);
    return place.path();
  }
  std::string host_;
};

}  // namespace holdfast::test
