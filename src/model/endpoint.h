// SPDX-License-Identifier: Apache-2.0
// Where one database is and who we are there.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/secret.h"

namespace holdfast::model {

struct Endpoint {
  std::string component;  // name of the component, for messages and snapshot paths
  std::string engine;     // "sqlite", "postgresql", …
  std::string uri;  // engine's own form; never holds a password. sqlite: "sqlite:/path/to/file.db"
  std::string user;
  std::shared_ptr<const Secret> password;  // none: nullptr
  std::map<std::string, std::string>
      options;  // engine options of the instance file, checked by the engine
};

}  // namespace holdfast::model
