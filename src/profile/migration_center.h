// SPDX-License-Identifier: Apache-2.0
// Profile `migration-center`: fme's product of that name. Its smallest form is the connection to
// its database; `home` adds Jobservers and a WebClient below it, with their logs, and the instance
// file says where content is staged. The vendor does not publish the schema's definition, so that
// everything about it is found in the catalog or said by the instance file.
#pragma once

#include "model/profile.h"

namespace holdfast::profile {

class MigrationCenterProfile final : public model::Profile {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "migration-center"; }
  // Its databases are copied at one moment while it rests; nothing needs a stop.
  [[nodiscard]] model::QuiesceWhen quiesce_default() const noexcept override {
    return model::QuiesceWhen::needed;
  }
  // Components `jobserver`, `webclient`, `logs` and `staging`, where there are such, after the
  // databases of the instance file. A [[files]] of that name takes the place of what was found.
  [[nodiscard]] model::Plan plan(const model::Instance& instance) const override;
  // Of a directory: what is there or below it to three levels, as one instance.
  [[nodiscard]] std::vector<model::FoundInstance> discover(const model::PlaceToLook& place,
                                                           std::stop_token stop) const override;
  // A clone's Jobserver addresses are those of the original, and so are its configuration's; what
  // may fire in it and was not seen is named.
  [[nodiscard]] model::Adaptation adapt(const model::RestoredInstance& restored) const override;
  [[nodiscard]] std::vector<std::string> restore_statements(
      const Json& facts, std::string_view component, bool is_clone,
      const model::NameMappings& names) const override;
};

}  // namespace holdfast::profile
