// SPDX-License-Identifier: Apache-2.0
// Profile `custom`: any application; its components are those its file names.
#pragma once

#include "model/profile.h"

namespace holdfast::profile {

class CustomProfile final : public model::Profile {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "custom"; }
  [[nodiscard]] model::QuiesceWhen quiesce_default() const noexcept override {
    return model::QuiesceWhen::always;
  }
  [[nodiscard]] model::Plan plan(const model::Instance& instance) const override;
};

}  // namespace holdfast::profile
