// SPDX-License-Identifier: Apache-2.0
// What a database is made of, as the server's catalog views say it: tables with their columns, keys
// and checks, types, sequences, code, and who may do what.
//
// Source: Transact-SQL Reference, system catalog views. Servers that only speak the protocol lack
// some of these views or columns: what they do not know is taken for absent, and named in
// Catalog::unobservable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sqlserver/columns.h"
#include "engine/sqlserver/session.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

struct ServerInfo {
  std::string version;   // "16.0.4135.4"
  unsigned major = 0;    // 11 is 2012, 16 is 2022
  unsigned edition = 0;  // EngineEdition: 3 Enterprise, 4 Express, 5 Azure SQL Database, 8 Managed
  std::string edition_name;  // "Developer Edition (64-bit)"
  std::string product;       // the first line of @@VERSION
  std::string name;          // of the instance
  std::string collation;
  bool is_sql_server = true;  // false: it only speaks the protocol
};
[[nodiscard]] ServerInfo read_server(Session& session);

// A name within a schema; display() is "dbo.Orders". The schema of an object of the database
// itself is empty.
using SqlName = model::TableName;
// [dbo].[Orders]
[[nodiscard]] std::string quoted(const SqlName& name);
// The same as a text for functions that are told a name: 'dbo.Orders', in brackets only where it
// needs them, as not every server that speaks the protocol knows these there.
[[nodiscard]] std::string name_literal(const SqlName& name);

struct CatalogColumn {
  SqlColumn column;
  SqlName alias;          // the type it is declared with, if that is an alias or another user type
  std::string collation;  // of text
  std::string default_name, default_definition;  // "((0))"
  std::string computed;                          // its expression; empty: it is stored
  bool is_persisted = false;
  // Numbers in decimal; `last` is empty if none was given yet.
  std::string seed, increment, last;
  bool is_rowguid = false, is_sparse = false, is_column_set = false, is_filestream = false;
  bool is_document = false;  // xml: one root element
  SqlName xml_collection;    // the schemas that its xml is held to
  std::string mask;          // the function that hides it: "default()"
  unsigned generated = 0;    // 1 begin of a row's period, 2 its end, more: ledger's
  bool is_hidden = false;

  [[nodiscard]] bool is_computed() const noexcept { return !computed.empty(); }
  // Its values are part of a copy: it is neither computed nor counted up by the server itself.
  [[nodiscard]] bool is_copied() const noexcept {
    return !is_computed() && column.type != SqlType::rowversion && !is_column_set;
  }
};

enum class IndexKind : std::uint8_t {
  clustered,
  nonclustered,
  clustered_columnstore,
  nonclustered_columnstore,
  xml,
  other  // spatial, hash, full-text …: not carried
};

struct IndexColumn {
  std::string name;
  bool is_descending = false;
  bool is_included = false;
};

struct CatalogIndex {
  std::string name;
  IndexKind kind = IndexKind::nonclustered;
  std::string kind_name;  // as the server has it: "SPATIAL"
  bool is_primary = false, is_unique_constraint = false, is_unique = false;
  bool is_disabled = false, is_padded = false, ignores_duplicates = false;
  bool row_locks = true, page_locks = true;
  unsigned fill_factor = 0;
  std::string filter;       // "([closed] IS NULL)"
  std::string compression;  // "PAGE"; empty: none, or as its kind has it
  std::string xml_primary;  // of a secondary xml index: whose; then `xml_use` is "PATH" …
  std::string xml_use;
  std::vector<IndexColumn> columns;

  // By it the rows lie in order.
  [[nodiscard]] bool is_clustered() const noexcept {
    return kind == IndexKind::clustered || kind == IndexKind::clustered_columnstore;
  }
};

struct CatalogCheck {
  std::string name, definition;
  bool is_disabled = false, is_trusted = true, for_replication = true;
};

struct CatalogForeignKey {
  std::string name;
  std::vector<std::string> columns;
  SqlName referenced;
  std::vector<std::string> referenced_columns;
  std::string on_delete, on_update;  // "CASCADE", "SET NULL", "SET DEFAULT"; empty: no action
  bool is_disabled = false, is_trusted = true, for_replication = true;
};

enum class TableKind : std::uint8_t { ordinary, type, view };

// A table, a table type, or a view that has indexes.
struct CatalogTable {
  SqlName name;
  TableKind kind = TableKind::ordinary;
  std::int64_t object_id = 0;
  std::vector<CatalogColumn> columns;
  std::vector<CatalogIndex> indexes;  // primary key first, then by name
  std::vector<CatalogCheck> checks;
  std::vector<CatalogForeignKey> foreign_keys;
  std::uint64_t rows_estimate = 0, size_bytes = 0;
  std::string compression;  // of a heap: "PAGE"
  std::string data_space;   // the filegroup or partition scheme it lies in; empty: the default
  // Keeps former rows in `history` (system-versioned) between these columns.
  SqlName history;
  std::string period_begin, period_end;
  // Why its rows are not copied; empty: they are.
  std::string left_out;

  // What rows have in a copy: columns without computed ones and row versions, in their order, as
  // read_rows() and NewRows take it.
  [[nodiscard]] SqlTable rows() const;
};

struct CatalogType {
  SqlName name;
  std::string base;  // "nvarchar(20)"
  bool is_nullable = true;
};

struct CatalogSequence {
  SqlName name;
  std::string type;  // "bigint", "decimal(18,0)"
  std::string start, increment, minimum, maximum, current;
  bool is_cycling = false, is_cached = true, was_used = true;
  std::string cache_size;  // empty: the server's own
};

enum class ModuleKind : std::uint8_t { view, procedure, function, trigger, database_trigger };
[[nodiscard]] std::string_view module_kind_name(ModuleKind kind) noexcept;  // "procedure"

struct CatalogModule {
  SqlName name;
  ModuleKind kind = ModuleKind::view;
  std::string definition;  // CREATE … as somebody wrote it; empty: encrypted, or hidden from us
  SqlName parent;          // of triggers: the table or view
  bool ansi_nulls = true, quoted_identifier = true;
  bool is_disabled = false;
  bool is_schema_bound = false;
  bool is_native = false;                // compiled for tables in memory
  bool is_broken = false;                // a view of what is not there
  std::vector<std::string> first, last;  // triggers: the events at which it comes first or last
};

struct CatalogSynonym {
  SqlName name;
  std::string target;  // "[other].[dbo].[Orders]"
};

// A text that somebody attached to something: MS_Description and others.
struct CatalogProperty {
  std::string name, value;
  // "SCHEMA", "dbo", "TABLE", "Orders", "COLUMN", "Id": words and names in turn.
  std::vector<std::string> levels;
};

struct CatalogUser {
  std::string name;
  std::string login;           // empty: none
  std::string default_schema;  // empty: the server's own
  char kind = 'S';             // sys.database_principals.type: S, U, G, E, X …
  bool has_password = false;   // contained: known to this database alone
};
struct CatalogRole {
  std::string name, owner;
  bool is_application = false;
};
struct CatalogMembership {
  std::string role, member;
};
// "GRANT SELECT ON OBJECT::[dbo].[Orders] TO [app]", or DENY.
struct CatalogPermission {
  std::string statement;
};

struct CatalogSchema {
  std::string name, owner;
};

struct Catalog {
  std::string database, collation, owner;
  unsigned compatibility = 0;
  // What ALTER DATABASE sets back: "RECURSIVE_TRIGGERS ON".
  std::vector<std::string> options;
  std::vector<CatalogSchema> schemas;  // without dbo and the server's own
  std::vector<CatalogType> types;
  std::vector<CatalogTable> table_types;
  struct XmlCollection {
    SqlName name;
    std::string text;
  };
  std::vector<XmlCollection> xml_collections;
  std::vector<CatalogSequence> sequences;
  std::vector<CatalogTable> tables;         // by name
  std::vector<CatalogTable> indexed_views;  // their indexes alone
  std::vector<CatalogSynonym> synonyms;
  std::vector<CatalogModule> modules;  // by name
  std::vector<CatalogProperty> properties;
  std::vector<CatalogUser> users;
  std::vector<CatalogRole> roles;
  std::vector<CatalogMembership> memberships;
  std::vector<CatalogPermission> permissions;
  // What is there and not carried, each a sentence that names it; and catalog views that the server
  // did not show.
  std::vector<std::string> left_out;
  std::vector<std::string> unobservable;

  [[nodiscard]] const CatalogTable* table(const SqlName& name) const noexcept;
};

// All of the database that the session is in. Errc::denied where the server hides definitions from
// us, naming the right.
[[nodiscard]] Catalog read_catalog(Session& session);
// How much of an index's name it was given, where a server that is none of SQL Server's has put the
// table's name and 32 hexadecimal digits behind it, as Babelfish does, which cuts that to 63 bytes.
[[nodiscard]] std::size_t given_index_size(std::string_view name, std::string_view table) noexcept;
// Whether the database that the session is in holds anything of a user's.
[[nodiscard]] bool holds_anything(Session& session);

}  // namespace holdfast::engine::sqlserver
