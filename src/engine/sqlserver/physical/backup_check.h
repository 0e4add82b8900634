// SPDX-License-Identifier: Apache-2.0
// A backup that was read natively against what the server says of it. Pure, but for the asking.
//
// Source: Transact-SQL Reference, RESTORE HEADERONLY, FILELISTONLY and VERIFYONLY. Columns are
// found by name, as releases add some.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sqlserver/bak/bak_inspect.h"
#include "engine/sqlserver/physical/backup_statement.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// The one full, copy-only set of `database` that is in all stripes. Errc::not_consistent naming
// what is wrong instead: damage, a stripe or the end missing, other sets.
[[nodiscard]] const BakSet& full_set(std::span<const Stripe> stripes, std::string_view database);

// "40000000010000001" as 40:100:1; nothing if it is no number.
[[nodiscard]] std::optional<Lsn> parse_lsn(std::string_view digits) noexcept;

// What the server says otherwise than the set, as "DatabaseName is Other, and Shop in the file".
[[nodiscard]] std::vector<std::string> header_differences(const BakSet& set,
                                                          const Session::Named& header);
[[nodiscard]] std::vector<std::string> file_differences(const BakSet& set,
                                                        const Session::Named& files);
// Lines of FILELISTONLY, each file once.
[[nodiscard]] std::vector<RestoredFile> restored_files(const Session::Named& files);
// Thumbprints in them, of transparent data encryption: hex, in capitals.
[[nodiscard]] std::vector<std::string> thumbprints_of(const Session::Named& files);

// Rows of a statement that a login may not be allowed: nothing then. Other errors as
// backup_error() has them, `otherwise` where nothing better is known.
[[nodiscard]] std::optional<Session::Named> ask_of_backup(Session& session, const std::string& sql,
                                                          std::string_view doing, Errc otherwise);

}  // namespace holdfast::engine::sqlserver
