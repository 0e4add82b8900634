// SPDX-License-Identifier: Apache-2.0
// For tests only: an instance of one or two SQLite databases and some files, a local repository for
// it, and the means to falsify what was stored.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "archive/stream_saver.h"
#include "archive/tree_walk.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/sqlite/lite.h"
#include "job/environment.h"
#include "job/instance_access.h"
#include "job/instance_backup.h"
#include "repo/blob_writer.h"

namespace holdfast::job {

// Remembers what it was told.
class TestObserver final : public model::Observer {
 public:
  void phase(std::string_view name) override {
    if (on_phase) on_phase(name);
  }
  void finding(const model::Finding& one) override { findings.push_back(one); }
  void note(std::string_view text) override { notes.emplace_back(text); }
  void warning(std::string_view text) override { warnings.emplace_back(text); }

  [[nodiscard]] bool found(std::string_view code, std::string_view component = {}) const {
    return std::any_of(findings.begin(), findings.end(), [&](const model::Finding& one) {
      return one.code == code && (component.empty() || one.component == component);
    });
  }

  std::function<void(std::string_view)> on_phase;
  std::vector<model::Finding> findings;
  std::vector<std::string> notes, warnings;
};

class InstanceTest : public ::testing::Test {
 protected:
  using Connection = engine::sqlite::Connection;
  static constexpr auto create = engine::sqlite::Access::create;

  InstanceTest() {
    environment_.state_directory = root() / "state";
    environment_.hostname = "testhost";
    environment_.username = "tester";
    access_.location = (root() / "repository").string();
    access_.password = std::make_shared<const Secret>(std::string("test"));
    repo::Repository::InitOptions init;
    init.cost = format::ScryptCost{.n = 2, .r = 1, .p = 1};
    static_cast<void>(
        repo::init(make_location(environment_, access_, {}), *access_.password, init));
    alone_ = access_;
    alone_.no_lock = true;
    make_source();
  }

  [[nodiscard]] std::filesystem::path root() const { return directory_.path(); }
  [[nodiscard]] std::filesystem::path source() const { return root() / "srv"; }

  static void write(const std::filesystem::path& path, std::string_view text) {
    std::filesystem::create_directories(path.parent_path());
    write_file_durably(path, as_bytes(text), 0644);
  }
  [[nodiscard]] static std::string read(const std::filesystem::path& path) {
    return read_text_file(path);
  }

  static void run_sql(const std::filesystem::path& database, const std::string& sql) {
    Connection connection(database, create);
    connection.run(sql);
  }
  [[nodiscard]] static std::string ask(const std::filesystem::path& database,
                                       const std::string& sql) {
    Connection connection(database, engine::sqlite::Access::read_only);
    return connection.text(sql);
  }

  void make_source() {
    std::filesystem::create_directories(source() / "db");
    run_sql(source() / "db/orders.db",
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, day TEXT, total INT);"
            "CREATE INDEX orders_by_day ON orders(day);"
            "CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 100;"
            "CREATE TABLE log(line TEXT);"
            "CREATE TRIGGER note_order AFTER INSERT ON orders BEGIN INSERT INTO log VALUES('order "
            "' || new.id); END;"
            "INSERT INTO orders(day, total) VALUES('2026-11-19', 90), ('2026-11-20', 250), "
            "('2026-11-20', 70);");
    write(source() / "files/a.txt", "alpha");
    write(source() / "files/sub/b.txt", "beta");
    write(source() / "files/sub/c.txt", "gamma");
    std::filesystem::create_symlink("a.txt", source() / "files/link");
    ::chmod((source() / "files/sub/b.txt").c_str(), 0640);
  }

  // "sqlite:<base>/db/orders.db" and "<base>/files".
  [[nodiscard]] model::Instance instance_at(const std::filesystem::path& base) const {
    model::Instance instance;
    instance.name = "shop";
    instance.file = "shop.toml";
    model::DatabaseSettings database;
    database.name = "orders";
    database.engine = "sqlite";
    database.uri = "sqlite:" + (base / "db/orders.db").string();
    instance.databases.push_back(database);
    model::FilesSettings files;
    files.name = "uploads";
    files.paths = {(base / "files").string()};
    instance.files.push_back(files);
    return instance;
  }

  [[nodiscard]] format::Id back_up(const model::Instance& instance) {
    TestObserver observer;
    const InstanceBackupReport report = [&] {
      try {
        return backup_instance(environment_, alone_, instance, {}, observer, stop_);
      } catch (const Error&) {
        for (const model::Finding& one : observer.findings)
          ADD_FAILURE() << one.code << ": " << one.seen;
        throw;
      }
    }();
    EXPECT_TRUE(report.manifest.complete);
    return report.snapshot.value();
  }

  // Changes the entries of one directory of a snapshot ("shop/files/uploads/…") and saves it as a
  // new, latest snapshot.
  using Change = std::function<void(std::vector<format::Node>& nodes)>;
  format::Id falsify(const format::Id& snapshot, std::string_view directory, const Change& change) {
    OpenedRepository opened = open_repository(environment_, alone_, LockMode::shared, stop_);
    repo::Repository& repository = *opened.repository;
    archive::Snapshot found = archive::find_snapshot(repository, snapshot.hex(), {}).snapshot;
    TestObserver observer;
    repository.load_index(observer);
    repo::BlobWriter writer(repository, {}, opened.lock.get());
    found.file.tree = rewrite(repository, writer, found.file.tree, directory, change);
    writer.finish();
    found.file.time.seconds += 60;
    return archive::save_snapshot(repository, nullptr, found.file);
  }

  // A file's content for falsify(): `node` then holds `text`.
  void set_content(format::Node& node, std::string_view text) {
    OpenedRepository opened = open_repository(environment_, alone_, LockMode::shared, stop_);
    repo::BlobWriter writer(*opened.repository, {}, opened.lock.get());
    archive::StreamSaver saver(*opened.repository, writer, format::restic_chunks);
    saver.write(as_bytes(text));
    const archive::SavedStream saved = saver.finish();
    writer.finish();
    node.content = saved.content;
    node.size_bytes = saved.size_bytes;
  }

  [[nodiscard]] static format::Node& named(std::vector<format::Node>& nodes,
                                           std::string_view name) {
    const auto found = std::find_if(nodes.begin(), nodes.end(),
                                    [&](const auto& node) { return node.name == name; });
    if (found == nodes.end()) throw Error(Errc::not_found, std::string(name));
    return *found;
  }

  // The snapshot with another database under the old manifest: a copy of the source's on which
  // `sql` was run.
  format::Id falsify_database(const format::Id& snapshot, const std::string& sql) {
    const std::filesystem::path copy = root() / "falsified.db";
    std::filesystem::copy_file(source() / "db/orders.db", copy,
                               std::filesystem::copy_options::overwrite_existing);
    run_sql(copy, sql);
    const std::string bytes = read(copy);
    format::Node node;
    set_content(node, bytes);
    return falsify(snapshot, "shop/databases/orders", [&](std::vector<format::Node>& nodes) {
      named(nodes, "data.db").content = node.content;
      named(nodes, "data.db").size_bytes = node.size_bytes;
    });
  }

  // Every path below a directory, relative, sorted: what is there, and that nothing else is.
  [[nodiscard]] static std::vector<std::string> listing(const std::filesystem::path& directory) {
    std::vector<std::string> paths;
    for (const auto& item : std::filesystem::recursive_directory_iterator(directory)) {
      paths.push_back(item.path().lexically_relative(directory).string());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  [[nodiscard]] bool journals_are_gone() const {
    std::error_code missing;
    const std::filesystem::path journals = environment_.state_directory / "journals";
    return !std::filesystem::exists(journals, missing) || std::filesystem::is_empty(journals);
  }

  // In memory where there is such a place: what tests store need not outlive a crash.
  TemporaryDirectory directory_{"job-test",
                                std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : ""};
  Environment environment_;
  RepositoryAccess access_;
  RepositoryAccess alone_;  // without locks, which take their time
  std::stop_source stop_;

 private:
  static format::Id rewrite(repo::Repository& repository, repo::BlobWriter& writer,
                            const format::Id& tree, std::string_view directory,
                            const Change& change) {
    repo::BlobWriter::Worker worker(repository);
    std::vector<format::Node> nodes =
        format::parse_tree(repository.load_blob({format::BlobType::tree, tree}, worker.codec));
    if (directory.empty()) {
      change(nodes);
    } else {
      const std::size_t slash = std::min(directory.find('/'), directory.size());
      format::Node& node = named(nodes, directory.substr(0, slash));
      directory.remove_prefix(std::min(slash + 1, directory.size()));
      node.subtree = rewrite(repository, writer, node.subtree.value(), directory, change);
    }
    format::TreeWriter text;
    for (const format::Node& node : nodes) text.add(node);
    return writer.save(format::BlobType::tree, text.finish(), worker).id;
  }
};

// The code of the Error that `body` throws; nothing if it throws none. The message goes to
// `message` if given.
template <typename Body>
std::optional<Errc> error_of(Body body, std::string* message = nullptr) {
  try {
    body();
  } catch (const Error& error) {
    if (message != nullptr) *message = error.message();
    return error.code();
  }
  return std::nullopt;
}

}  // namespace holdfast::job
