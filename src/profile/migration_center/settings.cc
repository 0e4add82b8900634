// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/settings.h"

#include <string_view>

#include "profile/migration_center/machine.h"

namespace holdfast::profile::migration_center {
namespace {

// "TABLE.COLUMN", of what both Oracle and PostgreSQL take without quotes.
bool is_column(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot != std::string_view::npos && dot > 0 && dot + 1 < name.size() &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$#.") ==
             std::string_view::npos &&
         name.find('.', dot + 1) == std::string_view::npos;
}

}  // namespace

std::optional<Complaint> complaint_about(const model::MigrationCenterSettings& settings) {
  if (settings.jobserver_port == 0 || settings.jobserver_port > 65535)
    return Complaint{"jobserver_port", "`jobserver_port` must be from 1 to 65535"};
  for (const std::string& one : settings.jobservers) {
    if (!split_address(one, 1))
      return Complaint{"jobservers",
                       "`jobservers` has \"" + one + "\", not \"host\" or \"host:port\""};
  }
  const bool has_column = !settings.scheduler_column.empty();
  if (has_column != !settings.scheduler_on.empty() || has_column != !settings.scheduler_off.empty())
    return Complaint{"", "`scheduler_column`, `scheduler_on` and `scheduler_off` belong together"};
  if (has_column && !is_column(settings.scheduler_column))
    return Complaint{"scheduler_column", "`scheduler_column` must be \"TABLE.COLUMN\""};
  if (has_column && settings.scheduler_on == settings.scheduler_off)
    return Complaint{"scheduler_off", "`scheduler_on` and `scheduler_off` must differ"};
  for (const auto& [column, codes] : settings.status) {
    if (!is_column(column))
      return Complaint{"status", "`status` has \"" + column + "\", not \"TABLE.COLUMN\""};
  }
  return std::nullopt;
}

}  // namespace holdfast::profile::migration_center
