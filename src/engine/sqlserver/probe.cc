// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"
#include "base/units.h"
#include "engine/finding.h"
#include "engine/sqlserver/catalog.h"
#include "engine/sqlserver/logical_hold.h"
#include "engine/sqlserver/physical/physical_findings.h"
#include "engine/sqlserver/probe_rights.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Severity;

constexpr unsigned express_edition = 4;
constexpr unsigned azure_edition = 5;
constexpr unsigned first_release_with_s3 = 16;  // 2022
constexpr unsigned oldest_release = 11;         // 2012
// How much a server should have room for while it keeps a moment: a part of the data, and so much
// at least.
constexpr std::uint64_t growth_part = 20;
constexpr std::uint64_t growth_bytes_min = std::uint64_t{256} << 20U;

using Table = std::optional<std::vector<std::vector<Cell>>>;

std::string text_at(const Table& table, std::size_t column) {
  if (!table || table->empty() || column >= table->front().size()) return {};
  return table->front()[column].value_or("");
}

std::uint64_t number_of(const std::string& text) {
  std::uint64_t number = 0;
  static_cast<void>(std::from_chars(text.data(), text.data() + text.size(), number));
  return number;
}

bool makes_snapshots(const ServerInfo& server) {
  return server.is_sql_server && server.edition < azure_edition;
}

Method method_of(const ServerInfo& server, const Location& location) {
  if (location.method != Method::automatic) return location.method;
  if (!server.is_sql_server || server.edition == azure_edition) return Method::logical;
  if (!location.exchange_directory.empty()) return Method::physical;
  const bool can_send = server.major >= first_release_with_s3 && server.edition != express_edition;
  return !location.receiver.empty() && can_send ? Method::physical : Method::logical;
}

class Prober {
 public:
  Prober(const model::Endpoint& endpoint, Probe& probe, const std::stop_token& stop)
      : endpoint_(endpoint), location_(location_of(endpoint)), probe_(probe), stop_(stop) {}

  void run() {
    Session session(location_, endpoint_.password.get(), false, stop_);
    look_at_connection(session);
    look_at_server(session);
    if (!look_at_state(session)) return;
    auto inside = enter();
    if (!inside) return;
    probe_.empty = !holds_anything(*inside);
    look_at_size(*inside);
    const Rights rights(*inside, server_.is_sql_server);
    for (model::Finding& one : rights.findings(location_, method_)) keep(std::move(one));
    for (model::Finding& one : application_findings(*inside, endpoint_)) keep(std::move(one));
    if (method_ == Method::physical) {
      look_at_encryption(*inside);
      look_at_backup_directory(*inside);
      for (model::Finding& one : physical_findings(*inside, probe_.size_bytes))
        keep(std::move(one));
      return;
    }
    look_at_isolation(rights);
    look_at_room(*inside);
    try {
      for (model::Finding& one : logical_findings(*inside, read_catalog(*inside)))
        keep(std::move(one));
    } catch (const Error& error) {  // what it hides is what it says here
      if (error.code() != Errc::denied) throw;
      add("sqlserver-catalog-unobservable", Severity::blocker, error.message(),
          "what our account may not see would be missing from the copy without a word",
          error.hint().empty() ? "Run what `holdfast grants backup` prints." : error.hint());
    }
  }

 private:
  void keep(model::Finding one) {
    one.component = endpoint_.component;
    probe_.findings.push_back(std::move(one));
  }
  void add(std::string code, Severity severity, std::string seen, std::string why,
           std::string mend) {
    keep(finding(std::move(code), severity, std::move(seen), std::move(why), std::move(mend)));
  }

  void look_at_connection(Session& session) {
    probe_.facts.set("driver", driver_name(session));
    if (location_.tls == Tls::off) {
      add("sqlserver-tls-off", Severity::warning, "`tls` is off",
          "whoever is on the way to the server reads the data, and may read the password",
          "leave `tls` out, and name the authority of the server's certificate by `tls_ca`");
    } else if (location_.tls == Tls::required || session.is_unverified()) {
      add("sqlserver-tls-unverified", Severity::warning,
          location_.tls == Tls::required
              ? "`tls` is required: any certificate is accepted"
              : fmt::format("{} was not told to verify the server's certificate",
                            driver_name(session)),
          "whoever puts himself in the way may show a certificate of his own and read everything",
          "set tls = \"verified\", with `tls_ca` where the machine does not know the authority, "
          "and FreeTDS or Microsoft's driver");
    }
  }

  void look_at_server(Session& session) {
    server_ = read_server(session);
    probe_.version = server_.version;
    probe_.facts.set("product", server_.product);
    probe_.facts.set("edition", server_.edition_name);
    probe_.facts.set("collation", server_.collation);
    method_ = method_of(server_, location_);
    probe_.facts.set("method", method_name(method_));
    probe_.abilities.rows = probe_.abilities.tables = method_ == Method::logical;
    probe_.server += fmt::format(" {}", method_name(method_));
    if (!server_.is_sql_server)
      add("sqlserver-not-genuine", Severity::warning, fmt::format("this is {}", server_.product),
          "it speaks SQL Server's protocol and is none: what it does otherwise is not known",
          "rehearse a restore with `holdfast drill` before you rely on it");
    if (server_.is_sql_server && server_.major > 0 && server_.major < oldest_release)
      add("sqlserver-version", Severity::warning,
          fmt::format("the server is of version {}", server_.version),
          "versions before 2012 are not foreseen",
          "rehearse a restore with `holdfast drill` before you rely on it");
    if (method_ == Method::physical && !server_.is_sql_server)
      add("sqlserver-no-backup", Severity::blocker,
          fmt::format("this is {}: it has no BACKUP", server_.product),
          "`method = \"physical\"` copies by it", "set method = \"logical\"");
    const bool by_receiver = !location_.receiver.empty() && location_.exchange_directory.empty();
    if (method_ == Method::physical && by_receiver && server_.is_sql_server &&
        (server_.major < first_release_with_s3 || server_.edition == express_edition))
      add("sqlserver-no-s3", Severity::blocker,
          fmt::format("the server is {} {}", server_.version, server_.edition_name),
          "only 2022 and later, and no Express edition, write backups to a `receiver`",
          "name `backup_directory` and `exchange_directory`, or set method = \"logical\"");
  }

  // Whether the database can be looked into.
  bool look_at_state(Session& session) {
    const auto row = session.try_query(
        fmt::format("SELECT state_desc, recovery_model_desc, snapshot_isolation_state FROM "
                    "sys.databases WHERE name = {}",
                    literal(location_.database)));
    if (!row) {
      add("sqlserver-catalog-unobservable", Severity::blocker, "sys.databases cannot be read",
          "nobody could say whether the database is there, and how it is",
          "GRANT VIEW ANY DATABASE to our login");
      return false;
    }
    if (row->empty()) return false;
    probe_.exists = true;
    probe_.empty = false;
    const std::string state = text_at(row, 0);
    probe_.facts.set("recovery_model", ascii_lower(text_at(row, 1)));
    snapshot_state_ = text_at(row, 2);
    if (state == "ONLINE" || state.empty()) return true;
    const std::string database = identifier(location_.database);
    add("sqlserver-database-offline", Severity::blocker, fmt::format("its state is {}", state),
        "nothing can be read of it",
        state == "OFFLINE"     ? fmt::format("ALTER DATABASE {} SET ONLINE;", database)
        : state == "RESTORING" ? fmt::format("RESTORE DATABASE {} WITH RECOVERY;", database)
                               : "See the server's log, and wait for its recovery or mend it.");
    return false;
  }

  std::unique_ptr<Session> enter() {
    try {
      return std::make_unique<Session>(location_, endpoint_.password.get(), true, stop_);
    } catch (const Error& error) {  // the server is there; what it lets us do is what is asked
      if (error.code() != Errc::not_found && error.code() != Errc::denied) throw;
      add("sqlserver-permission", Severity::blocker, error.message(),
          "our login has no user in the database, so that nothing can be read",
          location_.user.empty()
              ? "run what `holdfast grants backup` prints"
              : fmt::format("USE {0}; CREATE USER {1} FOR LOGIN {1};",
                            identifier(location_.database), identifier(location_.user)));
      return nullptr;
    }
  }

  void look_at_size(Session& session) {
    const auto size = session.try_query(
        "SELECT SUM(CONVERT(bigint, FILEPROPERTY(name, 'SpaceUsed'))) * 8192 FROM "
        "sys.database_files");
    probe_.size_bytes = number_of(text_at(size, 0));
    if (probe_.size_bytes == 0) probe_.facts.set("size_unobservable", true);
  }

  // A database that is encrypted by the server (TDE) has encrypted backups.
  void look_at_encryption(Session& session) {
    const auto encrypted = session.try_query(
        "SELECT is_encrypted FROM sys.databases WHERE "
        "database_id = DB_ID()");
    probe_.facts.set("is_encrypted", text_at(encrypted, 0) == "1");
    if (text_at(encrypted, 0) != "1") return;
    const auto certificate = session.try_query(
        "SELECT CONVERT(varchar(100), k.encryptor_thumbprint, 2), c.name, "
        "CONVERT(varchar(30), c.pvt_key_last_backup_date, 126) FROM "
        "sys.dm_database_encryption_keys k LEFT JOIN master.sys.certificates c ON c.thumbprint = "
        "k.encryptor_thumbprint WHERE k.database_id = DB_ID()");
    if (!certificate || certificate->empty()) {
      add("sqlserver-certificate-unobservable", Severity::warning,
          "the database is encrypted; by which certificate is not shown to our account",
          "a backup is of no use where that certificate is not",
          "GRANT VIEW SERVER STATE to our login, and keep the certificate yourself");
      return;
    }
    const std::string thumbprint = text_at(certificate, 0);
    const std::string name = text_at(certificate, 1);
    probe_.facts.set("certificate", thumbprint);
    if (name.empty() || !text_at(certificate, 2).empty()) return;
    add("sqlserver-certificate-not-backed-up", Severity::warning,
        fmt::format("the private key of certificate {} ({}) was never backed up", name, thumbprint),
        "if the server is lost, no backup of the database can be restored without it, and a copy "
        "of ours holds it only where our account may read it",
        fmt::format("USE [master]; BACKUP CERTIFICATE {} TO FILE = '…' WITH PRIVATE KEY (FILE = "
                    "'…', ENCRYPTION BY PASSWORD = '…');",
                    identifier(name)));
  }

  // Of the server's volumes that hold files of databases; others it does not tell of.
  void look_at_backup_directory(Session& session) {
    if (location_.backup_directory.empty()) return;
    const auto volumes = session.try_query(
        "SELECT DISTINCT v.volume_mount_point, v.available_bytes FROM sys.master_files f CROSS "
        "APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) v");
    std::size_t longest = 0;
    std::optional<std::uint64_t> free;
    for (const std::vector<Cell>& row : volumes.value_or(std::vector<std::vector<Cell>>{})) {
      const std::string mount = row.at(0).value_or("");
      if (mount.size() < longest ||
          !ascii_lower(location_.backup_directory + "/").starts_with(ascii_lower(mount)))
        continue;
      longest = mount.size();
      free = number_of(row.at(1).value_or(""));
    }
    // "/" is a volume of everything, unless another one is mounted there.
    if (!free || longest <= 1) {
      probe_.facts.set("backup_directory_space_unobservable", true);
      return;
    }
    probe_.facts.set("backup_directory_free_bytes", *free);
    if (*free >= probe_.size_bytes) return;
    add("sqlserver-backup-space", Severity::warning,
        fmt::format("{} are free where {} is, the database has {}", format_bytes(*free),
                    location_.backup_directory, format_bytes(probe_.size_bytes)),
        "the server writes its whole backup there before it is fetched",
        "make room there, or let a server of 2022 or later write to a `receiver`");
  }

  void look_at_isolation(const Rights& rights) {
    const bool is_on = snapshot_state_ == "1";
    probe_.facts.set("snapshot_isolation", is_on);
    const bool can_snapshot = makes_snapshots(server_) && rights.makes_databases();
    if (location_.isolation == Isolation::database_snapshot) {
      if (!makes_snapshots(server_))
        add("sqlserver-no-database-snapshot", Severity::blocker,
            fmt::format("{} makes no database snapshots", server_.product),
            "isolation = \"database_snapshot\" is set", "set isolation = \"session\"");
      return;  // the right to make one is among the rights
    }
    if (is_on || (location_.isolation == Isolation::automatic && can_snapshot)) return;
    model::Finding off = finding(
        "sqlserver-snapshot-isolation-off", Severity::blocker,
        fmt::format("snapshot isolation of {} is off", location_.database),
        can_snapshot ? "isolation = \"session\" reads all tables in one transaction of it"
                     : "without it, and where no database snapshot is made, tables are read at "
                       "different moments",
        fmt::format("ALTER DATABASE {} SET ALLOW_SNAPSHOT_ISOLATION ON; or `holdfast preflight "
                    "--fix=sqlserver-snapshot-isolation-off`",
                    identifier(location_.database)));
    off.mend_class = model::MendClass::writes_source;
    keep(std::move(off));
  }

  // Former pages, or former rows, pile up while a moment is held.
  void look_at_room(Session& session) {
    const auto volume = session.try_query(
        "SELECT TOP 1 v.volume_mount_point, v.available_bytes FROM sys.database_files f CROSS "
        "APPLY sys.dm_os_volume_stats(DB_ID(), f.file_id) v WHERE f.type = 0 ORDER BY 2");
    if (!volume || volume->empty()) {
      probe_.facts.set("space_unobservable", true);
      return;
    }
    const std::uint64_t free = number_of(text_at(volume, 1));
    probe_.facts.set("free_bytes", free);
    if (free >= std::max(probe_.size_bytes / growth_part, growth_bytes_min)) return;
    add("sqlserver-disk-low", Severity::warning,
        fmt::format("{} are free in {}, the database has {}", format_bytes(free),
                    text_at(volume, 0), format_bytes(probe_.size_bytes)),
        "while a copy is made the server keeps what is changed as it was, and a full disk ends it",
        "make room, or back up when little is written");
  }

  const model::Endpoint& endpoint_;
  const Location location_;
  Probe& probe_;
  const std::stop_token& stop_;
  ServerInfo server_;
  Method method_ = Method::logical;
  std::string snapshot_state_;
};

}  // namespace

Probe probe_database(const model::Endpoint& endpoint, std::stop_token stop) {
  Probe probe;
  const Location location = location_of(endpoint);
  probe.server = location.server();
  probe.abilities.grants = true;
  probe.abilities.statements = true;
  try {
    Prober(endpoint, probe, stop).run();
  } catch (const Error& error) {  // what it meets is what it finds
    if (error.code() == Errc::cancelled || error.code() == Errc::usage || error.code() == Errc::bug)
      throw;
    const bool is_refused = error.code() == Errc::denied;
    model::Finding one = finding(
        is_refused ? "sqlserver-login" : "sqlserver-unreachable", Severity::blocker,
        error.message(),
        is_refused ? "without a login nothing can be read" : "nothing can be said of the database",
        error.hint().empty() ? "See the message." : error.hint());
    one.component = endpoint.component;
    probe.findings.push_back(std::move(one));
  }
  return probe;
}

Method method_for(Session& session, const Location& location) {
  if (location.method != Method::automatic) return location.method;
  return method_of(read_server(session), location);
}

std::string mend_snapshot_isolation(const model::Endpoint& endpoint) {
  const Location location = location_of(endpoint);
  Session session(location, endpoint.password.get(), false);
  session.run(fmt::format("ALTER DATABASE {} SET ALLOW_SNAPSHOT_ISOLATION ON",
                          identifier(location.database)),
              {}, Errc::unsupported);
  const std::string state =
      session.value(fmt::format("SELECT snapshot_isolation_state_desc FROM sys.databases WHERE "
                                "name = {}",
                                literal(location.database)));
  if (state == "ON") return fmt::format("snapshot isolation of {} is on now", location.display());
  throw Error(Errc::unavailable,
              fmt::format("{}: its snapshot isolation is {}", location.display(), state))
      .set_hint("It goes on once all transactions that run now have ended; look again then.");
}

}  // namespace holdfast::engine::sqlserver
