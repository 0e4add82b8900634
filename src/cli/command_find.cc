// SPDX-License-Identifier: Apache-2.0
// find: files by name, and what uses a blob, tree or pack.
#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/node_view.h"
#include "cli/snapshot_options.h"
#include "cli/snapshot_view.h"
#include "cli/text.h"
#include "job/find.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "ignore-case", .letter = 'i', .help = "match whatever the case of letters"},
    Option{
        .name = "oldest",
        .letter = 'O',
        .kind = OptionKind::value,
        .value_name = "time",
        .help = "only what was modified then or later: 2012-11-01, also with 22:08:41 behind it"},
    Option{.name = "newest",
           .letter = 'N',
           .kind = OptionKind::value,
           .value_name = "time",
           .help = "only what was modified then or earlier"},
    Option{.name = "snapshot",
           .letter = 's',
           .kind = OptionKind::list,
           .value_name = "id",
           .help = "search this snapshot; \"latest\" is the newest that the filters take"},
    Option{.name = "reverse", .letter = 'R', .help = "the oldest snapshot first"},
    Option{.name = "long", .letter = 'l', .help = "show mode, owner, size and time"},
    Option{.name = "human-readable", .help = "with --long: sizes in KiB, MiB and so on"},
    Option{.name = "blob", .help = "look for files that use the data blobs with these ids"},
    Option{.name = "tree", .help = "look for folders whose trees have these ids"},
    Option{.name = "pack", .help = "look for all that uses the blobs of the packs with these ids"},
    Option{.name = "show-pack-id",
           .help = "with --blob, --tree or --pack: also the packs the blobs are in"},
};

// As a tree has it, without what only a restore needs.
Json match_json(const std::string& path, const format::Node& node) {
  Json json = Json::object();
  const auto set_unless_empty = [&json](std::string_view key, const auto& value) {
    if (value != std::remove_cvref_t<decltype(value)>()) json.set(key, value);
  };
  json.set("path", path);
  json.set("permissions", permissions_text(node.mode));
  json.set("type", format::node_type_name(node.type));
  set_unless_empty("mode", node.mode);
  json.set("mtime", to_rfc3339(node.mtime));
  json.set("atime", to_rfc3339(node.atime));
  json.set("ctime", to_rfc3339(node.ctime));
  json.set("uid", node.uid);
  json.set("gid", node.gid);
  set_unless_empty("user", node.user);
  set_unless_empty("group", node.group);
  set_unless_empty("inode", node.inode);
  set_unless_empty("device_id", node.device_id);
  set_unless_empty("size", node.size_bytes);
  set_unless_empty("links", node.links);
  set_unless_empty("linktarget", node.link_target);
  set_unless_empty("error", node.error);
  return json;
}

std::string_view object_word(const format::BlobHandle& blob) {
  return blob.type == format::BlobType::data ? "blob" : "tree";
}

// Prints as it is found: what is found may be more than memory holds.
class FindView {
 public:
  FindView(Output& output, const Arguments& arguments)
      : output_(output),
        is_long_(arguments.flag("long")),
        is_human_(arguments.flag("human-readable")),
        shows_packs_(arguments.flag("show-pack-id")) {}

  void name(const archive::Snapshot& snapshot, const std::string& path, const format::Node& node) {
    const bool is_other = !last_ || *last_ != snapshot.id;
    if (output_.json()) {
      if (is_other) {
        end_matches();
        write_json(last_ ? ",{\"matches\":[" : "[{\"matches\":[");
      } else {
        write_json(",");
      }
      write_json(match_json(path, node).dump());
    } else {
      if (is_other) {
        if (last_) output_.message("");
        output_.message(fmt::format("Found matching entries in snapshot {} from {}",
                                    snapshot.id.short_hex(), display_local(snapshot.file.time)));
      }
      output_.line(is_long_ ? node_line(path, node, is_human_) : printable(path));
    }
    last_ = snapshot.id;
    ++hits_;
  }

  void blob(const archive::Snapshot& snapshot, const archive::FoundBlob& found,
            const std::optional<format::Id>& pack) {
    if (output_.json()) {
      Json json = Json::object();
      json.set("object_type", object_word(found.blob));
      json.set("id", found.blob.id.hex());
      json.set("path", found.path);
      if (found.parent_tree) json.set("parent_tree", found.parent_tree->hex());
      json.set("snapshot", snapshot.id.hex());
      json.set("time", to_rfc3339(snapshot.file.time));
      if (shows_packs_ && pack) json.set("pack", pack->hex());
      write_json((hits_ == 0 ? "[" : ",") + json.dump());
    } else {
      output_.line(fmt::format("Found {} {}", object_word(found.blob), found.blob.id.hex()));
      if (found.parent_tree) {
        output_.line(fmt::format(" ... in file {}", printable(found.path)));
        output_.line(fmt::format("     (tree {})", found.parent_tree->hex()));
      } else {
        output_.line(fmt::format(" ... path {}", printable(found.path)));
      }
      output_.line(fmt::format(" ... in snapshot {} ({})", snapshot.id.short_hex(),
                               display_local(snapshot.file.time)));
    }
    ++hits_;
  }

  void finish(const job::FindReport& report) {
    if (output_.json()) {
      end_matches();
      const bool is_empty = !last_ && hits_ == 0;
      return write_json(is_empty ? "[]\n" : "]\n");
    }
    for (const job::BlobInPack& blob : report.packs) {
      output_.line(fmt::format("{} {} belongs to pack {}", object_word(blob.blob),
                               blob.blob.id.hex(), blob.pack.hex()));
    }
  }

 private:
  void end_matches() {
    if (!last_) return;
    write_json(fmt::format("],\"hits\":{},\"snapshot\":\"{}\"}}", hits_, last_->hex()));
    hits_ = 0;
  }
  void write_json(std::string_view text) { output_.raw().write(as_bytes(text)); }

  Output& output_;
  const bool is_long_, is_human_, shows_packs_;
  std::optional<format::Id> last_;  // the snapshot that something was found in last, by name
  std::uint64_t hits_ = 0;          // names: in that snapshot
};

job::FindKind kind_of(const Arguments& arguments) {
  const bool blob = arguments.flag("blob"), tree = arguments.flag("tree"),
             pack = arguments.flag("pack");
  if (static_cast<int>(blob) + static_cast<int>(tree) + static_cast<int>(pack) > 1)
    throw Error(Errc::usage, "--blob, --tree and --pack cannot be used together");
  if (blob) return job::FindKind::blobs;
  if (tree) return job::FindKind::trees;
  return pack ? job::FindKind::packs : job::FindKind::names;
}

std::optional<Timestamp> time_of(const Arguments& arguments, std::string_view name) {
  const auto text = arguments.value(name);
  if (!text) return std::nullopt;
  return in_context(fmt::format("reading --{}", name), [&] { return parse_loose_time(*text); });
}

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  invocation.expect_words(1, 1'000'000, "patterns or ids");
  job::FindOptions find;
  find.kind = kind_of(arguments);
  find.words = arguments.words();
  find.ignore_case = arguments.flag("ignore-case");
  find.oldest = time_of(arguments, "oldest");
  find.newest = time_of(arguments, "newest");
  find.snapshots = arguments.list("snapshot");
  find.filter = snapshot_filter(invocation);
  find.oldest_first = arguments.flag("reverse");
  find.with_packs = arguments.flag("show-pack-id");
  FindView view(invocation.output(), arguments);
  TroubleObserver observer(invocation.output());
  const job::FindReport report = job::find_in_snapshots(
      invocation.job(), invocation.repository_access(), find,
      {.name = [&](const auto& snapshot, const std::string& path,
                   const format::Node& node) { view.name(snapshot, path, node); },
       .blob = [&](const auto& snapshot, const archive::FoundBlob& found,
                   const auto& pack) { view.blob(snapshot, found, pack); }},
      observer, invocation.stop());
  view.finish(report);
  if (report.unreadable > 0) {
    throw Error(Errc::incomplete,
                counted(report.unreadable, "folder") + " could not be read and searched");
  }
}

}  // namespace

constinit const Command find_command{
    .name = "find",
    .group = VerbGroup::snapshots,
    .arguments = "[flags] PATTERN|ID...",
    .summary = "Find files in snapshots, or what uses a blob, tree or pack",
    .description =
        "Lists the files and folders of all snapshots, or of those chosen, whose paths match a "
        "pattern, the newest snapshot first. Patterns are those of `restore --include`: a name "
        "such as *.conf matches at any depth, /etc/*.conf in that folder; of a folder that "
        "matches everything is listed.\n\n"
        "With --blob, --tree or --pack the words are ids or the fronts of ids, and what uses these "
        "objects is listed, lost ones too.",
    .options = {options, snapshot_filter_options},
    .run = run,
};

}  // namespace holdfast::cli
