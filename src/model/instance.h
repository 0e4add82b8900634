// SPDX-License-Identifier: Apache-2.0
// An instance as its file describes it, parsed and checked. docs/instance-file.md lists every key.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"

namespace holdfast::model {

// Where a password comes from. At most one is set; resolved by profile::resolve_password.
struct PasswordSource {
  std::string file;
  std::vector<std::string> command;  // argv
  // Read by a profile in the application's own configuration; written nowhere.
  std::shared_ptr<const Secret> known = nullptr;
  [[nodiscard]] bool empty() const noexcept {
    return file.empty() && command.empty() && known == nullptr;
  }
};

struct RepositorySettings {
  std::string location;
  PasswordSource password;
  // Repositories that get a copy of their own of each backup; of one without a password, the
  // password above is its own too. They have no extra ones themselves.
  std::vector<RepositorySettings> extra_locations = {};
};

struct DatabaseSettings {
  std::string name, engine, uri, user;
  PasswordSource password;
  std::vector<std::string> after;              // components copied before this one
  std::map<std::string, std::string> options;  // engine options
  int line = 0;                                // in the file, for messages
};

struct FilesSettings {
  std::string name;
  std::vector<std::string> paths;  // absolute
  std::vector<std::string> exclude;
  std::vector<std::string> after;
  int line = 0;
};

enum class QuiesceWhen : std::uint8_t { always, needed };
struct QuiesceSettings {
  std::vector<std::string> stop, start;  // argv; both or none
  QuiesceWhen when = QuiesceWhen::always;
  std::chrono::milliseconds timeout{120'000};
};

struct HookSettings {
  std::vector<std::vector<std::string>> before_backup, after_backup, on_error, before_restore,
      after_restore;
};

struct LimitSettings {
  std::uint64_t fence_ms = 500;          // longest time writers are fenced; also the lock time-out
  std::uint64_t writer_stall_ms = 1000;  // longest time a writer may be kept waiting by a copy
  std::uint64_t moments_apart_ms = 5000;
  unsigned parallel = 0;  // 0: the cores available
};

struct DrillQuery {
  std::string component, sql, expect;
};
struct DrillSettings {
  std::string user;  // who scratch servers run as that refuse root
  std::string scratch_dir;
  // Servers that are rehearsed on instead of a private one, named as the components they stand in
  // for.
  std::vector<DatabaseSettings> endpoints;
  std::vector<DrillQuery> queries;
};

struct AcceptSetting {
  std::string code, component, reason;
  std::string until;  // "2026-12-31"; empty: for good
};

enum class RestoreRole : std::uint8_t { unset, clone, replacement };

// New names, by old, of what a copy of a database names; "*" stands for every owner not listed.
struct NameMappings {
  std::map<std::string, std::string> owners, schemas, tablespaces;
};

// What profile `magnolia` is told.
struct MagnoliaSettings {
  bool includes_search_index = false;  // search_index = "include"
  // What a migration makes of it; empty: as it is.
  std::string persistence;  // name of an engine: "derby", "h2", "postgresql", "mariadb"
  std::string data_store;   // "files", "database"
  // System properties of its JVM, as -D gives them, where they are not found on the disk.
  std::map<std::string, std::string> system_properties;
};

// Rows of a database that name files: each `column` holds a path, absolute or below `root`.
struct StagedColumn {
  std::string table, column, root;
};

// What profile `migration-center` is told.
struct MigrationCenterSettings {
  std::string schema;                   // of its tables; empty: the one with SCHEDULERS in it
  std::vector<std::string> jobservers;  // "host:port"; none: the one of `home`
  std::uint64_t jobserver_port = 9700;
  std::string web_client;                     // directory of its Tomcat
  std::vector<std::string> staging, logs;     // absolute
  bool disables_schedulers = false;           // schedulers = "disable"
  std::string scheduler_column;               // "SCHEDULERS.ENABLED"
  std::string scheduler_on, scheduler_off;    // its values
  std::map<std::string, std::string> status;  // codes of what is at work by "TABLE.COLUMN"
  std::vector<StagedColumn> staged;
};

// The user that a restore makes where a schema has none.
struct NewUserSettings {
  PasswordSource password;
  std::string default_tablespace, quota;
};

struct Instance {
  std::string name;
  std::string profile = "custom";
  std::string home;
  MagnoliaSettings magnolia;
  MigrationCenterSettings migration_center;
  std::string file;  // path it was read from
  RepositorySettings repository;
  std::vector<DatabaseSettings> databases;
  std::vector<FilesSettings> files;
  QuiesceSettings quiesce;
  HookSettings hooks;
  LimitSettings limits;
  DrillSettings drill;
  RestoreRole restore_role = RestoreRole::unset;
  NameMappings restore_names;
  NewUserSettings restore_user;
  std::vector<AcceptSetting> accepts;
};

}  // namespace holdfast::model
