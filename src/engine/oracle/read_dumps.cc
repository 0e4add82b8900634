// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/read_dumps.h"

#include <algorithm>

#include "base/ascii.h"
#include "engine/oracle/character_sets.h"
#include "engine/oracle/exp_examine.h"
#include "engine/oracle/pump_inspect.h"

namespace holdfast::engine::oracle {
namespace {

std::string set_name(std::uint16_t id) {
  const CharacterSet* const set = find_character_set(id);
  return set == nullptr ? "number " + std::to_string(id) : std::string(set->name);
}

// The first blocker says why it is not whole.
void judge(const std::vector<model::Finding>& findings, DumpFacts& facts) {
  for (const model::Finding& one : findings) {
    if (one.severity != model::Severity::blocker || !facts.whole) continue;
    facts.whole = false;
    facts.damage = one.seen;
  }
}

DumpFacts read_exp(ByteSource& dump, const model::RowTap& tap, const std::stop_token& stop) {
  ExpReport report = examine_exp(dump, ExpDepth::counted, stop, tap);
  DumpFacts facts;
  facts.whole = report.is_complete;
  judge(report.findings, facts);
  if (report.header) {
    facts.character_set = set_name(report.header->database_charset);
    facts.client_character_set = set_name(report.header->client_charset);
    facts.is_of_dba = report.header->is_dba;
  }
  for (ExpTable& table : report.tables) {
    DumpTable told{std::move(table.schema), std::move(table.table), table.rows, {}, {}};
    if (!table.columns.empty()) told.lobs.emplace();
    for (const ExpColumn& column : table.columns)
      if (column.is(ExpType::clob) || column.is(ExpType::blob)) told.lobs->insert(column.name);
    for (const ExpPartition& partition : table.partitions)
      if (!partition.name.empty()) told.partitions[partition.name] += partition.rows;
    facts.tables.push_back(std::move(told));
  }
  // Of indexes and constraints it also has those that the server named; compared are those that
  // users name and that imports make anew.
  facts.listed = {"sequence", "view",         "procedure", "function",  "package",
                  "trigger",  "package body", "type",      "type body", "synonym"};
  // As they were written: `CREATE TRIGGER owner.name` has both.
  for (const model::ObjectFacts& object : report.objects)
    facts.objects.insert(object.kind + " " + object.name.substr(object.name.rfind('.') + 1));
  return facts;
}

DumpFacts read_pump(ByteSource& dump, const model::RowTap& tap, const std::stop_token& stop) {
  const PumpFile file = read_pump_file(dump, "schema.dmp", PumpDepth::counted, stop, tap);
  const PumpJob job = judge_pump_job({&file, 1});
  DumpFacts facts;
  facts.whole = true;
  judge(job.findings, facts);
  facts.character_set = set_name(file.header.charset_id);
  for (const PumpJobTable& table : job.tables) {
    DumpTable told{table.name.schema, table.name.table, table.rows, {}, {}};
    if (table.layout != nullptr) {
      told.lobs.emplace();
      for (const PumpColumn& column : table.layout->columns)
        if (column.is_apart()) told.lobs->insert(column.name);
    }
    for (const auto& [name, rows] : table.partitions)
      if (!name.empty()) told.partitions[name] += rows;
    facts.tables.push_back(std::move(told));
  }
  if (job.master == nullptr) return facts;
  // Definitions are in a form that only Oracle reads; the job's own list has their names. A kind
  // that it does not have is not compared: nobody here knows whether every release lists it.
  for (const PumpMaster::Object& object : job.master->objects) {
    const std::string kind = ascii_lower(object.type);
    for (const std::string_view known : {"sequence", "view", "procedure", "function", "trigger"})
      if (kind == known) facts.listed.insert(kind);
    facts.objects.insert(kind + " " + object.name);
  }
  return facts;
}

}  // namespace

DumpFacts read_dump(Method method, ByteSource& dump, const model::RowTap& tap,
                    const std::stop_token& stop) {
  return method == Method::exp ? read_exp(dump, tap, stop) : read_pump(dump, tap, stop);
}

}  // namespace holdfast::engine::oracle
