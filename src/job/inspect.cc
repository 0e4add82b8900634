// SPDX-License-Identifier: Apache-2.0
#include "job/inspect.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
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

// Asks every engine. One that fails has its say as a finding, and the next is asked.
InspectedFile inspect_file(const fs::path& path, const struct ::stat& status, bool deep,
                           const std::stop_token& stop) {
  InspectedFile file = begin(path, status);
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return file;
  for (const engine::Engine* engine : engine::all_engines()) {
    try {
      auto inspection = engine->inspect(path, deep, stop);
      if (!inspection) continue;
      file.known = true;
      file.engine = engine->name();
      file.kind = std::move(inspection->kind);
      file.whole = inspection->whole;
      file.deep = inspection->deep;
      file.facts = std::move(inspection->facts);
      file.findings = std::move(inspection->findings);
      file.tables = std::move(inspection->tables);
      file.objects = std::move(inspection->objects);
      return file;
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      file.findings.push_back(failure_of(error));
    }
  }
  return file;
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
    file.deep = deep;
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

void inspect_directory(const fs::path& path, const struct ::stat& status, bool deep,
                       const std::stop_token& stop, std::vector<InspectedFile>& results) {
  std::error_code ignored;
  if (fs::is_regular_file(path / "holdfast.json", ignored)) {
    return results.push_back(inspect_export(begin(path, status), deep, stop));
  }
  if (is_repository(path)) return results.push_back(inspect_repository(begin(path, status)));
  // Some engines' dumps are directories.
  if (InspectedFile file = inspect_file(path, status, deep, stop); file.known)
    return results.push_back(std::move(file));
  std::error_code failure;
  std::vector<fs::path> entries;
  for (const auto& item : fs::directory_iterator(path, failure)) entries.push_back(item.path());
  if (failure) throw system_error(failure.value(), "reading " + path.string());
  std::sort(entries.begin(), entries.end());
  const std::size_t before = results.size();
  for (const fs::path& entry : entries) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    struct ::stat below {};
    if (::stat(entry.c_str(), &below) != 0) continue;  // a dangling link, or gone since
    if (S_ISDIR(below.st_mode)) {
      if (fs::is_regular_file(entry / "holdfast.json", ignored)) {
        results.push_back(inspect_export(begin(entry, below), deep, stop));
      } else if (is_repository(entry)) {
        results.push_back(inspect_repository(begin(entry, below)));
      } else if (InspectedFile file = inspect_file(entry, below, deep, stop); file.known) {
        results.push_back(std::move(file));
      }
      continue;
    }
    InspectedFile file = inspect_file(entry, below, deep, stop);
    if (file.known || !file.findings.empty()) results.push_back(std::move(file));
  }
  if (results.size() == before) results.push_back(begin(path, status));
}

}  // namespace

std::vector<InspectedFile> inspect_paths(const std::vector<fs::path>& paths, bool deep,
                                         std::stop_token stop) {
  std::vector<InspectedFile> results;
  for (const fs::path& path : paths) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    const struct ::stat status = status_of(path);
    if (S_ISDIR(status.st_mode)) {
      inspect_directory(path, status, deep, stop, results);
    } else {
      results.push_back(inspect_file(path, status, deep, stop));
    }
  }
  return results;
}

void inspect_rows(const fs::path& file, std::string_view table, model::RowSink& into,
                  std::stop_token stop) {
  static_cast<void>(status_of(file));
  for (const engine::Engine* engine : engine::all_engines()) {
    const auto inspection = engine->inspect(file, false, stop);
    if (!inspection) continue;
    // "a.b" is a table of that name, or table b of schema a.
    model::TableName name{"", std::string(table)};
    for (const model::TableFacts& known : inspection->tables) {
      const model::TableName candidate{known.schema, known.table};
      if (candidate.display() == table) name = candidate;
    }
    return engine->inspect_rows(file, name, into, std::move(stop));
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
  json.set("facts", file.facts);
  Json tables = Json::array();
  for (const model::TableFacts& table : file.tables) {
    Json one = Json::object();
    one.set("schema", table.schema).set("table", table.table);
    if (file.deep) one.set("rows", table.rows);
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
