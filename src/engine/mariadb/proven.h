// SPDX-License-Identifier: Apache-2.0
// A schema that was filled and proven beside, until it is put in its place: by whoever loads it, or
// later by whoever asked for that.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/mariadb/restore_accounts.h"
#include "engine/mariadb/switch.h"
#include "engine/mariadb/switch_tables.h"

namespace holdfast::engine::mariadb {

struct Proven {
  Connection connection;
  Beside beside;
  SwitchOptions options;
  TableArrival arrival;  // the tables only where single ones were wanted
  RestoredAccounts accounts;
  bool is_whole = true;
  bool on_scratch = false;
  // What makes a new session like `connection`, should that have gone meanwhile; none: nothing.
  std::function<void(Connection&)> settle;
};

// What is announced, and remembered here where nobody else does.
class Announced {
 public:
  explicit Announced(const LoadOptions& options);
  [[nodiscard]] const Announce& announce() const noexcept { return announce_; }
  // Puts it back, if nobody else does; in another session.
  void put_back(const Connection& like) const;

 private:
  std::shared_ptr<std::vector<Json>> remembered_;  // null: somebody else's affair
  Announce announce_;
};

// With leave_beside it becomes the report's switch_in; else it is put in its place now.
void hand_over(Proven proven, const Announced& announced, const LoadOptions& options,
               LoadReport& report);

}  // namespace holdfast::engine::mariadb
