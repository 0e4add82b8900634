// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "engine/oracle/character_sets.h"

namespace holdfast::engine::oracle {
namespace {

using model::Severity;

constexpr std::size_t places_max = 5;  // examples of one kind of damage

// So many, and the first of them.
struct Places {
  std::size_t count = 0;
  std::string first;
  void add(const std::string& place) {
    if (++count > places_max) return;
    first += (first.empty() ? "" : "; ") + place;
  }
  [[nodiscard]] std::string text() const {
    return count > places_max ? fmt::format("{}; and {} more", first, count - places_max) : first;
  }
};

// "12.01.00.02.00" and "12.1.0.2.0" are the same.
std::vector<unsigned> numbers_of(std::string_view version) {
  std::vector<unsigned> numbers{0};
  for (const char c : version) {
    if (c == '.') numbers.push_back(0);
    if (c >= '0' && c <= '9') numbers.back() = numbers.back() % 1000 * 10 + unsigned(c - '0');
  }
  while (numbers.size() > 1 && numbers.back() == 0) numbers.pop_back();
  return numbers;
}

class Judge {
 public:
  explicit Judge(std::span<const PumpFile> files) : files_(files) {
    for (const PumpFile& file : files) depth_ = std::min(depth_, file.depth);
  }

  PumpJob judge() {
    for (const PumpFile& file : files_) {
      judge_header(file);
      judge_size(file);
      if (file.header.has_master) judge_master(file);
    }
    find_master();
    if (job_.master != nullptr) {
      judge_agreement();
      judge_listed();
      judge_metadata();
    } else {
      take_units();
    }
    judge_units();
    conclude();
    return std::move(job_);
  }

 private:
  void add(std::string code, Severity severity, std::string seen, std::string why,
           std::string mend) {
    const auto mend_class = mend.empty() ? model::MendClass::none : model::MendClass::manual;
    job_.findings.push_back({std::move(code), severity, "", std::move(seen), std::move(why),
                             std::move(mend), mend_class, false, ""});
  }
  [[nodiscard]] std::uint64_t block_bytes(const PumpFile& file) const {
    return file.header.has_blocks() ? file.header.block_bytes : 4096;
  }
  [[nodiscard]] std::string parameter(const std::string& name) const {
    const auto found = job_.master->parameters.find(name);
    return found == job_.master->parameters.end() ? "" : found->second;
  }
  [[nodiscard]] const PumpUnit* unit_at(std::uint32_t number, std::uint64_t block,
                                        PumpJobTable::Place* place) const;

  void judge_header(const PumpFile& file);
  void judge_size(const PumpFile& file);
  void judge_master(const PumpFile& file);
  void find_master();
  void judge_files();
  void judge_agreement();
  void judge_readable();
  void judge_listed();
  void judge_data(const PumpData& data);
  void judge_extent(const PumpData& data, const PumpExtent& extent, PumpJobTable& table,
                    std::uint64_t& rows);
  void judge_columns(const PumpJobTable& table);
  void judge_metadata();
  void take_units();
  void judge_units();
  void conclude();
  PumpJobTable& table_of(const model::TableName& name);
  void take_unit(PumpJobTable& table, const PumpJobTable::Place& place);

  std::span<const PumpFile> files_;
  PumpDepth depth_ = PumpDepth::decoded;  // of all files
  PumpJob job_;
  std::map<model::TableName, PumpJobTable> tables_;
  std::map<model::TableName, model::TableDigest> digests_;
  std::set<std::pair<std::size_t, std::size_t>> listed_;  // units, by file and place
  std::map<model::TableName, bool> is_view_;
  Places missing_, differ_, renamed_, failed_, columns_;
};

void Judge::judge_header(const PumpFile& file) {
  const PumpHeader& header = file.header;
  Places wrong;
  if (!header.has_blocks()) wrong.add(fmt::format("blocks of {} bytes", header.block_bytes));
  if (header.number == 0) wrong.add("it is file 0 of its job");
  if (header.created.empty()) wrong.add("its date is none");
  if (header.has_master && (header.master_block < 2 || header.master_bytes == 0))
    wrong.add("it has a master table, but no place of it");
  if (!header.has_master && (header.master_block != 0 || header.master_bytes != 0))
    wrong.add(fmt::format("it has no master table, but one at block {}", header.master_block));
  const CharacterSet* set = find_character_set(header.charset_id);
  if (!header.charset.empty() && set != nullptr && set->name != header.charset)
    wrong.add(fmt::format("its character set is {} and {}", set->name, header.charset));
  if (set == nullptr && !header.charset.empty() && find_character_set(header.charset) != nullptr)
    wrong.add(fmt::format("its character set is {} and {}", header.charset_id, header.charset));
  if (wrong.count > 0 && file.size_bytes >= pump_header_bytes)
    add("oracle-pump-header-damaged", Severity::blocker,
        fmt::format("the header of {} contradicts itself: {}", file.name, wrong.text()),
        "it was changed after it was written, or the job did not get to its end",
        "Find a whole copy, or export again.");
  if (header.major > 5 || (header.major == 5 && header.minor > 1) || header.major == 0 ||
      header.minor != 1)
    add("oracle-pump-generation-unknown", Severity::warning,
        fmt::format("{} is of generation {}.{}", file.name, header.major, header.minor),
        "those up to 5.1 are known, which 12.2 to 21 write", "");
  else if (header.flags != (header.major < 4 ? pump_flags_old : pump_flags_new))
    add("oracle-pump-flags-unknown", Severity::warning,
        fmt::format("{} has the flags {:#x}", file.name, header.flags),
        "files whose rows are neither compressed nor encrypted have others", "");
}

void Judge::judge_size(const PumpFile& file) {
  const PumpHeader& header = file.header;
  std::string wrong;
  if (file.size_bytes < pump_header_bytes) {
    wrong = fmt::format("{} ends at byte {}, within its header", file.name, file.size_bytes);
  } else if (header.has_master && header.master_block > 1) {
    const std::uint64_t block = block_bytes(file);
    const std::uint64_t end =
        header.master_offset() + std::min(header.master_bytes, UINT64_MAX / 2);
    const std::uint64_t expected = (end + block - 1) / block * block;
    if (file.size_bytes != expected)
      wrong = fmt::format("{} has {} bytes and not {}", file.name, file.size_bytes, expected);
  } else if (file.size_bytes % block_bytes(file) != 0) {
    wrong = fmt::format("{} ends at byte {}, within a block", file.name, file.size_bytes);
  }
  if (!wrong.empty())
    add("oracle-pump-size", Severity::blocker, std::move(wrong),
        "it was cut off, or something was added to it", "Find a whole copy, or export again.");
}

void Judge::judge_master(const PumpFile& file) {
  if (file.master) return;
  std::string why = "there is no unit";
  for (const PumpUnit& unit : file.units)
    if (unit.block == file.header.master_block) why = unit.damage;
  add("oracle-pump-master-damaged", Severity::blocker,
      fmt::format("the master table of {} is not at block {}: {}", file.name,
                  file.header.master_block, why),
      "nothing else says what the job exported; an encrypted one cannot be read either",
      "Find a whole copy, or export again.");
}

void Judge::find_master() {
  std::set<std::uint32_t> numbers;
  for (const PumpFile& file : files_) {
    if (file.master) {
      if (job_.master == nullptr) {
        job_.master = &*file.master;
      } else {
        add("oracle-pump-set-contradicted", Severity::blocker,
            fmt::format("{} has a master table too", file.name), "a job writes one",
            "Name the files of one job.");
      }
    }
    if (!numbers.insert(file.header.number).second)
      add("oracle-pump-set-contradicted", Severity::blocker,
          fmt::format("{} is file {} of its job, and another one is too", file.name,
                      file.header.number),
          "each of a job's files has its own number", "Name each file once.");
  }
  if (job_.master != nullptr) {
    judge_files();
    return;
  }
  if (std::any_of(files_.begin(), files_.end(),
                  [](const PumpFile& file) { return file.header.has_master; }))
    return;  // judge_master() has said so
  std::string names;
  for (const PumpFile& file : files_) names += (names.empty() ? "" : ", ") + file.name;
  add("oracle-pump-master-missing", Severity::blocker,
      fmt::format("{} {} no master table", names, files_.size() == 1 ? "has" : "have"),
      "a job writes it last: this one did not get to its end, or it is in another of its files",
      "Name all files of the job together, or export again.");
}

void Judge::judge_files() {
  const PumpMaster& master = *job_.master;
  job_.files_expected = std::max<std::size_t>(master.files.size(), 1);
  Places missing;
  for (const auto& [number, told] : master.files) {
    const auto there = std::find_if(files_.begin(), files_.end(), [&](const PumpFile& file) {
      return file.header.number == number;
    });
    if (there == files_.end()) {
      missing.add(fmt::format("file {}, written as {}", number, told.name));
    } else if (there->size_bytes < told.bytes_written) {
      add("oracle-pump-size", Severity::blocker,
          fmt::format("{} has {} bytes, and the job wrote {}", there->name, there->size_bytes,
                      told.bytes_written),
          "it was cut off, or something was added to it", "Find a whole copy, or export again.");
    }
  }
  if (missing.count > 0)
    add("oracle-pump-files-missing", Severity::blocker,
        fmt::format("the job has {} files, and {} not here: {}", job_.files_expected,
                    missing.count == 1 ? "one is" : fmt::format("{} are", missing.count),
                    missing.text()),
        "each of them holds a part, and none can be imported without the others",
        "Name all files of the job together.");
  for (const PumpFile& file : files_)
    if (!master.files.empty() && !master.files.contains(file.header.number))
      add("oracle-pump-set-contradicted", Severity::blocker,
          fmt::format("{} is file {}, of which its job knows nothing", file.name,
                      file.header.number),
          "its number was changed, or it is left over from an attempt before",
          "Find a whole copy, or export again.");
  if (master.files.empty())
    add("oracle-pump-master-damaged", Severity::blocker, "the master table names no file",
        "nobody can say whether all are here", "Find a whole copy, or export again.");
}

void Judge::judge_agreement() {
  const PumpMaster& master = *job_.master;
  Places wrong;
  for (const PumpFile& file : files_) {
    const PumpHeader& header = file.header;
    const auto compare = [&](std::string_view what, const std::string& said,
                             const std::string& expected) {
      if (!expected.empty() && said != expected)
        wrong.add(fmt::format("{} of {} is {} and not {}", what, file.name, said, expected));
    };
    compare("the GUID", header.guid, master.guid);
    if (find_character_set(master.charset) != nullptr)
      compare("the character set", header.charset, master.charset);
    if (!header.job.empty() && !master.job.empty() &&
        !header.job.ends_with(fmt::format("\"{}\"", master.job)))
      compare("the job", header.job, fmt::format("\"{}\".\"{}\"", master.owner, master.job));
    const auto version = numbers_of(header.db_version);
    if (!header.db_version.empty() && !master.db_version.empty() &&
        version != numbers_of(master.db_version) && version != numbers_of(master.job_version))
      wrong.add(fmt::format("the version of {} is {} and not {}", file.name, header.db_version,
                            master.db_version));
  }
  if (wrong.count > 0)
    add("oracle-pump-header-contradicted", Severity::blocker,
        fmt::format("headers and the master table differ: {}", wrong.text()),
        "they were changed after they were written, or are of different jobs",
        "Find a whole copy, or export again.");
  judge_readable();
}

void Judge::judge_readable() {
  const PumpMaster& master = *job_.master;
  const std::string compression = parameter("COMPRESSION"), encryption = parameter("ENCRYPTION");
  job_.data_compressed = compression == "ALL" || compression == "DATA_ONLY";
  job_.data_encrypted = encryption == "ALL" || encryption == "DATA_ONLY";
  for (const PumpData& data : master.data)
    for (const PumpExtent& extent : data.extents)
      if (extent.bytes != extent.original_bytes) job_.data_compressed = true;
  if (job_.data_encrypted || job_.data_compressed)
    add(job_.data_encrypted ? "oracle-pump-data-encrypted" : "oracle-pump-data-compressed",
        Severity::warning,
        fmt::format("the rows are {}", job_.data_encrypted ? "encrypted" : "compressed"),
        "only Oracle reads them: how many there are is what the job says, and nothing was compared",
        "Export with COMPRESSION=METADATA_ONLY and without ENCRYPTION, and let the repository "
        "compress and encrypt.");
  if (encryption == "ENCRYPTED_COLUMNS_ONLY")
    add("oracle-pump-columns-encrypted", Severity::warning, "some columns are encrypted",
        "their values are shown as they are stored, and an import needs the password", "");
  if (compression != "NONE" && !compression.empty() && compression != "DATA_ONLY")
    add("oracle-pump-metadata-compressed", Severity::note, "definitions of objects are compressed",
        "only Oracle reads them; names, tables, columns and rows are read without them", "");
  if (master.errors > 0)
    add("oracle-pump-job-errors", Severity::warning,
        fmt::format("the job had {} errors", master.errors),
        "what they concerned may be missing or half there", "Read the job's log.");
}

const PumpUnit* Judge::unit_at(std::uint32_t number, std::uint64_t block,
                               PumpJobTable::Place* place) const {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const PumpFile& file = files_[i];
    if (file.header.number != number) continue;
    const auto found = std::lower_bound(
        file.units.begin(), file.units.end(), block,
        [](const PumpUnit& unit, std::uint64_t wanted) { return unit.block < wanted; });
    if (found == file.units.end() || found->block != block) continue;
    *place = {i, static_cast<std::size_t>(found - file.units.begin()), ""};
    return &*found;
  }
  return nullptr;
}

PumpJobTable& Judge::table_of(const model::TableName& name) {
  PumpJobTable& table = tables_[name];
  table.name = name;
  return table;
}

void Judge::take_unit(PumpJobTable& table, const PumpJobTable::Place& place) {
  const PumpUnit& unit = files_[place.file].units[place.unit];
  table.places.push_back(place);
  if (unit.table != nullptr && table.layout == nullptr) table.layout = unit.table.get();
  if (unit.table == nullptr || unit.damage + unit.value_damage != "") table.is_whole = false;
  if (table.undecoded.empty()) table.undecoded = unit.undecoded;
  digests_[table.name].add(unit.digest);
}

void Judge::judge_extent(const PumpData& data, const PumpExtent& extent, PumpJobTable& table,
                         std::uint64_t& rows) {
  const std::string what =
      data.name.display() + (data.partition.empty() ? "" : ":" + data.partition);
  if (extent.errors > 0) failed_.add(fmt::format("{} with {} errors", what, extent.errors));
  if (extent.file == 0) return;
  PumpJobTable::Place place{};
  const PumpUnit* unit = unit_at(extent.file, extent.block, &place);
  if (unit == nullptr) {
    table.is_whole = false;
    const bool is_here = std::any_of(files_.begin(), files_.end(), [&](const PumpFile& file) {
      return file.header.number == extent.file;
    });
    if (is_here)
      missing_.add(fmt::format("{} at block {} of file {}", what, extent.block, extent.file));
    rows += extent.rows.value_or(0);
    return;
  }
  listed_.emplace(place.file, place.unit);
  place.partition = data.partition;
  take_unit(table, place);
  if (unit->table != nullptr && unit->table->name != data.name && !data.is_view)
    renamed_.add(fmt::format("{} is called {}", what, unit->table->name.display()));
  if (!job_.is_readable() || depth_ == PumpDepth::outline) {
    rows += extent.rows.value_or(0);
    return;
  }
  rows += unit->rows;
  if (unit->damage.empty() && extent.rows && *extent.rows != unit->rows) {
    table.is_whole = false;
    differ_.add(fmt::format("{} has {} rows, and the job says {}", what, unit->rows, *extent.rows));
  }
}

void Judge::judge_data(const PumpData& data) {
  PumpJobTable internal;
  PumpJobTable& table = data.is_internal ? internal : table_of(data.name);
  table.name = data.name;
  std::uint64_t rows = 0;
  const std::string what =
      data.name.display() + (data.partition.empty() ? "" : ":" + data.partition);
  const std::size_t differed = differ_.count + missing_.count;
  const bool was_whole = std::exchange(table.is_whole, true);
  for (const PumpExtent& extent : data.extents) judge_extent(data, extent, table, rows);
  if (data.name.table.empty() || !data.rows) {
    if (!data.is_internal)
      failed_.add(fmt::format("{} was not exported to its end",
                              what.empty() ? "a table without a name" : what));
  } else if (table.is_whole && differed == differ_.count + missing_.count && *data.rows != rows) {
    table.is_whole = false;
    differ_.add(fmt::format("{} has {} rows, and the job says {}", what, rows, *data.rows));
  }
  table.is_whole = table.is_whole && was_whole;
  table.rows += rows;
  if (!job_.is_readable() || depth_ == PumpDepth::outline) table.is_counted = false;
  if (data.is_view) is_view_[data.name] = true;
  if (data.is_internal)
    job_.internal.emplace_back(data.name, rows);
  else if (!data.partition.empty())
    table.partitions.emplace_back(data.partition, rows);
}

void Judge::judge_columns(const PumpJobTable& table) {
  if (table.created == nullptr && !job_.master->tables.empty() && !is_view_[table.name])
    columns_.add(table.name.display() + " has no definition, and others have");
  if (table.layout == nullptr || table.created == nullptr) return;
  for (const PumpColumn& column : table.layout->columns) {
    const auto named = std::find_if(table.created->columns.begin(), table.created->columns.end(),
                                    [&](const PumpColumn& one) { return one.name == column.name; });
    if (named != table.created->columns.end() ? *named == column : column.is_hidden) continue;
    columns_.add(fmt::format(
        "{}.{} is {}", table.name.display(), column.name,
        named == table.created->columns.end()
            ? std::string("not of it")
            : fmt::format("{} and {}", pump_type_name(column), pump_type_name(*named))));
  }
}

void Judge::judge_listed() {
  for (const PumpData& data : job_.master->data) judge_data(data);
  for (auto& [name, table] : tables_) {
    const auto created = job_.master->tables.find(name);
    if (created != job_.master->tables.end()) table.created = &created->second;
    for (const PumpFile& file : files_)
      if (const auto found = file.tables.find(name);
          table.created == nullptr && found != file.tables.end())
        table.created = &found->second;
    judge_columns(table);
  }
  Places defined_only;
  for (const auto& [name, created] : job_.master->tables)
    if (!tables_.contains(name)) defined_only.add(name.display());
  if (defined_only.count > 0)
    add("oracle-pump-rows-not-exported", Severity::warning,
        fmt::format("tables are defined, and their rows were not exported: {}",
                    defined_only.text()),
        "so it is with CONTENT=METADATA_ONLY, excluded rows and temporary tables; or what says "
        "otherwise was changed",
        "Export again if these rows are wanted.");
  const std::string mend = "Find a whole copy, or export again.";
  if (missing_.count > 0)
    add("oracle-pump-unit-missing", Severity::blocker,
        fmt::format("rows are not where the job wrote them: {}", missing_.text()),
        "they are lost, or what says so was changed", mend);
  if (differ_.count > 0)
    add("oracle-pump-rows-differ", Severity::blocker,
        fmt::format("other rows than the job wrote: {}", differ_.text()),
        "something was lost or added since", mend);
  if (failed_.count > 0)
    add("oracle-pump-table-failed", Severity::blocker,
        fmt::format("the job did not export all rows: {}", failed_.text()),
        "such a job may end with no more than a line in its log",
        "Read the job's log and export again.");
  if (renamed_.count > 0)
    add("oracle-pump-names-differ", Severity::warning,
        fmt::format("tables have another name before their rows: {}", renamed_.text()),
        "one of both was changed since the job wrote it", mend);
  if (columns_.count > 0)
    add("oracle-pump-columns-differ", Severity::warning,
        fmt::format("columns are not those that the table was created with: {}", columns_.text()),
        "one of both was changed since the job wrote it, or the server made columns of its own",
        mend);
}

void Judge::judge_metadata() {
  const PumpMaster& master = *job_.master;
  Places missing, unrecognised, fewer;
  for (const auto& [path, expected] : master.expected) {
    const auto found = master.found.find(path);
    const std::uint64_t told = found == master.found.end() ? 0 : found->second;
    if (path.ends_with("TABLE_DATA") && told != expected)
      fewer.add(fmt::format("{} and {} of {}", told, expected, path));
  }
  const std::string compression = parameter("COMPRESSION"), encryption = parameter("ENCRYPTION");
  const bool is_compressed = (compression == "METADATA_ONLY" || compression == "ALL") &&
                             (encryption.empty() || encryption == "NONE");
  for (const PumpExtent& extent : master.metadata) {
    const auto file = std::find_if(files_.begin(), files_.end(), [&](const PumpFile& one) {
      return one.header.number == extent.file;
    });
    if (file == files_.end() || extent.block == 0) continue;
    const std::string what =
        fmt::format("{} bytes at block {} of {}", extent.bytes, extent.block, file->name);
    if (extent.block > file->size_bytes / block_bytes(*file) || extent.bytes > file->size_bytes ||
        (extent.block - 1) * block_bytes(*file) + extent.offset + extent.bytes > file->size_bytes)
      missing.add(what);
    else if (is_compressed && extent.offset == 0 && !file->compressed_blocks.contains(extent.block))
      unrecognised.add(what);
  }
  const std::string mend = "Find a whole copy, or export again.";
  if (missing.count > 0)
    add("oracle-pump-metadata-missing", Severity::blocker,
        fmt::format("definitions of objects are not there: {}", missing.text()),
        "they are lost, or what says so was changed", mend);
  if (unrecognised.count > 0)
    add("oracle-pump-metadata-unrecognised", Severity::warning,
        fmt::format("definitions of objects do not begin as such do: {}", unrecognised.text()),
        "they were changed, or what says where they are", mend);
  if (fewer.count > 0)
    add("oracle-pump-objects-differ", Severity::warning,
        fmt::format("the master table has other numbers of tables than it says: {}", fewer.text()),
        "one of both was changed since the job wrote it", mend);
}

// Without a master table, what there is.
void Judge::take_units() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    for (std::size_t k = 0; k < files_[i].units.size(); ++k) {
      const PumpUnit& unit = files_[i].units[k];
      listed_.emplace(i, k);
      if (unit.table == nullptr || unit.is_master) continue;
      if (unit.table->name == model::TableName{"SYS", "IMPDP_STATS"}) {
        job_.internal.emplace_back(unit.table->name, unit.rows);
        continue;
      }
      PumpJobTable& table = table_of(unit.table->name);
      table.rows += unit.rows;
      take_unit(table, {i, k, ""});
      table.is_whole = false;
      if (const auto found = files_[i].tables.find(table.name); found != files_[i].tables.end())
        table.created = &found->second;
    }
  }
}

void Judge::judge_units() {
  Places damaged, values, unlisted;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    for (std::size_t k = 0; k < files_[i].units.size(); ++k) {
      const PumpUnit& unit = files_[i].units[k];
      const std::string what =
          fmt::format("{} at block {} of {}", unit.table ? unit.table->name.display() : "a unit",
                      unit.block, files_[i].name);
      const bool is_the_master =
          files_[i].header.has_master && unit.block == files_[i].header.master_block;
      if (!unit.damage.empty() && !is_the_master && job_.is_readable())
        damaged.add(fmt::format("{}: {}", what, unit.damage));
      if (!unit.value_damage.empty() && job_.is_readable())
        values.add(fmt::format("{}: {}", what, unit.value_damage));
      if (!listed_.contains({i, k}) && !is_the_master) unlisted.add(what);
    }
  }
  const std::string mend = "Find a whole copy, or export again.";
  if (damaged.count > 0)
    add("oracle-pump-unit-damaged", Severity::blocker,
        fmt::format("rows cannot be read: {}", damaged.text()), "the rest of them is lost", mend);
  if (values.count > 0)
    add("oracle-pump-value-damaged", Severity::blocker,
        fmt::format("values are none of their type: {}", values.text()),
        "they were changed since the job wrote them", mend);
  if (unlisted.count > 0)
    add("oracle-pump-unit-unlisted", Severity::warning,
        fmt::format("the master table does not list {}", unlisted.text()),
        "it is left over from an attempt before, and not counted; or what says so was changed", "");
}

void Judge::conclude() {
  Places undecoded, unknown;
  for (auto& [name, table] : tables_) {
    if (depth_ == PumpDepth::decoded && job_.is_readable()) {
      if (table.undecoded.empty() && table.is_whole)
        table.digest = digests_[name].hex();
      else if (!table.undecoded.empty())
        undecoded.add(table.undecoded);
    }
    if (table.layout == nullptr && table.created == nullptr) unknown.add(name.display());
    job_.tables.push_back(std::move(table));
  }
  if (unknown.count > 0)
    add("oracle-pump-columns-unknown", Severity::note,
        fmt::format("the columns of {} are not told", unknown.text()),
        "without rows only its definition tells them, which is compressed", "");
  if (undecoded.count > 0)
    add("oracle-pump-values-unread", Severity::warning,
        fmt::format("tables have no digest: {}", undecoded.text()),
        "their rows were counted, and their values not looked at", "");
}

}  // namespace

PumpJob judge_pump_job(std::span<const PumpFile> files) {
  return Judge(files).judge();
}

}  // namespace holdfast::engine::oracle
