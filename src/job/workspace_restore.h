// SPDX-License-Identifier: Apache-2.0
// Bringing a single workspace back into an instance that is there: what the profile says belongs to
// it, found in the copy, and the files that it shares with others.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "job/instance_source.h"
#include "job/path_switch.h"
#include "job/restore_plan.h"
#include "model/finding.h"
#include "model/profile.h"

namespace holdfast::job {

// Errc::usage if the copy's profile knows no workspaces or several have the name, not_found naming
// those of the copy.
[[nodiscard]] model::Workspace find_workspace(const model::Manifest& manifest,
                                              const std::string& name);

// Its tables, "[SCHEMA.]TABLE" as the copy has them: whether a server keeps the case of letters is
// its own affair, and some have no schemas. Errc::not_found if the copy has none of them.
[[nodiscard]] std::vector<std::string> workspace_tables(const model::Manifest& manifest,
                                                        const model::Workspace& workspace);

// Where in the source a path is that was copied; empty if it was not.
[[nodiscard]] std::string place_in_copy(const model::Manifest& manifest, const std::string& path);
// Reads small files of the copy, by where they lay; nothing for what is no file there. The source
// outlives it.
[[nodiscard]] std::function<std::optional<std::string>(const std::string& path)> copy_reader(
    const InstanceSource& source);

// The workspace's directory, as a set of files of its own. What was there is kept outside of the
// directory of all workspaces.
[[nodiscard]] FilesTarget workspace_files(const InstanceSource& source,
                                          const model::Workspace& workspace,
                                          const std::filesystem::path& directory,
                                          const std::stop_token& stop);

// The files of a shared directory of the copy that `store` lacks. One that is there, and of another
// size than in the copy, is a finding. Which of them a workspace needs its rows alone would tell:
// all come, and the application's own clean-up removes those that nobody refers to.
[[nodiscard]] std::vector<SharedFile> missing_files(const InstanceSource& source,
                                                    const std::string& copied,
                                                    const std::filesystem::path& store,
                                                    std::vector<model::Finding>& findings,
                                                    const std::stop_token& stop);

// Puts them in their places, read back and durable. Announced is only the name under which one at a
// time is made in the directory that is shared: named by its content, a file that nobody refers to
// harms nobody, and one that is there is never changed.
void put_shared(const InstanceSource& source, const std::vector<SharedFile>& files,
                Changes& changes, model::Observer& observer, const std::stop_token& stop);

}  // namespace holdfast::job
