// SPDX-License-Identifier: Apache-2.0
#include "profile/typedb.h"

namespace holdfast::profile {

model::Plan TypedbProfile::plan(const model::Instance& instance) const {
  model::Plan plan;
  plan.databases = instance.databases;
  plan.files = instance.files;
  return plan;
}

}  // namespace holdfast::profile
