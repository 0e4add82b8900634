// SPDX-License-Identifier: Apache-2.0
#include "engine/derby/derby.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/derby/control.h"
#include "engine/derby/examine.h"
#include "engine/embedded/embedded_engine.h"
#include "engine/embedded/place.h"
#include "engine/java/runtime.h"

namespace holdfast::engine::derby {
namespace {

namespace fs = std::filesystem;
using embedded::Examination;
using model::MendClass;
using model::Severity;

constexpr std::size_t properties_bytes_max = 1U << 20U;

class DerbyKind final : public embedded::Kind {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "derby"; }
  [[nodiscard]] std::string_view title() const noexcept override { return "Derby database"; }
  [[nodiscard]] std::string_view uri_hint() const noexcept override {
    return "A Derby database is named `derby:/absolute/path/to/directory`, the one with "
           "service.properties.";
  }
  [[nodiscard]] bool is_directory() const noexcept override { return true; }
  [[nodiscard]] std::string_view path_suffix() const noexcept override { return ""; }

  // Whoever boots a database locks dbex.lck and believes in that lock only if the file, should it
  // be there already, is not empty; it holds the number 1. db.lck is removed and made anew by
  // whoever comes, and says nothing. Source: apache/derby, impl/io/DirFile.java
  // (getExclusiveFileLock), impl/store/raw/data/BaseDataFileFactory.java (privGetJBMSLockOnDB);
  // tried with 10.14.2: who is kept out leaves a db.lck behind.
  [[nodiscard]] embedded::FileLock::Wanted lock_of(const fs::path& place) const override {
    return {place / "dbex.lck", std::string("\0\0\0\1", 4)};
  }
  [[nodiscard]] std::vector<std::string> passing_files() const override {
    return {"dbex.lck", "db.lck", "derby.log", "tmp"};
  }
  [[nodiscard]] std::vector<std::string> lock_files() const override {
    return {"dbex.lck", "db.lck"};
  }

  [[nodiscard]] Examination examine(const fs::path& place, embedded::Depth depth,
                                    const std::stop_token& stop) const override {
    return examine_database(place, depth, stop);
  }
  [[nodiscard]] std::string state_of(const fs::path& place) const override {
    const fs::path control = place / "log" / "log.ctrl";
    std::string text = embedded::place_facts(control)
                           ? to_hex(as_bytes(read_text_file(control, properties_bytes_max)))
                           : "";
    return text + "\n" + embedded::file_times(place / "log") + embedded::file_times(place / "seg0");
  }
  [[nodiscard]] std::vector<model::Finding> compare_driver(const Examination& found,
                                                           const fs::path& jar) const override;
  [[nodiscard]] bool looks_like_one(const fs::path& place) const override;
  [[nodiscard]] std::string driver_url(const fs::path& place, bool create) const override {
    return java::derby_url(place, create);
  }
  [[nodiscard]] std::string schema_query() const override { return "VALUES CURRENT SCHEMA"; }
  [[nodiscard]] std::string tool_lines(const model::DatabaseFacts& facts,
                                       const std::string& place) const override;
};

std::vector<model::Finding> DerbyKind::compare_driver(const Examination& found,
                                                      const fs::path& jar) const {
  const auto driver = embedded::version_in_name(jar);
  const auto database = embedded::version_in_name("derby-" + found.version + ".0.jar");
  if (!driver || !database) return {};
  const auto compared =
      std::pair(database->major, database->minor) <=> std::pair(driver->major, driver->minor);
  if (compared == 0) return {};
  if (compared > 0)
    return {embedded::finding("derby-driver-older", Severity::warning,
                              fmt::format("the database is of Derby {}, the driver {} is {}",
                                          found.version, jar.native(), driver->text),
                              "this driver will refuse to open it",
                              "name the driver that the application uses", MendClass::manual)};
  return {embedded::finding(
      "derby-upgrade-pending", Severity::note,
      fmt::format("the database is of Derby {}, the driver {} is {}", found.version, jar.native(),
                  driver->text),
      "it is upgraded if somebody opens it with upgrade=true, and older drivers then refuse it",
      "none needed", MendClass::none)};
}

bool DerbyKind::looks_like_one(const fs::path& place) const {
  for (const char* const name : {"seg0", "log"}) {
    const auto facts = embedded::place_facts(place / name);
    if (!facts || !facts->directory) return false;
  }
  const fs::path file = place / "service.properties";
  const auto facts = embedded::place_facts(file);
  if (!facts || !facts->regular || facts->size_bytes > properties_bytes_max) return false;
  try {
    const auto properties = parse_properties(read_text_file(file, properties_bytes_max));
    return properties && names_database(*properties);
  } catch (const Error&) {
    return false;  // what cannot be read is somebody else's affair
  }
}

std::string DerbyKind::tool_lines(const model::DatabaseFacts& facts,
                                  const std::string& place) const {
  std::string text =
      fmt::format("    rm -f -- {} {}     # locks of an application that is gone\n\n",
                  shell_quote(place + "/db.lck"), shell_quote(place + "/dbex.lck"));
  text += fmt::format(
      "It is of Derby {}; derby.jar, derbytools.jar and, from 10.15 on, derbyshared.jar of that\n"
      "version or a later one open it. What is in it, and whether each table fits its indexes:\n\n"
      "    CLASSPATH=derby.jar:derbytools.jar:derbyshared.jar java org.apache.derby.tools.ij\n"
      "    ij> connect {};\n"
      "    ij> show tables;\n"
      "    ij> select schemaname, tablename, syscs_util.syscs_check_table(schemaname, tablename)\n"
      "          from sys.sysschemas s, sys.systables t where s.schemaid = t.schemaid;\n\n"
      "A table as text, to be read in elsewhere, and the statements that make all tables:\n\n"
      "    ij> call syscs_util.syscs_export_table('APP', 'ITEMS', 'items.csv', null, null, null);\n"
      "    CLASSPATH=derby.jar:derbytools.jar:derbyshared.jar java org.apache.derby.tools.dblook "
      "-d {}\n",
      facts.version.empty() ? "a version that is not known" : facts.version,
      fmt::format("'jdbc:derby:{}'", place), shell_quote("jdbc:derby:" + place));
  return text;
}

}  // namespace

const embedded::Kind& kind() noexcept {
  static const DerbyKind the_kind;
  return the_kind;
}

const Engine& engine() noexcept {
  static const embedded::EmbeddedEngine the_engine(kind());
  return the_engine;
}

}  // namespace holdfast::engine::derby
