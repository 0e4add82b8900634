// SPDX-License-Identifier: Apache-2.0
// Packages of SQL Server (.bacpac, .dacpac): whatever is in them ends in a report, and what a look
// at the outline finds, a deep one finds too. What comes as rows alone ends in rows or in an Error.
#include "base/error.h"
#include "engine/sqlserver/bcp/bcp_reader.h"
#include "engine/sqlserver/dac/dac_inspect.h"
#include "fuzz_target.h"
#include "random_input.h"

namespace fuzz = holdfast::fuzz;
namespace sqlserver = holdfast::engine::sqlserver;
using holdfast::Errc;
using holdfast::Error;

namespace {

// One column of each type, every second of them nullable.
sqlserver::SqlTable table_of_all() {
  sqlserver::SqlTable table;
  bool is_nullable = false;
  for (const char* const type :
       {"int", "bit", "decimal", "money", "datetime", "datetime2", "datetimeoffset", "time", "date",
        "char", "nvarchar", "xml", "varbinary", "sql_variant", "uniqueidentifier", "float"}) {
    sqlserver::SqlColumn column;
    column.name = column.type_name = type;
    column.type = sqlserver::sql_type(type);
    column.length = 3;
    column.is_nullable = is_nullable = !is_nullable;
    table.columns.push_back(std::move(column));
  }
  return table;
}

void read_rows(holdfast::ByteView bytes) {
  const sqlserver::SqlTable table = table_of_all();
  holdfast::BytesSource source(bytes);
  sqlserver::BcpReader reader(source, table, {});
  try {
    for (holdfast::model::Row row; reader.next(row);)
      fuzz::require(row.size() == table.columns.size(), "a row has other columns");
  } catch (const Error& error) {
    fuzz::require(error.code() == Errc::corrupt, "rows are refused as such");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView bytes = fuzz::view(data, size_bytes);
  read_rows(bytes);
  fuzz::RandomInput input(bytes);
  const auto outline = sqlserver::read_dac(input, sqlserver::DacDepth::outline, {});
  const auto deep = sqlserver::read_dac(input, sqlserver::DacDepth::digested, {});
  fuzz::require((outline == nullptr) == (deep == nullptr),
                "a deep look knows another kind of file");
  if (deep == nullptr) return 0;
  const auto told = sqlserver::tell_dac(*deep);
  const auto told_outline = sqlserver::tell_dac(*outline);
  fuzz::require(!told.whole || told_outline.whole, "a deep look finds less");
  fuzz::require(!told.facts.dump().empty(), "nothing is told");
  fuzz::require(deep->tally.parts <= deep->index.parts.size(), "parts count twice");
  return 0;
}
