// SPDX-License-Identifier: Apache-2.0
#include "engine/h2/h2.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "engine/embedded/embedded_engine.h"
#include "engine/embedded/place.h"
#include "engine/h2/examine.h"
#include "engine/h2/header.h"
#include "engine/java/runtime.h"

namespace holdfast::engine::h2 {
namespace {

namespace fs = std::filesystem;
using embedded::Examination;
using model::MendClass;
using model::Severity;

constexpr std::string_view file_suffix = ".mv.db";

// The format that a driver reads and writes, each but one. Source: FORMAT_READ_MIN and others in
// org/h2/mvstore/{MVStore,FileStore}.java of h2database's tags from version-1.4.200 to
// version-2.4.240; tried with 1.4.200, 2.1.214 and 2.2.224.
std::uint64_t format_of(const embedded::DriverVersion& driver) {
  if (driver.major < 2) return 1;
  return driver.major == 2 && driver.minor < 2 ? 2 : 3;
}

class H2Kind final : public embedded::Kind {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "h2"; }
  [[nodiscard]] std::string_view title() const noexcept override { return "H2 database"; }
  [[nodiscard]] std::string_view uri_hint() const noexcept override {
    return "An H2 database is named `h2:/absolute/path/to/file.mv.db`.";
  }
  [[nodiscard]] bool is_directory() const noexcept override { return false; }
  [[nodiscard]] std::string_view path_suffix() const noexcept override { return file_suffix; }

  // The file itself is locked, all of it. Source: org/h2/mvstore/FileStore.java (open), tag
  // version-2.1.214; tried with 2.1.214.
  [[nodiscard]] embedded::FileLock::Wanted lock_of(const fs::path& place) const override {
    return {place, ""};
  }
  [[nodiscard]] std::vector<std::string> passing_files() const override { return {}; }
  [[nodiscard]] std::vector<std::string> lock_files() const override { return {}; }

  [[nodiscard]] Examination examine(const fs::path& place, embedded::Depth depth,
                                    const std::stop_token& stop) const override {
    return examine_database(place, depth, stop);
  }
  [[nodiscard]] std::string state_of(const fs::path& place) const override {
    const auto facts = embedded::place_facts(place);
    if (!facts) return {};
    return fmt::format("{} {} {}", facts->size_bytes, facts->inode, facts->changed_ns);
  }
  [[nodiscard]] std::vector<model::Finding> compare_driver(const Examination& found,
                                                           const fs::path& jar) const override;
  [[nodiscard]] bool looks_like_one(const fs::path& place) const override;
  [[nodiscard]] std::string driver_url(const fs::path& place, bool create) const override {
    const std::string& text = place.native();
    return java::h2_url(text.substr(0, text.size() - file_suffix.size()), create);
  }
  [[nodiscard]] std::string schema_query() const override { return "SELECT SCHEMA()"; }
  [[nodiscard]] std::string tool_lines(const model::DatabaseFacts& facts,
                                       const std::string& place) const override;
};

std::vector<model::Finding> H2Kind::compare_driver(const Examination& found,
                                                   const fs::path& jar) const {
  const auto driver = embedded::version_in_name(jar);
  const std::uint64_t format = found.facts.uint_or("format", 0);
  if (!driver || format == 0 || format == format_of(*driver)) return {};
  return {embedded::finding(
      "h2-driver-other-format", Severity::warning,
      fmt::format("the database is of format {}, the driver {} ({}) reads format {}", format,
                  jar.native(), driver->text, format_of(*driver)),
      "this driver will refuse to open it",
      "name the driver that the application uses; to move on, export with the old driver (SCRIPT) "
      "and import with the new one (RUNSCRIPT)",
      MendClass::manual)};
}

bool H2Kind::looks_like_one(const fs::path& place) const {
  const auto facts = embedded::place_facts(place);
  if (!facts || !facts->regular || !place.native().ends_with(file_suffix)) return false;
  try {
    const auto file = try_open_file(place, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    if (!file) return false;
    std::array<std::byte, 16> front{};
    const ssize_t count = ::pread(file->get(), front.data(), front.size(), 0);
    return count > 0 && begins_as_store(ByteView(front).first(static_cast<std::size_t>(count)));
  } catch (const Error&) {
    return false;  // what cannot be read is somebody else's affair
  }
}

std::string H2Kind::tool_lines(const model::DatabaseFacts& facts, const std::string& place) const {
  const std::string base =
      place.ends_with(file_suffix) ? place.substr(0, place.size() - file_suffix.size()) : place;
  const std::string url = shell_quote("jdbc:h2:" + base);
  return fmt::format(
      "\nIt is of {}; h2.jar of the application opens it (format 1: H2 1.4; format 2: 2.0 and "
      "2.1;\n"
      "format 3: 2.2 and later). What is in it, all of it as SQL, and that read in elsewhere:\n\n"
      "    java -cp h2.jar org.h2.tools.Shell -url {} -user sa -password '' -sql 'SHOW TABLES'\n"
      "    java -cp h2.jar org.h2.tools.Script -url {} -user sa -password '' -script all.sql\n"
      "    java -cp h2.jar org.h2.tools.RunScript -url jdbc:h2:/new/place -user sa -password '' "
      "-script all.sql\n\n"
      "What can be saved of a damaged file is written as SQL beside it:\n\n"
      "    java -cp h2.jar org.h2.tools.Recover -dir {} -db {}\n",
      facts.version.empty() ? "a format that is not known" : facts.version, url, url,
      shell_quote(fs::path(base).parent_path().native()),
      shell_quote(fs::path(base).filename().native()));
}

}  // namespace

const embedded::Kind& kind() noexcept {
  static const H2Kind the_kind;
  return the_kind;
}

const Engine& engine() noexcept {
  static const embedded::EmbeddedEngine the_engine(kind());
  return the_engine;
}

}  // namespace holdfast::engine::h2
