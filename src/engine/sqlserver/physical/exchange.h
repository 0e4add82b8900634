// SPDX-License-Identifier: Apache-2.0
// Files in the directory that the server and we both see: the server writes and reads them under
// Location::backup_directory, we under Location::exchange_directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/stream.h"
#include "engine/sqlserver/location.h"

namespace holdfast::engine::sqlserver {

// "holdfast_0123456789abcdef.bak", of which nobody else has one.
[[nodiscard]] std::string new_exchange_file(std::string_view ending);
// Whether it is named so: only such files are ever removed.
[[nodiscard]] bool is_exchange_file(std::string_view name) noexcept;

// Errc::usage if the options name no such directory, saying for what it is needed.
void need_exchange(const Location& location, std::string_view purpose);
// Errc::not_found, denied.
void fetch_exchange_file(const Location& location, const std::string& name, ByteSink& into,
                         const std::stop_token& stop);
// Makes a file that the server's account can read: its group is the directory's, or where we may
// not give it that, everybody may read it. Errc::denied, no_space.
void put_exchange_file(const Location& location, const std::string& name, ByteSource& content,
                       const std::stop_token& stop);
// No error if it is gone.
void remove_exchange_file(const Location& location, const std::string& name);
// All that can be; then throws the first failure.
void remove_exchange_files(const Location& location, std::span<const std::string> names);
// Free there, for us. Errc::not_found, denied.
[[nodiscard]] std::uint64_t exchange_free_bytes(const Location& location);

}  // namespace holdfast::engine::sqlserver
