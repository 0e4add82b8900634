// SPDX-License-Identifier: Apache-2.0
#include "job/dump.h"

#include <fmt/format.h>

#include <filesystem>

#include "archive/tree_walk.h"
#include "base/error.h"

namespace holdfast::job {

namespace {

constexpr std::size_t copy_bytes = std::size_t{1} << 20U;

void copy_file(repo::Repository& repository, const format::Node& node, ByteSink& sink,
               const std::stop_token& stop) {
  const auto source = archive::open_file(repository, node);
  Bytes buffer;
  buffer.resize(copy_bytes);
  while (const std::size_t count = source->read(buffer)) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while dumping");
    sink.write(ByteView(buffer).first(count));
  }
}

}  // namespace

void dump_path(const Environment& environment, const RepositoryAccess& access,
               const DumpOptions& options, ByteSink& sink, model::Observer& observer,
               std::stop_source& stop) {
  std::string path = ("/" / std::filesystem::path(options.path)).lexically_normal().string();
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  repo::Repository& repository = *opened.repository;
  const archive::FoundSnapshot found =
      archive::find_snapshot(repository, options.snapshot, options.filter);
  repository.load_index(observer);
  const format::Id tree = archive::tree_of(repository, found);
  const auto dump_folder = [&](const format::Id& folder) {
    if (options.refuse_archive) {
      Error error(Errc::usage, "an archive is not written to a terminal");
      error.set_hint("Send the output elsewhere, or name a file with --target.");
      throw error;
    }
    archive::dump_tree(repository, folder, path, options.format, sink, stop.get_token());
  };
  if (path == "/") return dump_folder(tree);
  const auto node = archive::find_node(repository, tree, path);
  if (!node) {
    throw Error(Errc::not_found, fmt::format("path \"{}\" is not in snapshot {}", path,
                                             found.snapshot.id.short_hex()));
  }
  if (node->type == format::NodeType::dir && node->subtree) return dump_folder(*node->subtree);
  if (node->type == format::NodeType::file)
    return copy_file(repository, *node, sink, stop.get_token());
  throw Error(Errc::unsupported, fmt::format("\"{}\" is neither a file nor a folder, but a {}",
                                             path, format::node_type_name(node->type)));
}

}  // namespace holdfast::job
