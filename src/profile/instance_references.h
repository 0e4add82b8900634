// SPDX-License-Identifier: Apache-2.0
// What the tables of an instance file say of each other.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "model/instance.h"

namespace holdfast::profile {

// Makes an Error of a message that says where it is.
using ErrorAt = std::function<Error(const std::string& message)>;

// Names are unique across all components; `after`, drill queries and endpoints name components that
// exist, these one each; and `after` has no circle.
void check_references(const model::Instance& instance, const ErrorAt& error);

}  // namespace holdfast::profile
