// SPDX-License-Identifier: Apache-2.0
// What Holdfast knows about one kind of application. Room profile implements it, job runs it.
#pragma once

#include <string_view>
#include <vector>

#include "model/finding.h"
#include "model/instance.h"

namespace holdfast::model {

// The components of an instance as they are now.
struct Plan {
  std::vector<DatabaseSettings> databases;
  std::vector<FilesSettings> files;
  std::vector<Finding> findings;
};

class Profile {
 public:
  virtual ~Profile() = default;
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;  // "custom"
  // When [quiesce] is applied if the file does not say.
  [[nodiscard]] virtual QuiesceWhen quiesce_default() const noexcept = 0;
  // Looks at the instance as its file describes it and says which components it has. Reads only.
  [[nodiscard]] virtual Plan plan(const Instance& instance) const = 0;

 protected:
  Profile() = default;
};

}  // namespace holdfast::model
