// SPDX-License-Identifier: Apache-2.0
// What a schema of an Oracle database holds, by its dictionary, and what its rows are at a moment.
//
// Sources: Oracle Database Reference 11.2, 12.2, 19, 23 (ALL_/DBA_ views and in which release their
// columns came), SQL Language Reference (AS OF SCN, partition extension clause).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/oracle/sqlplus.h"
#include "model/manifest.h"

namespace holdfast::engine::oracle {

struct Server {
  std::string version;  // "19.0.0.0.0"
  unsigned major = 0;
  std::string product;  // "Oracle Database 19c Enterprise Edition"
  std::string database, container, user;
  std::string character_set, national_character_set;  // "AL32UTF8", "AL16UTF16"
  bool sees_everything = false;                       // the DBA_ views
};
[[nodiscard]] Server read_server(Session& session);

struct Table {
  std::string name;
  bool has_rows = true;      // keeps rows in this schema: not temporary, not external
  bool is_deferred = false;  // has no segment yet
  // By the names that dumps have: of a composite one its subpartitions.
  std::vector<std::string> partitions;
  bool is_composite = false;
  std::vector<std::string> lobs;  // columns
};

// A feature that the original export skips or loses, and where.
struct Feature {
  std::string name;   // "identity column"
  std::string place;  // "ORDERS.ID"
};

// An object without a segment: "table" T, "partition" P of T, "LOB" C of T.
struct Deferred {
  std::string kind, object, part;
  [[nodiscard]] std::string display() const {
    return kind + " " + object + (part.empty() ? "" : "." + part);
  }
};

struct Catalog {
  std::vector<Table> tables;  // by name
  std::vector<Deferred> deferred;
  std::vector<Feature> features;
  std::vector<std::string> scheduler_jobs, protected_tables, external_tables, invalid;
  std::vector<model::ObjectFacts> objects;
  // The next value that is not cached; empty of those that go down or round.
  std::map<std::string, std::string> sequences;
  // Views of the dictionary that this release has and that are not shown to us.
  std::vector<std::string> hidden_views;
  std::uint64_t size_bytes = 0;  // of its segments, as far as they are told
  std::string changed;           // when the newest definition was changed, in the server's words
};
// False: there is no such user.
[[nodiscard]] bool has_schema(Session& session, std::string_view schema);
// Errc::denied if the dictionary of another's schema cannot be read whole.
[[nodiscard]] Catalog read_catalog(Session& session, const Server& server, std::string_view schema);
// As Catalog::changed, alone.
[[nodiscard]] std::string last_change(Session& session, const Server& server,
                                      std::string_view schema);

// Whether we may call DBMS_FLASHBACK, without which exp takes no change number.
[[nodiscard]] bool may_call_flashback(Session& session);

// The system change number now, decimal. Errc::denied if no way to it is open to us.
[[nodiscard]] std::string current_scn(Session& session);

// Rows of every table that has some, as of a moment; an empty `scn` is now. What
// Errc::not_consistent says: the undo is gone, or a definition is newer.
[[nodiscard]] std::map<std::string, std::uint64_t> count_rows(Session& session,
                                                              std::string_view schema,
                                                              const Catalog& catalog,
                                                              std::string_view scn);
// The same of the partitions of each table that has such, by table and partition.
using PartitionRows = std::map<std::string, std::map<std::string, std::uint64_t>>;
[[nodiscard]] PartitionRows count_partitions(Session& session, std::string_view schema,
                                             const Catalog& catalog, std::string_view scn);
// Columns of BYTE length whose longest text, in AL32UTF8, would not fit: "T.C", with what it takes
// and what it has. Nothing is asked where the database is of that set.
struct TooLong {
  std::string column;
  std::uint64_t declared_bytes = 0, longest_bytes = 0;
};
[[nodiscard]] std::vector<TooLong> find_too_long(Session& session, const Server& server,
                                                 std::string_view schema, const Catalog& catalog,
                                                 std::string_view scn);

// What belongs to the schema and not into its dump, as data: the user, quotas, roles, privileges
// both ways, directories, network access, synonyms of others, jobs. docs/manifest.md names the
// keys.
[[nodiscard]] Json read_prerequisites(Session& session, const Server& server,
                                      std::string_view schema);

// How the schema's jobs of DBMS_SCHEDULER are made, as comments of a script: exp does not copy
// them. One whose definition the server refuses is named there, and in the log as a warning.
[[nodiscard]] std::string job_definitions(Session& session, const Catalog& catalog,
                                          std::string_view schema);

}  // namespace holdfast::engine::oracle
