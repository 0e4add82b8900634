// SPDX-License-Identifier: Apache-2.0
// The check that a copy of a Magnolia instance has to pass: what its rows and files say of each
// other, and whether the small files without which Jackrabbit starts wrongly are there and whole.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/copy_check.h"
#include "model/copy_facts.h"
#include "profile/magnolia/content_proof.h"

namespace holdfast::profile::magnolia {

// Where the parts of one repository lie. Paths are absolute, as the copy has them.
struct CheckPlan {
  struct Workspace {
    WorkspaceTables tables;     // no component: it was never opened, and has no database yet
    std::string workspace_xml;  // empty for the version store, which has none
  };
  std::vector<Workspace> workspaces;
  // Of other repositories in the same databases: nothing of theirs is judged here.
  std::vector<WorkspaceTables> other_workspaces;

  std::vector<std::string> file_stores;  // directories of FileDataStores
  std::vector<StoreTable> database_stores;
  std::string store_elsewhere;  // why some data store is not in the copy ("S3"); else empty

  // What the repository's file system has at namespaces/ and nodetypes/: either files below
  // `repository_directory`, or rows of an FSENTRY table (class DbFileSystem).
  std::string repository_directory;
  struct FileTable {
    std::string component;
    std::string schema;  // empty: whichever there is
    std::string prefix;
  };
  std::optional<FileTable> file_table;

  // Databases that are files of the application: their rows are read only where a Java runtime is.
  std::set<std::string> embedded_components;

  // Databases whose rows are not read, as no program is there that could: nothing can be proved of
  // them, and that is a finding.
  std::set<std::string> unread_components;
};

class MagnoliaCheck final : public model::CopyCheck, public model::CopyFacts {
 public:
  explicit MagnoliaCheck(CheckPlan plan);

  [[nodiscard]] std::unique_ptr<model::RowSink> rows(std::string_view component,
                                                     const model::TableName& table) override;
  [[nodiscard]] std::unique_ptr<ByteSink> passing(const std::string& path) override;
  [[nodiscard]] bool has_file(const std::string& path, std::uint64_t size_bytes) override;
  void stored(const std::string& path, ByteView content) override;
  // The findings; what was counted is then in result().
  [[nodiscard]] std::vector<model::Finding> findings() override;

  // With the endpoints that stand in workspace `config`.
  [[nodiscard]] Json facts(Json of_plan) const override;

  // Of the last findings().
  [[nodiscard]] const ProofResult& result() const noexcept { return result_; }

 private:
  class FileRows;
  [[nodiscard]] std::optional<RecordId> record_of(std::string_view path) const;
  // The small file that `path` is, by a name below the repository's directory; empty: none.
  [[nodiscard]] std::string small_file(const std::string& path) const;
  void judge_small_files(std::vector<model::Finding>& findings,
                         std::optional<Namespaces>& namespaces, std::optional<NodeTypes>& types);
  void judge_workspaces(std::vector<model::Finding>& findings);

  CheckPlan plan_;
  ContentProof proof_;
  ProofResult result_;
  std::mutex mutex_;
  std::set<std::string, std::less<>> components_seen_;
  std::map<std::string, std::string, std::less<>> small_files_;  // content, by small_file()
};

}  // namespace holdfast::profile::magnolia
