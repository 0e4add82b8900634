// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/rows.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/embedded/place.h"

namespace holdfast::engine::embedded {

namespace {

// A jar is code that runs as we do.
bool is_trusted(const std::filesystem::path& jar) {
  struct ::stat status {};
  return ::stat(jar.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         (status.st_uid == 0 || status.st_uid == ::geteuid()) &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

std::optional<RowMeans> find_row_means(const Kind& kind, const model::Endpoint& endpoint,
                                       std::string& why_not) {
  auto runtime = java::find_java_runtime(&why_not);
  if (!runtime) return std::nullopt;
  RowMeans means{std::move(*runtime), {}};
  const std::filesystem::path driver = driver_of(endpoint);
  if (!driver.empty() && is_trusted(driver)) {
    means.driver_jars = {driver};
    // Derby's newer drivers are several jars, beside each other.
    for (const char* more : {"derbyshared", "derbytools"}) {
      const std::filesystem::path jar = driver.parent_path() / (std::string(more) + ".jar");
      if (kind.name() == "derby" && is_trusted(jar)) means.driver_jars.push_back(jar);
    }
    return means;
  }
  means.driver_jars = java::find_driver_jars(kind.name(), {});
  if (!means.driver_jars.empty()) return means;
  why_not = driver.empty()
                ? fmt::format("there is no driver of {}; option `driver` names the application's",
                              kind.title())
                : fmt::format(
                      "{} is not there, or others than we and root may write to it, who could "
                      "let it do anything in our name",
                      driver.native());
  return std::nullopt;
}

java::JavaDatabaseSettings settings_for(const Kind& kind, const RowMeans& means,
                                        const std::filesystem::path& place,
                                        const model::Endpoint& endpoint,
                                        const std::filesystem::path& scratch, bool create) {
  java::JavaDatabaseSettings settings;
  settings.runtime = means.runtime;
  settings.driver_jars = means.driver_jars;
  settings.url = kind.driver_url(place, create);
  settings.user = endpoint.user;
  settings.password = endpoint.password.get();
  settings.scratch_directory = scratch;
  return settings;
}

void read_rows_of_copy(const Kind& kind, const RowMeans& means, const std::filesystem::path& copy,
                       const model::Endpoint& endpoint, const std::filesystem::path& scratch,
                       const model::RowTap& tap, model::DatabaseFacts& facts,
                       const std::stop_token& stop) {
  java::JavaDatabaseSettings settings = settings_for(kind, means, copy, endpoint, scratch);
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
