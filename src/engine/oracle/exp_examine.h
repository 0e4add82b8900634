// SPDX-License-Identifier: Apache-2.0
// What a classic dump holds, and whether it is whole: read once from end to end, in memory that
// does not grow with its rows. docs/findings.md lists the codes.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/stream.h"
#include "engine/oracle/exp_ddl.h"
#include "engine/oracle/exp_header.h"
#include "engine/oracle/exp_reader.h"
#include "model/copy_check.h"
#include "model/finding.h"
#include "model/manifest.h"
#include "model/value.h"

namespace holdfast::engine::oracle {

// Of names, types and the like that a report holds; a dump with more is refused. Some 100,000
// objects are as much.
inline constexpr std::size_t exp_report_bytes_max = 24U << 20U;

struct ExpPartition {
  std::string name;  // empty: the table itself
  std::uint64_t rows = 0;
};

struct ExpTable {
  std::string schema;  // of CONNECT, else who exported
  std::string table;
  std::vector<ExpPartition> partitions;  // one for each section of rows
  std::vector<ExpColumn> columns;        // of its first section; names in UTF-8
  std::optional<DeclaredTable> declared;
  std::uint64_t rows = 0;
  model::TableDigest digest;
  bool has_digest = false;  // all rows are in it

  [[nodiscard]] bool is_deferred() const noexcept {
    return declared && declared->may_be_deferred && rows == 0;
  }
};

struct ExpReport {
  std::optional<ExpHeader> header;  // nothing: it is no good
  ExpDescriptors descriptors;
  std::string user, created, file_name;  // of the header, in UTF-8
  std::vector<ExpTable> tables;          // in order of appearance
  std::vector<model::ObjectFacts> objects;
  std::vector<model::Finding> findings;  // of no component; a blocker: it is not whole
  std::uint64_t size_bytes = 0;          // up to where it was read
  bool is_complete = false;              // read up to its own end
};

// In the order of the rows' values; of a table without a section in that of CREATE TABLE.
[[nodiscard]] std::vector<DeclaredColumn> columns_of(const ExpTable& table);

// Rows of a table that is looked at may have so much, each.
inline constexpr std::uint64_t exp_row_bytes_max = 256U << 20U;

enum class ExpDepth : std::uint8_t {
  counted,   // rows are counted
  decoded,   // every value is read
  digested,  // and tables have digests
};

// Reads the whole stream. `tap` is asked, without a component, for each section of rows when it
// begins. Errc::cancelled soon after a stop request, Errc::unsupported
// for a report above exp_report_bytes_max and for a row above exp_row_bytes_max of a table that
// `tap` wants, what `source` and sinks throw.
[[nodiscard]] ExpReport examine_exp(ByteSource& source, ExpDepth depth, const std::stop_token& stop,
                                    const model::RowTap& tap = {});

}  // namespace holdfast::engine::oracle
