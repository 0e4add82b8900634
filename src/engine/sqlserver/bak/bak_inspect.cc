// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/bak_inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/finding.h"
#include "engine/sqlserver/bak/bak_findings.h"
#include "engine/sqlserver/bak/disk_file.h"

namespace holdfast::engine::sqlserver {
namespace {

namespace fs = std::filesystem;
using model::Severity;

std::optional<Stripe> read_file(const fs::path& path, bool deep, const std::stop_token& stop) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return std::nullopt;
  DiskFile file(path);
  auto report = read_bak(file, deep, stop);
  if (!report) return std::nullopt;
  return Stripe{path.filename().string(), std::move(*report)};
}

std::string release_name(const SetFacts& facts) {
  struct Release {
    unsigned major, minor;
    std::string_view year;
  };
  static constexpr std::array releases{
      Release{8, 0, "2000"},      Release{9, 0, "2005"},  Release{10, 0, "2008"},
      Release{10, 50, "2008 R2"}, Release{11, 0, "2012"}, Release{12, 0, "2014"},
      Release{13, 0, "2016"},     Release{14, 0, "2017"}, Release{15, 0, "2019"},
      Release{16, 0, "2022"},     Release{17, 0, "2025"}};
  for (const Release& one : releases)
    if (one.major == facts.major && one.minor == facts.minor)
      return fmt::format("SQL Server {}", one.year);
  return "SQL Server";
}

Json text_or_null(std::string_view text) {
  return text.empty() ? Json() : Json(text);
}

void tell_facts(const SetFacts& facts, Json& json) {
  constexpr std::uint32_t flag_checksums = 16;
  json.set("server", facts.server);
  json.set("version", fmt::format("{}.{}.{}", facts.major, facts.minor, facts.build));
  json.set("release", release_name(facts));
  json.set("database_version", facts.database_version).set("compatibility", facts.compatibility);
  json.set("created", text_or_null(facts.created)).set("start", text_or_null(facts.start));
  json.set("finish", text_or_null(facts.finish));
  json.set("first_lsn", facts.first.text()).set("last_lsn", facts.last.text());
  json.set("checkpoint_lsn", facts.checkpoint.text()).set("full_lsn", facts.full.text());
  json.set("lcid", facts.lcid).set("collation", text_or_null(facts.collation));
  json.set("collation_bytes", facts.collation_bytes);
  json.set("binding_guid", facts.binding_guid).set("family_guid", facts.family_guid);
  json.set("flags", facts.flags);
  json.set("has_checksums", (facts.flags & flag_checksums) != 0);
  json.set("backup_size_bytes", facts.size_bytes);
}

Json file_json(const DatabaseFile& file) {
  constexpr std::uint32_t flag_data = 0x80;
  Json json = Json::object();
  json.set("id", file.id).set("logical_name", file.logical_name);
  json.set("physical_name", file.physical_name);
  json.set("kind", (file.flags & flag_data) != 0 ? "data" : file.filegroup == 0 ? "log" : "other");
  json.set("filegroup", file.filegroup).set("size_bytes", file.size_bytes);
  json.set("sector_bytes", file.sector_bytes);
  return json;
}

// What all stripes have of one set.
PageCounts all_pages(std::span<const Stripe> stripes, std::size_t number) {
  PageCounts all;
  for (const Stripe& stripe : stripes) {
    if (number >= stripe.report.sets.size()) continue;
    const PageCounts& pages = stripe.report.sets[number].pages;
    all.pages += pages.pages;
    all.empty += pages.empty;
    all.right += pages.right;
    all.unmarked += pages.unmarked;
    all.encrypted += pages.encrypted;
    all.wrong += pages.wrong;
  }
  return all;
}

Json pages_json(const PageCounts& pages) {
  Json json = Json::object();
  json.set("read", pages.pages).set("right", pages.right).set("wrong", pages.wrong);
  json.set("empty", pages.empty).set("unmarked", pages.unmarked);
  json.set("encrypted", pages.encrypted);
  return json;
}

Json set_json(std::span<const Stripe> stripes, std::size_t number) {
  const BakReport& report = stripes.front().report;
  const BakSet& set = report.sets[number];
  const SetConfiguration* const known = configuration_of(set);
  Json json = Json::object();
  json.set("number", set.block.number).set("type", text_or_null(type_name(set)));
  json.set("copy_only", is_copy_only(set));
  json.set("database", known != nullptr && known->facts ? Json(known->facts->database) : Json());
  json.set("machine", set.volume.machine).set("user", set.block.user);
  json.set("name", set.block.name).set("description", set.block.description);
  json.set("guid", set.block.guid).set("volume", set.volume.device);
  if (known != nullptr && known->facts) tell_facts(*known->facts, json);
  json.set("is_final", known != nullptr && set.end && known == &*set.end);
  json.set("encrypted", set.is_encrypted).set("at_byte", set.at);
  std::uint64_t data_bytes = 0, log_bytes = 0;
  bool is_closed = true;
  for (const Stripe& stripe : stripes) {
    if (number >= stripe.report.sets.size()) continue;
    const BakSet& part = stripe.report.sets[number];
    data_bytes += part.data_bytes;
    log_bytes += part.log_bytes;
    is_closed = is_closed && part.is_closed;
  }
  json.set("data_bytes", data_bytes).set("log_bytes", log_bytes).set("closed", is_closed);
  if (report.is_deep) json.set("pages", pages_json(all_pages(stripes, number)));
  Json files = Json::array();
  if (known != nullptr)
    for (const DatabaseFile& file : known->files) files.push(file_json(file));
  json.set("files", std::move(files));
  return json;
}

std::string_view state_of(std::span<const Stripe> stripes,
                          const std::vector<model::Finding>& findings) {
  const auto has = [&](std::string_view code) {
    return std::ranges::any_of(findings, [&](const auto& one) { return one.code == code; });
  };
  if (has("sqlserver-bak-truncated") || has("sqlserver-bak-no-set")) return "truncated";
  for (const model::Finding& one : findings)
    if (one.severity == Severity::blocker && one.code != "sqlserver-bak-stripe") return "damaged";
  if (has("sqlserver-bak-stripe")) return "stripe";
  return stripes.size() > 1 ? "complete in stripes" : "complete";
}

Json media_json(const BakReport& report) {
  Json json = Json::object();
  json.set("software", report.tape.software).set("name", report.tape.name);
  json.set("description", report.tape.description).set("date", text_or_null(report.tape.date));
  json.set("family", fmt::format("{:08X}", report.tape.family_id));
  if (report.media) json.set("guid", report.media->guid);
  return json;
}

// The stripes that are not here, as "2, 4".
std::string missing_stripes(std::span<const Stripe> stripes) {
  const std::uint16_t families = stripes.front().report.media->families;
  std::vector<unsigned> missing;
  for (unsigned number = 1; number <= families; ++number) {
    const bool is_here = std::ranges::any_of(
        stripes, [&](const Stripe& one) { return one.report.stripe() == number; });
    if (!is_here && missing.size() < 64) missing.push_back(number);
  }
  return fmt::format("{}", fmt::join(missing, ", "));
}

bool have_same_sets(const BakReport& one, const BakReport& other) {
  return std::ranges::equal(
      one.sets, other.sets, {}, [](const BakSet& set) { return set.block.guid; },
      [](const BakSet& set) { return set.block.guid; });
}

void judge_stripes(std::span<const Stripe> stripes, std::vector<model::Finding>& findings) {
  const BakReport& first = stripes.front().report;
  if (!first.is_stripe()) return;
  if (const std::string missing = missing_stripes(stripes); !missing.empty()) {
    findings.push_back(finding(
        "sqlserver-bak-stripe", Severity::blocker,
        stripes.size() == 1
            ? fmt::format("the file is stripe {} of {}", first.stripe(), first.media->families)
            : fmt::format("{} of {} stripes are here; missing: {}", stripes.size(),
                          first.media->families, missing),
        "a backup that was written into several files is only restored from all of them",
        "Name all its files."));
    return;
  }
  for (const Stripe& stripe : stripes.subspan(1)) {
    if (have_same_sets(first, stripe.report)) continue;
    findings.push_back(finding(
        "sqlserver-bak-stripes-differ", Severity::blocker,
        fmt::format("{} and {} do not hold the same sets", stripes.front().name, stripe.name),
        "they are of one media set, and not of the same time",
        "Find the files that were written together."));
  }
}

std::string kind_of(const BakReport& report) {
  std::string what = report.sets.size() == 1 ? set_title(report.sets.front())
                                             : fmt::format("{} sets", report.sets.size());
  return fmt::format("SQL Server backup ({}{})", what, report.is_compressed ? ", compressed" : "");
}

// What an import of the file asks of a server: as of a copy, of its last full set.
Json facts_of_import(const BakReport& report) {
  Json json = Json::object();
  json.set("method", "physical");
  const BakSet* const full = last_full_set(report);
  if (full == nullptr) return json;
  const SetConfiguration* const known = configuration_of(*full);
  json.set("database", known->facts->database);
  json.set("database_version", known->facts->database_version);
  Json files = Json::array();
  for (const DatabaseFile& file : known->files)
    files.push(Json::object()
                   .set("logical_name", file.logical_name)
                   .set("physical_name", file.physical_name)
                   .set("log", file.is_log())
                   .set("size_bytes", file.size_bytes));
  return json.set("files", std::move(files));
}

}  // namespace

bool belong_together(const BakReport& one, const BakReport& other) noexcept {
  if (!one.is_stripe() || !other.is_stripe() || one.media->families != other.media->families)
    return false;
  if (!one.media->guid.empty() && one.media->guid == other.media->guid) return true;
  return !one.sets.empty() && !other.sets.empty() && !one.sets.front().block.guid.empty() &&
         one.sets.front().block.guid == other.sets.front().block.guid;
}

bool is_bak(const fs::path& file) {
  constexpr std::size_t front_bytes = 52;
  DiskFile source(file);
  Bytes front(static_cast<std::size_t>(std::min<std::uint64_t>(front_bytes, source.size_bytes())));
  source.read_at(0, front);
  return begins_as_bak(front);
}

Inspection tell_bak(std::span<const Stripe> stripes) {
  check_rule(!stripes.empty(), "a backup has a file");
  const BakReport& report = stripes.front().report;
  Inspection inspection;
  inspection.kind = kind_of(report);
  inspection.deep = report.is_deep;
  inspection.objects_comparable = false;
  judge_stripes(stripes, inspection.findings);
  for (const Stripe& stripe : stripes) {
    for (model::Finding one : stripe.report.findings) {
      if (stripes.size() > 1) one.seen = stripe.name + ": " + one.seen;
      inspection.findings.push_back(std::move(one));
    }
  }
  Json& facts = inspection.facts;
  facts.set("state", state_of(stripes, inspection.findings));
  facts.set("compressed", report.is_compressed);
  facts.set("stripe", report.stripe()).set("stripes", report.media ? report.media->families : 1);
  facts.set("media", media_json(report));
  facts.set("good_until_byte", report.good_until).set("last_good_block", report.last_block);
  if (report.is_compressed) {
    facts.set("container_version", report.container_version);
    if (report.is_deep) facts.set("records", report.records.records);
  }
  Json sets = Json::array();
  for (std::size_t i = 0; i < report.sets.size(); ++i) sets.push(set_json(stripes, i));
  facts.set("sets", std::move(sets));
  if (!report.sets.empty()) {
    const SetConfiguration* const known = configuration_of(report.sets.front());
    if (known != nullptr && known->facts)
      inspection.version =
          fmt::format("{}.{}.{}", known->facts->major, known->facts->minor, known->facts->build);
  }
  inspection.engine_facts = facts_of_import(report);
  inspection.whole = !model::has_blocker(inspection.findings);
  return inspection;
}

std::optional<Inspection> inspect_bak(const fs::path& file, const InspectOptions& options,
                                      const std::stop_token& stop) {
  auto asked = read_file(file, options.deep, stop);
  if (!asked) return std::nullopt;
  std::vector<Stripe> stripes;
  stripes.push_back(std::move(*asked));
  std::vector<fs::path> members;
  if (stripes.front().report.is_stripe()) {
    std::error_code ignored;
    for (const fs::path& other : options.others) {
      if (fs::equivalent(file, other, ignored)) continue;
      auto found = read_file(other, false, stop);
      if (!found || !belong_together(stripes.front().report, found->report)) continue;
      const bool is_known = std::ranges::any_of(stripes, [&](const Stripe& one) {
        return one.report.stripe() == found->report.stripe();
      });
      if (is_known) continue;  // a mirror, which is a backup by itself
      if (options.deep) found = read_file(other, true, stop);
      if (!found) continue;
      stripes.push_back(std::move(*found));
      members.push_back(other);
    }
  }
  Inspection inspection = tell_bak(stripes);
  inspection.members = std::move(members);
  return inspection;
}

}  // namespace holdfast::engine::sqlserver
