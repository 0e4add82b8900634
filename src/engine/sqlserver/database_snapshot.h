// SPDX-License-Identifier: Apache-2.0
// A database snapshot of ours: what a database was at one moment, to be read by any number of
// sessions while everybody goes on writing.
//
// Source: Transact-SQL Reference, CREATE DATABASE … AS SNAPSHOT OF.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "engine/sqlserver/catalog.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

class DatabaseSnapshot {
 public:
  using Announce = std::function<void(std::string_view what, const Json& undo)>;

  // Of the database that the session is in. Nothing, with `why` as the server says it, if it makes
  // none; Errc::cancelled.
  [[nodiscard]] static std::unique_ptr<DatabaseSnapshot> make(
      Session& session, const ServerInfo& server, std::shared_ptr<const Secret> password,
      const Announce& announce, std::string& why);
  // Drops it; a failure is logged, and the journal has it too. Nobody may read it any more.
  ~DatabaseSnapshot();
  DatabaseSnapshot(const DatabaseSnapshot&) = delete;
  DatabaseSnapshot& operator=(const DatabaseSnapshot&) = delete;

  // Of what failed while it was read: throws Errc::unavailable with that if it is no longer there,
  // or cannot be read any more; nothing if it is whole, or the server does not tell.
  void check_there(const Error& failed) const;
  // Where it is read.
  [[nodiscard]] const Location& location() const noexcept { return location_; }

 private:
  DatabaseSnapshot(Location location, std::string of, std::shared_ptr<const Secret> password)
      : location_(std::move(location)), of_(std::move(of)), password_(std::move(password)) {}

  Location location_;
  std::string of_;
  std::shared_ptr<const Secret> password_;
};

// Drops it if it is there and is a snapshot of that database. The session is in another one.
void drop_snapshot(Session& session, const std::string& name, const std::string& of);

// A name that nobody has: "shop_holdfast_0123456789ab", cut to what a name may have.
[[nodiscard]] std::string random_name(const std::string& database);
// "shop" and "_before_20261120T105601Z" cut so that both are a name.
[[nodiscard]] std::string with_suffix(const std::string& database, std::string_view suffix);

}  // namespace holdfast::engine::sqlserver
