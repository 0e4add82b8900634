// SPDX-License-Identifier: Apache-2.0
// Magnolia's instances for tests: made, verified, kept busy and migrated by the generator in
// tests/fixtures/magnolia (its README says what is in them), on private servers.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/mariadb_server.h"
#include "harness/postgres_server.h"
#include "harness/program.h"
#include "model/endpoint.h"

namespace holdfast::test {

// Where the content is; the README has a table of them.
enum class MagnoliaVariant { derby, h2, pg, pgfull, mariadb, mixed, mssql, mssqlfull };
// Those on servers that are private, or on none. The others' is the one of sqlserver_named.h.
inline constexpr std::array<MagnoliaVariant, 6> magnolia_variants{
    MagnoliaVariant::derby,  MagnoliaVariant::h2,      MagnoliaVariant::pg,
    MagnoliaVariant::pgfull, MagnoliaVariant::mariadb, MagnoliaVariant::mixed};
[[nodiscard]] std::string_view variant_name(MagnoliaVariant variant) noexcept;  // "pgfull"
[[nodiscard]] bool uses_postgres(MagnoliaVariant variant) noexcept;
[[nodiscard]] bool uses_mariadb(MagnoliaVariant variant) noexcept;
[[nodiscard]] bool uses_sqlserver(MagnoliaVariant variant) noexcept;
// Whether some of its content is in databases that only a stopped application lets be copied.
[[nodiscard]] bool is_embedded(MagnoliaVariant variant) noexcept;

// Whether JACKRABBIT_CP names one, as scripts/test soak sets it.
[[nodiscard]] bool has_jackrabbit();

// The application's account on both servers. It is no superuser, and its password is asked for.
inline constexpr std::string_view magnolia_user = "magnolia";
inline constexpr std::string_view magnolia_password = "wh1te-tul1p";

// Servers that a JDBC driver can reach: on a loopback address that no other process uses, at their
// usual ports. Each is started at its first use and ends with the object.
class MagnoliaServers {
 public:
  // `machine`, 0 to 2: tells several such servers of one process apart.
  explicit MagnoliaServers(unsigned machine = 0);
  // Those of a test program: where instances live, and "another machine".
  [[nodiscard]] static MagnoliaServers& shared();
  [[nodiscard]] static MagnoliaServers& other();

  [[nodiscard]] PostgresServer& postgres();
  [[nodiscard]] MariadbServer& mariadb();
  [[nodiscard]] const std::string& address() const noexcept { return address_; }  // "127.64.7.3"

 private:
  std::string address_;
  std::unique_ptr<PostgresServer> postgres_;
  std::unique_ptr<MariadbServer> mariadb_;
};

// What the generator is to make. The same words make the same rows, so the same digest, in every
// variant.
struct MagnoliaContent {
  unsigned pages = 4, assets = 4, asset_kib = 4, versions = 1;
  unsigned seed = 1;
  [[nodiscard]] bool operator==(const MagnoliaContent&) const = default;
};

// What its `verify` says.
struct MagnoliaVerdict {
  std::string digest;  // over every bundle and reference of every workspace and of the versions
  std::map<std::string, std::string> workspaces;  // the same of each; "version" is one of them
  int missing = -1;                               // records that a bundle names and nobody has
  int damaged = -1;                               // records whose bytes are not those of their name
  int broken = -1;                                // links between parent and child without a match
  int records = -1, orphans = -1;                 // all of the data store; those nobody names
  std::string text;                               // all it said, for a message
  [[nodiscard]] bool is_whole() const noexcept {
    return missing == 0 && damaged == 0 && broken == 0;
  }
};

// A Java process of the generator's: a running application, as far as locks and writes go. It holds
// `.lock`, and every lock of an embedded database. Killed and reaped at the end of its life.
class MagnoliaProcess {
 public:
  // Waits until its log says `ready`. Errc::failed_child with the log if it ends before.
  MagnoliaProcess(const std::vector<std::string>& argv, std::filesystem::path log,
                  std::string_view ready);
  [[nodiscard]] pid_t pid() const noexcept { return process_.pid(); }
  [[nodiscard]] bool is_running() { return !process_.has_ended(); }
  // Ends it in order, as a shutdown of the servlet container would. How many rounds it wrote, 0 if
  // it only held. Errc::failed_child with its log if it had failed.
  unsigned stop();
  void kill();  // SIGKILL: its lock files stay

 private:
  std::filesystem::path log_;
  Started process_;
};

// One instance: an author or a public one. The object is a name for it: making it makes nothing,
// and what was made stays when it goes, but that servers end.
class MagnoliaLab {
 public:
  // In <directory>/apache-tomcat/webapps/<instance>. Instances of other names may stand beside it.
  // It gets databases of its own name on the servers it uses.
  MagnoliaLab(MagnoliaVariant variant, std::filesystem::path directory,
              std::string instance = "magnoliaAuthor",
              MagnoliaServers& servers = MagnoliaServers::shared());
  // The same instance at another place: another directory and other databases, on these servers.
  // For restores: nothing of it is made.
  [[nodiscard]] MagnoliaLab elsewhere(std::filesystem::path directory) const;
  [[nodiscard]] MagnoliaLab elsewhere(std::filesystem::path directory,
                                      MagnoliaServers& servers) const;

  // Empty databases, the application's own, on the servers that the variant uses.
  void make_databases() const;
  // The files of configuration alone, which name these databases.
  void configure() const;
  // The same, with a SQL Server that is not that of sqlserver_named.h.
  void configure(const std::string& sqlserver_jdbc, const std::string& sqlserver_user,
                 const std::string& sqlserver_password) const;
  // The one on the server of sqlserver_named.h, which does not end with us.
  void drop_sqlserver_database() const;
  // All of it: databases, configuration and content.
  void create(const MagnoliaContent& content = {}) const;

  // The connections are those that the instance's configuration names. Embedded databases must not
  // be open.
  [[nodiscard]] MagnoliaVerdict verify() const;
  [[nodiscard]] std::vector<std::string> orphans() const;  // names of records
  // The same by a real Jackrabbit, with the configuration that is in force but for its security,
  // which is Magnolia's own: `digest`, of what it reads, is only to be compared with another such
  // one, and only `missing` is counted. It builds the search indexes. Needs has_jackrabbit().
  [[nodiscard]] MagnoliaVerdict verify_with_jackrabbit() const;
  // Writes until it is stopped, or for `limit`. One round is an asset, a page and sometimes a
  // deletion; the first is done when this returns.
  [[nodiscard]] MagnoliaProcess load(
      std::chrono::milliseconds pause = std::chrono::milliseconds(20),
      std::chrono::seconds limit = std::chrono::seconds(600)) const;
  // Has everything open and writes nothing.
  [[nodiscard]] MagnoliaProcess hold(std::chrono::seconds limit = std::chrono::seconds(600)) const;
  // Makes `into` with this one's rows, whatever its variant; pgfull only from pgfull and back.
  void migrate_to(const MagnoliaLab& into) const;

  [[nodiscard]] MagnoliaVariant variant() const noexcept { return variant_; }
  [[nodiscard]] const std::string& instance() const noexcept { return instance_; }
  [[nodiscard]] MagnoliaServers& servers() const noexcept { return *servers_; }
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
  [[nodiscard]] std::filesystem::path tomcat() const { return directory_ / "apache-tomcat"; }
  [[nodiscard]] std::filesystem::path web_app() const { return tomcat() / "webapps" / instance_; }
  [[nodiscard]] std::filesystem::path home() const;  // of the repository
  [[nodiscard]] std::filesystem::path lock() const { return home() / ".lock"; }
  [[nodiscard]] std::filesystem::path workspace(std::string_view name) const;  // its directory
  [[nodiscard]] std::filesystem::path data_store() const;
  // Every record of a FileDataStore, in order; empty in `pgfull`.
  [[nodiscard]] std::vector<std::filesystem::path> records() const;
  [[nodiscard]] std::filesystem::path conf() const;  // the repo-conf file that is in force

  // Of the private servers, whether the variant uses them or not.
  [[nodiscard]] const std::string& database() const noexcept { return database_; }
  [[nodiscard]] std::string postgres_jdbc() const;
  [[nodiscard]] std::string mariadb_jdbc() const;
  // As an instance file names them, by the address that JDBC has.
  [[nodiscard]] std::string postgres_uri() const;
  [[nodiscard]] std::string mariadb_uri() const;
  // Its database as we reach it, and as the generator does; they need sqlserver_named().
  [[nodiscard]] model::Endpoint sqlserver() const;
  [[nodiscard]] std::string sqlserver_jdbc() const;

  // The command line of the generator's modes.
  [[nodiscard]] std::vector<std::string> java(std::string_view mode,
                                              const std::vector<std::string>& words = {}) const;

 private:
  [[nodiscard]] MagnoliaVerdict judge(const std::vector<std::string>& argv) const;

  MagnoliaVariant variant_;
  std::filesystem::path directory_;
  std::string instance_;
  MagnoliaServers* servers_;
  std::string database_;
};

// An instance under load that commands stop and start, as systemctl would a servlet container.
// Whoever started it last, it is killed at the end of this object's life.
class MagnoliaService {
 public:
  // Starts it.
  explicit MagnoliaService(const MagnoliaLab& lab,
                           std::chrono::milliseconds pause = std::chrono::milliseconds(20));
  ~MagnoliaService();
  MagnoliaService(const MagnoliaService&) = delete;
  MagnoliaService& operator=(const MagnoliaService&) = delete;

  // [quiesce] of an instance file.
  [[nodiscard]] std::string quiesce() const;
  [[nodiscard]] std::filesystem::path start_command() const { return directory_ / "start"; }
  [[nodiscard]] std::filesystem::path stop_command() const { return directory_ / "stop"; }
  [[nodiscard]] bool is_running() const;
  // "start\nstop\nstart\n": what was asked of it so far.
  [[nodiscard]] std::string history() const;

 private:
  [[nodiscard]] pid_t pid() const;  // -1 if it does not run

  std::filesystem::path directory_;  // of the commands
  std::string home_;                 // what its command line holds
};

}  // namespace holdfast::test
