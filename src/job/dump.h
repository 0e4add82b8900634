// SPDX-License-Identifier: Apache-2.0
// dump: one file of a snapshot as it was, or one folder as an archive.
#pragma once

#include <stop_token>
#include <string>

#include "archive/snapshots.h"
#include "archive/tar_zip.h"
#include "base/stream.h"
#include "job/environment.h"

namespace holdfast::job {

struct DumpOptions {
  std::string snapshot;            // "latest", id or prefix, with an optional ":/sub/folder"
  archive::SnapshotFilter filter;  // for "latest"
  std::string path;                // inside the snapshot; "/": all of it
  archive::DumpFormat format = archive::DumpFormat::tar;
  bool refuse_archive = false;  // the sink is a terminal: a folder is then Errc::usage
};

// Errc::not_found naming the path; Errc::unsupported for what is neither file nor folder.
void dump_path(const Environment& environment, const RepositoryAccess& access,
               const DumpOptions& options, ByteSink& sink, model::Observer& observer,
               std::stop_source& stop);

}  // namespace holdfast::job
