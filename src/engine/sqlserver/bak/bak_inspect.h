// SPDX-License-Identifier: Apache-2.0
// Backup files as `inspect` wants them, also those of one backup that was written into several.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "engine/file_reader.h"
#include "engine/sqlserver/bak/bak_reader.h"

namespace holdfast::engine::sqlserver {

// Nothing: the file is no backup of SQL Server. Of one of several stripes, those of `others` that
// belong to it are looked at too, and are members. Errc::cancelled soon after a stop request.
[[nodiscard]] std::optional<Inspection> inspect_bak(const std::filesystem::path& file,
                                                    const InspectOptions& options,
                                                    const std::stop_token& stop);

// Whether it begins as one.
[[nodiscard]] bool is_bak(const std::filesystem::path& file);

// A file of a backup that was read, and what it is called.
struct Stripe {
  std::string name;
  BakReport report;
};

// Whether both are of one media set.
[[nodiscard]] bool belong_together(const BakReport& one, const BakReport& other) noexcept;

// What the files of one backup are together; the first of them is the one that was asked for.
[[nodiscard]] Inspection tell_bak(std::span<const Stripe> stripes);

}  // namespace holdfast::engine::sqlserver
