// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/content_proof.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <thread>

#include "profile/magnolia/bundle_fixture.h"
#include "profile/magnolia/table_definitions.h"

namespace holdfast::profile::magnolia {
namespace {

using fixture::Node;
using model::Row;
using model::Value;

constexpr std::string_view abc_record =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

const std::string reference = "dataStore:" + std::string(abc_record);

NodeId id_of(std::uint64_t number) {
  return {0x1111111111111111ULL * (number % 15 + 1), number};
}

Value key(const NodeId& id) {
  std::array<std::byte, 16> bytes{};
  id.store(bytes);
  return Value::of_bytes(bytes);
}

PropertyValue stored(std::string_view place, BinaryPlace kind = BinaryPlace::data_store) {
  PropertyValue value;
  value.place = kind;
  value.text = place;
  return value;
}

fixture::Property data_property(std::string_view place,
                                BinaryPlace kind = BinaryPlace::data_store) {
  return {{std::string(jcr_uri), "data"}, PropertyType::binary, false, {stored(place, kind)}};
}

// A repository of one workspace and the version store, in a table set of each form.
struct Repository {
  Repository() {
    Node root;
    root.type = {"internal", "root"};
    root.children = {{{std::string(jcr_uri), "system"}, system_id}, {{"", "home"}, id_of(1)}};
    nodes[root_id] = root;
    Node system;
    system.type = {"internal", "system"};
    system.parent = root_id;
    system.children = {{{std::string(jcr_uri), "versionStorage"}, version_storage_id},
                       {{std::string(jcr_uri), "nodeTypes"}, node_types_id}};
    nodes[system_id] = system;
    Node home;
    home.parent = root_id;
    home.children = {{{"", "asset"}, id_of(2)}, {{"", "page"}, id_of(3)}};
    nodes[id_of(1)] = home;
    Node asset;
    asset.parent = id_of(1);
    asset.properties = {data_property(reference)};
    nodes[id_of(2)] = asset;
    Node page;
    page.parent = id_of(1);
    PropertyValue to_history;
    to_history.id = id_of(101);
    page.properties = {
        {{std::string(jcr_uri), "versionHistory"}, PropertyType::reference, false, {to_history}}};
    nodes[id_of(3)] = page;

    Node storage;
    storage.type = {"internal", "versionStorage"};
    storage.parent = system_id;
    storage.children = {{{"", "11"}, id_of(101)}};
    versions[version_storage_id] = storage;
    Node history;
    history.type = {std::string(nt_uri), "versionHistory"};
    history.parent = version_storage_id;
    versions[id_of(101)] = history;
  }

  // Those bundles, but as these bytes.
  std::map<NodeId, std::string> bytes;
  std::map<NodeId, Node> nodes;
  std::map<NodeId, Node> versions;
  std::vector<std::pair<std::string, std::string>> records{{std::string(abc_record), "abc"}};
  std::vector<std::string> binvals;
  std::vector<std::string> other_tables;
  bool has_binval_table = true;
  bool has_bundle_table = true;
  std::string namespaces =
      "jcr=http\\://www.jcp.org/jcr/1.0\nmgnl=http\\://www.magnolia.info/jcr/mgnl\n";
  std::string types =
      "<nodeTypes xmlns:mgnl=\"http://www.magnolia.info/jcr/mgnl\">"
      "<nodeType name=\"mgnl:content\"/></nodeTypes>";

  [[nodiscard]] std::vector<Row> rows(const std::map<NodeId, Node>& of, bool halves) const {
    std::vector<Row> rows;
    for (const auto& [id, node] : of) {
      const auto other = bytes.find(id);
      const std::string bundle = other == bytes.end() ? node.bytes() : other->second;
      if (halves) {
        rows.push_back({Value::integer(signed_half(id.high)), Value::integer(signed_half(id.low)),
                        Value::of_bytes(as_bytes(bundle))});
      } else {
        rows.push_back({key(id), Value::of_bytes(as_bytes(bundle))});
      }
    }
    return rows;
  }

  [[nodiscard]] ProofResult judge(std::size_t pieces = 1, bool backwards = false) const {
    ContentProof proof;
    proof.add_workspace({"dam", "db", "", "pm_dam_", false});
    proof.add_workspace({"version", "db", "", "version_", true});
    proof.add_workspace({"unused", "db", "", "pm_unused_", false});
    proof.add_store_table({"db", "", "ds_"});
    feed(proof, "pm_dam_bundle", rows(nodes, true), true, pieces, backwards);
    feed(proof, "VERSION_BUNDLE", rows(versions, false), false, pieces, backwards);
    for (const char* table :
         {"pm_dam_refs", "pm_dam_names", "version_refs", "version_names", "version_binval"})
      static_cast<void>(proof.rows("db", {"public", table}));
    if (has_binval_table) {
      const auto sink = proof.rows("db", {"public", "pm_dam_binval"});
      sink->columns({{"binval_id", ""}, {"binval_data", ""}});
      for (const std::string& id : binvals) sink->row({Value::of_text(id), Value::null()});
    }
    for (const std::string& table : other_tables)
      EXPECT_EQ(proof.rows("db", {"public", table}), nullptr);
    for (const auto& [id, content] : records) {
      proof.has_record(RecordId::of_text(id).value(), content.size());
      const auto sink = proof.record(RecordId::of_text(id).value());
      sink->write(as_bytes(content));
    }
    return proof.judge(Namespaces::parse(namespaces, "ns_reg.properties"),
                       NodeTypes::of(parse_xml(types, "t.xml"), "t.xml"));
  }

  void feed(ContentProof& proof, const std::string& table, std::vector<Row> all, bool halves,
            std::size_t pieces, bool backwards) const {
    if (!has_bundle_table) return;
    if (backwards) std::reverse(all.begin(), all.end());
    std::vector<std::jthread> threads;
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      threads.emplace_back([&proof, &table, &all, halves, pieces, piece] {
        const auto sink = proof.rows("db", {"public", table});
        ASSERT_NE(sink, nullptr);
        if (halves) {
          sink->columns({{"node_id_hi", ""}, {"node_id_lo", ""}, {"bundle_data", ""}});
        } else {
          sink->columns({{"NODE_ID", ""}, {"BUNDLE_DATA", ""}});
        }
        for (std::size_t i = piece; i < all.size(); i += pieces) sink->row(all[i]);
      });
    }
  }
};

std::string codes(const ProofResult& result) {
  std::string codes;
  for (const model::Finding& finding : findings_of(result)) {
    codes += codes.empty() ? "" : " ";
    codes += finding.severity == model::Severity::blocker ? "!" : "";
    codes += finding.code;
  }
  return codes;
}

std::string told(const Problems& problems) {
  std::string lines;
  for (const Problem& problem : problems.told()) lines += problem.display() + "\n";
  return lines;
}

TEST(ContentProof, FindsNothingWhereNothingIsWrong) {
  const ProofResult result = Repository().judge();
  EXPECT_EQ(codes(result), "");
  ASSERT_EQ(result.workspaces.size(), 2U);
  EXPECT_EQ(result.workspaces[0].name, "dam");
  EXPECT_EQ(result.workspaces[0].bundles, 5U);
  EXPECT_EQ(result.workspaces[1].bundles, 2U);
  EXPECT_EQ(result.binaries, 1U);
  EXPECT_EQ(result.records, 1U);
  EXPECT_EQ(result.orphans, 0U);
}

TEST(ContentProof, NamesWorkspaceNodePathAndPropertyOfAMissingRecord) {
  Repository repository;
  repository.records.clear();
  const ProofResult result = repository.judge();
  EXPECT_EQ(codes(result), "!magnolia-record-missing");
  EXPECT_EQ(told(result.missing_records),
            fmt::format("workspace dam, node {} (/home/asset): record {} of property jcr:data\n",
                        id_of(2).text(), abc_record));
  EXPECT_EQ(findings_of(result)[0].component, "db");
}

TEST(ContentProof, FindsARecordWhoseBytesAreOthers) {
  Repository repository;
  repository.records[0].second = "abd";
  const ProofResult result = repository.judge();
  EXPECT_EQ(codes(result), "!magnolia-record-damaged");
  EXPECT_NE(told(result.damaged_records).find(abc_record), std::string::npos);
}

TEST(ContentProof, ARecordThatWasNotReadCountsUnlessItIsEmpty) {
  ContentProof proof;
  const RecordId id = RecordId::of_text(abc_record).value();
  proof.has_record(id, 3);
  EXPECT_EQ(codes(proof.judge({}, {})), "");
  proof.has_record(id, 0);
  EXPECT_EQ(codes(proof.judge({}, {})), "!magnolia-record-damaged");
}

TEST(ContentProof, CountsRecordsThatNobodyNames) {
  Repository repository;
  repository.records.emplace_back("a9993e364706816aba3e25717850c26c9cd0d89d", "abc");
  const ProofResult result = repository.judge();
  EXPECT_EQ(codes(result), "");
  EXPECT_EQ(result.records, 2U);
  EXPECT_EQ(result.orphans, 1U);
}

TEST(ContentProof, HashesRowsOfADataStoreTable) {
  const auto judge = [](std::string_view id, Value length, Value data) {
    ContentProof proof;
    proof.add_store_table({"db", "", "ds_"});
    {
      const auto sink = proof.rows("db", {"public", "ds_datastore"});
      sink->columns({{"id", ""}, {"length", ""}, {"last_modified", ""}, {"data", ""}});
      sink->row({Value::of_text(id), std::move(length), Value::integer(1), std::move(data)});
    }
    const ProofResult result = proof.judge({}, {});
    return fmt::format("{} {}", result.records, codes(result));
  };
  const Value abc = Value::of_bytes(as_bytes("abc"));
  EXPECT_EQ(judge(abc_record, Value::integer(3), abc), "1 ");
  EXPECT_EQ(judge(abc_record, Value::integer(4), abc), "1 magnolia-record-length");
  EXPECT_EQ(judge(abc_record, Value::integer(3), Value::of_bytes(as_bytes("abd"))),
            "1 !magnolia-record-damaged");
  EXPECT_EQ(judge(abc_record, Value::integer(3), Value::null()), "1 !magnolia-record-damaged");
  EXPECT_EQ(judge("TEMP_1", Value::integer(0), Value::null()), "0 ");
}

TEST(ContentProof, FindsAChildThatIsNotThere) {
  Repository repository;
  repository.nodes.erase(id_of(2));
  const ProofResult result = repository.judge();
  EXPECT_EQ(codes(result), "!magnolia-node-missing");
  EXPECT_EQ(told(result.missing_nodes),
            fmt::format("workspace dam, node {} (/home): child `asset`, node {}, is not there\n",
                        id_of(1).text(), id_of(2).text()));
}

TEST(ContentProof, FindsANodeWhoseParentIsNotThereOrDoesNotListIt) {
  Repository repository;
  repository.nodes[id_of(1)].children.pop_back();
  ProofResult result = repository.judge();
  EXPECT_EQ(codes(result), "!magnolia-node-unlisted");
  EXPECT_EQ(told(result.unlisted_nodes),
            fmt::format("workspace dam, node {}: its parent, node {}, does not list it\n",
                        id_of(3).text(), id_of(1).text()));
  repository = {};
  repository.nodes.erase(id_of(1));
  result = repository.judge();
  EXPECT_EQ(codes(result), "!magnolia-node-missing !magnolia-node-unlisted");
  EXPECT_EQ(result.unlisted_nodes.count(), 2U);
  EXPECT_NE(told(result.unlisted_nodes).find("is not there"), std::string::npos);
  repository = {};
  repository.nodes[id_of(3)].parent = no_parent_id;
  EXPECT_NE(told(repository.judge().unlisted_nodes).find("it has no parent"), std::string::npos);
}

TEST(ContentProof, ASharedNodeIsListedByEachOfItsParents) {
  Repository repository;
  repository.nodes[id_of(3)].shared = {root_id, id_of(1)};
  EXPECT_EQ(codes(repository.judge()), "!magnolia-node-unlisted");
  repository.nodes[root_id].children.push_back({{"", "again"}, id_of(3)});
  EXPECT_EQ(codes(repository.judge()), "");
}

TEST(ContentProof, TellsAnUnreadableBundleAndNothingOfItsNeighbours) {
  Repository repository;
  repository.bytes[id_of(1)] = repository.nodes[id_of(1)].bytes().substr(0, 50);
  const ProofResult result = repository.judge();
  EXPECT_EQ(codes(result), "!magnolia-bundle-unreadable");
  EXPECT_NE(told(result.unreadable_bundles).find("(/home): bundle of node"), std::string::npos)
      << told(result.unreadable_bundles);
}

TEST(ContentProof, RefusesOldFormatsByName) {
  Repository repository;
  repository.bytes[id_of(1)] = "\2 and so on";
  const ProofResult result = repository.judge();
  EXPECT_EQ(codes(result), "!magnolia-bundle-format");
  EXPECT_NE(told(result.old_formats).find("is in format 2"), std::string::npos);
}

TEST(ContentProof, FindsTypesAndNamespacesThatNobodyRegistered) {
  Repository repository;
  repository.nodes[id_of(2)].mixins = {{"urn:dam", "asset"}, {"", "plain"}};
  const ProofResult result = repository.judge();
  EXPECT_EQ(codes(result), "magnolia-node-type-missing magnolia-namespace-missing");
  EXPECT_EQ(result.missing_types.count(), 2U);
  EXPECT_EQ(
      told(result.missing_uris),
      fmt::format("workspace dam, node {} (/home/asset): namespace urn:dam, used by 1 nodes\n",
                  id_of(2).text()));
}

TEST(ContentProof, FindsAVersionHistoryThatIsLost) {
  Repository repository;
  repository.versions.erase(id_of(101));
  repository.versions[version_storage_id].children.clear();
  const ProofResult result = repository.judge();
  EXPECT_EQ(codes(result), "magnolia-version-history-missing");
  EXPECT_NE(told(result.missing_history).find("(/home/page): version history " + id_of(101).text()),
            std::string::npos);
}

TEST(ContentProof, FindsBinariesOfRepositoriesWithoutADataStore) {
  const std::string name = id_of(2).text() + ".1.2.0";
  Repository repository;
  repository.nodes[id_of(2)].properties = {data_property(name, BinaryPlace::binval)};
  repository.binvals = {name + "   "};  // as Derby's char(64) pads it
  EXPECT_EQ(codes(repository.judge()), "");
  repository.binvals.clear();
  EXPECT_EQ(codes(repository.judge()), "!magnolia-record-missing");
  repository.has_binval_table = false;
  EXPECT_EQ(codes(repository.judge()), "!magnolia-record-unobservable !magnolia-table-missing");
}

TEST(ContentProof, FindsTablesThatAreGoneAndTablesOfNobody) {
  Repository repository;
  repository.has_bundle_table = false;
  ProofResult result = repository.judge();
  EXPECT_EQ(codes(result), "!magnolia-table-missing");
  EXPECT_EQ(told(result.missing_tables),
            "workspace dam, table PM_DAM_BUNDLE is not there\n"
            "workspace version, table VERSION_BUNDLE is not there\n");
  repository = {};
  repository.other_tables = {"pm_lost_bundle", "pm_lost_refs", "a_bundle", "names", "orders"};
  result = repository.judge();
  EXPECT_EQ(codes(result), "!magnolia-workspace-unconfigured");
  EXPECT_EQ(told(result.unknown_workspaces),
            "table public.pm_lost_bundle belongs to no workspace\n");
}

TEST(ContentProof, WarnsOfAWorkspaceWithoutASingleNode) {
  Repository repository;
  repository.versions.clear();
  EXPECT_EQ(codes(repository.judge()), "magnolia-version-history-missing magnolia-workspace-empty");
}

TEST(ContentProof, ABinaryThatNamesNoRecordMakesABundleUnreadable) {
  Repository repository;
  repository.nodes[id_of(2)].properties = {data_property("dataStore:\x1b[2Jx")};
  const ProofResult result = repository.judge();
  EXPECT_EQ(codes(result), "!magnolia-bundle-unreadable");
  EXPECT_EQ(told(result.unreadable_bundles).find('\x1b'), std::string::npos);
}

std::string summary(const ProofResult& result) {
  std::string text;
  for (const WorkspaceContent& workspace : result.workspaces) {
    text += fmt::format("{} {} {} {}\n", workspace.name, workspace.bundles, workspace.references,
                        workspace.digest);
  }
  text += fmt::format("{} {} {}\n", result.binaries, result.records, result.orphans);
  for (const model::Finding& finding : findings_of(result))
    text += finding.code + ": " + finding.seen + "\n";
  return text + told(result.missing_records) + told(result.missing_nodes) +
         told(result.unlisted_nodes) + told(result.missing_types);
}

TEST(ContentProof, IsTheSameInWhateverOrderAndFromHoweverManyThreads) {
  Repository repository;
  repository.records.clear();
  for (std::uint64_t n = 10; n < 6'000; ++n) {
    Node node;
    node.parent = n % 7 == 0 ? id_of(500'000) : id_of(1);
    node.type.local = fmt::format("type-{}", n % 50);
    if (n % 3 == 0) {
      node.properties = {data_property(reference)};
      node.properties[0].name.local = fmt::format("data-{}", n);
    }
    repository.nodes[id_of(n)] = node;
    if (n % 11 != 0) repository.nodes[id_of(1)].children.push_back({{"", "n"}, id_of(n)});
  }
  const std::string once = summary(repository.judge());
  EXPECT_NE(once.find("magnolia-node-unlisted: "), std::string::npos);
  EXPECT_NE(once.find("magnolia-node-missing: "), std::string::npos);
  EXPECT_EQ(summary(repository.judge(1, true)), once);
  EXPECT_EQ(summary(repository.judge(4)), once);
  EXPECT_EQ(summary(repository.judge(3, true)), once);
}

// A workspace `config`: /modules/<n> each with a receiver, as Magnolia has them.
std::string endpoints_of(const std::string& workspace, std::uint64_t modules, bool backwards) {
  Node root;
  root.type = {"internal", "root"};
  root.children = {{{"", "modules"}, id_of(1)}};
  Node all;
  all.parent = root_id;
  std::vector<std::pair<NodeId, Node>> nodes;
  for (std::uint64_t n = 0; n < modules; ++n) {
    Node module;
    module.parent = id_of(1);
    PropertyValue url;
    url.text = "https://ann:s3cret@public.example.org/magnoliaPublic";
    PropertyValue password;
    password.text = "s3cret.example.org";
    PropertyValue number;
    number.number = 25;
    module.properties = {{{"", "url"}, PropertyType::string, false, {url}},
                         {{"", "smtpPassword"}, PropertyType::string, false, {password}},
                         {{"", "smtpPort"}, PropertyType::long_number, false, {number}}};
    all.children.push_back({{"", fmt::format("m{:04}", n)}, id_of(10 + n)});
    nodes.emplace_back(id_of(10 + n), module);
  }
  nodes.emplace_back(root_id, root);
  nodes.emplace_back(id_of(1), all);
  if (backwards) std::reverse(nodes.begin(), nodes.end());
  ContentProof proof;
  proof.add_workspace({workspace, "db", "", "pm_", false});
  {
    const auto sink = proof.rows("db", {"public", "pm_bundle"});
    sink->columns({{"NODE_ID", ""}, {"BUNDLE_DATA", ""}});
    for (const auto& [id, node] : nodes)
      sink->row({key(id), Value::of_bytes(as_bytes(node.bytes()))});
  }
  const ProofResult result = proof.judge(std::nullopt, std::nullopt);
  std::string text;
  for (const EndpointFact& one : result.endpoints.told())
    text += one.where + "=" + one.value + "\n";
  return fmt::format("{}{} more", text, result.endpoints.untold());
}

TEST(ContentProof, ListsTheEndpointsOfWorkspaceConfigWithoutTheirSecrets) {
  EXPECT_EQ(endpoints_of("config", 2, false),
            "config:/modules/m0000/url=https://public.example.org\n"
            "config:/modules/m0001/url=https://public.example.org\n0 more");
  EXPECT_EQ(endpoints_of("website", 2, false), "0 more");
}

TEST(ContentProof, ListsTheSameEndpointsOfManyInWhateverOrder) {
  const std::string once = endpoints_of("config", 1'500, false);
  EXPECT_TRUE(once.ends_with("1400 more")) << once;
  EXPECT_EQ(std::count(once.begin(), once.end(), '\n'), 100);
  EXPECT_EQ(endpoints_of("config", 1'500, true), once);
}

TEST(ContentProof, TellsTheFirstProblemsAndCountsAll) {
  Repository repository;
  for (std::uint64_t n = 10; n < 110; ++n) {
    repository.nodes[id_of(1)].children.push_back({{"", "gone"}, id_of(n)});
  }
  const ProofResult result = repository.judge();
  EXPECT_EQ(result.missing_nodes.count(), 100U);
  EXPECT_EQ(result.missing_nodes.told().size(), problems_told_max);
  EXPECT_NE(findings_of(result)[0].seen.find("; and 95 more"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::profile::magnolia
