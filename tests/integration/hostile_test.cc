// SPDX-License-Identifier: Apache-2.0
// Whoever can write to a repository, or made the directory that is imported, decides what its
// manifest says. Nothing it says leads a verb to write, or read, elsewhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "format/snapshot_file.h"
#include "format/tree.h"
#include "harness/listing.h"
#include "harness/program.h"
#include "harness/repository_files.h"
#include "harness/shop.h"
#include "repo/blob_writer.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

struct Edit {
  std::string_view from, to;
};

std::string edited(std::string text, const Edit& edit) {
  const std::size_t at = text.find(edit.from);
  EXPECT_NE(at, std::string::npos) << edit.from << " in " << text;
  return at == std::string::npos ? text : text.replace(at, edit.from.size(), edit.to);
}

// Writes to a repository what Holdfast never would.
class Forger {
 public:
  explicit Forger(Place& place) : repository_(open_repository(place.repository(), place_password)) {
    model::SilentObserver observer;
    repository_->load_index(observer);
  }

  // A snapshot that is the one there is but for an edit of its manifest; its id.
  std::string forge(const Edit& edit) {
    const format::Id id = repository_->list(storage::FileKind::snapshot).at(0);
    format::SnapshotFile snapshot = format::parse_snapshot_file(
        as_text(repository_->load_unpacked(storage::FileKind::snapshot, id)));
    repo::BlobWriter writer(*repository_, {}, nullptr);
    repo::BlobWriter::Worker worker(*repository_);
    std::vector<format::Node> root = load_tree(snapshot.tree);
    std::vector<format::Node> instance = load_tree(*root.at(0).subtree);
    const auto manifest = std::find_if(instance.begin(), instance.end(), [](const auto& node) {
      return node.name == "holdfast.json";
    });
    std::string text;
    for (const format::Id& blob : *manifest->content) {
      text += as_text(load({format::BlobType::data, blob}));
    }
    text = edited(std::move(text), edit);
    manifest->content = {writer.save(format::BlobType::data, as_bytes(text), worker).id};
    manifest->size_bytes = text.size();
    root.at(0).subtree = save_tree(instance, writer, worker);
    snapshot.tree = save_tree(root, writer, worker);
    writer.finish();
    return repository_->save_unpacked(storage::FileKind::snapshot, format::to_json(snapshot)).hex();
  }

 private:
  Bytes load(const format::BlobHandle& blob) {
    repo::Codec codec = repository_->codec();
    return repository_->load_blob(blob, codec);
  }
  std::vector<format::Node> load_tree(const format::Id& tree) {
    return format::parse_tree(load({format::BlobType::tree, tree}));
  }
  static format::Id save_tree(const std::vector<format::Node>& nodes, repo::BlobWriter& writer,
                              repo::BlobWriter::Worker& worker) {
    format::TreeWriter tree;
    for (const format::Node& node : nodes) tree.add(node);
    return writer.save(format::BlobType::tree, tree.finish(), worker).id;
  }

  std::unique_ptr<repo::Repository> repository_;
};

class HostileManifest : public testing::Test {
 protected:
  HostileManifest() {
    shop_.write_instance();
    const Outcome outcome = shop_.back_up();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    edits_ = {{R"("path": "data.db")", R"("path": "../../../../planted")"},
              {R"("path": "data.db")", R"("path": "/planted")"},
              {source_, R"("source": "/srv/../../planted")"},
              {source_, R"("source": "planted")"},
              {R"("place": "files/uploads)", R"("place": "../planted)"},
              {R"("directory": "databases/orders")", R"("directory": "/planted")"}};
  }

  // The verb ends with an error that names the path, and writes nothing.
  void expect_refused(const std::vector<std::string>& words) {
    const Listing before = list_directory(place_ / "targets");
    const Outcome outcome = place_.holdfast(words);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
    EXPECT_TRUE(outcome.says("planted")) << outcome.text();
    EXPECT_TRUE(outcome.says("manifest")) << outcome.text();
    EXPECT_EQ(outcome.errors.find("bug"), std::string::npos) << outcome.text();
    EXPECT_EQ(difference(before, list_directory(place_ / "targets")), "");
    EXPECT_FALSE(fs::exists("/planted"));
  }

  Place place_;
  Shop shop_{place_};
  const std::string source_ = R"("source": ")" + shop_.uploads().string() + '"';
  std::vector<Edit> edits_;
};

TEST_F(HostileManifest, InARepositoryIsRefusedByEveryVerbThatReadsIt) {
  fs::create_directories(place_ / "targets");
  const std::string target = shop_.write_instance_for(place_ / "targets" / "new");
  for (const Edit& edit : edits_) {
    SCOPED_TRACE(edit.to);
    const std::string snapshot = Forger(place_).forge(edit);
    expect_refused({"restore", snapshot, "-I", target});
    expect_refused({"drill", snapshot, "-I", shop_.instance_path()});
    ASSERT_EQ(place_.holdfast({"forget", snapshot}).exit_code, 0);
  }
}

TEST_F(HostileManifest, InAnExportIsRefusedByImport) {
  fs::create_directories(place_ / "targets");
  const std::string target = shop_.write_instance_for(place_ / "targets" / "new");
  const fs::path exported = place_ / "exported";
  const Outcome out =
      place_.holdfast({"export", "-I", shop_.instance_path(), "--target", exported.string()});
  ASSERT_EQ(out.exit_code, 0) << out.text();
  const std::string manifest = read_text(exported / "holdfast.json");
  for (const Edit& edit : edits_) {
    SCOPED_TRACE(edit.to);
    write_text(exported / "holdfast.json", edited(manifest, edit));
    expect_refused({"import", exported.string(), "-I", target});
  }
}

}  // namespace
}  // namespace holdfast::test
