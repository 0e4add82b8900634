// SPDX-License-Identifier: Apache-2.0
#include "job/read_instance.h"

#include "profile/instance_file.h"

namespace holdfast::job {

model::Instance read_instance(std::string_view name) {
  return profile::read_instance_file(profile::find_instance_file(name));
}

}  // namespace holdfast::job
