// SPDX-License-Identifier: Apache-2.0
// Profile `typedb`: all databases of a TypeDB server. `home` is the directory of the distribution,
// or of the data. What is there only the engine can tell, and profiles and engines never meet: job
// asks it (served_engine()), and this only says what belongs together.
#pragma once

#include "model/profile.h"

namespace holdfast::profile {

class TypedbProfile final : public model::Profile {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "typedb"; }
  // Hot copies need no stop, cold ones do.
  [[nodiscard]] model::QuiesceWhen quiesce_default() const noexcept override {
    return model::QuiesceWhen::needed;
  }
  // What the instance file names: the rest is found.
  [[nodiscard]] model::Plan plan(const model::Instance& instance) const override;
  [[nodiscard]] std::string_view served_engine() const noexcept override { return "typedb"; }
  // `_system` has the users of the whole server, with their passwords. Source: typedb/typedb,
  // system/initialise.rs of 3.12.3.
  [[nodiscard]] bool goes_alone(std::string_view component) const noexcept override {
    return component != "_system";
  }
};

}  // namespace holdfast::profile
