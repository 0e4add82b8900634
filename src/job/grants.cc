// SPDX-License-Identifier: Apache-2.0
#include "job/grants.h"

#include "base/error.h"
#include "base/log.h"
#include "engine/registry.h"
#include "job/preflight.h"

namespace holdfast::job {

namespace {

// A password helps to look at what there is; the role that it is for may not exist yet.
model::Endpoint endpoint_of(const model::DatabaseSettings& database) {
  try {
    return make_endpoint(database, {});
  } catch (const Error& error) {
    log(LogLevel::info, "going on without the password", {{"why", error.message()}});
    return {database.name, database.engine, database.uri, database.user, nullptr, database.options};
  }
}

}  // namespace

std::vector<ComponentGrants> list_grants(const model::Instance& instance,
                                         std::string_view purpose) {
  if (purpose != "backup" && purpose != "restore" && purpose != "application") {
    throw Error(Errc::usage, "grants are for backup, restore or application, not for \"" +
                                 std::string(purpose) + "\"");
  }
  std::vector<ComponentGrants> all;
  std::vector<model::DatabaseSettings> databases = plan_of(instance).databases;
  // A rehearsal is a restore.
  if (purpose == "restore") {
    for (model::DatabaseSettings endpoint : instance.drill.endpoints) {
      endpoint.name = "drill.endpoint of " + endpoint.name;
      databases.push_back(std::move(endpoint));
    }
  }
  for (const model::DatabaseSettings& database : databases) {
    const engine::Engine* engine = engine::find_engine(database.engine);
    if (engine == nullptr) {
      throw Error(Errc::unsupported, "engine \"" + database.engine + "\" of database " +
                                         database.name + " is not in this build");
    }
    const model::Endpoint endpoint = endpoint_of(database);
    engine->check_endpoint(endpoint);
    all.push_back(
        {database.name, database.engine, database.uri, engine->grants(endpoint, purpose)});
  }
  return all;
}

}  // namespace holdfast::job
