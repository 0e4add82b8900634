// SPDX-License-Identifier: Apache-2.0
#include "job/inspect.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <span>

#include "base/error.h"
#include "base/fd.h"
#include "engine/registry.h"
#include "job/instance_source.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

struct ::stat status_of(const fs::path& path) {
  struct ::stat status {};
  if (::stat(path.c_str(), &status) != 0) throw system_error(errno, "looking at " + path.string());
  return status;
}

InspectedFile begin(const fs::path& path, const struct ::stat& status) {
  InspectedFile file;
  file.path = path;
  file.size_bytes = static_cast<std::uint64_t>(status.st_size);
  file.modified =
      local_timestamp(status.st_mtim.tv_sec, static_cast<std::int32_t>(status.st_mtim.tv_nsec));
  file.uid = status.st_uid;
  return file;
}

model::Finding failure_of(const Error& error) {
  model::Finding finding;
  finding.code = "inspect-failed";
  finding.severity = model::Severity::warning;
  finding.seen = error.message();
  finding.why = "what this is could not be told to the end";
  finding.mend = error.hint();
  finding.mend_class = error.hint().empty() ? model::MendClass::none : model::MendClass::manual;
  return finding;
}

class Inspector {
 public:
  Inspector(const engine::InspectOptions& options, const std::stop_token& stop)
      : options_(options), stop_(stop) {}

  // `others`: files that were named with it, or lie beside it.
  [[nodiscard]] InspectedFile file(const fs::path& path, const struct ::stat& status,
                                   std::span<const fs::path> others) const;
  void directory(const fs::path& path, const struct ::stat& status,
                 std::vector<InspectedFile>& results) const;

 private:
  [[nodiscard]] std::optional<InspectedFile> outline(const fs::path& directory,
                                                     const struct ::stat& status) const;
  bool add_outline(const fs::path& directory, const struct ::stat& status,
                   std::vector<InspectedFile>& results) const;
  void add_entries(const fs::path& directory, bool with_directories,
                   std::vector<InspectedFile>& results) const;

  const engine::InspectOptions& options_;
  const std::stop_token& stop_;
};

// Whether `reader` knows the file. If it fails, that is its say, as a finding.
bool ask(const engine::FileReader& reader, const engine::InspectOptions& options,
         InspectedFile& file, const std::stop_token& stop) {
  try {
    std::optional<engine::Inspection> inspection = reader.inspect(file.path, options, stop);
    if (!inspection) return false;
    file.known = true;
    file.engine = reader.name();
    file.kind = std::move(inspection->kind);
    file.whole = inspection->whole;
    file.deep = inspection->deep;
    file.rows_counted = inspection->deep || inspection->rows_counted;
    file.has_files_beside = inspection->has_files_beside;
    file.members = std::move(inspection->members);
    file.facts = std::move(inspection->facts);
    file.findings = std::move(inspection->findings);
    file.tables = std::move(inspection->tables);
    file.objects = std::move(inspection->objects);
    return true;
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled) throw;
    file.findings.push_back(failure_of(error));
    return false;
  }
}

// What a directory made by `export`, or restored from an instance's snapshot, says of itself; with
// `deep` what its manifest says is compared with what is there.
InspectedFile inspect_export(InspectedFile file, bool deep, const std::stop_token& stop) {
  file.known = true;
  file.engine = "holdfast";
  file.kind = "Holdfast instance export";
  try {
    const std::unique_ptr<InstanceSource> source = open_instance_source(file.path);
    const model::Manifest& manifest = source->manifest();
    file.whole = manifest.complete;
    file.deep = file.rows_counted = deep;
    Json databases = Json::array();
    for (const model::DatabaseFacts& database : manifest.databases) {
      Json one = Json::object();
      one.set("name", database.name).set("engine", database.engine).set("uri", database.uri);
      databases.push(std::move(one));
      const std::unique_ptr<model::PartSource> parts = source->parts(database);
      for (const model::PartSource::Entry& entry : parts->list()) {
        const std::uint64_t size_bytes = parts->open_random(entry.path)->size_bytes();
        if (size_bytes == entry.size_bytes) continue;
        throw Error(Errc::corrupt, "part " + entry.path + " of " + database.name + " has " +
                                       std::to_string(size_bytes) + " bytes instead of " +
                                       std::to_string(entry.size_bytes));
      }
      for (const model::TableFacts& table : database.tables) file.tables.push_back(table);
      for (const model::ObjectFacts& object : database.objects) file.objects.push_back(object);
    }
    Json files = Json::array();
    for (const model::FilesFacts& one : manifest.files) {
      Json entry = Json::object();
      entry.set("name", one.name).set("files", one.files).set("bytes", one.bytes);
      files.push(std::move(entry));
      if (!deep) continue;
      const ListingDifference listing = source->compare_listing(one, stop);
      if (listing.expected == listing.found) continue;
      throw Error(Errc::corrupt,
                  "files " + one.name + ": " + listing.found + " instead of " + listing.expected);
    }
    file.facts.set("instance", manifest.instance).set("profile", manifest.profile);
    file.facts.set("hostname", manifest.hostname).set("started", to_rfc3339(manifest.started));
    file.facts.set("program_version", manifest.program_version).set("complete", manifest.complete);
    file.facts.set("databases", std::move(databases)).set("files", std::move(files));
    file.findings = manifest.findings;
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled) throw;
    file.whole = false;
    file.findings.push_back(failure_of(error));
  }
  return file;
}

bool is_repository(const fs::path& directory) {
  std::error_code ignored;
  return fs::is_regular_file(directory / "config", ignored) &&
         fs::is_directory(directory / "keys", ignored) &&
         fs::is_directory(directory / "data", ignored) &&
         fs::is_directory(directory / "snapshots", ignored);
}

std::size_t count_entries(const fs::path& directory) {
  std::error_code failure;
  const fs::directory_iterator entries(directory, failure);
  return failure ? 0
                 : static_cast<std::size_t>(std::distance(fs::begin(entries), fs::end(entries)));
}

InspectedFile inspect_repository(InspectedFile file) {
  file.known = true;
  file.engine = "restic";
  file.kind = "restic repository, version unknown without password";
  file.facts.set("keys", count_entries(file.path / "keys"));
  file.facts.set("snapshots", count_entries(file.path / "snapshots"));
  file.facts.set("index_files", count_entries(file.path / "index"));
  file.facts.set("locks", count_entries(file.path / "locks"));
  model::Finding finding;
  finding.code = "repository-encrypted";
  finding.severity = model::Severity::note;
  finding.seen = "the repository's content is encrypted";
  finding.why = "only its outline can be told without its password";
  finding.mend = "`holdfast -r " + file.path.string() + " check` says whether it is whole.";
  finding.mend_class = model::MendClass::manual;
  file.findings.push_back(std::move(finding));
  return file;
}

InspectedFile Inspector::file(const fs::path& path, const struct ::stat& status,
                              std::span<const fs::path> others) const {
  InspectedFile file = begin(path, status);
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return file;
  engine::InspectOptions options = options_;
  options.others = others;
  for (const engine::FileReader* reader : engine::all_engines()) {
    if (ask(*reader, options, file, stop_)) return file;
  }
  return file;
}

// Of a directory that is one thing by what lies in it.
std::optional<InspectedFile> Inspector::outline(const fs::path& directory,
                                                const struct ::stat& status) const {
  std::error_code ignored;
  if (fs::is_regular_file(directory / "holdfast.json", ignored))
    return inspect_export(begin(directory, status), options_.deep, stop_);
  if (is_repository(directory)) return inspect_repository(begin(directory, status));
  // Some engines' dumps are directories.
  InspectedFile found = file(directory, status, {});
  if (found.known) return found;
  return std::nullopt;
}

// Adds a directory that is one thing, and the files beside it if there may be such; false if it is
// none.
bool Inspector::add_outline(const fs::path& directory, const struct ::stat& status,
                            std::vector<InspectedFile>& results) const {
  std::optional<InspectedFile> whole = outline(directory, status);
  if (!whole) return false;
  const bool has_more = whole->has_files_beside;
  results.push_back(std::move(*whole));
  if (has_more) add_entries(directory, false, results);
  return true;
}

void Inspector::add_entries(const fs::path& path, bool with_directories,
                            std::vector<InspectedFile>& results) const {
  std::error_code failure;
  std::vector<fs::path> entries;
  for (const auto& item : fs::directory_iterator(path, failure)) entries.push_back(item.path());
  if (failure) throw system_error(failure.value(), "reading " + path.string());
  std::sort(entries.begin(), entries.end());
  std::set<fs::path> told;
  for (const fs::path& entry : entries) {
    if (told.contains(entry)) continue;
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    struct ::stat below {};
    if (::stat(entry.c_str(), &below) != 0) continue;  // a dangling link, or gone since
    if (S_ISDIR(below.st_mode)) {
      if (with_directories) add_outline(entry, below, results);
      continue;
    }
    InspectedFile one = file(entry, below, entries);
    told.insert(one.members.begin(), one.members.end());
    if (one.known || !one.findings.empty()) results.push_back(std::move(one));
  }
}

void Inspector::directory(const fs::path& path, const struct ::stat& status,
                          std::vector<InspectedFile>& results) const {
  if (add_outline(path, status, results)) return;
  const std::size_t before = results.size();
  add_entries(path, true, results);
  if (results.size() == before) results.push_back(begin(path, status));
}

// A schema that was given for nothing is a mistake of whoever gave it, or the export is not there.
void check_compared(std::vector<InspectedFile>& results, const fs::path& schema) {
  for (const InspectedFile& file : results)
    if (file.facts.bool_or("labels_compared", false)) return;
  InspectedFile file = begin(schema, status_of(schema));
  file.known = true;
  file.engine = "typedb";
  file.kind = "TypeQL schema";
  model::Finding finding;
  finding.code = "typedb-schema-unused";
  finding.severity = model::Severity::blocker;
  finding.seen = "there is no TypeDB export to be compared with the schema " + schema.string();
  finding.why = "nothing is known of whether it defines what an export needs";
  finding.mend = "Name the export that belongs to it.";
  finding.mend_class = model::MendClass::manual;
  file.findings.push_back(std::move(finding));
  results.push_back(std::move(file));
}

}  // namespace

std::vector<InspectedFile> inspect_paths(const std::vector<fs::path>& paths,
                                         const InspectOptions& options, std::stop_token stop) {
  if (!options.schema.empty()) engine::find_engine("typedb")->check_schema(options.schema, stop);
  const engine::InspectOptions looking{.deep = options.deep, .schema = options.schema};
  const Inspector inspector(looking, stop);
  std::vector<InspectedFile> results;
  std::set<fs::path> told;
  for (const fs::path& path : paths) {
    if (told.contains(path)) continue;
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    const struct ::stat status = status_of(path);
    if (S_ISDIR(status.st_mode)) {
      inspector.directory(path, status, results);
    } else {
      results.push_back(inspector.file(path, status, paths));
      told.insert(results.back().members.begin(), results.back().members.end());
    }
  }
  if (!options.schema.empty()) check_compared(results, options.schema);
  return results;
}

void inspect_rows(const std::vector<fs::path>& files, std::string_view table, model::RowSink& into,
                  std::stop_token stop) {
  for (const fs::path& one : files) static_cast<void>(status_of(one));
  const fs::path& file = files.at(0);
  const auto others = std::span(files).subspan(1);
  for (const engine::FileReader* reader : engine::all_engines()) {
    const auto inspection = reader->inspect(file, {.others = others}, stop);
    if (!inspection) continue;
    for (const fs::path& other : others)
      if (std::find(inspection->members.begin(), inspection->members.end(), other) ==
          inspection->members.end())
        throw Error(Errc::usage, other.string() + " is not of one set with " + file.string())
            .set_hint("Name one file, or those of one set.");
    // "a.b" is a table of that name, or table b of schema a.
    model::TableName name{"", std::string(table)};
    for (const model::TableFacts& known : inspection->tables) {
      const model::TableName candidate{known.schema, known.table};
      if (candidate.display() == table) name = candidate;
    }
    return reader->inspect_rows(file, others, name, into, std::move(stop));
  }
  throw Error(Errc::unsupported, file.string() + " is of no kind whose rows this build can read");
}

Json to_json(const InspectedFile& file) {
  Json json = Json::object();
  json.set("path", file.path.string()).set("known", file.known);
  json.set("engine", file.engine).set("kind", file.kind);
  json.set("whole", file.whole).set("deep", file.deep);
  json.set("size_bytes", file.size_bytes)
      .set("modified", to_rfc3339(file.modified))
      .set("uid", file.uid);
  Json members = Json::array();
  for (const fs::path& member : file.members) members.push(member.string());
  json.set("members", std::move(members));
  json.set("facts", file.facts);
  Json tables = Json::array();
  for (const model::TableFacts& table : file.tables) {
    Json one = Json::object();
    one.set("schema", table.schema).set("table", table.table);
    if (file.rows_counted) one.set("rows", table.rows);
    if (!table.digest.empty()) one.set("digest", table.digest);
    tables.push(std::move(one));
  }
  json.set("tables", std::move(tables));
  Json objects = Json::array();
  for (const model::ObjectFacts& object : file.objects) {
    Json one = Json::object();
    one.set("kind", object.kind)
        .set("name", object.name)
        .set("definition_sha256", object.definition_sha256);
    objects.push(std::move(one));
  }
  json.set("objects", std::move(objects));
  Json findings = Json::array();
  for (const model::Finding& finding : file.findings) findings.push(model::to_json(finding));
  json.set("findings", std::move(findings));
  return json;
}

}  // namespace holdfast::job
