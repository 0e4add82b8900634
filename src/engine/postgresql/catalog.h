// SPDX-License-Identifier: Apache-2.0
// What a database is made of, as its catalogs say it: settings, tables with columns and sizes,
// sequences, large objects. Reads within whatever transaction the connection is in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/copy_text.h"
#include "engine/postgresql/patience.h"
#include "model/manifest.h"
#include "model/value.h"

namespace holdfast::engine::postgresql {

// A table whose rows are copied: an ordinary table, a leaf partition, or a configuration table of
// an extension.
struct Table {
  std::uint64_t oid = 0;
  model::TableName name;
  std::string owner;
  std::vector<CopyColumn> columns;  // without generated ones
  std::string condition;            // "WHERE …" of an extension's configuration table; else empty
  bool of_extension = false;
  bool unlogged = false;
  bool partition = false;
  bool row_security = false;      // policies may apply to whoever reads it
  std::uint64_t heap_blocks = 0;  // of 8 KiB
  std::uint64_t size_bytes = 0;   // heap and TOAST
};
// In order of schema and name. Rows of a standby's unlogged tables cannot be read; they are listed
// all the same. Without sizes no table is touched, so that nothing waits for a lock; with them,
// within a transaction, patiently.
[[nodiscard]] std::vector<Table> list_tables(Connection& connection, bool with_sizes = true,
                                             const Patience& patience = {});

// Only which tables there are, in any order.
struct TableAt {
  std::uint64_t oid = 0;
  model::TableName name;
};
[[nodiscard]] std::vector<TableAt> list_table_names(Connection& connection);

struct SequenceValue {
  std::uint64_t oid = 0;
  model::TableName name;  // as the transaction's snapshot has it
  std::int64_t last_value = 0;
  bool is_called = false;
};
// As they are now: sequences do not follow snapshots. Within a transaction. Errc::not_consistent
// for one that was dropped since its snapshot: nobody knows what it had given out.
[[nodiscard]] std::vector<SequenceValue> read_sequences(Connection& connection,
                                                        const Patience& patience = {});

// Large objects: how many there are, and which oids bound them.
struct LargeObjects {
  std::uint64_t count = 0;
};
[[nodiscard]] LargeObjects count_large_objects(Connection& connection);
// Rows (oid, offset, bytes) of all large objects, pieces of 256 KiB, an empty object as one empty
// piece.
[[nodiscard]] std::string copy_large_objects_statement();
// Their columns.
[[nodiscard]] std::vector<CopyColumn> large_object_columns();
// As this table they are counted in the manifest: pg_catalog.pg_largeobject.
[[nodiscard]] model::TableName large_objects_table();

// Scripts that pg_dump does not make apart from data, or not for a database of another name.
// SELECT setval(…) for each sequence.
[[nodiscard]] std::string sequences_script(const std::vector<SequenceValue>& sequences,
                                           std::string_view encoding);
// Creation, owners, grants and comments of large objects.
[[nodiscard]] std::string large_objects_script(Connection& connection);
// Settings, grants and comment of the database itself, applied to whichever it is run in.
[[nodiscard]] std::string database_script(Connection& connection);

// The condition by which catalogs tell the user's schemas, of the alias `n` of pg_namespace.
inline constexpr std::string_view user_schemas =
    "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

// The condition by which relations `c` in schemas `n` are copied: the user's own, and what an
// extension declares as its configuration, wherever that lies (Citus has it in pg_catalog).
inline constexpr std::string_view owned_or_configured =
    "(EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig))"
    " OR (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS"
    " (SELECT FROM pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    "  AND d.objid = c.oid AND d.deptype = 'e')))";

// The statement that copies rows of a table out: COPY (SELECT …) TO STDOUT, or COPY table TO
// STDOUT, in `encoding`. With `block_begin`/`block_end` only the rows that lie in these blocks.
struct BlockRange {
  std::uint64_t begin = 0;
  std::uint64_t end = UINT64_MAX;  // UINT64_MAX: to the end, wherever that is
};
[[nodiscard]] std::string copy_out_statement(const Table& table, std::string_view encoding,
                                             const BlockRange* range);
// The statement that takes them in: COPY "s"."t" ("a", "b") FROM STDIN. `frozen`: as rows that
// everybody sees and no vacuum has to look at again, which the server allows for a table that was
// made or emptied in the same transaction.
[[nodiscard]] std::string copy_in_statement(const model::TableName& table,
                                            const std::vector<std::string>& columns,
                                            std::string_view encoding, bool frozen = false);
// The same for rows in the binary format, whose texts are in the session's encoding.
[[nodiscard]] std::string copy_in_binary_statement(const model::TableName& table,
                                                   const std::vector<std::string>& columns,
                                                   bool frozen = false);

// What the server and the database say about themselves: the part of engine_facts that does not
// depend on the copy. docs/manifest.md lists the keys.
[[nodiscard]] Json database_facts(Connection& connection);

}  // namespace holdfast::engine::postgresql
