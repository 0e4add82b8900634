// SPDX-License-Identifier: Apache-2.0
// What is known of a database's directory, for the manifest and for comparison with a target.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>

#include "engine/typedb/releases.h"
#include "engine/typedb/wal.h"
#include "model/finding.h"
#include "model/manifest.h"

namespace holdfast::engine::typedb {

// Fills version ("3.0.0 to 3.10.4": the releases that wrote it) and engine_facts: `encoding`,
// `name`, owner and mode of its files, and of TypeDB 3 `last_sequence`, `segments`, `records`.
// `deep`: every record is unpacked; `is_ours`: nobody else writes to it. Errc::not_consistent
// naming the first blocker, or a log without a record, from which nothing could be restored.
void describe_directory(const std::filesystem::path& database, bool deep,
                        model::DatabaseFacts& facts, const std::stop_token& stop,
                        bool is_ours = false);
// The same of a log that is held up to there, with a checkpoint up to `watermark` if there is one.
void describe_log(const std::filesystem::path& database, const WalLimit& limit,
                  const std::optional<std::uint64_t>& watermark, model::DatabaseFacts& facts,
                  const std::stop_token& stop);
// `encoding` and `name` alone, quickly: of a log only the newest commit is looked at.
void outline_directory(const std::filesystem::path& database, model::DatabaseFacts& facts);

// The encoding in the facts of a copy; nothing if it is not told, or is none that is known.
[[nodiscard]] std::optional<Encoding> encoding_in(const Json& engine_facts) noexcept;

}  // namespace holdfast::engine::typedb
