// SPDX-License-Identifier: Apache-2.0
// Loading an export into a server, out of the repository or a file. It is in its place at once:
// servers make it beside themselves, and rename nothing that is there.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace holdfast::engine::typedb {

// As Engine::load. options.schema_file, if given, in place of the copy's. With options.replace a
// database that is there and not empty is refused all the same, Errc::exists. With
// options.only_beside it is made under the name of `into` with `_holdfast_` and twelve random
// digits behind, and what is announced says "beside": nobody else has that name, so that the undo
// removes it whatever is in it.
[[nodiscard]] LoadReport load_into_server(const model::PartSource& parts,
                                          const model::DatabaseFacts& facts,
                                          const model::Endpoint& into, const LoadOptions& options,
                                          const std::stop_token& stop);

// As Engine::import_file, of a `.typedb` file. Errc::usage without options.schema_file, unless
// options.data_only.
[[nodiscard]] LoadReport import_into_server(const std::filesystem::path& file,
                                            const model::Endpoint& into, const LoadOptions& options,
                                            const std::stop_token& stop);

// As Engine::fit_beside. Errc::unsupported for a data directory; the errors of connecting.
[[nodiscard]] std::vector<std::string> fit_beside_on_server(const model::DatabaseFacts& facts,
                                                            const model::Endpoint& into,
                                                            LoadOptions& options,
                                                            const std::stop_token& stop);

// Errc::unsupported, naming it, for what no engine of TypeDB has.
void refuse_what_cannot_be(const LoadOptions& options);

}  // namespace holdfast::engine::typedb
