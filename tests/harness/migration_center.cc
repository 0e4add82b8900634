// SPDX-License-Identifier: Apache-2.0
#include "harness/migration_center.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

#include "base/error.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view fixture = HOLDFAST_MIGRATION_CENTER_FIXTURE;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void put(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  write_text(path, text);
}

Fd make_socket() {
  const int number = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (number < 0) throw system_error(errno, "making a socket");
  return Fd(number);
}

}  // namespace

JobserverPort::JobserverPort() : listener_(make_socket()) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw system_error(errno, "taking a port");
  number_ = ntohs(address.sin_port);
}

void JobserverPort::listen() {
  if (::listen(listener_.get(), 1) != 0) throw system_error(errno, "listening");
}

void JobserverPort::connect() {
  client_ = make_socket();
  const sockaddr_in address = loopback(number_);
  if (::connect(client_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw system_error(errno, "connecting");
}

MigrationCenterFiles::MigrationCenterFiles(Place& place) : place_(place) {
  for (const char* script : {"startDaemon.sh", "stopDaemon.sh", "runConsole.sh"})
    put(jobserver() / "bin" / script, "#!/bin/sh\n");
  put(jobserver() / "dfc.conf", "wrapper.java.classpath.dfcConfig=/opt/dfc/config\n");
  put(jobserver() / "lib/connector.jar", "a connector");
  put(log(), "INFO started\nINFO stopped\n");
  put(web_client() / "conf/server.xml", "<Server port=\"8005\"/>\n");
  put(web_client() / "webapps/mc-web-client/WEB-INF/web.xml", "<web-app/>\n");
  put(web_client() / "logs/catalina.out", "INFO started\n");
  put(staging() / "contracts/1.pdf", "first contract");
  put(staging() / "contracts/2.pdf", "second contract");
  let_logs_rest();
}

void MigrationCenterFiles::let_logs_rest() const {
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  fs::last_write_time(log(), long_ago);
  fs::last_write_time(web_client() / "logs/catalina.out", long_ago);
}

std::string MigrationCenterFiles::head(std::string_view more) const {
  return fmt::format(
      "name = \"mc\"\nprofile = \"migration-center\"\nhome = \"{}\"\n[migration_center]\n"
      "jobserver_port = {}\nstaging = [\"{}\"]\n{}\n",
      home().string(), port_.number(), staging().string(), more);
}

std::string MigrationCenterFiles::other_head(const std::string& name) const {
  return fmt::format(
      "name = \"mc\"\nprofile = \"migration-center\"\nhome = \"{0}\"\n"
      "[[files]]\nname = \"staging\"\npaths = [\"{0}/staging\"]\n",
      (place_ / name).string());
}

MigrationCenter::MigrationCenter(Place& place, const std::string& database)
    : MigrationCenterFiles(place), database_(database) {
  server().clean();
  server().psql("postgres", "CREATE ROLE fmemc LOGIN");
  server().psql("postgres", fmt::format("CREATE DATABASE {} OWNER fmemc", sql_name(database_)));
  server().psql(database_, "SET ROLE fmemc;\n" + read_text(fs::path(fixture) / "schema.sql"));
}

MigrationCenter::~MigrationCenter() {
  try {
    server().clean();
  } catch (const Error&) {
    return;  // the server goes with the program
  }
}

std::string MigrationCenter::sql(std::string_view script) const {
  return server().psql(database_, script);
}

std::string MigrationCenter::database_table(const std::string& database) const {
  return fmt::format("[[database]]\nname = \"fmemc\"\nuri = \"{}\"\nuser = \"postgres\"\n",
                     server().endpoint(database).uri);
}

std::string MigrationCenter::full(std::string_view more, std::string_view tables) const {
  return head(more) + fmt::format(
                          "[migration_center.status]\n\"MIGSETS.STATE\" = \"2, 3\"\n"
                          "[[migration_center.staged]]\ntable = \"staged_objects\"\n"
                          "column = \"content_path\"\nroot = \"{}\"\n{}{}",
                          staging().string(), database_table(database_), tables);
}

std::string MigrationCenter::smallest() const {
  return fmt::format(
      "name = \"mc\"\nprofile = \"migration-center\"\n[migration_center]\nschema = \"FMEMC\"\n"
      "jobserver_port = {}\n{}",
      port_.number(), database_table(database_));
}

std::string MigrationCenter::other(const std::string& name, std::string_view tables) const {
  return other_head(name) + database_table(name) + std::string(tables);
}

}  // namespace holdfast::test
