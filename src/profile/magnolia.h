// SPDX-License-Identifier: Apache-2.0
// Profile `magnolia`: a web application of Magnolia CMS on Apache Jackrabbit. `home` is its
// directory; everything else is read in its configuration each time.
#pragma once

#include "model/conversion.h"
#include "model/profile.h"

namespace holdfast::profile {

class MagnoliaProfile final : public model::Profile {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "magnolia"; }
  [[nodiscard]] model::QuiesceWhen quiesce_default() const noexcept override {
    return model::QuiesceWhen::needed;
  }
  // Databases first, component `datastore` after all of them, `files` after that. A [[database]] of
  // a component's name in the instance file takes the place of what was read.
  [[nodiscard]] model::Plan plan(const model::Instance& instance) const override;
  // Of a directory: it, those of the Tomcat that it is, or those below it to three levels. Of a
  // process: those of its Tomcat, with the system properties that decided something.
  [[nodiscard]] std::vector<model::FoundInstance> discover(const model::PlaceToLook& place,
                                                           std::stop_token stop) const override;
  // Where the target's [magnolia] says `persistence` or `data_store`.
  [[nodiscard]] std::shared_ptr<const model::Conversion> convert(
      const model::Instance& source, const model::Instance& target) const override;
  [[nodiscard]] model::Adaptation adapt(const model::RestoredInstance& restored) const override;
  [[nodiscard]] std::vector<model::Finding> check_restored(
      const model::RestoredInstance& restored, const model::Instance& target) const override;
  [[nodiscard]] std::vector<model::Workspace> workspaces(const Json& facts) const override;
  [[nodiscard]] model::WorkspaceTarget plan_workspace(
      const model::Workspace& workspace, const model::Instance& target,
      const std::function<std::optional<std::string>(const std::string& path)>& read_copy)
      const override;
};

}  // namespace holdfast::profile
