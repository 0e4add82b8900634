// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_master.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/oracle/values.h"

namespace holdfast::engine::oracle {
namespace {

constexpr std::string_view stars = "********";
// Kinds of rows, by PROCESS_ORDER; those of objects are positive.
constexpr std::int64_t job_row = -1, objects_row = -5, file_row = -21, parameter_row = -59,
                       languages_row = -73;
// Rows of one object that tell where its rows were written count from here in DUPLICATE.
constexpr std::int64_t first_extent = 1'000'000;

constexpr std::array needed{
    "PROCESS_ORDER",  "DUPLICATE",        "OBJECT_TYPE_PATH", "OBJECT_SCHEMA", "OBJECT_NAME",
    "COMPLETED_ROWS", "COMPLETED_BYTES",  "DUMP_FILEID",      "DUMP_POSITION", "DUMP_ALLOCATION",
    "DUMP_LENGTH",    "DUMP_ORIG_LENGTH", "FILE_NAME",        "NAME",          "VALUE_T",
    "VALUE_N",        "PARTITION_NAME"};

class MasterReader {
 public:
  MasterReader(PieceReader& rows, const PumpTable& table)
      : rows_(rows), table_(table), decoder_(table) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) columns_[table.columns[i].name] = i;
    for (const char* name : needed)
      if (!columns_.contains(name))
        throw Error(Errc::corrupt, fmt::format("the master table has no column {}", name));
  }

  PumpMaster read() {
    while (rows_.next()) {
      ++master_.rows;
      const auto order = whole("PROCESS_ORDER");
      if (!order) throw bad("it has no PROCESS_ORDER");
      if (*order > 0)
        object(*order);
      else
        other(*order);
    }
    for (auto& [order, data] : data_) master_.data.push_back(std::move(data));
    return std::move(master_);
  }

 private:
  [[nodiscard]] Error bad(std::string_view why) const {
    return Error(Errc::corrupt,
                 fmt::format("byte {}: a row of the master table: {}", rows_.row_offset(), why));
  }
  [[nodiscard]] std::optional<ByteView> stored(std::string_view name) const {
    const auto found = columns_.find(name);
    return found == columns_.end() ? std::nullopt : rows_.value(found->second);
  }
  [[nodiscard]] std::string text(std::string_view name) {
    const auto bytes = stored(name);
    if (!bytes) return "";
    model::Value value = decoder_.decode(columns_.find(name)->second, *bytes);
    return value.kind == model::ValueKind::text ? std::move(value.text) : to_hex(*bytes);
  }
  [[nodiscard]] std::string decimal(std::string_view name) {
    const auto bytes = stored(name);
    model::Value value;
    if (bytes) decode_number(*bytes, value);
    return std::move(value.text);
  }
  // Without what is behind its point.
  [[nodiscard]] std::optional<std::int64_t> whole(std::string_view name) {
    const std::string text = decimal(name);
    if (text.empty()) return std::nullopt;
    std::int64_t value = 0;
    const char* const end = text.data() + std::min(text.size(), text.find('.'));
    const auto [at, failed] = std::from_chars(text.data(), end, value);
    if (failed != std::errc() || at != end) throw bad(fmt::format("{} is {}", name, text));
    return value;
  }
  [[nodiscard]] std::optional<std::uint64_t> count(std::string_view name) {
    const auto value = whole(name);
    if (!value) return std::nullopt;
    if (*value < 0) throw bad(fmt::format("{} is {}", name, *value));
    return static_cast<std::uint64_t>(*value);
  }

  void object(std::int64_t order);
  void data_row(std::int64_t order, std::int64_t duplicate, const std::string& path);
  void other(std::int64_t order);
  void parameter();
  [[nodiscard]] PumpExtent extent();
  void table_document();
  void limit(std::size_t objects) const {
    if (objects > pump_objects_max)
      throw Error(Errc::unsupported,
                  fmt::format("a job of more than {} objects", pump_objects_max));
  }

  PieceReader& rows_;
  const PumpTable& table_;
  PumpDecoder decoder_;
  std::map<std::string, std::size_t, std::less<>> columns_;
  std::map<std::int64_t, PumpData> data_;  // by PROCESS_ORDER
  std::size_t table_columns_ = 0;
  PumpMaster master_;
};

bool ends_with_data(std::string_view path) {
  return path == "TABLE_DATA" || path.ends_with("/TABLE_DATA");
}

// Kinds of objects that have a name of their own and a definition.
bool is_named_kind(std::string_view type) {
  for (const char* part : {"STATISTICS", "GRANT", "COMMENT", "MARKER", "PROCACT", "PROCDEPOBJ",
                           "TABLE_DATA", "ROLE", "QUOTA", "AUDIT", "PASSWORD", "USER", "ALTER_"})
    if (type.find(part) != std::string_view::npos) return false;
  return !type.empty();
}

PumpExtent MasterReader::extent() {
  PumpExtent extent;
  extent.file = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(count("DUMP_FILEID").value_or(0), UINT32_MAX));
  extent.block = count("DUMP_POSITION").value_or(0);
  // Bytes within the block stand behind the point: 7.1265 is byte 1265 of block 7.
  const std::string position = decimal("DUMP_POSITION");
  if (const std::size_t point = position.find('.'); point != std::string::npos) {
    for (std::size_t i = 1; i <= 4; ++i) {
      const char digit = point + i < position.size() ? position[point + i] : '0';
      extent.offset = extent.offset * 10 + static_cast<unsigned>(digit - '0');
    }
  }
  extent.blocks = count("DUMP_ALLOCATION").value_or(0);
  extent.bytes = count("DUMP_LENGTH").value_or(0);
  extent.original_bytes = count("DUMP_ORIG_LENGTH").value_or(extent.bytes);
  extent.rows = count("COMPLETED_ROWS");
  extent.errors = count("ERROR_COUNT").value_or(0);
  return extent;
}

void MasterReader::table_document() {
  const auto document = stored("XML_CLOB");
  if (!document || document->empty() || rows_.is_cut()) return;
  const model::Value text = decoder_.decode(columns_.find("XML_CLOB")->second, *document);
  if (text.kind != model::ValueKind::text) throw bad("XML_CLOB is no text");
  if (text.text.size() > pump_document_bytes_max) return;
  auto table = parse_pump_table(text.text, "XML_CLOB of the master table");
  if (!table) return;
  limit(table_columns_ += table->columns.size());
  const model::TableName name = table->name;
  master_.tables.insert_or_assign(name, std::move(*table));
}

void MasterReader::data_row(std::int64_t order, std::int64_t duplicate, const std::string& path) {
  limit(data_.size());
  if (duplicate >= first_extent) {
    PumpData& data = data_[order];
    data.extents.push_back(extent());
    limit(data.extents.size());
    return;
  }
  PumpData& data = data_[order];
  data.name = {text("OBJECT_SCHEMA"), text("OBJECT_NAME")};
  data.partition = text("SUBPARTITION_NAME");
  if (data.partition.empty()) data.partition = text("PARTITION_NAME");
  data.rows = count("COMPLETED_ROWS");
  data.is_internal = !ends_with_data(path) || path.find("_OPTIONS/") != std::string::npos;
  data.is_view = path.find("VIEWS_AS_TABLES") != std::string::npos;
}

void MasterReader::object(std::int64_t order) {
  const std::string path = text("OBJECT_TYPE_PATH");
  const std::int64_t duplicate = whole("DUPLICATE").value_or(0);
  if (path.empty()) return;
  if (duplicate < first_extent) ++master_.found[path];
  const std::string type = path.substr(path.rfind('/') + 1);
  // Statistics travel as rows of a table that the server makes for them.
  if (ends_with_data(path) ||
      (type == "MARKER" && (data_.contains(order) || count("COMPLETED_ROWS").has_value()))) {
    data_row(order, duplicate, path);
    return;
  }
  const PumpExtent where = extent();
  if (where.file != 0) {
    master_.metadata.push_back(where);
    limit(master_.metadata.size());
  }
  std::string name = text("OBJECT_NAME");
  if (is_named_kind(type) && !name.empty() && duplicate == 0) {
    master_.objects.push_back({type, text("OBJECT_SCHEMA"), std::move(name)});
    limit(master_.objects.size());
  }
  table_document();
}

void MasterReader::parameter() {
  std::string name = text("NAME");
  std::string value = text("VALUE_T");
  if (value.empty()) value = decimal("VALUE_N");
  if (name.empty()) return;
  if (name == "CLIENT_COMMAND") value = star_passwords(value);
  if (name.find("PASSWORD") != std::string::npos && !value.empty()) value = stars;
  master_.parameters.insert_or_assign(std::move(name), std::move(value));
  limit(master_.parameters.size());
}

void MasterReader::other(std::int64_t order) {
  switch (order) {
    case job_row:
      master_.job = text("NAME");
      master_.owner = text("USER_NAME");
      if (const auto guid = stored("GUID")) master_.guid = ascii_upper(to_hex(*guid));
      master_.mode = text("JOB_MODE");
      master_.db_version = text("DB_VERSION");
      master_.job_version = text("JOB_VERSION");
      master_.platform = text("PLATFORM");
      master_.instance = text("INSTANCE");
      master_.errors = count("ERROR_COUNT").value_or(0);
      return;
    case languages_row:
      master_.charset = text("NAME");
      master_.national = text("OBJECT_NAME");
      return;
    case parameter_row:
      parameter();
      return;
    case objects_row:
      master_.expected[text("OBJECT_TYPE_PATH")] += count("COMPLETED_ROWS").value_or(0);
      limit(master_.expected.size());
      return;
    case file_row: {
      const std::uint64_t number = count("DUPLICATE").value_or(0);
      const std::string name = text("FILE_NAME");
      // A template of names is no file.
      if (name.empty() || name.find('%') != std::string::npos || number == 0 || number > UINT32_MAX)
        return;
      master_.files[static_cast<std::uint32_t>(number)] = {name,
                                                           count("COMPLETED_BYTES").value_or(0)};
      limit(master_.files.size());
      return;
    }
    default:
      return;
  }
}

// What a login "name/password@service" ends its password with.
std::size_t password_end(std::string_view text, std::size_t at) {
  if (at < text.size() && text[at] == '"') {
    const std::size_t close = text.find('"', at + 1);
    return close == std::string_view::npos ? text.size() : close + 1;
  }
  return std::min(text.size(), text.find_first_of("@ \t\"'", at));
}

}  // namespace

bool is_pump_master(const PumpTable& table) noexcept {
  std::size_t found = 0;
  for (const PumpColumn& column : table.columns)
    for (const std::string_view name : {"PROCESS_ORDER", "DUPLICATE", "DUMP_FILEID",
                                        "DUMP_POSITION", "COMPLETED_ROWS", "OBJECT_TYPE_PATH"})
      found += column.name == name ? 1 : 0;
  return found >= 5;
}

PumpMaster read_pump_master(PieceReader& rows, const PumpTable& table) {
  return MasterReader(rows, table).read();
}

std::string star_passwords(std::string_view command) {
  std::string told;
  std::size_t at = 0;
  for (bool is_first = true; at < command.size(); is_first = false) {
    const std::size_t begin = std::min(command.size(), command.find_first_not_of(" \t", at));
    told += command.substr(at, begin - at);
    const std::size_t end = std::min(command.size(), command.find_first_of(" \t", begin));
    const std::string_view word = command.substr(begin, end - begin);
    const std::size_t equals = word.find('=');
    const std::string_view key = word.substr(0, std::min(equals, word.size()));
    const bool is_secret =
        key.size() >= 8 && equal_but_for_case(key.substr(key.size() - 8), "password");
    const std::size_t slash = word.find('/');
    at = end;
    if (equals != std::string_view::npos && is_secret) {
      told += key;
      told += '=';
      told += stars;
      at = password_end(command, begin + equals + 1);
    } else if (slash != std::string_view::npos &&
               (equals == std::string_view::npos ? is_first : equal_but_for_case(key, "userid"))) {
      told += word.substr(0, slash + 1);
      const std::size_t behind = password_end(command, begin + slash + 1);
      if (behind > begin + slash + 1) told += stars;
      at = behind;
    } else {
      told += word;
    }
  }
  return told;
}

}  // namespace holdfast::engine::oracle
