// SPDX-License-Identifier: Apache-2.0
// Synthetic packages (.bacpac, .dacpac). They stand in for what no genuine file shows: they prove
// that the reader keeps to docs/sqlserver.md, not that SQL Server does.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "engine/sqlserver/bak/test_bak.h"
#include "engine/sqlserver/dac/dac_inspect.h"

namespace holdfast::engine::sqlserver::test {

inline std::uint32_t crc32_of(std::string_view content) {
  std::uint32_t crc = ~0U;
  for (const char byte : content) {
    crc ^= static_cast<unsigned char>(byte);
    for (int i = 0; i < 8; ++i) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xedb8'8320U : 0U);
  }
  return ~crc;
}

// By RFC 1951, 3.2.6: one block of literals with the fixed codes.
inline std::string deflated(std::string_view content) {
  std::string packed;
  unsigned used = 8;
  const auto bit = [&](unsigned one) {
    if (used == 8) {
      packed += '\0';
      used = 0;
    }
    packed.back() = static_cast<char>(static_cast<unsigned char>(packed.back()) | one << used++);
  };
  const auto code = [&](unsigned value, unsigned bits) {
    while (bits-- > 0) bit(value >> bits & 1U);
  };
  bit(1);  // the last block
  bit(1);  // of kind 1, the lower bit first
  bit(0);
  for (const char c : content) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 144)
      code(0x30U + byte, 8);
    else
      code(0x190U + byte - 144U, 9);
  }
  code(0, 7);
  return packed;
}

struct ZipMember {
  std::string name, content;
  bool is_packed = true;
  bool has_descriptor = false;  // sizes stand behind the content
  bool is_wide = false;         // sizes in 64 bits
};

struct ZipShape {
  bool is_wide = false;  // with an end of 64 bits
  std::string comment;
};

inline std::string make_zip(const std::vector<ZipMember>& members, const ZipShape& shape = {}) {
  std::string file, directory;
  for (const ZipMember& member : members) {
    const std::string packed = member.is_packed ? deflated(member.content) : member.content;
    const std::uint32_t crc = crc32_of(member.content);
    const std::size_t at = file.size();
    const std::uint64_t full = 0xffff'ffff;
    const std::string sizes = le(member.content.size(), 8) + le(packed.size(), 8);
    const std::string front = le(member.is_wide ? 45 : 20, 2) +
                              le(member.has_descriptor ? 8 : 0, 2) +
                              le(member.is_packed ? 8 : 0, 2) + le(0x5965, 2) + le(0x573c, 2);
    const auto told = [&](bool is_known) {
      if (!is_known) return le(0, 12);
      return le(crc, 4) + le(member.is_wide ? full : packed.size(), 4) +
             le(member.is_wide ? full : member.content.size(), 4);
    };
    const std::string extra = member.is_wide ? le(1, 2) + le(16, 2) + sizes : "";
    const bool has_extra = member.is_wide && !member.has_descriptor;
    file += "PK\3\4" + front + told(!member.has_descriptor) + le(member.name.size(), 2) +
            le(has_extra ? extra.size() : 0, 2) + member.name + (has_extra ? extra : "") + packed;
    if (member.has_descriptor) {
      file += "PK\7\x8" + le(crc, 4) + le(packed.size(), member.is_wide ? 8 : 4) +
              le(member.content.size(), member.is_wide ? 8 : 4);
    }
    directory += "PK\1\2" + le(20, 2) + front + told(true) + le(member.name.size(), 2) +
                 le(extra.size(), 2) + le(0, 8) + le(0, 2) + le(at, 4) + member.name + extra;
  }
  const std::size_t directory_at = file.size();
  file += directory;
  if (shape.is_wide) {
    const std::size_t end_at = file.size();
    file += "PK\6\6" + le(44, 8) + le(45, 2) + le(45, 2) + le(0, 8) + le(members.size(), 8) +
            le(members.size(), 8) + le(directory.size(), 8) + le(directory_at, 8);
    file += "PK\6\7" + le(0, 4) + le(end_at, 8) + le(1, 4);
  }
  const std::uint64_t wide = 0xffff'ffff;
  file += "PK\5\6" + le(0, 4) + le(shape.is_wide ? 0xffff : members.size(), 2) +
          le(shape.is_wide ? 0xffff : members.size(), 2) +
          le(shape.is_wide ? wide : directory.size(), 4) +
          le(shape.is_wide ? wide : directory_at, 4) + le(shape.comment.size(), 2) + shape.comment;
  return file;
}

struct DacColumnText {
  std::string name, type;
  bool is_nullable = true;
  std::string properties = {};  // of the type: "Length=20 Scale=3"
  std::string kind = "SqlSimpleColumn";
  std::string own_properties = {};
};

struct DacTableText {
  std::string schema = "dbo", name;
  std::vector<DacColumnText> columns = {};
  std::vector<std::string> parts = {};  // with rows, as they are stored
  std::vector<std::string> primary_key = {};
};

inline std::string properties_xml(std::string_view list) {
  std::string xml;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    const std::string_view one = list.substr(0, end);
    const std::size_t equal = one.find('=');
    xml += "<Property Name=\"" + std::string(one.substr(0, equal)) + "\" Value=\"" +
           std::string(one.substr(equal + 1)) + "\"/>";
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return xml;
}

inline std::string relation_xml(std::string_view name, std::string_view inside) {
  return "<Relationship Name=\"" + std::string(name) + "\"><Entry>" + std::string(inside) +
         "</Entry></Relationship>";
}

inline std::string reference_xml(std::string_view name) {
  const bool is_built_in = name.find("].[") == std::string_view::npos || name.starts_with("[sys]");
  return "<References " + std::string(is_built_in ? "ExternalSource=\"BuiltIns\" " : "") +
         "Name=\"" + std::string(name) + "\"/>";
}

inline std::string column_xml(const std::string& table, const DacColumnText& column) {
  std::string xml =
      "<Entry><Element Type=\"" + column.kind + "\" Name=\"" + table + ".[" + column.name + "]\">";
  if (!column.is_nullable) xml += "<Property Name=\"IsNullable\" Value=\"False\"/>";
  xml += properties_xml(column.own_properties);
  if (!column.type.empty()) {
    const std::string specifier = column.type == "xml" ? "SqlXmlTypeSpecifier" : "SqlTypeSpecifier";
    xml += relation_xml("TypeSpecifier",
                        "<Element Type=\"" + specifier + "\">" + properties_xml(column.properties) +
                            relation_xml("Type", reference_xml(column.type.starts_with('[')
                                                                   ? column.type
                                                                   : "[" + column.type + "]")) +
                            "</Element>");
  }
  return xml + "</Element></Entry>";
}

inline std::string key_xml(const std::string& type, const std::string& table_relation,
                           const std::string& table, const std::vector<std::string>& columns,
                           const std::string& properties = {}) {
  std::string xml = "<Element Type=\"" + type + "\">" + properties_xml(properties) +
                    "<Relationship Name=\"ColumnSpecifications\">";
  for (const std::string& column : columns)
    xml += "<Entry><Element Type=\"SqlIndexedColumnSpecification\">" +
           relation_xml("Column", "<References Name=\"" + table + ".[" + column + "]\"/>") +
           "</Element></Entry>";
  return xml + "</Relationship>" +
         relation_xml(table_relation, "<References Name=\"" + table + "\"/>") + "</Element>";
}

struct DacText {
  std::vector<DacTableText> tables;
  std::string more_elements = {};
  std::int64_t rows = -1;  // that Origin.xml tells; -1: it does not
  bool has_data = true;

  [[nodiscard]] std::string model() const {
    std::string xml =
        "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<DataSchemaModel "
        "FileFormatVersion=\"1.2\" SchemaVersion=\"2.9\" DspName=\"Microsoft.Data.Tools.Schema.Sql."
        "Sql150DatabaseSchemaProvider\" CollationLcid=\"1033\" CollationCaseSensitive=\"True\">"
        "<Model><Element Type=\"SqlDatabaseOptions\"><Property Name=\"Collation\" "
        "Value=\"Latin1_General_CS_AS\"/></Element>";
    for (const DacTableText& table : tables) {
      const std::string name = "[" + table.schema + "].[" + table.name + "]";
      if (!table.primary_key.empty())
        xml += key_xml("SqlPrimaryKeyConstraint", "DefiningTable", name, table.primary_key);
      xml += "<Element Type=\"SqlTable\" Name=\"" + name + "\"><Relationship Name=\"Columns\">";
      for (const DacColumnText& column : table.columns) xml += column_xml(name, column);
      xml += "</Relationship></Element>";
    }
    return xml + more_elements + "</Model></DataSchemaModel>";
  }
  [[nodiscard]] std::string origin() const {
    return "<?xml version=\"1.0\" encoding=\"utf-8\"?><DacOrigin><PackageProperties>"
           "<ContainsExportedData>" +
           std::string(has_data ? "true" : "false") +
           "</ContainsExportedData></PackageProperties><Operation><Start>2026-11-22T04:05:06"
           "</Start><ProductVersion>162.0.52.1</ProductVersion></Operation><Server><ServerVersion>"
           "Microsoft SQL Server 2022 (RTM) - 16.0.1000.6 (X64)</ServerVersion></Server>" +
           (rows < 0 ? ""
                     : "<ExportStatistics><TableRowCountTotalTag>" + std::to_string(rows) +
                           "</TableRowCountTotalTag></ExportStatistics>") +
           "<Checksums><Checksum Uri=\"/model.xml\">" + to_hex(sha256(as_bytes(model()))) +
           "</Checksum></Checksums></DacOrigin>";
  }
  [[nodiscard]] std::vector<ZipMember> members() const {
    std::vector<ZipMember> all{
        {"model.xml", model()},
        {"DacMetadata.xml", "<SqlType><Name>Shop</Name><Version>1.2.0.0</Version></SqlType>"},
        {"[Content_Types].xml", "<Types/>"}};
    std::string relations;
    for (const DacTableText& table : tables) {
      for (std::size_t i = 0; i < table.parts.size(); ++i) {
        all.push_back({"Data/" + table.schema + "." + table.name + "/TableData-00" +
                           std::to_string(i) + "-00000.BCP",
                       table.parts[i]});
        relations +=
            "<Relationship Type=\"table=" + table.name + "\" Target=\"/" + all.back().name + "\"/>";
      }
    }
    all.push_back({"_rels/.rels", "<Relationships>" + relations + "</Relationships>", false});
    all.push_back({"Origin.xml", origin(), false});
    return all;
  }
  [[nodiscard]] std::string file() const { return make_zip(members()); }
};

// Of a nullable or NOT NULL int, and of nvarchar(n).
inline std::string int_cell(std::int32_t value, bool is_nullable) {
  return (is_nullable ? le(4, 1) : "") + le(static_cast<std::uint32_t>(value), 4);
}
inline std::string text_cell(std::string_view ascii) {
  return le(2 * ascii.size(), 2) + utf16(ascii);
}

// Two tables with rows in three parts, and one without.
inline DacText shop_package() {
  DacTableText orders{.name = "Orders",
                      .columns = {{"Id", "int", false}, {"Name", "nvarchar", true, "Length=20"}},
                      .primary_key = {"Id"}};
  orders.parts = {int_cell(1, false) + text_cell("Ann") + int_cell(2, false) + le(0xffff, 2),
                  int_cell(3, false) + text_cell("")};
  DacTableText lines{.schema = "app",
                     .name = "Lines",
                     .columns = {{"OrderId", "int", false}, {"Count", "int"}},
                     .parts = {int_cell(1, false) + int_cell(-7, true)}};
  DacTableText empty{.name = "Empty", .columns = {{"X", "xml"}}};
  return {.tables = {orders, lines, empty}, .rows = 4};
}

// A value of a type as it is stored without its length, and as it is read. What stands in front of
// it in a column that is nullable and in one that is not: so many bytes.
struct TypeSample {
  std::string type, properties;
  unsigned prefix_bytes = 0, prefix_bytes_required = 0;
  std::string stored, shown;
};

// Every type at an edge that other databases have too.
inline std::vector<TypeSample> type_samples() {
  const auto days = [](std::uint64_t count) { return le(count, 3); };
  constexpr std::uint64_t last_day = 3'652'058, last_microsecond = 863'999'999'990;
  const std::string emoji = utf16("Zo") + le(0xeb, 2) + le(0xd83d, 2) + le(0xde00, 2);
  return {
      {"bit", "", 1, 1, "\x01", "1"},
      {"tinyint", "", 1, 0, "\xff", "255"},
      {"smallint", "", 1, 0, le(0x8000, 2), "-32768"},
      {"int", "", 1, 0, le(0x7fff'ffff, 4), "2147483647"},
      {"bigint", "", 1, 0, le(std::uint64_t{1} << 63U, 8), "-9223372036854775808"},
      {"decimal", "Precision=38 Scale=10", 1, 1,
       le(38, 1) + le(10, 1) + le(1, 1) + le(0x098a'223f'ffff'ffff, 8) +
           le(0x4b3b'4ca8'5a86'c47a, 8),
       "9999999999999999999999999999.9999999999"},
      {"numeric", "Precision=5 Scale=2", 1, 1,
       le(5, 1) + le(2, 1) + le(0, 1) + le(99'999, 8) + le(0, 8), "-999.99"},
      {"money", "", 1, 0, le(0x8000'0000, 4) + le(0, 4), "-922337203685477.5808"},
      {"smallmoney", "", 1, 0, le(0x7fff'ffff, 4), "214748.3647"},
      {"real", "", 1, 0, le(0x3dcc'cccd, 4), "0.10000000149011612"},
      {"float", "Precision=53", 1, 0, le(0x7fef'ffff'ffff'ffff, 8), "1.7976931348623157e+308"},
      {"date", "", 1, 0, days(last_day), "9999-12-31"},
      {"time", "Scale=6", 1, 0, le(last_microsecond, 5), "23:59:59.999999"},
      {"datetime", "", 1, 0, le(static_cast<std::uint32_t>(-53'690), 4) + le(25'919'999, 4),
       "1753-01-01T23:59:59.997"},
      {"datetime2", "Scale=6", 1, 0, le(last_microsecond, 5) + days(last_day),
       "9999-12-31T23:59:59.999999"},
      {"smalldatetime", "", 1, 0, le(0xffff, 2) + le(1439, 2), "2079-06-06T23:59:00"},
      {"datetimeoffset", "Scale=7", 1, 0, le(1, 5) + days(1) + le(295, 2),
       "0001-01-02 04:55:00.0000001 +04:55"},
      {"uniqueidentifier", "", 1, 1,
       std::string("\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16),
       "00112233-4455-6677-8899-AABBCCDDEEFF"},
      {"char", "Length=3", 2, 0, utf16("ab "), "ab "},
      {"varchar", "Length=10", 2, 2, "", ""},
      {"nchar", "Length=3", 2, 2, utf16("ab "), "ab "},
      {"nvarchar", "Length=20", 2, 2, emoji, "Zo\u00eb\U0001F600"},
      {"nvarchar", "IsMax=True", 8, 8, utf16(std::string(5000, 'x')), std::string(5000, 'x')},
      {"varchar", "IsMax=True", 8, 8, utf16("max"), "max"},
      {"text", "", 4, 4, utf16("old"), "old"},
      {"ntext", "", 4, 4, emoji, "Zo\u00eb\U0001F600"},
      {"xml", "", 8, 8, utf16("<a/>"), "<a/>"},
      {"binary", "Length=3", 2, 2, std::string("\x00\x01\xff", 3), "0x0001ff"},
      {"varbinary", "Length=10", 2, 2, "", "0x"},
      {"varbinary", "IsMax=True", 8, 8, std::string("\x00", 1), "0x00"},
      {"image", "", 4, 4, "\xff", "0xff"},
      {"rowversion", "", 2, 2, std::string("\0\0\0\0\0\0\x46\x52", 8), "0x0000000000004652"},
      {"[sys].[hierarchyid]", "", 8, 8, "\x5b", "0x5b"},
      {"[sys].[geometry]", "", 8, 8, std::string("\0\0", 2), "0x0000"},
      {"sql_variant", "", 4, 4, le(0x38, 2) + le(7, 4), "int 7"},
  };
}

// Tables Nullable, of two rows: values, and nulls; and Required, of one.
inline DacText types_package() {
  DacTableText nullable{
      .name = "Nullable", .columns = {{"Id", "int", false}}, .primary_key = {"Id"}};
  DacTableText required{
      .name = "Required", .columns = {{"Id", "int", false}}, .primary_key = {"Id"}};
  std::string values = int_cell(1, false), nulls = int_cell(2, false), full = int_cell(1, false);
  for (const TypeSample& one : type_samples()) {
    const std::string name = "c" + std::to_string(nullable.columns.size());
    nullable.columns.push_back({name, one.type, true, one.properties});
    required.columns.push_back({name, one.type, false, one.properties});
    values += le(one.stored.size(), one.prefix_bytes) + one.stored;
    nulls += one.type == "sql_variant" ? le(0, 4) : std::string(one.prefix_bytes, '\xff');
    full += le(one.stored.size(), one.prefix_bytes_required) + one.stored;
  }
  nullable.parts = {values, nulls};
  required.parts = {full};
  return {.tables = {nullable, required}, .rows = 3};
}

inline Inspection tell_package(std::string_view content, DacDepth depth = DacDepth::digested) {
  MemoryFile file(content);
  const auto report = read_dac(file, depth, {});
  return report ? tell_dac(*report) : Inspection{};
}

// Rows as text: "1 Ann|2 ~|".
class RowTexts final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& all) override {
    for (const model::Column& one : all) names += one.name + " " + one.type + ",";
  }
  void row(const model::Row& row) override {
    std::string line;
    for (const model::Value& value : row) {
      line += line.empty() ? "" : " ";
      line += shown(value);
    }
    text += line + "|";
  }
  std::string names, text;

 private:
  static std::string shown(const model::Value& value) {
    switch (value.kind) {
      case model::ValueKind::null:
        return "~";
      case model::ValueKind::real:
        return fmt::format("{}", value.real);
      case model::ValueKind::bytes:
        return "0x" + to_hex(as_bytes(value.text));
      default:
        return value.text;
    }
  }
};

inline std::string rows_of(std::string_view content, const model::TableName& table) {
  MemoryFile file(content);
  const auto report = read_dac(file, DacDepth::outline, {});
  if (!report || report->find(table) == nullptr) return "none";
  RowTexts rows;
  give_dac_rows(file, *report, *report->find(table), rows, {});
  return rows.text;
}

}  // namespace holdfast::engine::sqlserver::test
