// SPDX-License-Identifier: Apache-2.0
// What is wrong with a package, or worth knowing of it. docs/findings.md lists the codes. All of
// these add to DacReport::findings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/sqlserver/dac/dac_reader.h"

namespace holdfast::engine::sqlserver {

void judge_archive(DacReport& report);
void judge_missing(std::string_view part, DacReport& report);
// Of a part whose bytes are wrong, or cannot be unpacked.
void judge_part(const Error& error, DacReport& report);
// Of a part whose bytes are right and whose content is not.
void judge_document(std::string_view part, const Error& error, DacReport& report);
void judge_undecoded(std::string_view part, const Error& error, DacReport& report);
// Of parts with rows that are of no table.
void judge_lost(const std::vector<std::string>& parts, DacReport& report);
// What it says of itself, and what of it does not go into another database.
void judge_package(DacReport& report);
// After a look at rows, if there was one.
void judge_rows(DacReport& report);

}  // namespace holdfast::engine::sqlserver
