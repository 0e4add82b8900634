// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/hash.h"

namespace holdfast::engine::oracle {
namespace {

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(Errc::failed_child, fmt::format("the server said `{}` for a number", text));
  return value;
}

std::string prefix_of(const Server& server, std::string_view schema) {
  return server.user == schema && !server.sees_everything ? "ALL_" : "DBA_";
}

// " FROM ALL_TABLES WHERE OWNER = 'FMEMC'"
std::string from_where(std::string_view prefix, std::string_view view, std::string_view schema,
                       std::string_view owner = "OWNER") {
  return fmt::format("FROM {}{} WHERE {} = {}", prefix, view, owner, literal(schema));
}

std::string as_of(std::string_view scn) {
  return scn.empty() ? std::string() : fmt::format(" AS OF SCN {}", scn);
}

std::string definition_hash(const Session::Fields& fields, std::size_t from) {
  std::string text;
  for (std::size_t i = from; i < fields.size(); ++i) text += fields[i] + "\n";
  return to_hex(sha256(as_bytes(text)));
}

void read_tables(Session& session, const std::string& prefix, std::string_view schema,
                 Catalog& catalog) {
  std::set<std::string> external;
  if (const auto rows =
          session.try_rows({"TABLE_NAME"}, from_where(prefix, "EXTERNAL_TABLES", schema)))
    for (const auto& row : *rows) external.insert(row[0]);
  catalog.external_tables.assign(external.begin(), external.end());
  const auto rows =
      // ALL_TABLES has no object tables. Some tables the server makes itself: of queues, and of
      // jobs of ours.
      session.rows({"TABLE_NAME", "TEMPORARY"},
                   from_where(prefix, "ALL_TABLES", schema) +
                       " AND NESTED = 'NO' AND SECONDARY = 'N' AND NVL(DROPPED,'NO') = 'NO'"
                       " AND (IOT_TYPE IS NULL OR IOT_TYPE = 'IOT')"
                       " AND TABLE_NAME NOT LIKE 'AQ$\\_%' ESCAPE '\\'"
                       " AND NOT REGEXP_LIKE(TABLE_NAME,'^HOLDFAST_[0-9A-F]{12}$')"
                       " ORDER BY TABLE_NAME");
  for (const auto& row : rows) {
    Table table;
    table.name = row[0];
    table.has_rows = row[1] == "N" && !external.contains(row[0]);
    catalog.tables.push_back(std::move(table));
  }
}

Table* find_table(Catalog& catalog, std::string_view name) {
  const auto found = std::find_if(catalog.tables.begin(), catalog.tables.end(),
                                  [&](const Table& table) { return table.name == name; });
  return found == catalog.tables.end() ? nullptr : &*found;
}

void read_partitions(Session& session, const std::string& prefix, std::string_view schema,
                     Catalog& catalog) {
  const auto read = [&](std::string_view view, std::string_view name, std::string_view further) {
    for (const auto& row :
         session.rows({"TABLE_NAME", name}, from_where(prefix, view, schema, "TABLE_OWNER") +
                                                std::string(further) + " ORDER BY 1, 2")) {
      Table* const table = find_table(catalog, row[0]);
      if (table == nullptr) continue;
      table->partitions.push_back(row[1]);
      table->is_composite = name == "SUBPARTITION_NAME";
    }
  };
  read("TAB_PARTITIONS", "PARTITION_NAME", " AND COMPOSITE = 'NO'");
  read("TAB_SUBPARTITIONS", "SUBPARTITION_NAME", "");
  for (const auto& row :
       session.rows({"TABLE_NAME", "COLUMN_NAME"},
                    from_where(prefix, "TAB_COLUMNS", schema) +
                        " AND DATA_TYPE IN ('CLOB','NCLOB','BLOB') ORDER BY TABLE_NAME, COLUMN_ID"))
    if (Table* const table = find_table(catalog, row[0])) table->lobs.push_back(row[1]);
}

// SEGMENT_CREATED came with 11.2; older servers have a segment for everything.
void read_deferred(Session& session, const std::string& prefix, std::string_view schema,
                   Catalog& catalog) {
  struct Kind {
    std::string_view kind, view, owner, object, part, further;
  };
  // Of an index that cannot be used there is none on purpose.
  static constexpr std::array<Kind, 7> kinds{
      {{"table", "ALL_TABLES", "OWNER", "TABLE_NAME", "''",
        " AND TEMPORARY = 'N' AND PARTITIONED = 'NO' AND IOT_TYPE IS NULL"
        " AND NVL(DROPPED,'NO') = 'NO'"},
       {"index", "INDEXES", "OWNER", "INDEX_NAME", "''",
        " AND TEMPORARY = 'N' AND PARTITIONED = 'NO' AND INDEX_TYPE NOT LIKE 'LOB%'"
        " AND STATUS <> 'UNUSABLE'"},
       {"LOB", "LOBS", "OWNER", "TABLE_NAME", "COLUMN_NAME", " AND PARTITIONED = 'NO'"},
       {"partition", "TAB_PARTITIONS", "TABLE_OWNER", "TABLE_NAME", "PARTITION_NAME", ""},
       {"subpartition", "TAB_SUBPARTITIONS", "TABLE_OWNER", "TABLE_NAME", "SUBPARTITION_NAME", ""},
       {"index partition", "IND_PARTITIONS", "INDEX_OWNER", "INDEX_NAME", "PARTITION_NAME",
        " AND STATUS <> 'UNUSABLE'"},
       {"LOB partition", "LOB_PARTITIONS", "TABLE_OWNER", "TABLE_NAME",
        "COLUMN_NAME||'.'||PARTITION_NAME", ""}}};
  for (const Kind& one : kinds) {
    const auto rows = session.try_rows(
        {one.object, one.part},
        from_where(prefix, one.view, schema, one.owner) +
            fmt::format(" AND SEGMENT_CREATED = 'NO'{} ORDER BY 1, 2", one.further));
    if (!rows) continue;
    for (const auto& row : *rows) {
      catalog.deferred.push_back({std::string(one.kind), row[0], row[1]});
      if (one.kind != "table") continue;
      if (Table* const table = find_table(catalog, row[0])) table->is_deferred = true;
    }
  }
}

// What a view of the dictionary says; nothing where this release has none such. One that it has and
// does not show to us is noted.
std::optional<std::vector<Session::Fields>> rows_of_view(
    Session& session, const std::string& prefix, std::string_view view, std::string_view column,
    const std::string& condition, Catalog& catalog) {
  auto rows = session.try_rows({column}, fmt::format("FROM {}{} {}", prefix, view, condition));
  if (rows || prefix != "DBA_") return rows;
  // Everybody sees the other view of that name.
  if (!session.try_rows({column}, fmt::format("FROM ALL_{} WHERE 1 = 0", view)))
    return std::nullopt;
  const std::string hidden = fmt::format("DBA_{}", view);
  if (std::find(catalog.hidden_views.begin(), catalog.hidden_views.end(), hidden) ==
      catalog.hidden_views.end())
    catalog.hidden_views.push_back(hidden);
  return std::nullopt;
}

// Source: Oracle Database Error Messages, EXP-00018, 00104, 00107, 00111, 00113; Utilities,
// "Original Export": features after 10.2 are not supported. The views and columns came with the
// features: servers that do not know them have none.
void read_features(Session& session, const std::string& prefix, std::string_view schema,
                   Catalog& catalog) {
  struct Kind {
    std::string_view name, view, owner, place, further;
  };
  constexpr std::string_view column = "TABLE_NAME||'.'||COLUMN_NAME";
  static constexpr std::array<Kind, 14> kinds{
      {{"binary XMLType table", "XML_TABLES", "OWNER", "TABLE_NAME",
        " AND STORAGE_TYPE LIKE '%BINARY'"},
       {"binary XMLType column", "XML_TAB_COLS", "OWNER", column,
        " AND STORAGE_TYPE LIKE '%BINARY'"},
       {"SecureFile with compression, deduplication or encryption", "LOBS", "OWNER", column,
        " AND SECUREFILE = 'YES' AND (COMPRESSION NOT IN ('NO','NONE') OR DEDUPLICATION NOT IN"
        " ('NO','NONE') OR ENCRYPT NOT IN ('NO','NONE'))"},
       {"encrypted column", "ENCRYPTED_COLUMNS", "OWNER", column, ""},
       {"identity column", "TAB_IDENTITY_COLS", "OWNER", column, ""},
       {"invisible column", "TAB_COLS", "OWNER", column,
        " AND HIDDEN_COLUMN = 'YES' AND USER_GENERATED = 'YES'"},
       {"virtual column", "TAB_COLS", "OWNER", column,
        " AND VIRTUAL_COLUMN = 'YES' AND HIDDEN_COLUMN = 'NO' AND DATA_TYPE <> 'XMLTYPE'"},
       {"text or RAW of more than 4000 bytes", "TAB_COLUMNS", "OWNER", column,
        " AND (DATA_TYPE IN ('VARCHAR2','NVARCHAR2') AND DATA_LENGTH > 4000 OR DATA_TYPE = 'RAW'"
        " AND DATA_LENGTH > 2000)"},
       {"type of 21c or 23ai", "TAB_COLUMNS", "OWNER", column,
        " AND DATA_TYPE IN ('JSON','BOOLEAN','VECTOR')"},
       {"interval partitioning", "PART_TABLES", "OWNER", "TABLE_NAME", " AND INTERVAL IS NOT NULL"},
       {"partitioning by reference or system", "PART_TABLES", "OWNER", "TABLE_NAME",
        " AND PARTITIONING_TYPE IN ('REFERENCE','SYSTEM')"},
       {"default value on null", "TAB_COLUMNS", "OWNER", column, " AND DEFAULT_ON_NULL = 'YES'"},
       {"edition view", "EDITIONING_VIEWS", "OWNER", "VIEW_NAME", ""},
       {"name longer than 30 bytes", "OBJECTS", "OWNER", "OBJECT_NAME",
        " AND LENGTHB(OBJECT_NAME) > 30 AND OBJECT_TYPE NOT LIKE 'JAVA%'"}}};
  for (const Kind& one : kinds) {
    const auto rows = rows_of_view(
        session, prefix, one.view, one.place,
        fmt::format("WHERE {} = {}{} ORDER BY 1", one.owner, literal(schema), one.further),
        catalog);
    if (!rows) continue;
    for (const auto& row : *rows)
      if (!row[0].starts_with("BIN$")) catalog.features.push_back({std::string(one.name), row[0]});
  }
  const std::string tablespaces = prefix == "DBA_" ? "DBA_TABLESPACES" : "USER_TABLESPACES";
  const auto encrypted = session.try_rows(
      {"TABLE_NAME"}, from_where(prefix, "ALL_TABLES", schema) +
                          fmt::format(" AND TABLESPACE_NAME IN (SELECT TABLESPACE_NAME FROM {}"
                                      " WHERE ENCRYPTED = 'YES') ORDER BY 1",
                                      tablespaces));
  if (!encrypted) return;
  for (const auto& row : *encrypted) catalog.features.push_back({"encrypted tablespace", row[0]});
}

void read_others(Session& session, const std::string& prefix, std::string_view schema,
                 Catalog& catalog) {
  const auto names = [&](std::string_view view, std::string_view owner, std::string_view name,
                         std::string_view further, std::vector<std::string>& into) {
    if (const auto rows = rows_of_view(
            session, prefix, view, name,
            fmt::format("WHERE {} = {}{} ORDER BY 1", owner, literal(schema), further), catalog))
      for (const auto& row : *rows) into.push_back(row[0]);
  };
  // Jobs of DBMS_JOB are there too from 19c on.
  names("SCHEDULER_JOBS", "OWNER", "JOB_NAME", " AND JOB_NAME NOT LIKE 'DBMS\\_JOB$%' ESCAPE '\\'",
        catalog.scheduler_jobs);
  names("POLICIES", "OBJECT_OWNER", "OBJECT_NAME", " AND ENABLE = 'YES'", catalog.protected_tables);
  names("OBJECTS", "OWNER", "OBJECT_TYPE||' '||OBJECT_NAME", " AND STATUS = 'INVALID'",
        catalog.invalid);
  const std::string segments =
      prefix == "DBA_" ? from_where("DBA_", "SEGMENTS", schema) : "FROM USER_SEGMENTS";
  if (const auto rows = session.try_rows({"TO_CHAR(NVL(SUM(BYTES),0))"}, segments);
      rows && !rows->empty())
    catalog.size_bytes = number(rows->front().front());
}

// Names that the server made itself are others after an import.
void read_objects(Session& session, const std::string& prefix, std::string_view schema,
                  Catalog& catalog) {
  const auto add = [&](std::string_view kind, const Session::Fields& row, std::string name) {
    catalog.objects.push_back({std::string(kind), std::move(name), definition_hash(row, 1)});
  };
  for (const auto& row : session.rows(
           {"SEQUENCE_NAME", "TO_CHAR(LAST_NUMBER)", "TO_CHAR(MIN_VALUE)", "TO_CHAR(MAX_VALUE)",
            "TO_CHAR(INCREMENT_BY)", "CYCLE_FLAG", "ORDER_FLAG", "TO_CHAR(CACHE_SIZE)"},
           from_where(prefix, "SEQUENCES", schema, "SEQUENCE_OWNER") +
               " AND SEQUENCE_NAME NOT LIKE 'ISEQ$$%' AND SEQUENCE_NAME NOT LIKE 'AQ$%'"
               " ORDER BY SEQUENCE_NAME")) {
    const bool goes_up = !row[4].starts_with('-') && row[5] == "N";
    catalog.sequences[row[0]] = goes_up ? row[1] : std::string();
    Session::Fields fixed = row;
    fixed.erase(fixed.begin() + 1);
    add("sequence", fixed, row[0]);
  }
  for (const auto& row :
       session.rows({"VIEW_NAME"}, from_where(prefix, "VIEWS", schema) +
                                       " AND VIEW_NAME NOT LIKE 'AQ$%' ORDER BY VIEW_NAME"))
    add("view", row, row[0]);
  // The first line is another after an import, as are blanks at the ends of lines.
  for (const auto& row :
       session.rows({"NAME", "LOWER(TYPE)",
                     "TO_CHAR(SUM(CASE WHEN LINE > 1 THEN"
                     " ORA_HASH(RTRIM(TEXT,' '||CHR(9)||CHR(10)||CHR(13))) END))"},
                    from_where(prefix, "SOURCE", schema) +
                        " AND NAME NOT LIKE 'BIN$%' GROUP BY TYPE, NAME ORDER BY TYPE, NAME"))
    add(row[1], row, row[0]);
  for (const auto& row :
       session.rows({"INDEX_NAME", "TABLE_NAME", "INDEX_TYPE", "UNIQUENESS"},
                    from_where(prefix, "INDEXES", schema) +
                        " AND GENERATED = 'N' AND INDEX_NAME NOT LIKE 'BIN$%' ORDER BY INDEX_NAME"))
    add("index", row, row[0]);
  for (const auto& row :
       session.rows({"CONSTRAINT_NAME", "TABLE_NAME", "CONSTRAINT_TYPE", "STATUS"},
                    from_where(prefix, "CONSTRAINTS", schema) +
                        " AND GENERATED = 'USER NAME' AND CONSTRAINT_TYPE IN ('P','U','R','C')"
                        " AND TABLE_NAME NOT LIKE 'BIN$%' ORDER BY CONSTRAINT_NAME"))
    add("constraint", row, row[0]);
  for (const auto& row :
       session.rows({"SYNONYM_NAME", "TABLE_NAME", "DB_LINK"},
                    from_where(prefix, "SYNONYMS", schema) + " ORDER BY SYNONYM_NAME"))
    add("synonym", row, row[0]);
  for (const auto& row :
       session.rows({"TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "TO_CHAR(DATA_LENGTH)", "NULLABLE"},
                    from_where(prefix, "TAB_COLUMNS", schema) +
                        " AND TABLE_NAME NOT LIKE 'BIN$%' ORDER BY TABLE_NAME, COLUMN_ID"))
    if (find_table(catalog, row[0]) != nullptr)
      catalog.objects.push_back({"column", row[0] + "." + row[1], definition_hash(row, 2)});
}

}  // namespace

Server read_server(Session& session) {
  Server server;
  const auto products = session.rows({"PRODUCT", "VERSION"},
                                     "FROM PRODUCT_COMPONENT_VERSION WHERE PRODUCT LIKE 'Oracle%'");
  if (products.empty()) throw Error(Errc::failed_child, "the server does not tell its release");
  server.product = products.front()[0];
  server.version = products.front()[1];
  server.major = static_cast<unsigned>(number(server.version.substr(0, server.version.find('.'))));
  const auto parameter = [&](std::string_view name) {
    return session.value(
        "VALUE", fmt::format("FROM NLS_DATABASE_PARAMETERS WHERE PARAMETER = {}", literal(name)));
  };
  server.character_set = parameter("NLS_CHARACTERSET");
  server.national_character_set = parameter("NLS_NCHAR_CHARACTERSET");
  if (server.character_set.empty())
    throw Error(Errc::failed_child, "the server does not tell its character set");
  server.user = session.value("USER");
  server.database = session.value("SYS_CONTEXT('USERENV','DB_NAME')");
  if (const auto rows = session.try_rows({"SYS_CONTEXT('USERENV','CON_NAME')"}, "FROM dual");
      rows && !rows->empty())
    server.container = rows->front().front();
  server.sees_everything =
      session.try_rows({"TO_CHAR(COUNT(*))"}, "FROM DBA_TABLES WHERE ROWNUM < 2").has_value();
  return server;
}

bool has_schema(Session& session, std::string_view schema) {
  return !session
              .rows({"USERNAME"},
                    fmt::format("FROM ALL_USERS WHERE USERNAME = {}", literal(schema)))
              .empty();
}

Catalog read_catalog(Session& session, const Server& server, std::string_view schema) {
  if (server.user != schema && !server.sees_everything)
    throw Error(Errc::denied,
                fmt::format("{} may not read the dictionary of schema {}", server.user, schema))
        .set_hint("Run `holdfast grants backup` and what it prints.");
  const std::string prefix = prefix_of(server, schema);
  Catalog catalog;
  read_tables(session, prefix, schema, catalog);
  read_partitions(session, prefix, schema, catalog);
  read_deferred(session, prefix, schema, catalog);
  read_features(session, prefix, schema, catalog);
  read_others(session, prefix, schema, catalog);
  read_objects(session, prefix, schema, catalog);
  catalog.changed = last_change(session, server, schema);
  return catalog;
}

std::string last_change(Session& session, const Server& server, std::string_view schema) {
  return session.value("TO_CHAR(MAX(LAST_DDL_TIME),'YYYY-MM-DD HH24:MI:SS')||' '||COUNT(*)",
                       from_where(prefix_of(server, schema), "OBJECTS", schema) +
                           " AND OBJECT_TYPE IN ('TABLE','TABLE PARTITION','SEQUENCE')"
                           " AND OBJECT_NAME NOT LIKE 'BIN$%'"
                           " AND NOT REGEXP_LIKE(OBJECT_NAME,'^HOLDFAST_[0-9A-F]{12}$')");
}

bool may_call_flashback(Session& session) {
  return session.try_rows({"TO_CHAR(DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER)"}, "FROM dual")
      .has_value();
}

// Who owns DBMS_FLASHBACK's right has the exact one; the function of SQL knows it to three seconds.
std::string current_scn(Session& session) {
  for (const std::string_view expression : {"TO_CHAR(DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER)",
                                            "TO_CHAR((SELECT CURRENT_SCN FROM V$DATABASE))",
                                            "TO_CHAR(TIMESTAMP_TO_SCN(SYSTIMESTAMP))"}) {
    const auto rows = session.try_rows({expression}, "FROM dual");
    if (!rows || rows->empty()) continue;
    static_cast<void>(number(rows->front().front()));
    return rows->front().front();
  }
  throw Error(Errc::denied, "the server's change number cannot be read")
      .set_hint("GRANT EXECUTE ON SYS.DBMS_FLASHBACK to the user of the backup.");
}

std::map<std::string, std::uint64_t> count_rows(Session& session, std::string_view schema,
                                                const Catalog& catalog, std::string_view scn) {
  std::map<std::string, std::uint64_t> counts;
  for (const Table& table : catalog.tables) {
    if (!table.has_rows) continue;
    counts[table.name] =
        number(session.value("TO_CHAR(COUNT(*))", fmt::format("FROM {}.{}{}", identifier(schema),
                                                              identifier(table.name), as_of(scn))));
  }
  return counts;
}

PartitionRows count_partitions(Session& session, std::string_view schema, const Catalog& catalog,
                               std::string_view scn) {
  PartitionRows counts;
  for (const Table& table : catalog.tables) {
    if (!table.has_rows) continue;
    for (const std::string& partition : table.partitions)
      counts[table.name][partition] = number(session.value(
          "TO_CHAR(COUNT(*))",
          fmt::format("FROM {}.{} {} ({}){}", identifier(schema), identifier(table.name),
                      table.is_composite ? "SUBPARTITION" : "PARTITION", identifier(partition),
                      as_of(scn))));
  }
  return counts;
}

// CONVERT() gives 4000 bytes at most: texts are taken in pieces of 1000 characters.
std::string bytes_in_utf8(std::string_view column, std::uint64_t declared_bytes) {
  std::string sum;
  for (std::uint64_t from = 1; from <= declared_bytes; from += 1000)
    sum += fmt::format("{}NVL(LENGTHB(CONVERT(SUBSTR({},{},1000),'AL32UTF8')),0)",
                       sum.empty() ? "" : "\n+", identifier(column), from);
  return fmt::format("TO_CHAR(NVL(MAX({}),0))", sum);
}

std::vector<TooLong> find_too_long(Session& session, const Server& server, std::string_view schema,
                                   const Catalog& catalog, std::string_view scn) {
  std::vector<TooLong> found;
  if (server.character_set == "AL32UTF8" || server.character_set == "UTF8") return found;
  const auto columns = session.rows(
      {"TABLE_NAME", "COLUMN_NAME", "TO_CHAR(DATA_LENGTH)"},
      from_where(prefix_of(server, schema), "TAB_COLUMNS", schema) +
          " AND DATA_TYPE IN ('VARCHAR2','CHAR') AND CHAR_USED = 'B' ORDER BY TABLE_NAME,"
          " COLUMN_ID");
  for (const auto& column : columns) {
    const bool is_kept =
        std::any_of(catalog.tables.begin(), catalog.tables.end(),
                    [&](const Table& table) { return table.has_rows && table.name == column[0]; });
    if (!is_kept) continue;
    const std::string longest = session.value(
        bytes_in_utf8(column[1], number(column[2])),
        fmt::format("FROM {}.{}{}", identifier(schema), identifier(column[0]), as_of(scn)));
    if (number(longest) > number(column[2]))
      found.push_back({column[0] + "." + column[1], number(column[2]), number(longest)});
  }
  return found;
}

}  // namespace holdfast::engine::oracle
