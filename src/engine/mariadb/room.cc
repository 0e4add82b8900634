// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/room.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

namespace holdfast::engine::mariadb {
namespace {

namespace fs = std::filesystem;

std::optional<Room> room_of(const fs::path& directory) {
  std::error_code failure;
  const fs::space_info space = fs::space(directory, failure);
  if (failure) return std::nullopt;
  return Room{directory.native(), space.available};
}

bool is_chosen(const LoadOptions& options, const std::string& table) {
  return options.tables.empty() ||
         std::any_of(options.tables.begin(), options.tables.end(),
                     [&](const auto& one) { return one.table == "*" || one.table == table; });
}

}  // namespace

std::optional<Room> data_room(Connection& connection) {
  const std::string& host = connection.location().host;
  if (!host.empty() && host != "localhost" && host != "127.0.0.1" && host != "::1")
    return std::nullopt;
  const fs::path directory = connection.value("SELECT @@datadir");
  if (!directory.is_absolute()) return std::nullopt;
  return room_of(directory);
}

std::optional<Room> undo_room(Connection& connection) {
  const std::optional<Room> data = data_room(connection);
  if (!data) return std::nullopt;
  const auto found = connection.query("SHOW GLOBAL VARIABLES LIKE 'innodb_undo_directory'");
  // "./" is the directory with the data.
  const fs::path undo = found.empty() ? "" : found[0].at(1).value_or("");
  const std::optional<Room> other = undo.is_absolute() ? room_of(undo) : std::nullopt;
  return other && other->free_bytes < data->free_bytes ? other : data;
}

std::uint64_t room_needed(const model::DatabaseFacts& facts, const LoadOptions& options) {
  const Json* const tables =
      facts.engine_facts.is_object() ? facts.engine_facts.find("tables") : nullptr;
  if (tables == nullptr) return 0;
  std::map<std::string, std::uint64_t> sizes;
  for (const model::PartFacts& part : facts.parts) sizes[part.path] = part.size_bytes;
  std::uint64_t needed = 0;
  for (const Json& table : tables->as_array()) {
    const Json* const parts = table.find("parts");
    const Json* const bytes = table.find("bytes");
    if (parts == nullptr || bytes == nullptr || !is_chosen(options, table.string_or("name", "")))
      continue;
    std::uint64_t copied = 0;
    for (const Json& part : parts->as_array()) copied += sizes[part.as_string()];
    needed += std::min(copied, bytes->as_uint());
  }
  return needed;
}

}  // namespace holdfast::engine::mariadb
