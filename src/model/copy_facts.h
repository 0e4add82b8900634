// SPDX-License-Identifier: Apache-2.0
// What a check of a copy learns for whoever restores it. A CopyCheck may be one of these too.
#pragma once

#include "base/json.h"

namespace holdfast::model {

class CopyFacts {
 public:
  virtual ~CopyFacts() = default;
  CopyFacts(const CopyFacts&) = delete;
  CopyFacts& operator=(const CopyFacts&) = delete;

  // After CopyCheck::findings(): Plan::facts with what the rows said besides. Holds no secret.
  [[nodiscard]] virtual Json facts(Json of_plan) const = 0;

 protected:
  CopyFacts() = default;
};

}  // namespace holdfast::model
