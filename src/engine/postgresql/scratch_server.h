// SPDX-License-Identifier: Apache-2.0
// A private PostgreSQL server made of the binaries installed here: for drills, and for tests. It
// listens on a Unix socket only, in a directory that nobody else may enter, and goes without a
// trace. Knows nothing of what is loaded into it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::engine::postgresql {

// Where the programs of one installed server are.
struct ServerBinaries {
  unsigned major = 0;
  std::string version;  // "15.18"
  std::filesystem::path directory;
};

// All that are found: below /usr/lib/postgresql, /usr/pgsql-*, /usr/local/pgsql, and by PATH;
// newest first.
[[nodiscard]] std::vector<ServerBinaries> find_server_binaries();
// Whether there are any; asks no more of them than it must.
[[nodiscard]] bool has_server_binaries();

// The one that should run what came from a server of this major version: the same, else the next
// newer one. Errc::unsupported, saying what was looked for, if there is none.
[[nodiscard]] ServerBinaries choose_server_binaries(unsigned major_needed);

struct PrivateServerOptions {
  // Exists, ours alone. Everything the server has goes below, but for its socket if that path is
  // too long for one. Where we are root, which servers refuse, the server runs as the directory's
  // owner; if that is root too, as the first of `holdfast`, `postgres` and `nobody` that is there
  // and owns no other cluster, to whom its server would open. What it runs is the copy's.
  std::filesystem::path directory;
  unsigned major_needed = 0;
  std::string encoding = "UTF8";  // of the databases that the server itself makes
  std::string superuser = "postgres";
  std::vector<std::pair<std::string, std::string>> settings;  // override ours
};

// Runs from construction to destruction. Errc::unsupported where there are no binaries, or no user
// to run as; Errc::failed_child with the server's own words if it does not start.
class PrivateServer {
 public:
  explicit PrivateServer(const PrivateServerOptions& options);
  ~PrivateServer();
  PrivateServer(const PrivateServer&) = delete;
  PrivateServer& operator=(const PrivateServer&) = delete;

  [[nodiscard]] const ServerBinaries& binaries() const noexcept { return binaries_; }
  [[nodiscard]] const std::filesystem::path& socket_directory() const noexcept { return socket_; }
  [[nodiscard]] const std::filesystem::path& log_file() const noexcept { return log_; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] const std::string& superuser() const noexcept { return superuser_; }
  [[nodiscard]] static unsigned port() { return 5432; }
  // "postgresql:///name?host=…&port=…"; `database` is any name.
  [[nodiscard]] std::string uri(std::string_view database) const;

  // For tests of what happens when a server goes away: ends it as a crash would, starts it again.
  void kill();
  void start();

 private:
  void make_cluster(const PrivateServerOptions& options);
  void remove() noexcept;

  std::filesystem::path directory_, data_, socket_, log_;
  ServerBinaries binaries_;
  std::string superuser_;
  std::vector<std::string> as_user_;  // argv in front of the server's
  std::vector<std::string> settings_;
  pid_t pid_ = -1;
};

// Ends and removes what a PrivateServer left in `directory` whose process died. No error if nothing
// is left; Errc::io if something cannot be removed.
void remove_private_server(const std::filesystem::path& directory);

// Percent-encodes everything that is not plain in a URI.
[[nodiscard]] std::string uri_escaped(std::string_view text);

}  // namespace holdfast::engine::postgresql
