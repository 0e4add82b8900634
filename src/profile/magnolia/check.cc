// SPDX-License-Identifier: Apache-2.0
// Hands what passes to the content proof, and reads the small files.
#include "profile/magnolia/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"
#include "base/xml.h"
#include "profile/magnolia/row_reader.h"
#include "profile/magnolia/table_definitions.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::string_view registry_file = "namespaces/ns_reg.properties";
constexpr std::string_view numbers_file = "namespaces/ns_idx.properties";
constexpr std::string_view types_file = "nodetypes/custom_nodetypes.xml";
constexpr std::array small_files{registry_file, numbers_file, types_file};

// What lies below `directory`; nothing if `path` does not.
std::optional<std::string_view> below(std::string_view path, std::string_view directory) {
  while (directory.ends_with('/')) directory.remove_suffix(1);
  if (directory.empty() || !path.starts_with(directory) || path.size() <= directory.size() + 1 ||
      path[directory.size()] != '/')
    return std::nullopt;
  return path.substr(directory.size() + 1);
}

model::Finding blocker(std::string_view code, std::string component, std::string seen,
                       std::string_view why, std::string_view mend) {
  model::Finding finding;
  finding.code = code;
  finding.severity = model::Severity::blocker;
  finding.component = std::move(component);
  finding.seen = std::move(seen);
  finding.why = why;
  finding.mend = mend;
  finding.mend_class = model::MendClass::manual;
  return finding;
}

// Reads a small file with `read`; what cannot be read is a finding.
template <typename Read>
void read_small(std::vector<model::Finding>& findings, Read&& read) {
  try {
    read();
  } catch (const Error& error) {
    findings.push_back(blocker("magnolia-file-damaged", "", error.message(),
                               "Jackrabbit does not start, or starts with wrong node types and "
                               "names, on a file that it cannot read.",
                               "Put the file back from an older snapshot."));
  }
}

}  // namespace

// Rows of a DbFileSystem: picks the small files.
class MagnoliaCheck::FileRows final : public model::RowSink {
 public:
  explicit FileRows(MagnoliaCheck& check) : check_(check) {}

  void columns(const std::vector<model::Column>& columns) override {
    path_ = find_column(columns, "FSENTRY_PATH");
    name_ = find_column(columns, "FSENTRY_NAME");
    data_ = find_column(columns, "FSENTRY_DATA");
  }
  void row(const model::Row& row) override {
    if (!path_ || !name_ || !data_) return;
    // "/namespaces" and "ns_reg.properties"; without data: a directory.
    const std::string& directory = row.at(*path_).text;
    if (!directory.starts_with('/') || row.at(*data_).kind == model::ValueKind::null) return;
    const std::string file = directory.substr(1) + "/" + row.at(*name_).text;
    if (std::find(small_files.begin(), small_files.end(), file) == small_files.end()) return;
    const std::lock_guard lock(check_.mutex_);
    check_.small_files_[file] = row.at(*data_).text;
  }

 private:
  MagnoliaCheck& check_;
  std::optional<std::size_t> path_, name_, data_;
};

MagnoliaCheck::MagnoliaCheck(CheckPlan plan) : plan_(std::move(plan)) {
  for (const CheckPlan::Workspace& workspace : plan_.workspaces)
    proof_.add_workspace(workspace.tables);
  for (const WorkspaceTables& other : plan_.other_workspaces) proof_.add_other_workspace(other);
  for (const StoreTable& store : plan_.database_stores) proof_.add_store_table(store);
  if (!plan_.store_elsewhere.empty()) proof_.set_store_unobserved(plan_.store_elsewhere);
}

std::unique_ptr<model::RowSink> MagnoliaCheck::rows(std::string_view component,
                                                    const model::TableName& table) {
  {
    const std::lock_guard lock(mutex_);
    components_seen_.emplace(component);
  }
  const auto& files = plan_.file_table;
  const bool is_schema = !files || files->schema.empty() || table.schema.empty() ||
                         ascii_upper(files->schema) == ascii_upper(table.schema);
  if (files && files->component == component && is_schema &&
      is_table(table.table, files->prefix, TableKind::fsentry))
    return std::make_unique<FileRows>(*this);
  return proof_.rows(component, table);
}

std::optional<RecordId> MagnoliaCheck::record_of(std::string_view path) const {
  for (const std::string& store : plan_.file_stores) {
    if (const auto inside = below(path, store)) {
      if (const auto record = record_at(*inside)) return record;
    }
  }
  return std::nullopt;
}

std::string MagnoliaCheck::small_file(const std::string& path) const {
  for (const CheckPlan::Workspace& workspace : plan_.workspaces) {
    if (!workspace.workspace_xml.empty() && workspace.workspace_xml == path) return path;
  }
  const auto inside = below(path, plan_.repository_directory);
  const auto* const found =
      inside ? std::find(small_files.begin(), small_files.end(), *inside) : small_files.end();
  return found == small_files.end() ? std::string() : std::string(*found);
}

std::unique_ptr<ByteSink> MagnoliaCheck::passing(const std::string& path) {
  const auto record = record_of(path);
  return record ? proof_.record(*record) : nullptr;
}

bool MagnoliaCheck::has_file(const std::string& path, std::uint64_t size_bytes) {
  if (const auto record = record_of(path)) {
    proof_.has_record(*record, size_bytes);
    return false;
  }
  return !small_file(path).empty();
}

void MagnoliaCheck::stored(const std::string& path, ByteView content) {
  const std::string file = small_file(path);
  if (file.empty()) return;
  const std::lock_guard lock(mutex_);
  small_files_[file] = as_text(content);
}

void MagnoliaCheck::judge_small_files(std::vector<model::Finding>& findings,
                                      std::optional<Namespaces>& namespaces,
                                      std::optional<NodeTypes>& types) {
  for (const std::string_view file : {registry_file, types_file}) {
    if (small_files_.contains(file)) continue;
    findings.push_back(
        blocker("magnolia-file-missing", plan_.file_table ? plan_.file_table->component : "",
                fmt::format("{} is not in the copy", file),
                file == registry_file
                    ? "Without it the repository does not start."
                    : "Without it Jackrabbit starts without an error, but with wrong node types.",
                "Put the file back from an older snapshot."));
  }
  const auto content = [&](std::string_view file) {
    const auto found = small_files_.find(file);
    return found == small_files_.end() ? nullptr : &found->second;
  };
  if (const std::string* const text = content(registry_file))
    read_small(findings, [&] { namespaces = Namespaces::parse(*text, registry_file); });
  if (const std::string* const text = content(numbers_file))
    read_small(findings, [&] { check_namespace_numbers(*text, numbers_file); });
  if (const std::string* const text = content(types_file)) {
    read_small(findings, [&] { types = NodeTypes::of(parse_xml(*text, types_file), types_file); });
  }
}

void MagnoliaCheck::judge_workspaces(std::vector<model::Finding>& findings) {
  std::set<std::string> unread = plan_.unread_components;
  for (const CheckPlan::Workspace& workspace : plan_.workspaces) {
    const std::string& component = workspace.tables.component;
    if (!component.empty() && !components_seen_.contains(component)) unread.insert(component);
    if (workspace.workspace_xml.empty()) continue;
    const auto found = small_files_.find(workspace.workspace_xml);
    if (found == small_files_.end()) {
      findings.push_back(
          blocker("magnolia-workspace-unconfigured", component,
                  fmt::format("{} of workspace {} is not in the copy", workspace.workspace_xml,
                              workspace.tables.name),
                  "For Jackrabbit a workspace without its workspace.xml is gone, silently.",
                  "Put the file back, or drop the tables if nobody wants them."));
      continue;
    }
    read_small(findings, [&] {
      const XmlElement root = parse_xml(found->second, workspace.workspace_xml);
      if (root.name != "Workspace" || root.child("PersistenceManager") == nullptr) {
        throw Error(Errc::corrupt,
                    fmt::format("{}: there is no <Workspace> with a <PersistenceManager>",
                                workspace.workspace_xml));
      }
    });
  }
  for (const std::string& component : unread) {
    findings.push_back(blocker(
        "magnolia-content-unobservable", component, fmt::format("no row of {} was seen", component),
        "Whether its nodes have their binaries and each other cannot be told.",
        "Let the database be read (Derby and H2 need a Java runtime), or accept the finding."));
    // Its engine has looked at the files, and says why it read no rows.
    if (plan_.embedded_components.contains(component))
      findings.back().severity = model::Severity::warning;
  }
}

std::vector<model::Finding> MagnoliaCheck::findings() {
  std::vector<model::Finding> findings;
  std::optional<Namespaces> namespaces;
  std::optional<NodeTypes> types;
  judge_small_files(findings, namespaces, types);
  judge_workspaces(findings);
  result_ = proof_.judge(namespaces, types);
  for (model::Finding& finding : findings_of(result_)) findings.push_back(std::move(finding));
  return findings;
}

Json MagnoliaCheck::facts(Json of_plan) const {
  return with_endpoints(std::move(of_plan), result_.endpoints);
}

}  // namespace holdfast::profile::magnolia
