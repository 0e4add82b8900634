// SPDX-License-Identifier: Apache-2.0
// The schema with which an export of one release goes into another.
#pragma once

#include <cstddef>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

namespace holdfast::engine::typedb {

// What a server of range `to` (releases.h) is to be given for a schema that one of range `from` has
// printed, or that somebody wrote for it: TypeQL 2 for 3.x is adapted (schema_adapter.h),
// everything else, TypeQL 3 among it, is as it was. Where that needs decisions, Errc::unsupported,
// which tells how many places there are, and that the draft with them is now `<database>.tql.draft`
// in `directory`. A file of that name is never written over; the error then says so, and
// Errc::unsupported it remains. Other errors as of adapt_schema.
[[nodiscard]] std::string schema_for(std::size_t from, std::size_t to, std::string_view schema,
                                     std::string_view database,
                                     const std::filesystem::path& directory = ".",
                                     const std::stop_token& stop = {});

}  // namespace holdfast::engine::typedb
