// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/tables_aside.h"

#include <fmt/format.h>

#include "base/error.h"
#include "engine/postgresql/databases.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

std::string leave(const std::string& table, const std::string& parent, bool partition) {
  return partition ? fmt::format("ALTER TABLE {} DETACH PARTITION {}", parent, table)
                   : fmt::format("ALTER TABLE {} NO INHERIT {}", table, parent);
}

std::string enter(const std::string& table, const std::string& parent, const std::string& bound) {
  return bound.empty() ? fmt::format("ALTER TABLE {} INHERIT {}", table, parent)
                       : fmt::format("ALTER TABLE {} ATTACH PARTITION {} {}", parent, table, bound);
}

std::string publish(const std::string& publication, const std::string& table,
                    const std::string& columns, const std::string& condition) {
  std::string sql =
      fmt::format("ALTER PUBLICATION {} ADD TABLE ONLY {}", quote_name(publication), table);
  if (!columns.empty()) sql += fmt::format(" ({})", columns);
  if (!condition.empty()) sql += fmt::format(" WHERE ({})", condition);
  return sql;
}

bool inherits(Connection& connection, const std::string& table, const std::string& parent) {
  return !connection
              .query(
                  "SELECT 1 FROM pg_catalog.pg_inherits WHERE inhrelid ="
                  " $1::pg_catalog.regclass AND inhparent = $2::pg_catalog.regclass",
                  {table, parent})
              .empty();
}

}  // namespace

TablesAside::Place TablesAside::place_of(Connection& connection,
                                         const model::TableName& name) const {
  Place place;
  const Rows parents = connection.query(
      "SELECT n.nspname, p.relname, pg_catalog.pg_get_expr(c.relpartbound, c.oid)"
      " FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid"
      " JOIN pg_catalog.pg_class p ON p.oid = i.inhparent"
      " JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace"
      " WHERE i.inhrelid = $1::pg_catalog.regclass ORDER BY i.inhseqno",
      {quote_name(name)});
  for (std::size_t i = 0; i < parents.size(); ++i) {
    const model::TableName parent{parents.text(i, 0), parents.text(i, 1)};
    // They go aside together, and stay together.
    if (!replaced_.contains(parent)) place.parents.push_back({parent, parents.text(i, 2)});
  }
  const bool has_conditions = connection.server_major() >= 15;
  const Rows publications = connection.query(
      fmt::format("SELECT p.pubname, {} FROM pg_catalog.pg_publication_rel r"
                  " JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid"
                  " WHERE r.prrelid = $1::pg_catalog.regclass ORDER BY 1",
                  has_conditions
                      ? "(SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', '"
                        "  ORDER BY a.attnum) FROM pg_catalog.pg_attribute a"
                        "  WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)),"
                        " pg_catalog.pg_get_expr(r.prqual, r.prrelid)"
                      : "NULL, NULL"),
      {quote_name(name)});
  for (std::size_t i = 0; i < publications.size(); ++i) {
    place.publications.push_back(
        {publications.text(i, 0), publications.text(i, 1), publications.text(i, 2)});
  }
  return place;
}

std::string TablesAside::put_aside(Connection& connection, const model::TableName& name) {
  const Place& place = places_[name] = place_of(connection, name);
  const std::string table = quote_name(name);
  in_context("taking out of its place " + name.display(), [&] {
    for (const Parent& parent : place.parents)
      connection.run(leave(table, quote_name(parent.name), !parent.bound.empty()));
    for (const Publication& publication : place.publications) {
      connection.run(fmt::format("ALTER PUBLICATION {} DROP TABLE ONLY {}",
                                 quote_name(publication.name), table));
    }
  });
  const Rows parts = connection.query(
      "SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'INDEX' END, c.relname"
      " FROM pg_catalog.pg_class c WHERE c.relkind IN ('i', 'I', 'S') AND (c.oid IN"
      "  (SELECT i.indexrelid FROM pg_catalog.pg_index i WHERE i.indrelid = $1::regclass)"
      "  OR c.oid IN (SELECT d.objid FROM pg_catalog.pg_depend d WHERE d.refobjid = $1::regclass"
      "   AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')))"
      " UNION ALL SELECT 'STATISTICS', s.stxname FROM pg_catalog.pg_statistic_ext s"
      "  WHERE s.stxrelid = $1::regclass",
      {table});
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const model::TableName part{name.schema, parts.text(i, 1)};
    rename(connection, parts.view(i, 0), part, free_name(connection, part));
  }
  const model::TableName kept{name.schema, free_name(connection, name)};
  rename(connection, "TABLE", name, kept.table);
  replaced_.insert(kept);
  kept_.insert_or_assign(name, kept);
  std::string line = fmt::format("table {0}; drop it with: DROP TABLE {0};", quote_name(kept));
  if (const std::string dependents = dependents_of(connection, kept); !dependents.empty())
    line += " These went with it and do not come back by themselves: " + dependents;
  for (const Publication& publication : place.publications) {
    line += fmt::format(
        " Publication {} has the restored table now; its subscribers get no copy of the restored "
        "rows by themselves.",
        quote_name(publication.name));
  }
  return line;
}

void TablesAside::join(Connection& connection, const model::TableName& name) const {
  const auto found = places_.find(name);
  if (found == places_.end()) return;
  const std::string table = quote_name(name);
  for (const Parent& parent : found->second.parents) {
    const std::string place = quote_name(parent.name);
    if (inherits(connection, table, place)) continue;
    in_context(fmt::format("putting {} into {}", name.display(), parent.name.display()),
               [&] { connection.run(enter(table, place, parent.bound)); });
  }
  for (const Publication& one : found->second.publications) {
    in_context("publishing " + name.display(),
               [&] { connection.run(publish(one.name, table, one.columns, one.condition)); });
  }
}

std::vector<std::string> TablesAside::back(Connection& connection) const {
  std::vector<std::string> statements;
  // The table that was made may live on under another name: by its number it is found.
  for (const auto& [name, place] : places_) {
    const std::string oid = connection.value(fmt::format(
        "SELECT {}::pg_catalog.regclass::pg_catalog.oid", quote_text(quote_name(name))));
    const std::string made = oid + "::pg_catalog.oid::pg_catalog.regclass";
    for (const Parent& parent : place.parents) {
      const std::string place_name = quote_name(parent.name);
      const std::string sql = leave("%1$s", "%2$s", !parent.bound.empty());
      statements.push_back(fmt::format(
          "DO {}",
          quote_text(fmt::format(
              "BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = {} AND"
              " inhparent = {}::pg_catalog.regclass) THEN"
              " EXECUTE pg_catalog.format({}, {}, {}); END IF; END",
              oid, quote_text(place_name), quote_text(sql), made, quote_text(place_name)))));
    }
    for (const Publication& one : place.publications) {
      statements.push_back(fmt::format(
          "DO {}", quote_text(fmt::format(
                       "BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_publication_rel r JOIN"
                       " pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = {} AND"
                       " p.pubname = {}) THEN EXECUTE pg_catalog.format('ALTER PUBLICATION %I"
                       " DROP TABLE ONLY %s', {}, {}); END IF; END",
                       oid, quote_text(one.name), quote_text(one.name), made))));
    }
  }
  statements.insert(statements.end(), renames_.begin(), renames_.end());
  for (const auto& [name, place] : places_) {
    const std::string table = quote_name(name);
    for (const Parent& parent : place.parents)
      statements.push_back(enter(table, quote_name(parent.name), parent.bound));
    for (const Publication& one : place.publications)
      statements.push_back(publish(one.name, table, one.columns, one.condition));
  }
  return statements;
}

// What refers to a table goes with it to its new name.
std::string TablesAside::dependents_of(Connection& connection, const model::TableName& kept) const {
  const Rows dependents = connection.query(
      "SELECT 'foreign key ' || pg_catalog.quote_ident(f.conname) || ' of ' ||"
      "  f.conrelid::pg_catalog.regclass::text, NULL, NULL"
      " FROM pg_catalog.pg_constraint f WHERE f.contype = 'f' AND f.conrelid <> f.confrelid"
      "  AND f.confrelid = $1::pg_catalog.regclass"
      " UNION SELECT 'view ' || r.ev_class::pg_catalog.regclass::text, NULL, NULL"
      " FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid"
      " WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
      "  AND d.refobjid = $1::pg_catalog.regclass AND r.ev_class <> d.refobjid"
      " UNION SELECT CASE WHEN c.relispartition THEN 'partition ' ELSE 'heir ' END ||"
      "  c.oid::pg_catalog.regclass::text, n.nspname, c.relname"
      " FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid"
      " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
      " WHERE i.inhparent = $1::pg_catalog.regclass ORDER BY 1",
      {quote_name(kept)});
  std::string list;
  for (std::size_t i = 0; i < dependents.size(); ++i) {
    if (replaced_.contains({dependents.text(i, 1), dependents.text(i, 2)})) continue;
    list += (list.empty() ? "" : ", ") + dependents.text(i, 0);
  }
  return list;
}

void TablesAside::rename(Connection& connection, std::string_view kind,
                         const model::TableName& name, const std::string& other) {
  connection.run(
      fmt::format("ALTER {} {} RENAME TO {}", kind, quote_name(name), quote_name(other)));
  const model::TableName renamed{name.schema, other};
  renames_.push_back(
      fmt::format("ALTER {} {} RENAME TO {}", kind, quote_name(renamed), quote_name(name.table)));
}

// The name with the suffix; names that had to be cut may be one.
std::string TablesAside::free_name(Connection& connection, const model::TableName& name) const {
  for (int count = 1;; ++count) {
    const std::string suffix =
        count == 1 ? kept_suffix_ : fmt::format("_{}{}", count, kept_suffix_);
    std::string candidate = with_suffix(name.table, suffix);
    const Rows taken = connection.query(
        "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2"
        " UNION ALL SELECT 1 FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n"
        " ON n.oid = s.stxnamespace WHERE n.nspname = $1 AND s.stxname = $2"
        " UNION ALL SELECT 1 FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n"
        " ON n.oid = t.typnamespace WHERE n.nspname = $1 AND t.typname = $2",
        {name.schema, candidate});
    if (taken.empty()) return candidate;
  }
}

}  // namespace holdfast::engine::postgresql
