// SPDX-License-Identifier: Apache-2.0
// Exports and imports of 2.x, which the server does itself: it writes and reads the files, on its
// own machine and with its own rights. Asked over its service `migrator.Migrator`, without a
// program of the vendor's.
//
// Sources: typedb/typedb, migrator/proto/migrator.proto of 2.0.0 (exportData), migrator.proto of
// 2.1.0 to 2.18.0 (ExportData), of 2.19.0 to 2.29.1 (ExportDatabase, with a file of the schema);
// migrator/MigratorService.java of 2.29.1 (a message about once a second; a failure is INTERNAL).
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/typedb/connection.h"

namespace holdfast::engine::typedb {

struct JobFiles {
  std::string data, schema;  // absolute, as the server sees them
};

// What a server does with the schema.
enum class SchemaPlace : std::uint8_t {
  apart,   // to 2.18: an export has none, an import needs a database that has it
  beside,  // from 2.19 on: a file of its own; an import makes the database
};

// Which of these the server's jobs do; nothing if it has no migrator, and the vendor's program is
// left. Asks for an export of a database that cannot be there, which writes nothing.
[[nodiscard]] std::optional<SchemaPlace> find_jobs(Connection& connection,
                                                   const std::stop_token& stop);

using JobProgress = std::function<void(const MigratorProgress& progress)>;

// Returns when the server is done. Errc as of Connection::refuse(); unsupported for a server that
// has no migrator. A stop request ends the call; the server goes on until it cannot write any more.
SchemaPlace run_job(Connection& connection, MigratorJob job, const std::string& database,
                    const JobFiles& files, const JobProgress& progress,
                    const std::stop_token& stop);

// Keeps a database's data from being written to while it lives, and lets it be read: a schema
// session of 2.x, or of 3.x nothing like it. It is kept awake by a thread of its own.
//
// Source: typedb/typedb, rocks/RocksSession.java of 2.5.0, database/CoreSession.java of 2.29.1;
// common/parameters/Options.java (a session idles for 30 s at most); ErrorMessage.java of 2.0.0 to
// 2.29.1 (SCHEMA_ACQUIRE_LOCK_TIMEOUT).
class SchemaSession {
 public:
  // Errc::unavailable if the server's writers did not end within `wait`; else as of Connection. A
  // stop request counts before the server is asked: one that is given up while it waits would get
  // the session later, and keep writers out until that idles.
  SchemaSession(const ServerAccess& access, const std::string& database,
                std::chrono::milliseconds wait, const std::stop_token& stop);
  ~SchemaSession();
  SchemaSession(const SchemaSession&) = delete;
  SchemaSession& operator=(const SchemaSession&) = delete;

  // Runs `define …` in a transaction and commits it; to 2.18. Errc as of Connection::refuse().
  void define(std::string_view typeql, const std::stop_token& stop);
  // Ends it. Errc::not_consistent if the server had ended it before.
  void release();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::engine::typedb
