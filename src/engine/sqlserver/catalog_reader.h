// SPDX-License-Identifier: Apache-2.0
// How catalog views are asked: what every server has, and what some lack. Inside of catalog.h's
// functions alone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sqlserver/catalog.h"

namespace holdfast::engine::sqlserver {

// One row of a result, its fields taken in their order.
class Fields {
 public:
  explicit Fields(const std::vector<Cell>& cells) : cells_(cells) {}
  [[nodiscard]] std::string text() { return next().value_or(""); }
  [[nodiscard]] bool is_null() const { return at_ >= cells_.size() || !cells_[at_]; }
  // 1, also where a server says it in another way.
  [[nodiscard]] bool flag();
  [[nodiscard]] std::int64_t number();  // 0 for null; Errc::corrupt for no number
  [[nodiscard]] SqlName name() {
    SqlName name;
    name.schema = text();
    name.table = text();
    return name;
  }

 private:
  [[nodiscard]] Cell next() { return at_ < cells_.size() ? cells_[at_++] : Cell(); }
  const std::vector<Cell>& cells_;
  std::size_t at_ = 0;
};

class CatalogReader {
 public:
  CatalogReader(Session& session, Catalog& catalog) : session_(session), catalog_(catalog) {}

  using Take = std::function<void(Fields& fields)>;
  // What every server has.
  void each(std::string_view sql, const Take& take);
  // What some lack; `what` is then in Catalog::unobservable. Empty: it is no loss to say nothing,
  // as a server without such a view has none of its objects.
  void each_if_known(std::string_view what, std::string_view sql, const Take& take);

  [[nodiscard]] Session& session() noexcept { return session_; }
  [[nodiscard]] Catalog& catalog() noexcept { return catalog_; }

  // Tables, table types and indexed views by their object_id; pointers into the catalog.
  std::map<std::int64_t, CatalogTable*> tables;
  [[nodiscard]] CatalogTable* table(std::int64_t object_id) const;
  [[nodiscard]] CatalogColumn* column(std::int64_t object_id, std::string_view name) const;

 private:
  Session& session_;
  Catalog& catalog_;
};

void read_keys(CatalogReader& reader);  // catalog_keys.cc
void read_code(CatalogReader& reader);  // catalog_code.cc: modules, sequences, synonyms, types
void read_properties(CatalogReader& reader);  // catalog_code.cc
void read_principals(CatalogReader& reader);  // catalog_rest.cc
void read_left_out(CatalogReader& reader);    // catalog_rest.cc

}  // namespace holdfast::engine::sqlserver
