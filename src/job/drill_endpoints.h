// SPDX-License-Identifier: Apache-2.0
// The servers that [[drill.endpoint]] lends for a rehearsal: looked at before anything is made on
// any of them. What is made there and undone is drill's affair.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "job/environment.h"
#include "model/instance.h"
#include "model/manifest.h"

namespace holdfast::job {

struct DrillEndpoint {
  const model::DatabaseSettings* settings = nullptr;  // the instance's
  const engine::Engine* engine = nullptr;
  model::Endpoint endpoint;
  engine::LoadOptions load;        // fitted to the server
  std::vector<std::string> notes;  // what is not made and not compared there
};

// Those of the databases in the manifest. Looks whether its copies can be loaded there, as a
// restore does, and tells the observer what it finds. Errc::blocked; Errc::usage naming the
// component if it is of another engine in the copy; the errors of connecting.
[[nodiscard]] std::vector<DrillEndpoint> look_at_drill_endpoints(const Environment& environment,
                                                                 const model::Instance& instance,
                                                                 const model::Manifest& manifest,
                                                                 model::Observer& observer,
                                                                 const std::stop_token& stop);

// Whether a database of the instance's own is on the endpoint's server, as far as both can be
// asked.
[[nodiscard]] bool is_own_server(const DrillEndpoint& endpoint, const model::Instance& instance,
                                 const std::stop_token& stop);

}  // namespace holdfast::job
