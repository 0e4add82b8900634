// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/rows.h"

#include <fmt/format.h>

#include "base/error.h"
#include "engine/embedded/place.h"
#include "engine/java/java_rows.h"

namespace holdfast::engine::embedded {

std::optional<RowMeans> find_row_means(const Kind& kind, const model::Endpoint& endpoint,
                                       std::string& why_not) {
  auto runtime = java::find_java_runtime(&why_not);
  if (!runtime) return std::nullopt;
  RowMeans means{std::move(*runtime), {}};
  const std::filesystem::path driver = driver_of(endpoint);
  if (driver.empty()) {
    means.driver_jars = java::find_driver_jars(kind.name(), {});
  } else {
    // Derby's newer drivers are several jars, beside each other.
    means.driver_jars = java::find_driver_jars(kind.name(), {driver.parent_path()}, {});
    if (means.driver_jars.empty()) means.driver_jars = {driver};
  }
  if (!means.driver_jars.empty()) return means;
  why_not = fmt::format("there is no driver of {}; option `driver` names the application's",
                        kind.title());
  return std::nullopt;
}

void read_rows_of_copy(const Kind& kind, const RowMeans& means, const std::filesystem::path& copy,
                       const model::Endpoint& endpoint, const std::filesystem::path& scratch,
                       const model::RowTap& tap, model::DatabaseFacts& facts,
                       const std::stop_token& stop) {
  java::JavaDatabaseSettings settings;
  settings.runtime = means.runtime;
  settings.driver_jars = means.driver_jars;
  settings.url = kind.driver_url(copy);
  settings.user = endpoint.user;
  settings.password = endpoint.password.get();
  settings.scratch_directory = scratch;
  settings.read_only = true;
  try {
    java::JavaDatabase database(settings, stop);
    java::RowTap shown;
    if (tap) shown = [&](const model::TableName& table) { return tap(endpoint.component, table); };
    java::describe_tables(database, facts, shown, stop);
    facts.engine_facts.set("rows_read_by",
                           fmt::format("{} {}", database.product(), database.driver_version()));
    database.close();
  } catch (Error& error) {
    if (error.code() != Errc::corrupt) throw;
    throw Error(Errc::not_consistent, error.message()).set_hint(error.hint());
  }
}

}  // namespace holdfast::engine::embedded
