// SPDX-License-Identifier: Apache-2.0
// Oracle's programs as a scenario file tells them to behave: tests/contract/engine/oracle.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/fd.h"
#include "base/process.h"
#include "base/secret.h"
#include "model/endpoint.h"

namespace holdfast::test {

inline constexpr const char* scenarios = HOLDFAST_SOURCES "/tests/contract/engine/oracle";

// An Oracle home with the stand-ins in it.
class OracleHome {
 public:
  explicit OracleHome(const std::string& scenario) {
    namespace fs = std::filesystem;
    fs::create_directories(path() / "bin");
    for (const char* program : {"sqlplus", "exp", "imp", "expdp", "impdp"})
      fs::create_symlink(fs::path(scenarios) / "stand_in.py", path() / "bin" / program);
    become(scenario);
  }
  // The same server, which from now on behaves so.
  void become(const std::string& scenario) {
    std::filesystem::copy_file(std::filesystem::path(scenarios) / (scenario + ".toml"),
                               path() / "scenario.toml",
                               std::filesystem::copy_options::overwrite_existing);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return place_.path(); }
  // What was called, and how.
  [[nodiscard]] std::string calls() const { return text("calls.log"); }
  [[nodiscard]] std::string state() const { return text("state.json"); }
  // Of the server's directory.
  [[nodiscard]] std::size_t server_files() const {
    std::error_code none;
    std::size_t count = 0;
    for (auto entry = std::filesystem::directory_iterator(path() / "server_files", none);
         entry != std::filesystem::directory_iterator(); ++entry)
      ++count;
    return count;
  }
  [[nodiscard]] model::Endpoint endpoint(std::map<std::string, std::string> options = {}) const {
    model::Endpoint made;
    made.component = "mc";
    made.engine = "oracle";
    made.uri = "oracle://db1:1521/XE";
    made.user = "fmemc";
    made.password = std::make_shared<Secret>(std::string("right / 'one' @x"));
    made.options = std::move(options);
    made.options["home"] = path().native();
    return made;
  }

 private:
  [[nodiscard]] std::string text(const char* name) const {
    const auto file = path() / name;
    return std::filesystem::exists(file) ? read_text_file(file) : std::string();
  }
  TemporaryDirectory place_{"holdfast-oracle-home"};
};

}  // namespace holdfast::test
