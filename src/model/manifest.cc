// SPDX-License-Identifier: Apache-2.0
// The manifest to JSON and back. A manifest is read from repositories that others may have written,
// so everything in it is checked before it is believed. docs/manifest.md lists every field.
#include "model/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/hash.h"

namespace holdfast::model {
namespace {

constexpr std::size_t name_bytes_max = 200;
constexpr std::size_t hash_digits = 16;

Json time_json(const Timestamp& moment) {
  return Json(to_rfc3339(moment));
}

Json strings_json(const std::vector<std::string>& strings) {
  Json json = Json::array();
  for (const std::string& text : strings) json.push(text);
  return json;
}

Json moment_json(const Moment& moment) {
  Json json = Json::object();
  json.set("kind", moment_kind_name(moment.kind));
  json.set("earliest", time_json(moment.earliest));
  json.set("latest", time_json(moment.latest));
  json.set("position", moment.position);
  json.set("fenced", moment.fenced);
  return json;
}

Json database_json(const DatabaseFacts& database) {
  Json json = Json::object();
  json.set("name", database.name);
  json.set("directory", database.directory);
  json.set("engine", database.engine);
  json.set("uri", database.uri);
  json.set("version", database.version);
  json.set("moment", moment_json(database.moment));
  json.set("engine_facts", database.engine_facts);
  Json parts = Json::array();
  for (const PartFacts& part : database.parts) {
    Json one = Json::object();
    one.set("path", part.path).set("size_bytes", part.size_bytes);
    if (part.is_tree) one.set("kind", "tree").set("content_sha256", part.content_sha256);
    parts.push(std::move(one));
  }
  json.set("parts", std::move(parts));
  Json tables = Json::array();
  for (const TableFacts& table : database.tables) {
    Json one = Json::object();
    one.set("schema", table.schema).set("table", table.table);
    one.set("rows", table.rows).set("digest", table.digest);
    tables.push(std::move(one));
  }
  json.set("tables", std::move(tables));
  Json objects = Json::array();
  for (const ObjectFacts& object : database.objects) {
    Json one = Json::object();
    one.set("kind", object.kind).set("name", object.name);
    one.set("definition_sha256", object.definition_sha256);
    objects.push(std::move(one));
  }
  json.set("objects", std::move(objects));
  return json;
}

Json files_json(const FilesFacts& files) {
  Json json = Json::object();
  json.set("name", files.name);
  json.set("directory", files.directory);
  Json paths = Json::array();
  for (const PathFacts& path : files.paths) {
    Json one = Json::object();
    one.set("source", path.source).set("place", path.place);
    paths.push(std::move(one));
  }
  json.set("paths", std::move(paths));
  json.set("exclude", strings_json(files.exclude));
  json.set("files", files.files);
  json.set("directories", files.directories);
  json.set("bytes", files.bytes);
  json.set("content_sha256", files.content_sha256);
  json.set("earliest", time_json(files.earliest));
  json.set("latest", time_json(files.latest));
  json.set("unreadable", strings_json(files.unreadable));
  return json;
}

// Reading. Each function names the field it stumbles over.

template <typename Body>
void each(const Json& json, std::string_view key, Body&& body) {
  in_context(fmt::format("reading `{}`", key), [&] {
    for (const Json& one : json.at(key).as_array()) body(one);
  });
}

std::string text_of(const Json& json, std::string_view key) {
  return json.at(key).as_string();
}

Timestamp time_of(const Json& json, std::string_view key) {
  return parse_rfc3339(text_of(json, key));
}

std::vector<std::string> strings_of(const Json& json, std::string_view key) {
  std::vector<std::string> strings;
  each(json, key, [&](const Json& one) { strings.push_back(one.as_string()); });
  return strings;
}

// A digest: 64 lower-case hex digits, or nothing.
std::string digest_of(const Json& json, std::string_view key) {
  const std::string& text = json.at(key).as_string();
  const bool hex = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (!text.empty() && (text.size() != 64 || !hex)) {
    throw Error(Errc::corrupt, fmt::format("`{}` is no SHA-256: `{}`", key, text.substr(0, 80)));
  }
  return text;
}

// Whether a path is relative, leads nowhere but down, and is written in the only way.
bool is_clean_relative(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return false;
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    if (component.empty() || component == "." || component == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

std::string path_of(const Json& json, std::string_view key, std::string_view what,
                    bool (*is_sound)(std::string_view)) {
  const std::string& path = json.at(key).as_string();
  if (!is_sound(path)) {
    throw Error(Errc::corrupt, fmt::format("`{}` is no {}: `{}`", key, what,
                                           std::string_view(path).substr(0, 200)));
  }
  return path;
}

// A place below the snapshot's instance directory: relative, and never leaving it.
std::string place_of(const Json& json, std::string_view key) {
  return path_of(json, key, "place in a snapshot", is_clean_relative);
}

// A part below its component's directory, likewise.
std::string part_path_of(const Json& json, std::string_view key) {
  return path_of(json, key, "path of a part", is_clean_relative);
}

// Where files were on their host.
std::string source_of(const Json& json, std::string_view key) {
  return path_of(json, key, "absolute path", [](std::string_view path) {
    return path == "/" || (path.starts_with('/') && is_clean_relative(path.substr(1)));
  });
}

Moment moment_of(const Json& json) {
  Moment moment;
  const std::string& kind = json.at("kind").as_string();
  constexpr std::array kinds{MomentKind::at_capture, MomentKind::at_release};
  const auto* const found = std::find_if(kinds.begin(), kinds.end(),
                                         [&](MomentKind k) { return moment_kind_name(k) == kind; });
  if (found == kinds.end())
    throw Error(Errc::corrupt, fmt::format("unknown kind of moment `{}`", kind));
  moment.kind = *found;
  moment.earliest = time_of(json, "earliest");
  moment.latest = time_of(json, "latest");
  moment.position = text_of(json, "position");
  moment.fenced = json.at("fenced").as_bool();
  return moment;
}

DatabaseFacts database_of(const Json& json) {
  DatabaseFacts database;
  database.name = text_of(json, "name");
  database.directory = place_of(json, "directory");
  database.engine = text_of(json, "engine");
  database.uri = text_of(json, "uri");
  database.version = text_of(json, "version");
  database.moment = moment_of(json.at("moment"));
  database.engine_facts = json.at("engine_facts");
  if (!database.engine_facts.is_object()) {
    throw Error(Errc::corrupt, fmt::format("`engine_facts` of {} is no object", database.name));
  }
  each(json, "parts", [&](const Json& one) {
    PartFacts part{part_path_of(one, "path"), one.at("size_bytes").as_uint()};
    part.is_tree = one.string_or("kind", "stream") == "tree";
    if (part.is_tree) part.content_sha256 = digest_of(one, "content_sha256");
    database.parts.push_back(std::move(part));
  });
  each(json, "tables", [&](const Json& one) {
    database.tables.push_back({text_of(one, "schema"), text_of(one, "table"),
                               one.at("rows").as_uint(), digest_of(one, "digest")});
  });
  each(json, "objects", [&](const Json& one) {
    database.objects.push_back(
        {text_of(one, "kind"), text_of(one, "name"), digest_of(one, "definition_sha256")});
  });
  return database;
}

FilesFacts files_of(const Json& json) {
  FilesFacts files;
  files.name = text_of(json, "name");
  files.directory = place_of(json, "directory");
  each(json, "paths", [&](const Json& one) {
    files.paths.push_back({source_of(one, "source"), place_of(one, "place")});
  });
  files.exclude = strings_of(json, "exclude");
  files.files = json.at("files").as_uint();
  files.directories = json.at("directories").as_uint();
  files.bytes = json.at("bytes").as_uint();
  files.content_sha256 = digest_of(json, "content_sha256");
  files.earliest = time_of(json, "earliest");
  files.latest = time_of(json, "latest");
  files.unreadable = strings_of(json, "unreadable");
  return files;
}

Manifest manifest_of(const Json& json) {
  Manifest manifest;
  const std::uint64_t version = json.at("schema_version").as_uint();
  if (version > manifest_schema_version) {
    throw Error(Errc::unsupported,
                fmt::format("the manifest has schema version {}, this program reads up to {}",
                            version, manifest_schema_version))
        .set_hint("Use the version of Holdfast that wrote the snapshot, or a newer one.");
  }
  if (version == 0) throw Error(Errc::corrupt, "the manifest has schema version 0");
  manifest.schema_version = static_cast<unsigned>(version);
  manifest.program_version = text_of(json, "program_version");
  manifest.instance = text_of(json, "instance");
  manifest.profile = text_of(json, "profile");
  manifest.home = text_of(json, "home");
  manifest.hostname = text_of(json, "hostname");
  manifest.started = time_of(json, "started");
  manifest.ended = time_of(json, "ended");
  manifest.fenced = json.at("fenced").as_bool();
  manifest.moments_apart_ms = json.at("moments_apart_ms").as_uint();
  manifest.fence_held_ms = json.at("fence_held_ms").as_uint();
  manifest.quiesced = json.at("quiesced").as_bool();
  manifest.complete = json.at("complete").as_bool();
  each(json, "databases", [&](const Json& one) { manifest.databases.push_back(database_of(one)); });
  each(json, "files", [&](const Json& one) { manifest.files.push_back(files_of(one)); });
  each(json, "findings", [&](const Json& one) { manifest.findings.push_back(parse_finding(one)); });
  if (const Json* const facts = json.find("profile_facts")) {
    if (!facts->is_object()) throw Error(Errc::corrupt, "`profile_facts` is no object");
    manifest.profile_facts = *facts;
  }
  return manifest;
}

}  // namespace

Json to_json(const Manifest& manifest) {
  Json json = Json::object();
  json.set("schema_version", manifest.schema_version);
  json.set("program_version", manifest.program_version);
  json.set("instance", manifest.instance);
  json.set("profile", manifest.profile);
  json.set("home", manifest.home);
  json.set("hostname", manifest.hostname);
  json.set("started", time_json(manifest.started));
  json.set("ended", time_json(manifest.ended));
  json.set("fenced", manifest.fenced);
  json.set("moments_apart_ms", manifest.moments_apart_ms);
  json.set("fence_held_ms", manifest.fence_held_ms);
  json.set("quiesced", manifest.quiesced);
  json.set("complete", manifest.complete);
  Json databases = Json::array();
  for (const DatabaseFacts& database : manifest.databases) databases.push(database_json(database));
  json.set("databases", std::move(databases));
  Json files = Json::array();
  for (const FilesFacts& one : manifest.files) files.push(files_json(one));
  json.set("files", std::move(files));
  Json findings = Json::array();
  for (const Finding& finding : manifest.findings) findings.push(to_json(finding));
  json.set("findings", std::move(findings));
  json.set("profile_facts", manifest.profile_facts);
  return json;
}

Manifest parse_manifest(std::string_view json) {
  const Json parsed = Json::parse(json, "the manifest");
  if (!parsed.is_object()) throw Error(Errc::corrupt, "the manifest is not a JSON object");
  return in_context("reading the manifest", [&] { return manifest_of(parsed); });
}

namespace {

// What stands in a file name as it is.
bool is_plain(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

}  // namespace

std::string escape_name(std::string_view name) {
  // Nothing else becomes a lone `%`, so that even this stays reversible through the manifest.
  if (name.empty()) return "%";
  const bool dots = name == "." || name == "..";
  std::string escaped;
  std::size_t cut = 0;  // the longest front that leaves room for the hash and splits no %XX
  for (const char c : name) {
    if (is_plain(c) && !dots) {
      escaped += c;
    } else {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    if (escaped.size() <= name_bytes_max - 1 - hash_digits) cut = escaped.size();
  }
  if (escaped.size() <= name_bytes_max) return escaped;
  const Sha256Digest hash = sha256(as_bytes(name));
  return escaped.substr(0, cut) + "-" + to_hex(ByteView(hash)).substr(0, hash_digits);
}

bool is_escaped_name(std::string_view name) noexcept {
  if (name == "%") return true;
  if (name.empty() || name.size() > name_bytes_max || name == "." || name == "..") return false;
  const auto upper_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (is_plain(name[i])) continue;
    if (name[i] != '%' || i + 2 >= name.size()) return false;
    if (!upper_hex(name[i + 1]) || !upper_hex(name[i + 2])) return false;
    i += 2;
  }
  return true;
}

}  // namespace holdfast::model
