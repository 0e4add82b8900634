// SPDX-License-Identifier: Apache-2.0
// Regular files on their way to blobs: opened, read to the end once, chunked and stored in each
// destination.
// Which files, and whether they must be read at all, is decided before.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archive/content_saver.h"
#include "archive/destinations.h"
#include "archive/save_report.h"
#include "archive/tree_saver.h"
#include "base/fd.h"
#include "base/stream.h"
#include "format/chunker.h"

namespace holdfast::archive {

// Files of one folder that are read by one thread, one after the other.
struct FileBatch {
  struct File {
    std::string name;
    std::size_t place = 0;  // among the folder's entries
    // What the parent snapshot of each destination has of its name, or null; empty: none has any.
    std::vector<std::unique_ptr<format::Node>> previous;
    const Target* target = nullptr;  // if it was given
  };
  std::shared_ptr<SavingFolder> folder;  // waits for each of the files
  std::shared_ptr<const Fd> handle;      // the folder, open
  std::string prefix;                    // the folder's path and a slash
  std::string item_prefix;               // its path in the snapshot and a slash
  std::vector<File> files;
};

class FileSaver {
 public:
  using Worker = WorkQueue::Worker;
  FileSaver(Destinations& destinations, WorkQueue& queue, TreeSaver& trees, SaveReport& report,
            const ArchiveOptions& options);

  // Any number of threads. Ends early if the queue is abandoned.
  void save(FileBatch& batch, Worker& worker);

 private:
  // One file while it is read and stored.
  struct Work {
    std::string path;  // where it lies
    std::string item;  // in the snapshot
    std::shared_ptr<SavingFolder> folder;
    std::size_t place = 0;
    std::vector<std::unique_ptr<format::Node>> previous;
    SaveReport::Instant begun;
    Fd file;
    format::Node node;
    std::unique_ptr<ByteSink> tee;
  };
  // By destination; null where nothing is saved any more.
  using Contents = std::vector<std::shared_ptr<ContentSaver>>;
  void save_one(const FileBatch& batch, FileBatch::File& file, Worker& worker);
  void open(const FileBatch& batch, const FileBatch::File& file, Work& work);
  [[nodiscard]] bool read_small(Work& work, std::size_t& size_bytes);
  void save_small(Work& work, ByteView bytes, Worker& worker);
  void save_large(std::shared_ptr<Work> work, ByteView begin, Worker& worker);
  [[nodiscard]] bool fill(Contents& contents, Work& work, ByteView begin, Worker& worker);
  [[nodiscard]] ContentSaver* first_open(Contents& contents) const;
  void complete(const Work& work, std::size_t destination, format::Node&& node,
                SavedContent&& content, Worker& worker);

  const ArchiveOptions& options_;
  Destinations& destinations_;
  WorkQueue& queue_;
  TreeSaver& trees_;
  SaveReport& report_;
  std::vector<format::ChunkTables> tables_;  // by destination
};

}  // namespace holdfast::archive
