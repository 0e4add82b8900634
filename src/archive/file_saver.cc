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

FileSaver::FileSaver(repo::Repository& repository, repo::BlobWriter& writer, WorkQueue& queue,
                     TreeSaver& trees, SaveReport& report, const ArchiveOptions& options)
    : options_(options),
      writer_(writer),
      queue_(queue),
      trees_(trees),
      report_(report),
      tables_(repository.config().chunker_polynomial) {}

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
  SavedContent content;
  if (!bytes.empty()) {
    const repo::SavedBlob saved = writer_.save(format::BlobType::data, bytes, worker);
    content.ids.push_back(saved.id);
    content.size_bytes = bytes.size();
    if (saved.is_new) {
      content.new_bytes = bytes.size();
      content.stored_bytes = saved.stored_bytes;
    }
    report_.observer().bytes_done += bytes.size();
  }
  complete(work, std::move(content), worker);
}

// Reads on while others store what is cut. `begin` has been read, and lies in the small buffer.
void FileSaver::save_large(std::shared_ptr<Work> work, ByteView begin, Worker& worker) {
  const auto content = std::make_shared<ContentSaver>(
      ContentSaver::Tools{&writer_, &queue_, &tables_, format::restic_chunks},
      [&observer = report_.observer()](std::uint64_t bytes) { observer.bytes_done += bytes; });
  std::span<std::byte> room = content->room(worker);
  if (room.empty()) return;                              // abandoned
  std::memcpy(room.data(), begin.data(), begin.size());  // a block is larger than the small buffer
  content->filled(begin.size());
  for (;;) {
    room = content->room(worker);
    if (room.empty()) return;
    std::size_t step = 0;
    const bool is_read =
        report_.attempt(work->path, [&] { step = read_some(work->file.get(), room, work->path); });
    if (!is_read) {
      report_.observer().item_left(work->item);
      trees_.let_go(work->folder, worker);
      return;
    }
    if (step == 0) break;
    if (work->tee != nullptr) work->tee->write(room.first(step));
    content->filled(step);
  }
  work->file.reset();
  work->tee.reset();
  content->end(worker, [this, work](SavedContent&& saved, Worker& last) {
    complete(*work, std::move(saved), last);
  });
}

void FileSaver::complete(Work& work, SavedContent&& content, Worker& worker) {
  work.tee.reset();
  work.node.size_bytes = content.size_bytes;  // as read, whatever the size was meanwhile
  work.node.content = std::move(content.ids);
  report_.file_read(work.item, work.node, work.previous.get(), content.new_bytes,
                    content.stored_bytes, work.begun);
  work.folder->entries[work.place] = std::make_unique<format::Node>(std::move(work.node));
  trees_.let_go(std::move(work.folder), worker);
}

}  // namespace holdfast::archive
