// SPDX-License-Identifier: Apache-2.0
#include "job/workspace_restore.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <set>

#include "base/ascii.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "job/target_place.h"
#include "profile/registry.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_bytes_max = std::size_t{16} << 20U;
// aa/bb/cc/<name>
constexpr std::size_t record_depth = 3;

// Directories that are missing, as the one above them is: whoever writes there may write here.
void make_alike(const fs::path& directory) {
  struct ::stat above {};
  if (::stat(directory.c_str(), &above) == 0) return;
  make_alike(directory.parent_path());
  if (::stat(directory.parent_path().c_str(), &above) != 0)
    throw system_error(errno, directory.parent_path().string());
  if (::mkdir(directory.c_str(), above.st_mode & 07777U) != 0 && errno != EEXIST)
    throw system_error(errno, "making " + directory.string());
  static_cast<void>(::chown(directory.c_str(), above.st_uid, above.st_gid) == 0);
  if (::chmod(directory.c_str(), above.st_mode & 07777U) != 0)
    throw system_error(errno, directory.string());
}

fs::path store_of(fs::path record) {
  for (std::size_t i = 0; i <= record_depth; ++i) record = record.parent_path();
  return record;
}

class MissingFiles {
 public:
  MissingFiles(fs::path store, std::vector<model::Finding>& findings, const std::stop_token& stop)
      : store_(std::move(store)), findings_(findings), stop_(stop) {}

  void walk(NodeDirectory& directory, const std::string& place, const fs::path& path,
            std::size_t depth) {
    for (const format::Node& node : directory.entries()) {
      if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
      if (node.type == format::NodeType::dir && depth < record_depth) {
        walk(*directory.open(node), place + "/" + node.name, path / node.name, depth + 1);
      } else if (node.type == format::NodeType::file && depth == record_depth) {
        look(node, place + "/" + node.name, path / node.name);
      }
    }
  }

  std::vector<SharedFile> missing;

 private:
  void look(const format::Node& node, std::string place, fs::path path) {
    struct ::stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
      if (errno != ENOENT && errno != ENOTDIR) throw system_error(errno, path.string());
      missing.push_back({std::move(place), std::move(path), node.size_bytes});
      return;
    }
    const auto size_bytes = static_cast<std::uint64_t>(status.st_size);
    if (S_ISREG(status.st_mode) && size_bytes == node.size_bytes) return;
    findings_.push_back(
        finding_of("workspace-record-differs", model::Severity::blocker, "",
                   fmt::format("{} has {} bytes, the copy's has {}", path.string(), size_bytes,
                               node.size_bytes),
                   "a file that is named by its content is damaged there, and is never overwritten",
                   "Move it away: then the copy's is put there."));
  }

  const fs::path store_;
  std::vector<model::Finding>& findings_;
  const std::stop_token& stop_;
};

}  // namespace

model::Workspace find_workspace(const model::Manifest& manifest, const std::string& name) {
  const model::Profile* const profile = profile::find_profile(manifest.profile);
  const std::vector<model::Workspace> all = profile == nullptr
                                                ? std::vector<model::Workspace>()
                                                : profile->workspaces(manifest.profile_facts);
  if (all.empty()) {
    throw Error(Errc::usage, fmt::format("the copy is of profile \"{}\" and has no workspaces",
                                         manifest.profile))
        .set_hint("Leave --workspace out; choose with --component and --table.");
  }
  const model::Workspace* found = nullptr;
  std::set<std::string> names;
  for (const model::Workspace& one : all) {
    names.insert(one.name);
    if (one.name != name) continue;
    if (found != nullptr) {
      throw Error(Errc::usage, fmt::format("the repositories {} and {} have a workspace \"{}\"",
                                           found->repository, one.repository, name))
          .set_hint("Restore the whole instance.");
    }
    found = &one;
  }
  if (found != nullptr) return *found;
  throw Error(Errc::not_found, fmt::format("the copy has no workspace \"{}\"", name))
      .set_hint(fmt::format("It has: {}.", fmt::join(names, ", ")));
}

std::vector<std::string> workspace_tables(const model::Manifest& manifest,
                                          const model::Workspace& workspace) {
  std::vector<std::string> names;
  for (const model::DatabaseFacts& facts : manifest.databases) {
    if (facts.name != workspace.component) continue;
    for (const model::TableFacts& table : facts.tables) {
      const bool is_its = std::any_of(
          workspace.tables.begin(), workspace.tables.end(), [&](const model::TableName& one) {
            const bool any_schema = one.schema.empty() || table.schema.empty();
            return equal_but_for_case(one.table, table.table) &&
                   (any_schema || one.schema == table.schema);
          });
      if (is_its) names.push_back(model::TableName{table.schema, table.table}.display());
    }
  }
  if (names.empty()) {
    throw Error(Errc::not_found, "the copy has no table of workspace " + workspace.name)
        .set_hint("It was never opened before the copy was made.");
  }
  return names;
}

std::string place_in_copy(const model::Manifest& manifest, const std::string& path) {
  const model::PathFacts* longest = nullptr;
  for (const model::FilesFacts& files : manifest.files) {
    for (const model::PathFacts& one : files.paths) {
      const bool holds = path == one.source || path.starts_with(one.source + "/");
      if (holds && (longest == nullptr || longest->source.size() < one.source.size()))
        longest = &one;
    }
  }
  return longest == nullptr ? "" : longest->place + path.substr(longest->source.size());
}

std::function<std::optional<std::string>(const std::string& path)> copy_reader(
    const InstanceSource& source) {
  return [&source](const std::string& path) -> std::optional<std::string> {
    const std::string place = place_in_copy(source.manifest(), path);
    if (place.empty()) return std::nullopt;
    try {
      const InstanceSource::Place found = source.find(place);
      if (found.node.type != format::NodeType::file) return std::nullopt;
      const auto bytes = found.parent->read(found.node);
      return std::string(as_text(read_all(*bytes, file_bytes_max)));
    } catch (const Error& error) {
      if (error.code() == Errc::not_found) return std::nullopt;
      throw;
    }
  };
}

FilesTarget workspace_files(const InstanceSource& source, const model::Workspace& workspace,
                            const fs::path& directory, const std::stop_token& stop) {
  const std::string place = place_in_copy(source.manifest(), workspace.directory);
  if (place.empty()) {
    throw Error(Errc::corrupt,
                fmt::format("the copy does not hold {}, the directory of workspace {}",
                            workspace.directory, workspace.name));
  }
  FilesTarget files;
  files.facts.name = "workspace " + workspace.name;
  files.facts.paths = {{workspace.directory, place}};
  const InstanceSource::Place found = source.find(place);
  // Beside it the application would take what is kept for one more workspace.
  files.paths = {{place, directory, count_node(*found.parent, found.node, stop),
                  fs::weakly_canonical(directory.parent_path()).parent_path()}};
  return files;
}

std::vector<SharedFile> missing_files(const InstanceSource& source, const std::string& copied,
                                      const fs::path& store, std::vector<model::Finding>& findings,
                                      const std::stop_token& stop) {
  const std::string place = place_in_copy(source.manifest(), copied);
  if (place.empty()) throw Error(Errc::corrupt, "the copy does not hold " + copied);
  const InstanceSource::Place found = source.find(place);
  if (found.node.type != format::NodeType::dir)
    throw Error(Errc::corrupt, "the copy's " + copied + " is no directory");
  MissingFiles missing(store, findings, stop);
  missing.walk(*found.parent->open(found.node), place, store, 0);
  return std::move(missing.missing);
}

void put_shared(const InstanceSource& source, const std::vector<SharedFile>& files,
                Changes& changes, model::Observer& observer, const std::stop_token& stop) {
  fs::path store, fresh;
  for (const SharedFile& file : files) {
    make_alike(file.path.parent_path());
    if (const fs::path its = store_of(file.path); its != store) {
      store = its;
      std::array<std::byte, 6> noise{};
      fill_random(noise);
      // Nobody takes such a name for a record.
      fresh = store / ("tmp-holdfast-" + to_hex(noise));
      changes.announce("remove", "write " + fresh.string(), Json().set("path", fresh.string()));
    }
    if (source.restore(file.place, fresh, true, observer, stop) != 0)
      throw Error(Errc::io, file.path.string() + " could not be restored");
    // As a rename that replaces nothing, which not every file system has.
    if (::link(fresh.c_str(), file.path.c_str()) != 0 || ::unlink(fresh.c_str()) != 0)
      throw system_error(errno, "putting " + file.path.string() + " in its place");
  }
  if (files.empty()) return;
  const Fd directory = open_file(files.front().path.parent_path(), O_RDONLY | O_DIRECTORY);
  if (::syncfs(directory.get()) != 0) throw system_error(errno, "writing records to the disk");
}

}  // namespace holdfast::job
