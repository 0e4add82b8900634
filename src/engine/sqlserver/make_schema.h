// SPDX-License-Identifier: Apache-2.0
// Runs the statements of a copy in a database that is being made.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/sqlserver/schema_script.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// What was not made as it was, and what is to be told otherwise: LoadReport's.
struct MakeReport {
  std::vector<std::string> left_out, notes;
};

class SchemaMaker {
 public:
  // The session is in the database; statements and report outlive it.
  SchemaMaker(Session& session, const ServerInfo& server, std::span<const Statement> statements,
              MakeReport& report)
      : session_(session), server_(server), statements_(statements), report_(report) {}

  // All until the rows come.
  void before_rows();
  // All after keys and indexes.
  void after_indexes();
  // One statement that must succeed: Errc::unsupported, and what the server says.
  static void run(Session& session, const Statement& statement);

 private:
  void settle();
  void make_what_refers_to_each_other();
  void make_stage(Stage stage);
  void try_stage(Stage stage);
  void try_one(const Statement& statement);
  [[nodiscard]] bool is_for_others(const Statement& statement);
  [[nodiscard]] bool is_there_already(const Statement& statement);

  Session& session_;
  const ServerInfo& server_;
  std::span<const Statement> statements_;
  MakeReport& report_;
};

}  // namespace holdfast::engine::sqlserver
