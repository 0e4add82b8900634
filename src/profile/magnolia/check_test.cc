// SPDX-License-Identifier: Apache-2.0
// The whole check over the rows of a generated instance (testdata/small_instance.txt).
#include "profile/magnolia/check.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "profile/magnolia/content_digest.h"
#include "profile/magnolia/row_map.h"

namespace holdfast::profile::magnolia {
namespace {

using model::Row;
using model::Value;

constexpr std::string_view home = "/srv/mgnl/repositories/magnolia";
constexpr std::string_view types =
    "<nodeTypes xmlns:mgnl=\"http://www.magnolia.info/jcr/mgnl\">{}</nodeTypes>";
constexpr std::string_view workspace_xml =
    "<Workspace name=\"x\"><PersistenceManager class=\"y\"/></Workspace>";

// The rows of the file, its digest, and the records that its bundles name.
struct Instance {
  Instance() {
    std::ifstream file(HOLDFAST_SOURCE_DIR "/src/profile/magnolia/testdata/small_instance.txt");
    std::string line;
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::string workspace, table, id, data;
      words >> workspace >> table >> id >> data;
      if (workspace == "total") digest = table;
      if (workspace == "#" || workspace == "total") continue;
      auto& rows =
          table == "bundle" ? workspaces[workspace].bundles : workspaces[workspace].references;
      rows[NodeId::of_bytes(from_hex(id).value()).value()] =
          std::string(as_text(from_hex(data).value()));
    }
    for (const auto& [name, rows] : workspaces) {
      for (const auto& [id, bundle] : rows.bundles) {
        for (std::size_t at = bundle.find("dataStore:"); at != std::string::npos;
             at = bundle.find("dataStore:", at + 1))
          records.insert(bundle.substr(at + 10, 64));
      }
    }
    for (const char* type : {"content", "contentNode", "page", "area", "component", "asset",
                             "resource", "folder", "user", "role", "group"})
      type_list += fmt::format("<nodeType name=\"mgnl:{}\"/>", type);
    files[fmt::format("{}/repository/namespaces/ns_reg.properties", home)] =
        "jcr=http\\://www.jcp.org/jcr/1.0\nmgnl=http\\://www.magnolia.info/jcr/mgnl\n";
    files[fmt::format("{}/repository/nodetypes/custom_nodetypes.xml", home)] =
        fmt::format(fmt::runtime(types), type_list);
    for (const auto& [name, rows] : workspaces) {
      if (name != "version") files[path_of_workspace(name)] = workspace_xml;
    }
  }

  static std::string path_of_workspace(std::string_view name) {
    return fmt::format("{}/workspaces/{}/workspace.xml", home, name);
  }

  [[nodiscard]] CheckPlan plan() const {
    CheckPlan plan;
    for (const auto& [name, rows] : workspaces) {
      const bool is_version = name == "version";
      plan.workspaces.push_back(
          {{name, "database", "", is_version ? "version_" : fmt::format("pm_{}_", name),
            is_version},
           is_version ? "" : path_of_workspace(name)});
    }
    plan.file_stores = {fmt::format("{}/repository/datastore", home)};
    plan.repository_directory = fmt::format("{}/repository", home);
    return plan;
  }

  void feed(MagnoliaCheck& check, Dialect dialect) const {
    for (const auto& [name, rows] : workspaces) {
      const std::string prefix = name == "version" ? "version_" : fmt::format("pm_{}_", name);
      for (const TableKind kind :
           {TableKind::bundle, TableKind::refs, TableKind::binval, TableKind::names}) {
        const auto sink = check.rows("database", {"public", table_name(prefix, kind)});
        if (kind == TableKind::bundle) feed(*sink, kind, dialect, rows.bundles);
        if (kind == TableKind::refs) feed(*sink, kind, dialect, rows.references);
      }
    }
    for (const std::string& record : records) {
      EXPECT_FALSE(check.has_file(fmt::format("{}/repository/datastore/{}", home,
                                              path_of_record(RecordId::of_text(record).value())),
                                  5000));
    }
    for (const auto& [path, content] : files) {
      ASSERT_TRUE(check.has_file(path, content.size())) << path;
      check.stored(path, as_bytes(content));
    }
  }

  static void feed(model::RowSink& sink, TableKind kind, Dialect dialect,
                   const std::map<NodeId, std::string>& rows) {
    const auto mapped = map_rows(kind, dialect, sink);
    mapped->columns({{"NODE_ID", ""}, {std::string(table_suffix(kind)) + "_DATA", ""}});
    for (const auto& [id, data] : rows) {
      std::array<std::byte, 16> bytes{};
      id.store(bytes);
      mapped->row({Value::of_bytes(bytes), Value::of_bytes(as_bytes(data))});
    }
  }

  std::string digest;
  std::map<std::string, WorkspaceRows> workspaces;
  std::set<std::string> records;
  std::string type_list;
  std::map<std::string, std::string> files;
};

std::string codes(const std::vector<model::Finding>& findings) {
  std::string codes;
  for (const model::Finding& finding : findings) codes += (codes.empty() ? "" : " ") + finding.code;
  return codes;
}

std::string check(const Instance& instance, Dialect dialect = Dialect::h2) {
  MagnoliaCheck check(instance.plan());
  instance.feed(check, dialect);
  return codes(check.findings());
}

TEST(ContentDigest, IsThatOfTheGeneratorsOwnVerify) {
  const Instance instance;
  EXPECT_EQ(instance.digest.size(), 64U);
  EXPECT_EQ(content_digest(instance.workspaces), instance.digest);
}

TEST(MagnoliaCheck, FindsNothingInAWholeInstanceOnAnyEngine) {
  const Instance instance;
  ASSERT_EQ(instance.records.size(), 3U);
  std::set<std::string> digests;
  for (const Dialect dialect : {Dialect::h2, Dialect::derby}) {
    MagnoliaCheck check(instance.plan());
    instance.feed(check, dialect);
    EXPECT_EQ(codes(check.findings()), "");
    EXPECT_EQ(check.result().workspaces.size(), 11U);
    EXPECT_EQ(check.result().binaries, 3U);
    EXPECT_EQ(check.result().records, 3U);
    EXPECT_EQ(check.result().orphans, 0U);
    for (const WorkspaceContent& workspace : check.result().workspaces) {
      const auto& rows = instance.workspaces.at(workspace.name);
      EXPECT_EQ(workspace.bundles, rows.bundles.size());
      EXPECT_EQ(workspace.references, rows.references.size());
      if (workspace.name == "website") digests.insert(workspace.digest);
    }
  }
  EXPECT_EQ(digests.size(), 1U);
}

TEST(MagnoliaCheck, NamesWhereALostRecordBelongs) {
  Instance instance;
  instance.records.erase(instance.records.begin());
  MagnoliaCheck check(instance.plan());
  instance.feed(check, Dialect::h2);
  const auto findings = check.findings();
  EXPECT_EQ(codes(findings), "magnolia-record-missing");
  EXPECT_NE(findings[0].seen.find("of property "), std::string::npos) << findings[0].seen;
  EXPECT_NE(findings[0].seen.find(" (/"), std::string::npos) << findings[0].seen;
}

TEST(MagnoliaCheck, HashesRecordsThatPass) {
  const Instance instance;
  const std::string path =
      fmt::format("{}/repository/datastore/{}", home,
                  path_of_record(RecordId::of_text(*instance.records.begin()).value()));
  MagnoliaCheck check(instance.plan());
  instance.feed(check, Dialect::h2);
  check.passing(path)->write(as_bytes("something else"));
  EXPECT_EQ(codes(check.findings()), "magnolia-record-damaged");
  EXPECT_EQ(check.passing(fmt::format("{}/repository/datastore/tmp1.tmp", home)), nullptr);
  EXPECT_EQ(check.passing("/srv/elsewhere/" + path), nullptr);
}

TEST(MagnoliaCheck, SmallFilesMustBeThere) {
  for (const auto& [file, code] : std::map<std::string, std::string>{
           {"repository/namespaces/ns_reg.properties", "magnolia-file-missing"},
           {"repository/nodetypes/custom_nodetypes.xml", "magnolia-file-missing"},
           {"workspaces/dam/workspace.xml", "magnolia-workspace-unconfigured"}}) {
    Instance instance;
    ASSERT_EQ(instance.files.erase(fmt::format("{}/{}", home, file)), 1U);
    EXPECT_EQ(check(instance), code) << file;
  }
}

TEST(MagnoliaCheck, SmallFilesMustBeWhole) {
  for (const char* file :
       {"repository/namespaces/ns_reg.properties", "repository/nodetypes/custom_nodetypes.xml",
        "workspaces/dam/workspace.xml"}) {
    Instance instance;
    std::string& content = instance.files.at(fmt::format("{}/{}", home, file));
    content.resize(content.size() / 3);
    EXPECT_EQ(check(instance), "magnolia-file-damaged") << file;
  }
  Instance instance;
  instance.files[fmt::format("{}/repository/namespaces/ns_idx.properties", home)] = "a=1\nb=1\n";
  EXPECT_EQ(check(instance), "magnolia-file-damaged");
}

TEST(MagnoliaCheck, TypesAndNamespacesMustBeRegistered) {
  Instance instance;
  instance.files[fmt::format("{}/repository/nodetypes/custom_nodetypes.xml", home)] =
      fmt::format(fmt::runtime(types), "<nodeType name=\"mgnl:content\"/>");
  instance.files[fmt::format("{}/repository/namespaces/ns_reg.properties", home)] =
      "jcr=http\\://www.jcp.org/jcr/1.0\n";
  EXPECT_EQ(check(instance), "magnolia-node-type-missing magnolia-namespace-missing");
}

TEST(MagnoliaCheck, ReadsSmallFilesFromADatabaseFileSystem) {
  Instance instance;
  std::map<std::string, std::string> in_table;
  for (const char* file : {"namespaces/ns_reg.properties", "nodetypes/custom_nodetypes.xml"}) {
    auto node = instance.files.extract(fmt::format("{}/repository/{}", home, file));
    in_table[file] = node.mapped();
  }
  CheckPlan plan = instance.plan();
  plan.repository_directory.clear();
  plan.file_table = CheckPlan::FileTable{"database", "", "fs_"};
  MagnoliaCheck check(plan);
  instance.feed(check, Dialect::h2);
  EXPECT_EQ(codes(check.findings()), "magnolia-file-missing magnolia-file-missing");
  {
    const auto sink = check.rows("database", {"public", "fs_fsentry"});
    ASSERT_NE(sink, nullptr);
    sink->columns({{"fsentry_path", ""}, {"fsentry_name", ""}, {"fsentry_data", ""}});
    sink->row({Value::of_text("/"), Value::of_text("namespaces"), Value::null()});
    for (const auto& [file, content] : in_table) {
      const std::size_t slash = file.find('/');
      sink->row({Value::of_text("/" + file.substr(0, slash)),
                 Value::of_text(file.substr(slash + 1)), Value::of_bytes(as_bytes(content))});
    }
  }
  EXPECT_EQ(codes(check.findings()), "");
}

TEST(MagnoliaCheck, ADatabaseThatNobodyReadIsAFinding) {
  const Instance instance;
  CheckPlan plan = instance.plan();
  plan.workspaces.push_back({{"far", "other", "", "pm_far_", false}, ""});
  MagnoliaCheck check(plan);
  instance.feed(check, Dialect::h2);
  const auto findings = check.findings();
  EXPECT_EQ(codes(findings), "magnolia-content-unobservable");
  EXPECT_EQ(findings[0].component, "other");
}

TEST(MagnoliaCheck, AWorkspaceThatWasNeverOpenedHasNoDatabase) {
  const Instance instance;
  CheckPlan plan = instance.plan();
  plan.workspaces.push_back({{"new", "", "", "pm_new_", false}, ""});
  MagnoliaCheck check(plan);
  instance.feed(check, Dialect::h2);
  EXPECT_EQ(codes(check.findings()), "");
}

TEST(MagnoliaCheck, TablesOfAnotherRepositoryAreNotForgottenOnes) {
  const Instance instance;
  for (const bool is_known : {false, true}) {
    CheckPlan plan = instance.plan();
    if (is_known) plan.other_workspaces = {{"website", "database", "", "pub_website_", false}};
    MagnoliaCheck check(plan);
    instance.feed(check, Dialect::h2);
    EXPECT_EQ(check.rows("database", {"public", "pub_website_bundle"}), nullptr);
    EXPECT_EQ(check.rows("database", {"public", "pub_website_refs"}), nullptr);
    EXPECT_EQ(codes(check.findings()), is_known ? "" : "magnolia-workspace-unconfigured");
  }
}

TEST(MagnoliaCheck, RecordsInAStoreOutOfReachAreUnobservable) {
  Instance instance;
  instance.records.clear();
  CheckPlan plan = instance.plan();
  plan.store_elsewhere = "an S3 bucket";
  MagnoliaCheck check(plan);
  instance.feed(check, Dialect::h2);
  EXPECT_EQ(codes(check.findings()), "magnolia-record-unobservable");
}

}  // namespace
}  // namespace holdfast::profile::magnolia
