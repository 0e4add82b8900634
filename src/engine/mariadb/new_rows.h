// SPDX-License-Identifier: Apache-2.0
// Typed rows on their way into one table of our own, by a session and a thread of their own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/channel.h"
#include "base/crew.h"
#include "engine/engine.h"
#include "engine/mariadb/client.h"
#include "engine/mariadb/insert_batches.h"

namespace holdfast::engine::mariadb {

// All rows are in one transaction, which finish() ends. Memory: what append_row() puts together and
// as much again on its way; by INSERT, a row several times.
class NewRows final : public Filling::Rows {
 public:
  // The table is in the session's schema. `by_insert`: not by LOAD DATA.
  NewRows(Connection connection, CopiedTable table, bool by_insert);
  ~NewRows() override;

  void columns(const std::vector<model::Column>& /*columns*/) override {}
  void row(const model::Row& row) override;
  void finish() override;

 private:
  void append_value(const model::Value& value);
  void pass_on();
  void load();
  [[nodiscard]] bool load_locally(ByteSource& source);

  Connection connection_;
  const CopiedTable table_;
  const bool by_insert_;
  Bytes buffer_;
  bool is_over_ = false;
  Channel<Bytes> channel_;
  Crew crew_;  // goes before what its thread uses
};

}  // namespace holdfast::engine::mariadb
