// SPDX-License-Identifier: Apache-2.0
// A small application to back up: two SQLite databases, a directory of files, its instance file,
// and a service that [quiesce] stops and starts.
#pragma once

#include <string>
#include <string_view>

#include "harness/program.h"

namespace holdfast::test {

class Shop {
 public:
  // Below `place`/`name`; the repository of the place is made too, if it is not there.
  explicit Shop(Place& place, std::string_view name = "shop");

  [[nodiscard]] std::filesystem::path home() const { return home_; }
  [[nodiscard]] std::filesystem::path orders() const { return home_ / "orders.db"; }
  [[nodiscard]] std::filesystem::path stock() const { return home_ / "stock.db"; }
  [[nodiscard]] std::filesystem::path uploads() const { return home_ / "uploads"; }

  // The instance file that names all three components; `more` is appended. `-I` takes its path.
  std::string write_instance(std::string_view more = {});
  // Another instance of the same components below another home, for restores.
  std::string write_instance_for(const std::filesystem::path& home, std::string_view more = {});
  // The file as write_instance() writes it, for tests that change it first.
  [[nodiscard]] std::string instance_text(const std::filesystem::path& home) const;
  [[nodiscard]] std::string instance_path() const { return (place_.root() / "shop.toml").string(); }

  // [quiesce] with programs of this shop: `stop` and `start` flip the file state() and append a
  // line to log(). Each also runs `stop_more`/`start_more`, lines of shell, at its beginning.
  [[nodiscard]] std::string quiesce(std::string_view stop_more = {},
                                    std::string_view start_more = {},
                                    std::string_view keys = "when = \"always\"\n");
  [[nodiscard]] bool runs() const { return read_text(home_ / "service") == "running\n"; }
  // How often the log has the line: "stop", "start".
  [[nodiscard]] std::size_t logged(std::string_view line) const;

  // backup -I of the instance file as it is.
  Outcome back_up(const std::vector<std::string>& more = {}, const RunOptions& options = {});
  // The ids of all instance snapshots, oldest first, as `snapshots --json` has them.
  [[nodiscard]] std::vector<std::string> snapshots();

 private:
  Place& place_;
  std::filesystem::path home_;
};

// The codes of all findings in the --json output of an instance verb, wherever they stand in it.
[[nodiscard]] std::vector<std::string> finding_codes(const Outcome& outcome);
[[nodiscard]] bool has_finding(const Outcome& outcome, std::string_view code);

}  // namespace holdfast::test
