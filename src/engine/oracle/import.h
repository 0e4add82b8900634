// SPDX-License-Identifier: Apache-2.0
// One dump given to imp or impdp.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "base/stream.h"
#include "engine/oracle/export.h"

namespace holdfast::engine::oracle {

struct ImportJob {
  Method method = Method::exp;  // which made the dump
  std::string from_schema;
  std::string character_set;  // of NLS_LANG: the one of the export
  std::map<std::string, std::string> tablespaces;
  std::filesystem::path scratch_directory;
  std::function<void(std::string_view what, const Json& undo)> before_change;
};
// Into the location's schema. What its log says is judged by refuse_incomplete(); grants to
// somebody who is not there are no failure, and stand in the report.
[[nodiscard]] LogReport import_dump(const Access& access, const ImportJob& job, ByteSource& dump,
                                    const std::stop_token& stop);

}  // namespace holdfast::engine::oracle
