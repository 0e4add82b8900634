// SPDX-License-Identifier: Apache-2.0
// One result of a check, with the mend.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace holdfast::model {

enum class Severity : std::uint8_t { blocker, warning, note };
enum class MendClass : std::uint8_t {
  none,           // nothing to do
  manual,         // a person must act; the text says how
  safe,           // `preflight --fix` does it: touches nothing of the application's data
  writes_source,  // done only by `preflight --fix=CODE`: writes to a production system
};
[[nodiscard]] std::string_view severity_name(Severity severity) noexcept;
[[nodiscard]] std::string_view mend_class_name(MendClass mend) noexcept;

struct Finding {
  std::string code;  // stable, kebab-case: "sqlite-hot-journal"; listed in docs/findings.md
  Severity severity = Severity::note;
  std::string component;  // empty: the whole instance
  std::string seen;       // what was observed, with values
  std::string why;        // why it matters
  std::string mend;       // what to do, a sentence or a command; lines to be copied may follow
  MendClass mend_class = MendClass::none;
  bool accepted = false;  // overridden by --accept or [[accept]]; stands in the manifest
  std::string accepted_reason;
};

[[nodiscard]] Json to_json(const Finding& finding);
[[nodiscard]] Finding parse_finding(const Json& json);  // Errc::corrupt
// Whether any unaccepted blocker is among them.
[[nodiscard]] bool has_blocker(const std::vector<Finding>& findings) noexcept;

}  // namespace holdfast::model
