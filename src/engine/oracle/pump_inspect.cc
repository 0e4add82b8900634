// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <system_error>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/oracle/character_sets.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

// The header of a file of Data Pump; nothing if it is none.
std::optional<PumpHeader> header_of(const fs::path& file) {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return std::nullopt;
  PumpFileSource source(file);
  std::array<std::byte, pump_header_bytes> front{};
  std::size_t filled = 0;
  while (filled < front.size()) {
    const std::size_t count = source.read(std::span(front).subspan(filled));
    if (count == 0) break;
    filled += count;
  }
  const ByteView view = ByteView(front).first(filled);
  if (!is_pump_file(view)) return std::nullopt;
  return parse_pump_header(view);
}

struct JobFiles {
  std::vector<fs::path> paths;    // in the order of their numbers
  std::vector<fs::path> members;  // those of the others
  std::vector<PumpFile> files;
};

// The files of one job; nothing if `file` is none.
std::optional<JobFiles> read_job(const fs::path& file, std::span<const fs::path> others,
                                 PumpDepth depth, const std::stop_token& stop) {
  const auto header = header_of(file);
  if (!header) return std::nullopt;
  JobFiles job;
  std::multimap<std::uint32_t, fs::path> by_number{{header->number, file}};
  std::error_code ignored;
  for (const fs::path& other : others) {
    if (fs::equivalent(file, other, ignored)) continue;
    const auto found = header_of(other);
    if (!found || found->guid != header->guid) continue;
    job.members.push_back(other);
    by_number.emplace(found->number, other);
  }
  for (const auto& [number, path] : by_number) {
    PumpFileSource source(path);
    job.paths.push_back(path);
    job.files.push_back(read_pump_file(source, path.filename().string(), depth, stop));
  }
  return job;
}

JobFiles read_known_job(const fs::path& file, std::span<const fs::path> others, PumpDepth depth,
                        const std::stop_token& stop) {
  auto job = read_job(file, others, depth, stop);
  if (!job) throw Error(Errc::unsupported, file.string() + " is no file of Data Pump");
  return std::move(*job);
}

Json columns_json(const PumpTable& layout) {
  Json columns = Json::array();
  for (const PumpColumn& column : layout.columns) {
    Json one = Json::object();
    one.set("name", column.name).set("type", pump_type_name(column));
    columns.push(std::move(one));
  }
  return columns;
}

const PumpTable* layout_of(const PumpJobTable& table) {
  return table.layout != nullptr ? table.layout : table.created;
}

void tell_tables(const PumpJob& job, Inspection& inspection) {
  Json tables = Json::array();
  for (const PumpJobTable& table : job.tables) {
    inspection.tables.push_back({table.name.schema, table.name.table, table.rows, table.digest});
    Json one = Json::object();
    one.set("schema", table.name.schema).set("table", table.name.table).set("rows", table.rows);
    if (const PumpTable* layout = layout_of(table)) one.set("columns", columns_json(*layout));
    if (!table.partitions.empty()) {
      Json partitions = Json::array();
      for (const auto& [name, rows] : table.partitions) {
        Json partition = Json::object();
        partition.set("name", name).set("rows", rows);
        partitions.push(std::move(partition));
      }
      one.set("partitions", std::move(partitions));
    }
    tables.push(std::move(one));
  }
  inspection.facts.set("tables", std::move(tables));
  Json internal = Json::array();
  for (const auto& [name, rows] : job.internal) {
    Json one = Json::object();
    one.set("table", name.display()).set("rows", rows);
    internal.push(std::move(one));
  }
  inspection.facts.set("internal_tables", std::move(internal));
}

void tell_master(const PumpMaster& master, Inspection& inspection) {
  Json& facts = inspection.facts;
  facts.set("owner", master.owner).set("mode", master.mode);
  facts.set("national_charset", master.national);
  const auto parameter = [&](const char* name) {
    const auto found = master.parameters.find(name);
    return found == master.parameters.end() ? std::string() : found->second;
  };
  facts.set("compression", parameter("COMPRESSION"));
  const std::string encryption = parameter("ENCRYPTION");
  facts.set("encryption", encryption.empty() ? "NONE" : encryption);
  Json parameters = Json::object();
  for (const auto& [name, value] : master.parameters) parameters.set(name, value);
  facts.set("parameters", std::move(parameters));
  facts.set("master_rows", master.rows);
  for (const PumpMaster::Object& object : master.objects) {
    inspection.objects.push_back(
        {ascii_lower(object.type), model::TableName{object.schema, object.name}.display(), ""});
  }
}

void tell_files(std::span<const PumpFile> files, std::size_t expected, Json& facts) {
  Json all = Json::array();
  std::uint64_t compressed = 0, documents = 0;
  for (const PumpFile& file : files) {
    Json one = Json::object();
    one.set("name", file.name).set("number", file.header.number);
    one.set("size_bytes", file.size_bytes).set("has_master", file.header.has_master);
    all.push(std::move(one));
    compressed += file.compressed_blocks.size();
    documents += file.documents;
  }
  facts.set("files", std::move(all));
  if (expected > 0) facts.set("files_expected", expected);
  facts.set("compressed_definitions", compressed).set("plain_definitions", documents);
}

const PumpJobTable& find_table(const PumpJob& job, const model::TableName& wanted) {
  for (const PumpJobTable& table : job.tables)
    if (table.name == wanted) return table;
  throw Error(Errc::not_found, fmt::format("there is no table {} in the dump", wanted.display()));
}

// What only Oracle reads, or is not here.
void check_readable(const PumpJob& job, const PumpJobTable& table) {
  if (!job.is_readable())
    throw Error(Errc::unsupported, fmt::format("the rows of {} are {}", table.name.display(),
                                               job.data_encrypted ? "encrypted" : "compressed"))
        .set_hint("Export with COMPRESSION=METADATA_ONLY and without ENCRYPTION.");
  if (!table.is_whole)
    throw Error(Errc::incomplete, fmt::format("not all rows of {} are here", table.name.display()))
        .set_hint("`holdfast inspect` of all files of the job says what is missing.");
}

class Sink {
 public:
  Sink(model::RowSink& into, const PumpTable& layout) : into_(into), columns_(layout.columns) {
    std::vector<model::Column> columns;
    for (const PumpColumn& column : layout.columns)
      columns.push_back({column.name, pump_type_name(column)});
    into.columns(columns);
  }
  void unit(const PumpTable& layout) const {
    if (layout.columns != columns_)
      throw Error(Errc::corrupt, fmt::format("{} has not the same columns in all its units",
                                             layout.name.display()));
  }
  void row(const model::Row& row) {
    into_.row(row);
    ++rows_;
  }
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }

 private:
  model::RowSink& into_;
  std::vector<PumpColumn> columns_;
  std::uint64_t rows_ = 0;
};

}  // namespace

Inspection tell_pump_job(std::span<const PumpFile> files, bool deep) {
  check_rule(!files.empty(), "a job has a file");
  PumpJob job = judge_pump_job(files);
  const PumpHeader& header = files.front().header;
  Inspection inspection;
  inspection.kind = fmt::format("Oracle Data Pump export ({})", pump_release(header));
  inspection.objects_comparable = false;
  inspection.deep = deep && job.is_readable();
  inspection.rows_counted = std::all_of(job.tables.begin(), job.tables.end(),
                                        [](const PumpJobTable& table) { return table.is_counted; });
  Json& facts = inspection.facts;
  facts.set("version", fmt::format("{}.{}", header.major, header.minor));
  facts.set("db_version", header.db_version).set("charset_id", header.charset_id);
  const CharacterSet* set = find_character_set(header.charset_id);
  facts.set("charset", set != nullptr ? std::string(set->name) : header.charset);
  facts.set("job", header.job).set("platform", header.platform).set("instance", header.instance);
  facts.set("guid", header.guid).set("created", header.created);
  facts.set("file_number", header.number).set("block_bytes", header.block_bytes);
  facts.set("flags", fmt::format("{:#x}", header.flags));
  facts.set("master", job.master != nullptr);
  tell_files(files, job.files_expected, facts);
  if (job.master != nullptr) tell_master(*job.master, inspection);
  tell_tables(job, inspection);
  inspection.findings = std::move(job.findings);
  inspection.whole = !model::has_blocker(inspection.findings);
  return inspection;
}

std::optional<Inspection> inspect_pump(const fs::path& file, const InspectOptions& options,
                                       const std::stop_token& stop) {
  auto job =
      read_job(file, options.others, options.deep ? PumpDepth::decoded : PumpDepth::counted, stop);
  if (!job) return std::nullopt;
  Inspection inspection = tell_pump_job(job->files, options.deep);
  inspection.members = std::move(job->members);
  return inspection;
}

void pump_rows(const fs::path& file, std::span<const fs::path> others,
               const model::TableName& wanted, model::RowSink& into, const std::stop_token& stop) {
  const JobFiles files = read_known_job(file, others, PumpDepth::outline, stop);
  const PumpJob job = judge_pump_job(files.files);
  const PumpJobTable& table = find_table(job, wanted);
  // Without its master table nobody knows what a job was to write: what is here is given, and then
  // said to be no whole.
  if (job.master != nullptr) check_readable(job, table);
  const PumpTable* layout = layout_of(table);
  if (layout == nullptr) {
    if (table.places.empty()) return into.columns({});
    throw Error(Errc::corrupt, fmt::format("the columns of {} cannot be read", wanted.display()));
  }
  if (std::string why = why_unreadable(*layout); !why.empty())
    throw Error(Errc::unsupported, std::move(why));
  Sink sink(into, *layout);
  for (const PumpJobTable::Place& place : table.places) {
    const PumpUnit& unit = files.files[place.file].units[place.unit];
    if (!unit.damage.empty() || unit.table == nullptr)
      throw Error(Errc::corrupt,
                  fmt::format("rows of {} cannot be read: {}", wanted.display(), unit.damage));
    sink.unit(*unit.table);
    PumpFileSource source(files.paths[place.file], unit.data_offset);
    PumpInput input(source, stop);
    in_context("reading rows of " + wanted.display(),
               [&] { read_pump_rows(input, unit, [&](const model::Row& row) { sink.row(row); }); });
  }
  if (job.master == nullptr) check_readable(job, table);
  if (sink.rows() != table.rows)
    throw Error(Errc::corrupt, fmt::format("{} has {} rows, and its job says {}", wanted.display(),
                                           sink.rows(), table.rows));
}

std::vector<model::TableDefinition> define_pump_tables(const fs::path& file,
                                                       std::span<const fs::path> others,
                                                       const std::stop_token& stop) {
  const JobFiles files = read_known_job(file, others, PumpDepth::outline, stop);
  const PumpJob job = judge_pump_job(files.files);
  std::vector<model::TableDefinition> definitions;
  for (const PumpJobTable& table : job.tables) {
    check_readable(job, table);
    const PumpTable* layout = layout_of(table);
    if (layout == nullptr)
      throw Error(Errc::unsupported,
                  fmt::format("the columns of {} are not told: it is empty, and its definition is "
                              "compressed",
                              table.name.display()));
    model::TableDefinition definition = define(*layout);
    definition.name = table.name;
    if (table.created != nullptr) {
      definition.primary_key = table.created->primary_key;
      definition.unique = table.created->unique;
    }
    definitions.push_back(std::move(definition));
  }
  return definitions;
}

}  // namespace holdfast::engine::oracle
