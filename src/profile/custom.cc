// SPDX-License-Identifier: Apache-2.0
// Profile `custom`: any application; its components are those its file names.
#include "profile/custom.h"

namespace holdfast::profile {

model::Plan CustomProfile::plan(const model::Instance& instance) const {
  model::Plan plan;
  plan.databases = instance.databases;
  plan.files = instance.files;
  return plan;
}

}  // namespace holdfast::profile
