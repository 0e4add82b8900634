// SPDX-License-Identifier: Apache-2.0
// Rows of a table that become files, and files that become rows: records of a data store, entries
// of a file system that is kept in a database (class DbFileSystem).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "model/value.h"

namespace holdfast::profile::magnolia {

// A directory that is there or is made, and a path below it, on which no link is followed. What is
// made has owner and mode of the directory that it is made in.
struct FilesPlace {
  std::string directory, below;
};

// Reads the records of a FileDataStore, gives a row of a DATASTORE table for each and removes the
// file when its row was given; what is no record stays. No directory: no records. Holds one record
// in memory. Errc::corrupt for one whose content is not what its name says; Errc::unsupported for
// one that no column takes (1,000,000,000 bytes).
void move_records_to_rows(const std::string& directory, model::RowSink& into);

// Takes the rows of a DATASTORE table and writes a file for each record; uploads that were under
// way ("TEMP_…") are left out. Errc::corrupt for a record whose content is not what its name says.
[[nodiscard]] std::unique_ptr<model::RowSink> write_records(FilesPlace place);

// Takes the rows of an FSENTRY table and makes the directories and files that they are.
// Errc::corrupt for names that lead elsewhere.
[[nodiscard]] std::unique_ptr<model::RowSink> write_entries(FilesPlace place);

// Whether a row of a DATASTORE table is of an upload that was under way.
[[nodiscard]] bool is_upload(const model::Value& id) noexcept;

}  // namespace holdfast::profile::magnolia
