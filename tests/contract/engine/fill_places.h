// SPDX-License-Identifier: Apache-2.0
// Where each engine that can fill does so in tests: a database, tables for it, and a way past us.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "model/conversion.h"

namespace holdfast::test {

class FillPlace {
 public:
  virtual ~FillPlace() = default;
  FillPlace(const FillPlace&) = delete;
  FillPlace& operator=(const FillPlace&) = delete;

  [[nodiscard]] virtual const engine::Engine& engine() const = 0;
  // An empty database that is there; for embedded engines one with a table `other`.
  [[nodiscard]] virtual model::Endpoint make() = 0;
  // Where none is, and one is made; nothing for engines with servers.
  [[nodiscard]] virtual std::optional<model::Endpoint> absent() { return std::nullopt; }
  // Whether sinks are to come one after the other.
  [[nodiscard]] virtual bool takes_one_writer() const { return false; }
  // Whether nothing is there, for an undo neither, unless a filling is finished.
  [[nodiscard]] virtual bool is_all_or_nothing() const { return false; }
  // A table (id bigint, the key; data: bytes of any length; name: a text), named as the catalog has
  // it.
  [[nodiscard]] virtual model::NewTable table(const std::string& name) const = 0;
  // A table (id, which the database numbers; name), with what makes it go on after the rows.
  [[nodiscard]] virtual model::NewTable numbered(const std::string& name) const = 0;
  // One statement, as a program of somebody else's.
  virtual void run(const model::Endpoint& endpoint, const std::string& sql) = 0;
  // What stands where databases are kept, and what the tables there are.
  [[nodiscard]] virtual std::vector<std::string> litter(const model::Endpoint& endpoint) = 0;

 protected:
  FillPlace() = default;
};

struct FillCase {
  std::string name;
  std::function<std::unique_ptr<FillPlace>()> make;
};
inline void PrintTo(const FillCase& tested, std::ostream* out) {
  *out << tested.name;
}

[[nodiscard]] std::unique_ptr<FillPlace> postgresql_place();
[[nodiscard]] std::unique_ptr<FillPlace> mariadb_place();
[[nodiscard]] std::unique_ptr<FillPlace> sqlite_place();
// "derby" or "h2".
[[nodiscard]] std::unique_ptr<FillPlace> embedded_place(const std::string& engine);
// Of the server that the environment names (sqlserver_server.h); nothing if it names none.
[[nodiscard]] std::unique_ptr<FillPlace> sqlserver_place();

}  // namespace holdfast::test
