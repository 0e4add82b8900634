// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/proven.h"

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"

namespace holdfast::engine::mariadb {
namespace {

Connection another_session(const Proven& proven) {
  const Connection& gone = proven.connection;
  gone.check_stop();
  Connection fresh = gone.again();
  fresh.stop_with(gone.stop());
  fresh.use(gone.location().schema);
  if (proven.settle) proven.settle(fresh);
  return fresh;
}

Switched put_in_place(Proven& proven) {
  const std::string place = proven.beside.place();
  // It was idle while all was proven and other components were loaded.
  std::optional<Connection> fresh;
  if (proven.connection.ping()) fresh.emplace(another_session(proven));
  Connection& connection = fresh ? *fresh : proven.connection;
  const Announce announce = [&](std::string_view what, Json undo) {
    proven.beside.announce(what, undo.set("beside", proven.beside.name()));
  };
  proven.accounts.make(connection, proven.on_scratch, announce);
  proven.options.before_events = [&] { proven.accounts.give_rights(connection, place, announce); };
  return proven.is_whole
             ? switch_in(connection, proven.beside, proven.arrival.triggers, proven.options)
             : switch_tables(connection, proven.beside, proven.arrival, proven.options);
}

}  // namespace

Announced::Announced(const LoadOptions& options) : announce_(options.before_change) {
  if (announce_) return;
  remembered_ = std::make_shared<std::vector<Json>>();
  announce_ = [list = remembered_](std::string_view, const Json& undo) { list->push_back(undo); };
}

void Announced::put_back(const Connection& like) const {
  if (!remembered_) return;
  Connection connection = like.again();
  for (auto undo = remembered_->rbegin(); undo != remembered_->rend(); ++undo) {
    const std::string left = undo_change(connection, *undo);
    if (!left.empty()) log(LogLevel::warn, left);
  }
}

void hand_over(Proven proven, const Announced& announced, const LoadOptions& options,
               LoadReport& report) {
  if (options.leave_beside) {
    const auto later = std::make_shared<LoadReport::Later>();
    const auto kept = std::make_shared<Proven>(std::move(proven));
    report.later = later;
    report.switch_in = [later, kept] {
      Switched switched = put_in_place(*kept);
      later->left_out = std::move(switched.left_out);
      later->notes = std::move(switched.notes);
      return std::move(switched.kept);
    };
    return;
  }
  try {
    Switched switched = put_in_place(proven);
    report.kept = std::move(switched.kept);
    for (std::string& line : switched.left_out) report.left_out.push_back(std::move(line));
    for (std::string& line : switched.notes) report.notes.push_back(std::move(line));
  } catch (const std::exception&) {
    announced.put_back(proven.connection);
    throw;
  }
}

}  // namespace holdfast::engine::mariadb
