// SPDX-License-Identifier: Apache-2.0
// Options that several verbs share: which snapshots are meant, which files are left out or taken,
// and the texts behind them.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "job/files_restore.h"

namespace holdfast::cli {

class Invocation;

// --host, --tag and --path: the snapshots that are meant (with --latest: among which the newest
// is).
inline constexpr std::array snapshot_filter_options{
    Option{.name = "host",
           .letter = 'H',
           .kind = OptionKind::list,
           .value_name = "host",
           .help = "only snapshots of this host; \"\" for any host",
           .variable = "HOST"},
    Option{.name = "tag",
           .kind = OptionKind::list,
           .value_name = "tag[,tag...]",
           .help = "only snapshots that have all of these tags"},
    Option{.name = "path",
           .kind = OptionKind::list,
           .value_name = "path",
           .help = "only snapshots of this absolute path",
           .values = "FILE"},
};
// The same where -H means something else.
inline constexpr std::array snapshot_filter_options_without_letter{
    Option{.name = "host",
           .kind = OptionKind::list,
           .value_name = "host",
           .help = "only snapshots of this host; \"\" for any host",
           .variable = "HOST"},
    snapshot_filter_options[1],
    snapshot_filter_options[2],
};
[[nodiscard]] archive::SnapshotFilter snapshot_filter(const Arguments& arguments);
// With -I and without --path only snapshots of that instance are meant, with `proofs` those of its
// drills too.
[[nodiscard]] archive::SnapshotFilter snapshot_filter(Invocation& invocation, bool proofs = false);

// --exclude and its like.
inline constexpr std::array exclude_options{
    Option{.name = "exclude",
           .letter = 'e',
           .kind = OptionKind::list,
           .value_name = "pattern",
           .help = "leave out what matches"},
    Option{.name = "iexclude",
           .kind = OptionKind::list,
           .value_name = "pattern",
           .help = "the same, whatever the case of letters"},
    Option{.name = "exclude-file",
           .kind = OptionKind::list,
           .value_name = "file",
           .help = "read such patterns from a file"},
    Option{.name = "iexclude-file",
           .kind = OptionKind::list,
           .value_name = "file",
           .help = "the same, whatever the case of letters"},
};
inline constexpr std::array include_options{
    Option{.name = "include",
           .letter = 'i',
           .kind = OptionKind::list,
           .value_name = "pattern",
           .help = "take only what matches"},
    Option{.name = "iinclude",
           .kind = OptionKind::list,
           .value_name = "pattern",
           .help = "the same, whatever the case of letters"},
    Option{.name = "include-file",
           .kind = OptionKind::list,
           .value_name = "file",
           .help = "read such patterns from a file"},
    Option{.name = "iinclude-file",
           .kind = OptionKind::list,
           .value_name = "file",
           .help = "the same, whatever the case of letters"},
};
// The patterns of the tables above; `word` is "exclude" or "include". Errc::usage naming option and
// pattern.
[[nodiscard]] archive::PatternList path_patterns(const Arguments& arguments, std::string_view word);

// The text of a file people wrote, decoded. Errors say what it was read for: "reading
// --exclude-file".
[[nodiscard]] std::string read_user_file(const std::string& path, std::string_view what_for);

// "a,b" and "c" → {"a", "b", "c"}; empty ones are left out.
[[nodiscard]] std::vector<std::string> flat_tags(const std::vector<std::string>& lists);

// "2012-11-01 22:08:41" in this host's zone. Errc::usage for anything else.
[[nodiscard]] Timestamp parse_local_time(std::string_view text);
// The same, or less and more of it: "2012-11-01" or "01.11.2012" is the begin of that day, " 22:08"
// and " 22:08:41" may follow, then " +0100" or " UTC". Errc::usage for anything else.
[[nodiscard]] Timestamp parse_loose_time(std::string_view text);

}  // namespace holdfast::cli
