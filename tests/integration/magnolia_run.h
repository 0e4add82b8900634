// SPDX-License-Identifier: Apache-2.0
// What tests of whole Magnolia instances have in common: a place, a repository, instance files.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/magnolia.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {

class MagnoliaRun : public testing::Test {
 protected:
  MagnoliaRun() {
    make_repository(place_.repository(), place_password);
    write_private("magnolia-password", std::string(magnolia_password));
  }

  [[nodiscard]] MagnoliaLab lab(MagnoliaVariant variant) const {
    return {variant, place_.root() / "production"};
  }

  std::string write_private(const std::string& name, const std::string& text) {
    namespace fs = std::filesystem;
    write_text(place_ / name, text);
    fs::permissions(place_ / name, fs::perms::owner_read | fs::perms::owner_write);
    return (place_ / name).string();
  }

  // [[database]] of a component.
  [[nodiscard]] std::string database(const std::string& name, const std::string& uri,
                                     std::string_view user) const {
    return fmt::format(
        "[[database]]\nname = \"{}\"\nuri = \"{}\"\nuser = \"{}\"\npassword_file = \"{}\"\n", name,
        uri, user, (place_ / "magnolia-password").string());
  }

  // An account on the MariaDB server that may do more than the application's own.
  static std::string_view administrator(const MagnoliaLab& lab) {
    lab.servers().mariadb().run(
        fmt::format("GRANT ALL ON *.* TO administrator IDENTIFIED BY '{}' WITH GRANT OPTION",
                    magnolia_password));
    return "administrator";
  }

  // Components that lie on servers: engine and name.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> on_servers(
      const MagnoliaLab& lab) {
    std::vector<std::pair<std::string, std::string>> found;
    const Outcome outcome = place_.holdfast({"discover", lab.web_app().string(), "--json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    const std::vector<Json> lines = outcome.lines();
    for (const Json& one : lines.at(0).at("databases").as_array()) {
      const std::string engine = one.at("engine").as_string();
      if (engine == "postgresql" || engine == "mariadb")
        found.emplace_back(engine, one.at("name").as_string());
    }
    return found;
  }

  // The instance file that discover prints, with `more` behind it; its path.
  std::string discovered(const MagnoliaLab& lab, const std::string& more = {}) {
    const Outcome found = place_.holdfast({"discover", lab.web_app().string()});
    EXPECT_EQ(found.exit_code, 0) << found.text();
    std::string text = found.output + more;
    if (uses_mariadb(lab.variant())) {
      for (const auto& [engine, name] : on_servers(lab)) {
        if (engine == "mariadb") text += database(name, lab.mariadb_uri(), administrator(lab));
      }
    }
    return write_private("discovered.toml", text);
  }

  Outcome back_up(const std::string& instance, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"backup", "-I", instance};
    words.insert(words.end(), more.begin(), more.end());
    return place_.holdfast(words);
  }

  // Refused, with the reason, and without a snapshot.
  void expect_refused(const Outcome& refused, int exit_code, std::string_view words) {
    EXPECT_EQ(refused.exit_code, exit_code) << refused.text();
    EXPECT_TRUE(refused.says(words)) << refused.text();
    EXPECT_EQ(snapshots(), 0U);
  }
  [[nodiscard]] std::size_t snapshots() {
    return place_.holdfast({"snapshots", "--json"}).array().size();
  }

  Place place_;
};

}  // namespace holdfast::test
