// SPDX-License-Identifier: Apache-2.0
#include "archive/file_saver.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast::archive {

namespace {

// A file that fits is one chunk; one byte more tells that it does not.
constexpr std::size_t small_bytes_max = format::restic_chunks.size_bytes_min;

Bytes& small_buffer() {
  static thread_local Bytes buffer(small_bytes_max + 1);
  return buffer;
}

// Opens for reading without a trace where the system allows that, without following a symlink, and
// without waiting for the other end should it be a fifo by now.
Fd open_file_at(int directory_fd, const std::string& name, const std::string& path) {
  constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  int fd = -1;
  do {
    fd = ::openat(directory_fd, name.c_str(), flags | O_NOATIME);
    if (fd < 0 && errno == EPERM) fd = ::openat(directory_fd, name.c_str(), flags);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) throw system_error(errno, fmt::format("opening {}", path));
  return Fd(fd);
}

}  // namespace

FileSaver::FileSaver(Destinations& destinations, WorkQueue& queue, TreeSaver& trees,
                     SaveReport& report, const ArchiveOptions& options)
    : options_(options),
      destinations_(destinations),
      queue_(queue),
      trees_(trees),
      report_(report) {
  for (std::size_t i = 0; i < destinations.size(); ++i)
    tables_.emplace_back(destinations.repository(i).config().chunker_polynomial);
}

void FileSaver::save(FileBatch& batch, Worker& worker) {
  for (FileBatch::File& file : batch.files) {
    if (queue_.is_abandoned()) return;
    save_one(batch, file, worker);
  }
}

void FileSaver::save_one(const FileBatch& batch, FileBatch::File& file, Worker& worker) {
  auto work = std::make_shared<Work>();
  work->path = source_path(batch.prefix, file.name, file.target);
  work->item = batch.item_prefix + file.name;
  work->folder = batch.folder;
  work->place = file.place;
  work->previous = std::move(file.previous);
  work->begun = std::chrono::steady_clock::now();
  report_.observer().item_begun(work->item);

  std::size_t size_bytes = 0;
  bool is_small = false;
  const bool is_read = report_.attempt(work->path, [&] {
    open(batch, file, *work);
    is_small = read_small(*work, size_bytes);
  });
  if (!is_read) {
    report_.observer().item_left(work->item);
    trees_.let_go(batch.folder, worker);
    return;
  }
  if (options_.tee) work->tee = options_.tee(work->path);
  const ByteView bytes = ByteView(small_buffer()).first(size_bytes);
  if (work->tee != nullptr && !bytes.empty()) work->tee->write(bytes);
  if (is_small) {
    save_small(*work, bytes, worker);
  } else {
    save_large(std::move(work), bytes, worker);
  }
}

void FileSaver::open(const FileBatch& batch, const FileBatch::File& file, Work& work) {
  work.file = open_file_at(batch.handle->get(), source_name(file.name, file.target), work.path);
  struct ::stat status {};
  if (::fstat(work.file.get(), &status) != 0) {
    throw system_error(errno, fmt::format("reading {}", work.path));
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(Errc::not_found,
                fmt::format("{} was a file and is something else by now", work.path));
  }
  std::optional<Error> incomplete;
  work.node =
      make_node_of_open(work.file.get(), file.name, status, options_.node, work.path, &incomplete);
  if (incomplete) report_.failed(work.path, *incomplete);
}

// Reads the whole file if it is small, otherwise its begin. True if that was all.
bool FileSaver::read_small(Work& work, std::size_t& size_bytes) {
  Bytes& buffer = small_buffer();
  while (size_bytes < buffer.size()) {
    const std::size_t step =
        read_some(work.file.get(), std::span(buffer).subspan(size_bytes), work.path);
    size_bytes += step;
    // A short read that ends where the file ended when it was opened needs no second one.
    if (step == 0 || (size_bytes == work.node.size_bytes && size_bytes < buffer.size())) {
      return true;
    }
  }
  return false;
}

void FileSaver::save_small(Work& work, ByteView bytes, Worker& worker) {
  work.file.reset();
  work.tee.reset();
  report_.observer().bytes_done += bytes.size();
  std::optional<format::Id> id;  // the same everywhere
  for (std::size_t i = 0; i < destinations_.size(); ++i) {
    SavedContent content;
    const bool is_saved = destinations_.attempt(i, [&] {
      if (bytes.empty()) return;
      if (!id) id = format::id_of(bytes);
      const repo::SavedBlob saved =
          destinations_.writer(i).save(format::BlobType::data, *id, bytes, worker.of(i));
      content.ids.push_back(*id);
      content.size_bytes = bytes.size();
      if (!saved.is_new) return;
      content.new_bytes = bytes.size();
      content.stored_bytes = saved.stored_bytes;
    });
    if (!is_saved) continue;
    const bool is_last = i + 1 == destinations_.size();
    complete(work, i, is_last ? std::move(work.node) : format::Node(work.node), std::move(content),
             worker);
  }
}

// The first that still takes bytes; lets go of those whose destination has failed.
ContentSaver* FileSaver::first_open(Contents& contents) const {
  ContentSaver* first = nullptr;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    if (!destinations_.is_open(i)) contents[i].reset();
    if (first == nullptr) first = contents[i].get();
  }
  return first;
}

namespace {

// False if the queue is abandoned.
bool put(ContentSaver& content, ByteView bytes, WorkQueue::Worker& worker) {
  while (!bytes.empty()) {
    const std::span<std::byte> room = content.room(worker);
    if (room.empty()) return false;
    const std::size_t size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    content.filled(size);
    bytes = bytes.subspan(size);
  }
  return true;
}

}  // namespace

// Reads the file to its end, whose `begin` has been read. Each byte is read once, into a block of
// the first destination, and copied for the others. False if it was left or all was given up.
bool FileSaver::fill(Contents& contents, Work& work, ByteView begin, Worker& worker) {
  for (const auto& content : contents) {
    if (content != nullptr && !put(*content, begin, worker)) return false;
  }
  report_.observer().bytes_done += begin.size();
  for (;;) {
    ContentSaver* const first = first_open(contents);
    if (first == nullptr) return false;
    const std::span<std::byte> room = first->room(worker);
    if (room.empty()) return false;
    std::size_t step = 0;
    const bool is_read =
        report_.attempt(work.path, [&] { step = read_some(work.file.get(), room, work.path); });
    if (!is_read) {
      report_.observer().item_left(work.item);
      trees_.let_go(work.folder, worker);
      return false;
    }
    if (step == 0) return true;
    if (work.tee != nullptr) work.tee->write(room.first(step));
    for (const auto& content : contents) {
      if (content == nullptr || content.get() == first) continue;
      if (!put(*content, room.first(step), worker)) return false;
    }
    first->filled(step);
    report_.observer().bytes_done += step;
  }
}

// Reads on while others store what is cut. `begin` has been read, and lies in the small buffer.
void FileSaver::save_large(std::shared_ptr<Work> work, ByteView begin, Worker& worker) {
  Contents contents(destinations_.size());
  for (std::size_t i = 0; i < contents.size(); ++i) {
    if (!destinations_.is_open(i)) continue;
    contents[i] = std::make_shared<ContentSaver>(
        ContentSaver::Tools{&destinations_, i, &queue_, &tables_[i], format::restic_chunks});
  }
  if (!fill(contents, *work, begin, worker)) return;
  work->file.reset();
  work->tee.reset();
  for (std::size_t i = 0; i < contents.size(); ++i) {
    if (contents[i] == nullptr) continue;
    contents[i]->end(worker, [this, work, i](SavedContent&& saved, Worker& last) {
      complete(*work, i, format::Node(work->node), std::move(saved), last);
    });
  }
}

void FileSaver::complete(const Work& work, std::size_t destination, format::Node&& node,
                         SavedContent&& content, Worker& worker) {
  node.size_bytes = content.size_bytes;  // as read, whatever the size was meanwhile
  node.content = std::move(content.ids);
  const format::Node* const previous =
      work.previous.empty() ? nullptr : work.previous[destination].get();
  report_.file_read(destination, work.item, node, previous, content.new_bytes, content.stored_bytes,
                    work.begun);
  work.folder->sides[destination].entries[work.place] =
      std::make_unique<format::Node>(std::move(node));
  trees_.let_go(work.folder, destination, worker);
}

}  // namespace holdfast::archive
