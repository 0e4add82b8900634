// SPDX-License-Identifier: Apache-2.0
// Profile `custom`: any application; its components are those its file names.
#include "profile/custom.h"

namespace holdfast::profile {

model::Plan CustomProfile::plan(const model::Instance& instance) const {
  return {instance.databases, instance.files, {}};
}

}  // namespace holdfast::profile
