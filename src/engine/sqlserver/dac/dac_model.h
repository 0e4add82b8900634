// SPDX-License-Identifier: Apache-2.0
// What a data-tier application package (.bacpac, .dacpac) says of its database: the tables of
// model.xml, and where it comes from in Origin.xml and DacMetadata.xml.
//
// Source: measured in genuine files of DacFx 14 to 162; docs/sqlserver.md, "Packages".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "engine/sqlserver/columns.h"
#include "model/manifest.h"

namespace holdfast::engine::sqlserver {

struct DacModel {
  std::string schema_version, provider;  // "2.9", "Sql150"
  std::string collation, lcid;
  bool is_case_sensitive = false;
  std::vector<SqlTable> tables;                 // in order of appearance
  std::vector<model::ObjectFacts> objects;      // the others
  std::map<std::string, std::uint64_t> counts;  // of all, by kind: "foreign key constraint"
};

// Of names of tables, columns and objects that a model may have; one with more is refused.
inline constexpr std::size_t dac_model_bytes_max = std::size_t{64} << 20U;

// Errc::corrupt for what is no model, Errc::unsupported above dac_model_bytes_max.
[[nodiscard]] DacModel read_dac_model(ByteSource& source);

struct DacOrigin {
  bool has_data = false;  // it says that rows were exported
  std::string server_version, product_version, started, schema_version;
  std::optional<std::uint64_t> rows;  // of all tables
  std::string model_sha256;           // lower-case hex; empty: it does not tell
};
// Errc::corrupt.
[[nodiscard]] DacOrigin parse_dac_origin(std::string_view document);

struct DacMetadata {
  std::string name, version;
};
[[nodiscard]] DacMetadata parse_dac_metadata(std::string_view document);

// "dbo", "T", "c" of "[dbo].[T].[c]"; nothing if it is no such name.
[[nodiscard]] std::optional<std::vector<std::string>> split_dac_name(std::string_view name);

}  // namespace holdfast::engine::sqlserver
