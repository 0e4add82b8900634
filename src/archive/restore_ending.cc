// SPDX-License-Identifier: Apache-2.0
// The second half of a batch, when all content is written: further names of files, reading back,
// and the metadata of directories.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "archive/restore_batch.h"
#include "archive/restore_output.h"
#include "base/error.h"

namespace holdfast::archive {

// Names whose file could not be restored at its first name, because another file stands there and
// is kept: one of each becomes the first. Linked to the other file, it would be that one's content
// under the name of this. Returns their numbers.
std::vector<std::uint32_t> BatchRun::take_over_kept() {
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < batch_.items.size() && !stopped(); ++i) {
    RestoreItem& item = batch_.items[i];
    if (!item.is_link || item.failed || !item.linked->kept_other) continue;
    LinkedFile& file = *item.linked;
    attempt(item, "linking", [&] {
      const bool is_same = holds_content(file, item.node);
      file.kept_other = false;
      if (is_same) return;
      file.directory = item.directory;
      file.name = item.node.name;
      item.is_link = false;
      numbers.push_back(static_cast<std::uint32_t>(i));
    });
  }
  return numbers;
}

// Whether the file that stands there has the node's content, from an earlier run most likely.
bool BatchRun::holds_content(const LinkedFile& file, const format::Node& node) {
  const std::shared_ptr<const Fd> directory = target_.open(*file.directory);
  const Fd fd(::openat(directory->get(), file.name.c_str(), O_RDONLY | existing_flags));
  struct ::stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (static_cast<std::uint64_t>(status.st_size) != node.size_bytes) return false;
  Bytes& buffer = workers_.front()->buffer;
  std::uint64_t offset = 0;
  const std::size_t count = node.content ? node.content->size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const format::Id& id = (*node.content)[i];
    const auto place = repository_.index().find({format::BlobType::data, id});
    if (!place || place->plain_bytes() > node.size_bytes - offset || stopped()) return false;
    buffer.resize(place->plain_bytes());
    if (!target_.read_back(fd, buffer, offset) || format::id_of(buffer) != id) return false;
    offset += buffer.size();
  }
  return offset == node.size_bytes;
}

void BatchRun::link(RestoreItem& item) {
  const LinkedFile& first = *item.linked;
  if (first.failed) {
    throw Error(Errc::incomplete,
                fmt::format("it is a hard link to {}, which could not be restored",
                            RestoreTarget::location_of(*first.directory, first.name)));
  }
  const std::optional<struct ::stat> status = existing(item);
  if (status && !may_overwrite(item.node, *status)) {
    tally_.skipped(location_of(item), 0);
    return;
  }
  tally_.expect(0);
  if (!options_.dry_run) {
    const std::optional<struct ::stat> wanted = target_.status(*first.directory, first.name);
    const bool linked =
        status && wanted && status->st_ino == wanted->st_ino && status->st_dev == wanted->st_dev;
    if (status && !linked) target_.remove(*item.directory, item.node.name);
    const std::shared_ptr<const Fd> from = target_.open(*first.directory);
    const std::shared_ptr<const Fd> to = target_.open(*item.directory);
    if (!linked &&
        ::linkat(from->get(), first.name.c_str(), to->get(), item.node.name.c_str(), 0) != 0) {
      throw system_error(errno, "linking " + path_of(item));
    }
  }
  tally_.done(location_of(item), model::ItemAction::restored, 0);
}

void BatchRun::verify(RestoreItem& item, Worker& worker) {
  const format::Node& node = item.node;
  const std::shared_ptr<const Fd> directory = target_.open(*item.directory);
  const Fd fd = open_at(directory->get(), node.name, O_RDONLY | existing_flags);
  const std::string path = path_of(item);
  struct ::stat status {};
  if (::fstat(fd.get(), &status) != 0) throw system_error(errno, "looking at " + path);
  if (static_cast<std::uint64_t>(status.st_size) != node.size_bytes) {
    throw Error(Errc::differs, fmt::format("{} has {} bytes instead of {}", path, status.st_size,
                                           node.size_bytes));
  }
  std::uint64_t offset = 0;
  const std::size_t count = node.content ? node.content->size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (stopped()) throw Error(Errc::cancelled, "another part of the restore failed");
    const format::Id& id = (*node.content)[i];
    const auto place = repository_.index().find({format::BlobType::data, id});
    if (!place) throw Error(Errc::corrupt, fmt::format("blob {} is not in the index", id.hex()));
    worker.buffer.resize(place->plain_bytes());
    if (!target_.read_back(fd, worker.buffer, offset)) {
      throw Error(Errc::io, fmt::format("{} cannot be read back from byte {} on", path, offset));
    }
    if (format::id_of(worker.buffer) != id) {
      throw Error(Errc::differs,
                  fmt::format("{} differs from the snapshot at byte {}", path, offset));
    }
    offset += worker.buffer.size();
  }
}

void BatchRun::finish_directories() {
  for (const LeftDirectory& left : batch_.left) {
    const std::string location = RestoreTarget::location_of(*left.directory, {});
    try {
      if (!options_.dry_run) {
        tally_.noted(restore_metadata(target_, options_, *left.directory->parent,
                                      left.directory->name, left.node));
      }
      tally_.done(location, model::ItemAction::restored, 0, true);
    } catch (const Error& error) {
      tally_.failed(location, "restoring metadata of", error);
    }
  }
}

}  // namespace holdfast::archive
