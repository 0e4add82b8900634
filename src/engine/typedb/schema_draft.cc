// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/schema_draft.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/releases.h"
#include "engine/typedb/schema_adapter.h"

namespace holdfast::engine::typedb {
namespace {

bool is_of_3(std::size_t range) {
  check_rule(range < release_ranges.size(), "a range is one of the list");
  return release_ranges[range].encoding >= Encoding::v3_a;
}

// "the draft is x.tql.draft", or why it is not.
std::string write_draft(const std::filesystem::path& path, std::string_view text) {
  try {
    Fd file = open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    write_all(file.get(), as_bytes(text), path.native());
    file.close(path.native());
    return fmt::format("a draft is in {}", path.native());
  } catch (const Error& error) {
    if (error.code() == Errc::exists)
      return fmt::format("{} was there before and is as it was", path.native());
    return fmt::format("no draft could be written: {}", error.message());
  }
}

}  // namespace

std::string schema_for(std::size_t from, std::size_t to, std::string_view schema,
                       std::string_view database, const std::filesystem::path& directory,
                       const std::stop_token& stop) {
  if (is_of_3(from) || !is_of_3(to) || is_typeql_3(schema, stop)) return std::string(schema);
  AdaptedSchema adapted = adapt_schema(schema, stop);
  if (adapted.open.empty()) return std::move(adapted.text);
  std::string name(database);
  std::replace(name.begin(), name.end(), '/', '_');
  const std::filesystem::path path = (directory / (name + ".tql.draft")).lexically_normal();
  const SchemaPlace& first = adapted.open.front();
  throw Error(Errc::unsupported,
              fmt::format("the schema of {} needs {} decision{} before TypeDB {} takes it, the "
                          "first for line {} ({}: {}); {}",
                          database, adapted.open.size(), adapted.open.size() == 1 ? "" : "s",
                          display(release_ranges[to]), first.line, first.what, first.why,
                          write_draft(path, adapted.text)))
      .set_hint(fmt::format("Decide what its comments name, and go on with `--schema {}`.",
                            path.native()));
}

}  // namespace holdfast::engine::typedb
