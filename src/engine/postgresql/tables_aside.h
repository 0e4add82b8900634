// SPDX-License-Identifier: Apache-2.0
// The tables that single-table restores put others in the place of: kept under new names, and what
// they belonged to (partitioned tables, parents, publications) handed on. Works within a
// transaction of its user's.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/postgresql/connection.h"
#include "model/value.h"

namespace holdfast::engine::postgresql {

class TablesAside {
 public:
  // `replaced`: all tables that are. Those among them that belong together stay so.
  TablesAside(std::string kept_suffix, std::set<model::TableName> replaced)
      : kept_suffix_(std::move(kept_suffix)), replaced_(std::move(replaced)) {}

  // Renames the table and what shares its schema's names with it (indexes, sequences, statistics),
  // and takes it out of what it belonged to. Returns the line for the report.
  [[nodiscard]] std::string put_aside(Connection& connection, const model::TableName& name);
  // Puts the table that now has the name where the one put aside belonged. Errors of the server,
  // such as for rows that do not fit the partition.
  void join(Connection& connection, const model::TableName& name) const;
  // The statements that undo all this, once the table that was made has left its name.
  [[nodiscard]] std::vector<std::string> back(Connection& connection) const;
  [[nodiscard]] bool has(const model::TableName& name) const { return places_.contains(name); }
  // Whether the table, by either name, is one of those.
  [[nodiscard]] bool went(const model::TableName& name) const { return replaced_.contains(name); }
  // The name that put_aside() gave to it.
  [[nodiscard]] const model::TableName& kept_name(const model::TableName& name) const {
    return kept_.at(name);
  }

 private:
  struct Parent {
    model::TableName name;
    std::string bound;  // FOR VALUES …, or DEFAULT; empty: inherits
  };
  struct Publication {
    std::string name, columns, condition;
  };
  struct Place {
    std::vector<Parent> parents;
    std::vector<Publication> publications;
  };

  [[nodiscard]] Place place_of(Connection& connection, const model::TableName& name) const;
  [[nodiscard]] std::string dependents_of(Connection& connection,
                                          const model::TableName& kept) const;
  void rename(Connection& connection, std::string_view kind, const model::TableName& name,
              const std::string& other);
  [[nodiscard]] std::string free_name(Connection& connection, const model::TableName& name) const;

  std::string kept_suffix_;
  std::set<model::TableName> replaced_;  // under both names
  std::map<model::TableName, Place> places_;
  std::map<model::TableName, model::TableName> kept_;
  std::vector<std::string> renames_;  // back
};

}  // namespace holdfast::engine::postgresql
