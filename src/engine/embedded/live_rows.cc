// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/live_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>

#include "base/error.h"
#include "base/fd.h"
#include "engine/embedded/hold.h"
#include "engine/embedded/place.h"
#include "engine/embedded/rows.h"
#include "engine/embedded/scratch.h"

namespace holdfast::engine::embedded {
namespace {

namespace fs = std::filesystem;

bool is_about_driver(const Error& error) {
  constexpr std::array about_the_driver{Errc::denied, Errc::unsupported, Errc::not_found,
                                        Errc::failed_child};
  return std::ranges::find(about_the_driver, error.code()) != about_the_driver.end();
}

// What may be read, by whom, and room for what the driver writes.
class Readable {
 public:
  // `place` is there. Errc::unavailable naming who has it open.
  Readable(const Kind& kind, const fs::path& place, const model::Endpoint& endpoint)
      : endpoint_(endpoint) {
    if (const auto ours = scratch_at(place)) {
      if (endpoint_.user.empty()) endpoint_.user = ours->user;
      place_ = place;
      scratch_.emplace("java", ours->directory);
      return;
    }
    scratch_.emplace(fmt::format("holdfast-{}", kind.name()));
    place_ = scratch_->path() / place.filename();
    const FileLock lock = take_lock(kind, place);
    std::error_code failure;
    fs::copy(place, place_, fs::copy_options::recursive, failure);
    if (failure) throw system_error(failure.value(), fmt::format("copying {}", place.native()));
    // The lock's own file came along.
    for (const std::string& name : kind.lock_files()) erase_tree(place_ / name);
  }
  [[nodiscard]] const fs::path& place() const noexcept { return place_; }
  [[nodiscard]] const fs::path& scratch() const noexcept { return scratch_->path(); }
  [[nodiscard]] const model::Endpoint& endpoint() const noexcept { return endpoint_; }

 private:
  model::Endpoint endpoint_;
  std::optional<TemporaryDirectory> scratch_;
  fs::path place_;
};

// Opens it for one purpose.
template <typename Body>
auto with_database(const Kind& kind, const model::Endpoint& endpoint, const std::stop_token& stop,
                   Body body) {
  const fs::path place = path_of(kind, endpoint);
  if (!place_facts(place))
    throw Error(Errc::not_found, fmt::format("there is no database at {}", place.native()));
  std::string why_not;
  const auto means = find_row_means(kind, endpoint, why_not);
  if (!means)
    throw Error(Errc::unsupported,
                fmt::format("rows of {} cannot be read: {}", place.native(), why_not))
        .set_hint("Install a Java runtime and name the application's JDBC driver as `driver`.");
  const Readable readable(kind, place, endpoint);
  java::JavaDatabaseSettings settings =
      settings_for(kind, *means, readable.place(), readable.endpoint(), readable.scratch());
  settings.read_only = true;
  java::JavaDatabase database(settings, stop);
  return body(database);
}

}  // namespace

void try_rows_of_copy(const Kind& kind, const fs::path& copy, const model::Endpoint& endpoint,
                      const fs::path& scratch, const model::RowTap& tap,
                      model::DatabaseFacts& facts, const std::stop_token& stop) {
  std::string why_not = "it is encrypted";
  const bool is_closed = facts.engine_facts.bool_or("encrypted", false);
  const auto means = is_closed ? std::nullopt : find_row_means(kind, endpoint, why_not);
  if (!means) {
    facts.engine_facts.set("rows_unread", why_not);
    return;
  }
  try {
    read_rows_of_copy(kind, *means, copy, endpoint, scratch, tap, facts, stop);
    // An account of its own, which a restored copy has too.
    if (!endpoint.user.empty()) facts.engine_facts.set("user", endpoint.user);
  } catch (const Error& error) {
    if (!is_about_driver(error)) throw;
    facts.tables.clear();
    facts.engine_facts.set("rows_unread", error.message());
  }
}

void describe_live(const Kind& kind, const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                   const std::stop_token& stop) {
  const fs::path place = path_of(kind, endpoint);
  const bool used = who_locks(kind.lock_of(place).path).has_value();
  describe_place(kind, place, used ? Depth::front : Depth::whole, facts, stop);
  if (used) {
    facts.engine_facts.set("rows_unread", "it is open in another program");
    return;
  }
  std::string why_not;
  if (!find_row_means(kind, endpoint, why_not)) {
    facts.engine_facts.set("rows_unread", why_not);
    return;
  }
  const Readable readable(kind, place, endpoint);
  try_rows_of_copy(kind, readable.place(), readable.endpoint(), readable.scratch(), {}, facts,
                   stop);
  const std::string why = facts.engine_facts.string_or("rows_unread", "");
  if (!why.empty() && scratch_at(place))
    throw Error(Errc::unsupported,
                fmt::format("the rows of what was loaded are not read: {}", why));
}

void read_live_rows(const Kind& kind, const model::Endpoint& endpoint,
                    const model::TableName& table, model::RowSink& into,
                    const std::stop_token& stop) {
  with_database(kind, endpoint, stop, [&](java::JavaDatabase& database) {
    static_cast<void>(database.read_rows(table, into, stop));
    database.close();
  });
}

std::string query_live(const Kind& kind, const model::Endpoint& endpoint, std::string_view sql) {
  return with_database(kind, endpoint, {}, [&](java::JavaDatabase& database) {
    std::string text = database.query_one(std::string(sql));
    database.close();
    return text;
  });
}

}  // namespace holdfast::engine::embedded
