// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "base/hash.h"
#include "engine/postgresql/patience.h"

namespace holdfast::engine::postgresql {
namespace {

// One question per kind, each answered by rows of kind, name and definition. `{0}`: the condition
// of the user's schemas, of alias n; `{1}`: that something (classid, oid as c.oid) is no
// extension's; `{2}`: the options of the relation c.
struct Question {
  int version_min;
  std::string_view catalog;  // whose extension members are left out
  std::string_view sql;
};

constexpr std::array questions{
    Question{
        110000, "pg_class",
        "SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table'"
        " WHEN 'f' THEN 'foreign table' ELSE 'composite type' END,"
        " n.nspname || '.' || c.relname,"
        " concat_ws(E'\\n', c.relpersistence, {2},"
        "  c.relrowsecurity, c.relforcerowsecurity, c.relreplident,"
        "  pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),"
        "  (SELECT t.spcname FROM pg_tablespace t WHERE t.oid = c.reltablespace),"
        "  (SELECT string_agg(pn.nspname || '.' || p.relname, ',' ORDER BY i.inhseqno)"
        "   FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent"
        "   JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE i.inhrelid = c.oid),"
        "  (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),"
        "    a.attnotnull, a.attidentity, a.attgenerated, a.attstorage,"
        "    a.attstattarget, array_to_string(a.attoptions, ','),"
        "    array_to_string(a.attfdwoptions, ','), pg_get_expr(d.adbin, d.adrelid),"
        "    (SELECT cn.nspname || '.' || l.collname FROM pg_collation l"
        "     JOIN pg_namespace cn ON cn.oid = l.collnamespace WHERE l.oid = a.attcollation)),"
        "    E'\\n' ORDER BY a.attnum)"
        "   FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid"
        "   AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0"
        "   AND NOT a.attisdropped))"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'f', 'c') AND c.relpersistence <> 't' AND {0} AND {1}"},
    Question{110000, "pg_class",
             "SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END,"
             " n.nspname || '.' || c.relname,"
             " concat_ws(E'\\n', {2}, c.relispopulated,"
             "  pg_get_viewdef(c.oid))"
             " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
             " WHERE c.relkind IN ('v', 'm') AND c.relpersistence <> 't' AND {0} AND {1}"},
    Question{110000, "pg_class",
             "SELECT 'index', n.nspname || '.' || c.relname,"
             " concat_ws(E'\\n', pg_get_indexdef(c.oid), i.indisclustered, i.indisreplident,"
             "  (SELECT t.spcname FROM pg_tablespace t WHERE t.oid = c.reltablespace))"
             " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
             " JOIN pg_class r ON r.oid = i.indrelid"
             " JOIN pg_namespace n ON n.oid = c.relnamespace"
             // What a failed CREATE INDEX CONCURRENTLY has left is in no dump.
             " WHERE i.indisready AND (i.indisvalid OR r.relkind = 'p')"
             " AND c.relpersistence <> 't' AND {0} AND {1} AND NOT EXISTS (SELECT FROM"
             "  pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = i.indrelid"
             "  AND x.deptype = 'e')"},
    Question{110000, "pg_constraint",
             "SELECT 'constraint', n.nspname || '.' || coalesce(r.relname, t.typname) || '.' ||"
             "  c.conname, concat_ws(E'\\n', pg_get_constraintdef(c.oid), c.convalidated)"
             " FROM pg_constraint c LEFT JOIN pg_class r ON r.oid = c.conrelid"
             " LEFT JOIN pg_type t ON t.oid = c.contypid"
             " JOIN pg_namespace n ON n.oid = coalesce(r.relnamespace, t.typnamespace)"
             " WHERE c.contype NOT IN ('n', 't') AND {0} AND {1} AND NOT EXISTS (SELECT FROM"
             "  pg_depend x WHERE x.classid IN ('pg_class'::regclass, 'pg_type'::regclass)"
             "  AND x.objid IN (c.conrelid, c.contypid) AND x.objid <> 0 AND x.deptype = 'e')"},
    Question{110000, "pg_trigger",
             "SELECT 'trigger', n.nspname || '.' || r.relname || '.' || c.tgname,"
             " concat_ws(E'\\n', pg_get_triggerdef(c.oid), c.tgenabled)"
             " FROM pg_trigger c JOIN pg_class r ON r.oid = c.tgrelid"
             " JOIN pg_namespace n ON n.oid = r.relnamespace"
             " WHERE NOT c.tgisinternal AND {0} AND {1}"},
    Question{110000, "pg_rewrite",
             "SELECT 'rule', n.nspname || '.' || r.relname || '.' || c.rulename,"
             " concat_ws(E'\\n', pg_get_ruledef(c.oid), c.ev_enabled)"
             " FROM pg_rewrite c JOIN pg_class r ON r.oid = c.ev_class"
             " JOIN pg_namespace n ON n.oid = r.relnamespace"
             " WHERE c.rulename <> '_RETURN' AND {0} AND {1}"},
    Question{110000, "pg_proc",
             "SELECT CASE c.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate'"
             "  ELSE 'function' END,"
             " n.nspname || '.' || c.proname || '(' || pg_get_function_identity_arguments(c.oid)"
             "  || ')',"
             " CASE WHEN c.prokind = 'a' THEN (SELECT concat_ws(' ', a.aggtransfn::regproc,"
             "   a.aggfinalfn::regproc, a.aggcombinefn::regproc, a.aggkind,"
             "   format_type(a.aggtranstype, NULL), a.agginitval) FROM pg_aggregate a"
             "   WHERE a.aggfnoid = c.oid) ELSE pg_get_functiondef(c.oid) END"
             " FROM pg_proc c JOIN pg_namespace n ON n.oid = c.pronamespace WHERE {0} AND {1}"},
    Question{110000, "pg_type",
             "SELECT CASE c.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN"
             "  'range' ELSE 'base type' END, n.nspname || '.' || c.typname,"
             " concat_ws(E'\\n', CASE WHEN c.typtype = 'd' THEN"
             "   format_type(c.typbasetype, c.typtypmod) END, c.typnotnull, c.typdefault,"
             "  (SELECT string_agg(e.enumlabel, E'\\n' ORDER BY e.enumsortorder) FROM pg_enum e"
             "   WHERE e.enumtypid = c.oid),"
             "  (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = c.oid))"
             " FROM pg_type c JOIN pg_namespace n ON n.oid = c.typnamespace"
             " WHERE (c.typtype IN ('e', 'd', 'r') OR (c.typtype = 'b' AND c.typelem = 0))"
             "  AND {0} AND {1}"},
    Question{110000, "pg_namespace",
             "SELECT 'schema', n.nspname, '' FROM pg_namespace n CROSS JOIN LATERAL"
             " (SELECT n.oid) c WHERE {0} AND {1}"},
    Question{
        110000, "pg_class",
        "SELECT 'sequence', n.nspname || '.' || c.relname,"
        " concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmax,"
        "  s.seqmin, s.seqcache, s.seqcycle, (SELECT d.deptype::text || ' ' || tn.nspname || '.' ||"
        "   t.relname || '.' || a.attname FROM pg_depend d JOIN pg_class t"
        "   ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace"
        "   JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid"
        "   WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid"
        "   AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))"
        " FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relpersistence <> 't' AND {0} AND {1}"},
    // Which version of an extension can be had is the server's affair; engine_facts says it.
    Question{110000, "",
             "SELECT 'extension', e.extname, n.nspname"
             " FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"},
    Question{110000, "pg_policy",
             "SELECT 'policy', n.nspname || '.' || r.relname || '.' || c.polname,"
             " concat_ws(E'\\n', c.polcmd, c.polpermissive, (SELECT string_agg(coalesce(o.rolname,"
             "   'PUBLIC'), ',' ORDER BY o.rolname) FROM unnest(c.polroles) p(oid)"
             "   LEFT JOIN pg_roles o ON o.oid = p.oid), pg_get_expr(c.polqual, c.polrelid),"
             "  pg_get_expr(c.polwithcheck, c.polrelid))"
             " FROM pg_policy c JOIN pg_class r ON r.oid = c.polrelid"
             " JOIN pg_namespace n ON n.oid = r.relnamespace WHERE {0} AND {1}"},
    Question{110000, "pg_event_trigger",
             "SELECT 'event trigger', c.evtname, concat_ws(' ', c.evtevent, c.evtfoid::regproc, "
             "c.evtenabled,"
             "  array_to_string(c.evttags, ',')) FROM pg_event_trigger c WHERE {1}"},
    Question{110000, "pg_publication",
             "SELECT 'publication', c.pubname, concat_ws(' ', c.puballtables, c.pubinsert,"
             "  c.pubupdate, c.pubdelete, c.pubtruncate, (SELECT string_agg(t.schemaname || '.' || "
             "t.tablename,"
             "   ',' ORDER BY t.schemaname, t.tablename) FROM pg_publication_tables t WHERE "
             "t.pubname = c.pubname))"
             " FROM pg_publication c WHERE {1}"},
    Question{110000, "",
             "SELECT 'subscription', s.subname, '' FROM pg_subscription s JOIN pg_database d"
             " ON d.oid = s.subdbid WHERE d.datname = current_database()"},
    Question{110000, "",
             "SELECT 'user mapping', concat_ws(' ', m.srvname, m.usename),"
             " (SELECT string_agg(split_part(o, '=', 1), ',' ORDER BY o COLLATE \"C\")"
             "  FROM unnest(m.umoptions) o) FROM pg_user_mappings m"},
    Question{110000, "pg_statistic_ext",
             "SELECT 'statistics', n.nspname || '.' || c.stxname, pg_get_statisticsobjdef(c.oid)"
             " FROM pg_statistic_ext c JOIN pg_namespace n ON n.oid = c.stxnamespace"
             " WHERE {0} AND {1}"},
};

// Large objects whose oids divided by this are the same are told together.
constexpr std::uint64_t large_objects_at_once = 65536;

// Kinds of which it is enough to know that they are there.
constexpr std::array<std::string_view, 15> identified{"pg_am",
                                                      "pg_cast",
                                                      "pg_collation",
                                                      "pg_conversion",
                                                      "pg_foreign_data_wrapper",
                                                      "pg_foreign_server",
                                                      "pg_language",
                                                      "pg_opclass",
                                                      "pg_operator",
                                                      "pg_opfamily",
                                                      "pg_transform",
                                                      "pg_ts_config",
                                                      "pg_ts_dict",
                                                      "pg_ts_parser",
                                                      "pg_ts_template"};

// What has an owner and grants: catalog, its columns for owner and list, and the letter by which
// acldefault() knows it (an expression).
struct Owned {
  std::string_view catalog, owner, list, letter, condition;
};
constexpr std::array owned{
    Owned{"pg_class", "relowner", "relacl", "CASE WHEN c.relkind = 'S' THEN 's' ELSE 'r' END",
          "c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND c.relpersistence <> 't'"},
    // Not those that belong to a type, as ranges have: they stay with whoever made it.
    Owned{"pg_proc", "proowner", "proacl", "'f'",
          "NOT EXISTS (SELECT FROM pg_depend t WHERE t.classid = 'pg_proc'::regclass AND t.objid ="
          " c.oid AND t.deptype = 'i')"},
    Owned{"pg_namespace", "nspowner", "nspacl", "'n'", "c.nspname !~ '^pg_'"},
    Owned{"pg_type", "typowner", "typacl", "'T'",
          "c.typtype IN ('e', 'd', 'r') OR (c.typtype = 'b' AND c.typelem = 0)"},
    Owned{"pg_language", "lanowner", "lanacl", "'l'", "true"},
    Owned{"pg_foreign_data_wrapper", "fdwowner", "fdwacl", "'F'", "true"},
    Owned{"pg_foreign_server", "srvowner", "srvacl", "'S'", "true"},
};

constexpr std::string_view sorted_list =
    "SELECT string_agg(concat_ws(' ', CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE"
    " pg_get_userbyid(x.grantee) END, x.privilege_type, x.is_grantable), E'\\n' ORDER BY"
    " pg_get_userbyid(x.grantee)::text COLLATE \"C\", x.privilege_type COLLATE \"C\")";

// A dump does not keep their order.
constexpr std::string_view sorted_options =
    "(SELECT string_agg(o, ',' ORDER BY o COLLATE \"C\") FROM unnest(c.reloptions) o)";

// Objects that the user made: extensions' members and what initdb brought are left out. The
// public schema is the exception: it can be changed, and is.
std::string no_member(std::string_view catalog) {
  return fmt::format(
      "NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_catalog.{}'::regclass"
      " AND m.objid = c.oid AND m.deptype = 'e')",
      catalog);
}

std::string grants_question(const Owned& kind) {
  // coalesce: lists that say nothing but the default are not dumped, and are null afterwards.
  return fmt::format(
      "SELECT 'grants of ' || i.type, i.identity, concat_ws(E'\\n', pg_get_userbyid(c.{1}),"
      " ({5} FROM aclexplode(coalesce(c.{2}, acldefault(({3})::\"char\", c.{1}))) x))"
      " FROM {0} c, pg_identify_object('pg_catalog.{0}'::regclass, c.oid, 0) i"
      " WHERE ({4}) AND (c.oid >= 16384 OR i.identity = 'public') AND {6}"
      " AND i.schema IS DISTINCT FROM 'information_schema' AND i.schema IS DISTINCT FROM"
      " 'pg_catalog' AND i.schema IS DISTINCT FROM 'pg_toast'",
      kind.catalog, kind.owner, kind.list, kind.letter, kind.condition, sorted_list,
      no_member(kind.catalog));
}

std::vector<std::string> all_questions(int version) {
  std::vector<std::string> all;
  for (const Question& question : questions) {
    if (version < question.version_min) continue;
    std::string sql =
        fmt::format(fmt::runtime(question.sql), user_schemas,
                    question.catalog.empty() ? "" : no_member(question.catalog), sorted_options);
    if (version < 120000) {  // came with 12
      const std::string_view column = " a.attgenerated,";
      if (const auto at = sql.find(column); at != std::string::npos) sql.erase(at, column.size());
    }
    all.push_back(std::move(sql));
  }
  for (const std::string_view catalog : identified) {
    all.push_back(
        fmt::format("SELECT i.type, i.identity, '' FROM {0} c,"
                    " pg_identify_object('pg_catalog.{0}'::regclass, c.oid, 0) i"
                    " WHERE c.oid >= 16384 AND {1}",
                    catalog, no_member(catalog)));
  }
  for (const Owned& kind : owned) all.push_back(grants_question(kind));
  all.push_back(fmt::format(
      "SELECT 'grants of column', n.nspname || '.' || c.relname || '.' || a.attname,"
      " ({} FROM aclexplode(a.attacl) x) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
      " JOIN pg_namespace n ON n.oid = c.relnamespace"
      " WHERE a.attacl IS NOT NULL AND a.attacl <> '{{}}'::aclitem[] AND NOT a.attisdropped"
      " AND {} AND {}",
      sorted_list, user_schemas, no_member("pg_class")));
  all.push_back(fmt::format(
      "SELECT 'default grants', concat_ws(' ', pg_get_userbyid(c.defaclrole), n.nspname,"
      " c.defaclobjtype), ({} FROM aclexplode(c.defaclacl) x) FROM pg_default_acl c"
      " LEFT JOIN pg_namespace n ON n.oid = c.defaclnamespace WHERE {}",
      sorted_list, no_member("pg_default_acl")));
  all.emplace_back(
      "SELECT 'comment on ' || i.type, i.identity, c.description FROM pg_description c,"
      " pg_identify_object(c.classoid, c.objoid, c.objsubid) i"
      " WHERE (c.objoid >= 16384 OR i.identity = 'public')"
      " AND c.classoid <> 'pg_catalog.pg_largeobject'::regclass"
      " AND c.classoid <> 'pg_catalog.pg_extension'::regclass"
      " AND NOT EXISTS (SELECT FROM pg_index x JOIN pg_class r ON r.oid = x.indrelid"
      "  WHERE c.classoid = 'pg_catalog.pg_class'::regclass AND x.indexrelid = c.objoid"
      "  AND NOT (x.indisready AND (x.indisvalid OR r.relkind = 'p')))"
      " AND NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = c.classoid"
      "  AND m.objid = c.objoid AND m.deptype = 'e')");
  // There may be millions: of those in a range of oids together, how many and a digest.
  all.push_back(fmt::format(
      "SELECT 'large objects', 'from ' || o.range * {0}, concat_ws(' ', count(*),"
      " string_agg(encode(sha256(textsend(o.text)), 'hex'), '' ORDER BY o.oid))"
      " FROM (SELECT c.oid, c.oid::int8 / {0} AS range, concat_ws(E'\\n',"
      "  pg_get_userbyid(c.lomowner), ({1} FROM aclexplode(coalesce(c.lomacl,"
      "   acldefault('L', c.lomowner))) x), obj_description(c.oid, 'pg_largeobject')) AS text"
      "  FROM pg_largeobject_metadata c) o GROUP BY o.range",
      large_objects_at_once, sorted_list));
  all.emplace_back(
      "SELECT 'setting', coalesce(pg_get_userbyid(nullif(s.setrole, 0)), 'all'),"
      " (SELECT string_agg(o, E'\\n' ORDER BY o COLLATE \"C\") FROM unnest(s.setconfig) o)"
      " FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
      " WHERE d.datname = current_database()");
  return all;
}

}  // namespace

std::vector<model::ObjectFacts> list_objects(Connection& connection,
                                             const std::vector<SequenceValue>& sequences,
                                             const Patience& patience) {
  std::vector<model::ObjectFacts> objects;
  const auto add = [&](std::string kind, std::string name, std::string_view definition) {
    const Sha256Digest hash = sha256(as_bytes(definition));
    objects.push_back({std::move(kind), std::move(name), to_hex(ByteView(hash))});
  };
  for (const std::string& question : all_questions(connection.server_version())) {
    // A view is kept from readers as long as its REFRESH takes.
    const Rows rows = query_patiently(connection, question, patience);
    for (std::size_t i = 0; i < rows.size(); ++i)
      add(rows.text(i, 0), rows.text(i, 1), rows.view(i, 2));
  }
  for (const SequenceValue& sequence : sequences) {
    add("sequence value", sequence.name.display(),
        fmt::format("{} {}", sequence.last_value, sequence.is_called));
  }
  std::sort(objects.begin(), objects.end(), [](const auto& a, const auto& b) {
    return std::tie(a.kind, a.name, a.definition_sha256) <
           std::tie(b.kind, b.name, b.definition_sha256);
  });
  return objects;
}

}  // namespace holdfast::engine::postgresql
