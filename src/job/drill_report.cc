// SPDX-License-Identifier: Apache-2.0
// What a drill found, as JUnit XML and as JSON, and the comparison of two descriptions of a
// database. Pure.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "job/drill.h"
#include "model/value.h"

namespace holdfast::job {
namespace {

std::string table_text(const model::TableFacts& table) {
  std::string text = fmt::format("{} rows", table.rows);
  if (!table.digest.empty()) text += ", digest " + table.digest.substr(0, 16);
  return text;
}

bool same_table(const model::TableFacts& expected, const model::TableFacts& found) {
  return expected.rows == found.rows &&
         (expected.digest.empty() || expected.digest == found.digest);
}

std::string check_name(const model::ObjectFacts& object) {
  return object.kind == "table" ? "definition of table " + object.name
                                : object.kind + " " + object.name;
}

void compare_tables(const model::DatabaseFacts& expected, const model::DatabaseFacts& found,
                    std::vector<DrillCheck>& checks) {
  std::map<model::TableName, const model::TableFacts*> there;
  for (const model::TableFacts& table : found.tables) there[{table.schema, table.table}] = &table;
  std::set<model::TableName> known;
  for (const model::TableFacts& table : expected.tables) {
    const model::TableName name{table.schema, table.table};
    known.insert(name);
    DrillCheck check{expected.name, "table " + name.display(), false, table_text(table),
                     "no such table"};
    if (const auto same = there.find(name); same != there.end()) {
      check.passed = same_table(table, *same->second);
      check.found = table_text(*same->second);
    }
    checks.push_back(std::move(check));
  }
  for (const auto& [name, table] : there) {
    if (!known.contains(name)) {
      checks.push_back(
          {expected.name, "table " + name.display(), false, "no such table", table_text(*table)});
    }
  }
}

// Some engines have several objects of one kind and name: their definitions are compared as a set.
void compare_objects(const model::DatabaseFacts& expected, const model::DatabaseFacts& found,
                     std::vector<DrillCheck>& checks) {
  struct Definitions {
    std::vector<std::string> expected, found;
  };
  std::map<std::string, Definitions> objects;
  for (const auto& object : expected.objects)
    objects[check_name(object)].expected.push_back(object.definition_sha256);
  for (const auto& object : found.objects)
    objects[check_name(object)].found.push_back(object.definition_sha256);
  for (auto& [name, definitions] : objects) {
    std::sort(definitions.expected.begin(), definitions.expected.end());
    std::sort(definitions.found.begin(), definitions.found.end());
    DrillCheck check{expected.name, name, definitions.expected == definitions.found, "", ""};
    const auto text = [](const std::vector<std::string>& hashes) {
      if (hashes.empty()) return std::string("no such object");
      std::string line = "definition ";
      for (const std::string& hash : hashes)
        line += (line.size() > 11 ? ", " : "") + hash.substr(0, 16);
      return line;
    };
    check.expected = text(definitions.expected);
    check.found = text(definitions.found);
    checks.push_back(std::move(check));
  }
}

// `text` inside XML: markup escaped, what XML cannot hold as `?`.
std::string xml(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Utf8Rune rune = decode_utf8(text);
    const bool control = rune.rune < 0x20 && rune.rune != '\t' && rune.rune != '\n';
    if (rune.size_bytes == 0 || control || rune.rune == 0xFFFE || rune.rune == 0xFFFF) {
      result += '?';
    } else if (rune.rune == '&') {
      result += "&amp;";
    } else if (rune.rune == '<') {
      result += "&lt;";
    } else if (rune.rune == '>') {
      result += "&gt;";
    } else if (rune.rune == '"') {
      result += "&quot;";
    } else if (rune.rune == '\n') {
      result += "&#10;";
    } else {
      result += text.substr(0, rune.size_bytes);
    }
    text.remove_prefix(std::max<std::size_t>(rune.size_bytes, 1));
  }
  return result;
}

std::string property(std::string_view name, std::string_view value) {
  return fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", name, xml(value));
}

std::size_t failures(const DrillReport& report) {
  return static_cast<std::size_t>(std::count_if(report.checks.begin(), report.checks.end(),
                                                [](const auto& check) { return !check.passed; }));
}

}  // namespace

std::vector<DrillCheck> compare_database(const model::DatabaseFacts& expected,
                                         const model::DatabaseFacts& found) {
  std::vector<DrillCheck> checks;
  compare_tables(expected, found, checks);
  compare_objects(expected, found, checks);
  return checks;
}

bool DrillReport::passed() const noexcept {
  return !checks.empty() && std::all_of(checks.begin(), checks.end(),
                                        [](const DrillCheck& check) { return check.passed; });
}

std::string to_display(const DrillPlace& place) {
  return fmt::format("{}: rehearsed on {}{} at {}{}", place.component, place.engine,
                     place.version.empty() ? "" : " " + place.version, place.uri,
                     place.user.empty() ? "" : " as " + place.user);
}

std::string to_junit(const DrillReport& report) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  text += fmt::format(
      "  <testsuite name=\"drill of {}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" "
      "time=\"{:.3f}\" "
      "timestamp=\"{}\">\n",
      xml(report.instance), report.checks.size() + report.missing.size(), failures(report),
      report.missing.size(), report.total_seconds, xml(to_rfc3339(report.started)));
  text += fmt::format(
      "    <properties>\n      <property name=\"snapshot\" value=\"{}\"/>\n"
      "      <property name=\"restore_seconds\" value=\"{:.3f}\"/>\n",
      report.snapshot.hex(), report.restore_seconds);
  for (const DrillPlace& place : report.places) text += property("endpoint", to_display(place));
  for (const std::string& note : report.notes) text += property("note", note);
  text += "    </properties>\n";
  for (const DrillCheck& check : report.checks) {
    text += fmt::format("    <testcase classname=\"{}\" name=\"{}\"",
                        xml(report.instance + "." + check.component), xml(check.name));
    if (check.passed) {
      text += "/>\n";
    } else {
      text +=
          fmt::format(">\n      <failure message=\"expected {}, found {}\"/>\n    </testcase>\n",
                      xml(check.expected), xml(check.found));
    }
  }
  for (const std::string& line : report.missing) {
    text += fmt::format(
        "    <testcase classname=\"{}\" name=\"missing {}\">\n      <skipped message=\"it is not "
        "in "
        "the snapshot\"/>\n    </testcase>\n",
        xml(report.instance), xml(line));
  }
  return text + "  </testsuite>\n</testsuites>\n";
}

Json to_json(const DrillReport& report) {
  Json json = Json::object();
  json.set("instance", report.instance);
  json.set("passed", report.passed());
  json.set("snapshot_id", report.snapshot.hex()).set("tree", report.tree.hex());
  json.set("snapshot_time", to_rfc3339(report.snapshot_time))
      .set("started", to_rfc3339(report.started));
  json.set("complete", report.complete);
  Json missing = Json::array();
  for (const std::string& line : report.missing) missing.push(line);
  json.set("missing", std::move(missing));
  json.set("restore_seconds", report.restore_seconds).set("total_seconds", report.total_seconds);
  json.set("checks_total", report.checks.size()).set("checks_failed", failures(report));
  Json checks = Json::array();
  for (const DrillCheck& check : report.checks) {
    Json one = Json::object();
    one.set("component", check.component).set("name", check.name).set("passed", check.passed);
    if (!check.passed) one.set("expected", check.expected).set("found", check.found);
    checks.push(std::move(one));
  }
  json.set("checks", std::move(checks));
  if (!report.places.empty()) {
    Json endpoints = Json::array();
    for (const DrillPlace& place : report.places)
      endpoints.push(Json::object()
                         .set("component", place.component)
                         .set("engine", place.engine)
                         .set("version", place.version)
                         .set("uri", place.uri)
                         .set("user", place.user));
    json.set("endpoints", std::move(endpoints));
    Json notes = Json::array();
    for (const std::string& note : report.notes) notes.push(note);
    json.set("notes", std::move(notes));
  }
  if (!report.left.empty()) json.set("left", report.left);
  if (report.proof) json.set("proof_id", report.proof->hex());
  return json;
}

}  // namespace holdfast::job
