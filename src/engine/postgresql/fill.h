// SPDX-License-Identifier: Apache-2.0
// Filling an empty database: definitions, rows in parallel, then indexes, keys and the rest. What
// is filled in comes from a copy's parts or from an archive of pg_dump's; here they are the same.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/location.h"
#include "engine/postgresql/script_rewrite.h"
#include "model/value.h"

namespace holdfast::engine::postgresql {

using OpenStream = std::function<std::unique_ptr<ByteSource>()>;

// The rows of one table, in one or several streams of COPY text.
struct TableLoad {
  model::TableName name;
  std::vector<std::string> columns;
  std::string encoding;  // of the streams, as the server names it
  struct Piece {
    OpenStream open;
    std::uint64_t size_bytes = 0;
  };
  std::vector<Piece> pieces;
};

struct Filling {
  std::vector<SchemaStatement> pre_data, post_data;
  std::vector<TableLoad> tables;
  // Scripts that are run as they stand between rows and post-data: sequences, definitions of large
  // objects.
  std::vector<OpenStream> scripts;
  // Contents of large objects, after the scripts; none: empty.
  std::function<void(Connection&)> large_objects;
};

// Runs a script of statements; with COPY data in it, those are copied. `skip` says which are left
// out. Returns the rows that were copied. Settings that a server does not know are passed over.
std::uint64_t run_script(Connection& connection, ByteSource& script, const NameMapping& mapping,
                         const std::function<bool(std::string_view)>& skip = {});

// Runs one statement; the Error says which, without what may be secret in it. False: it was passed
// over, being a setting that the server does not know, or about a schema `public` of another.
bool run_statement(Connection& connection, const SchemaStatement& statement);

// The same where a transaction is open, which outlives such a setting.
void run_in_transaction(Connection& connection, const SchemaStatement& statement);

// A statement for people: its beginning, and of those that hold passwords what they are about.
[[nodiscard]] std::string shown_statement(std::string_view statement);

// With up to `parallel` connections. Returns the rows that were copied.
std::uint64_t fill_database(const Location& place, const Filling& filling,
                            const NameMapping& mapping, unsigned parallel,
                            const std::stop_token& stop);

}  // namespace holdfast::engine::postgresql
