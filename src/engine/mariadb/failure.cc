// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/failure.h"

#include <fmt/format.h>

#include <string_view>

namespace holdfast::engine::mariadb {
namespace {

// An error of any file, with the system's reason in it.
bool names_full_disk(std::string_view text) {
  for (const std::string_view words : {"Errcode: 28", "errno: 28", "error 28", "No space left"}) {
    if (text.find(words) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::string Failure::display() const {
  return fmt::format("{} ({}): {}", number, state, text);
}

bool is_forbidden_locally(const Failure& failure) noexcept {
  return failure.number == error_command_not_allowed ||
         failure.number == error_local_infile_disabled ||
         failure.number == error_local_infile_disabled_mariadb;
}

Errc code_of(const Failure& failure, Errc otherwise) {
  switch (failure.number) {
    case 1044:  // access to a database
    case 1045:  // access at all
    case 1142:  // a statement on a table
    case 1143:  // a column
    case 1227:  // a global privilege
    case 1290:  // an option of the server, --read-only for one
    case 1370:  // a routine
    case 1410:
    case 1698:
    case 1836:  // read only
      return Errc::denied;
    case error_unknown_database:
    case error_no_such_table:
      return otherwise == Errc::not_consistent ? otherwise : Errc::not_found;
    case error_table_definition_changed:
      return Errc::not_consistent;
    case 1021:  // disk full
    case 1114:  // table full
    case 1878:  // a temporary file, as when keys are made
      return Errc::no_space;
    case 3:     // a file
    case 1026:  // a file, too
      return names_full_disk(failure.text) ? Errc::no_space : Errc::io;
    case 1005:  // making a table
    case 1030:  // whatever a storage engine says
      return names_full_disk(failure.text) ? Errc::no_space : otherwise;
    case 1040:  // too many connections
    case 1053:  // shutting down
    case 1152:
    case 1203:
    case error_lock_wait_timeout:
    case error_deadlock:
    case error_query_interrupted:
    case error_statement_timeout:
    case 1927:  // killed
    case 3024:
      return Errc::unavailable;
    case 1064:  // syntax
    case 1054:  // unknown column
      return otherwise;
    default:
      return failure.number >= client_error_min && failure.number <= client_error_max
                 ? Errc::unavailable
                 : otherwise;
  }
}

}  // namespace holdfast::engine::mariadb
