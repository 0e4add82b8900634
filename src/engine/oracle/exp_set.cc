// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_set.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

// The front of a regular file; nothing for anything else, which might make us wait.
std::optional<Bytes> front_of(const fs::path& file) {
  std::error_code unseen;
  if (!fs::is_regular_file(file, unseen)) return std::nullopt;
  const Fd fd = open_file(file, O_RDONLY);
  Bytes front(exp_front_bytes);
  std::size_t held = 0;
  while (held < front.size()) {
    const std::size_t more = read_some(fd.get(), std::span(front).subspan(held), file.native());
    if (more == 0) break;
    held += more;
  }
  front.resize(held);
  return front;
}

std::optional<ExpHeader> header_of(ByteView front) {
  if (!begins_as_exp(front) || is_in_text_mode(front)) return std::nullopt;
  try {
    return parse_exp_header(front);
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    return std::nullopt;  // it is told of where the file is read
  }
}

}  // namespace

std::optional<ExpSet> find_exp_set(const fs::path& file, std::span<const fs::path> others) {
  const auto front = front_of(file);
  if (!front || !begins_as_exp(*front)) return std::nullopt;
  ExpSet set;
  set.header = header_of(*front);
  const auto& header = set.header;
  std::vector<std::pair<std::uint16_t, fs::path>> found{{header ? header->file_number : 1, file}};
  for (const fs::path& other : others) {
    if (!header || other == file) continue;
    const auto other_front = front_of(other);
    const auto other_header = other_front ? header_of(*other_front) : std::nullopt;
    const bool is_new =
        other_header && other_header->is_of_set_of(*header) &&
        std::ranges::find(found, other_header->file_number,
                          &std::pair<std::uint16_t, fs::path>::first) == found.end();
    if (!is_new) continue;
    found.emplace_back(other_header->file_number, other);
    set.members.push_back(other);
  }
  std::ranges::sort(found);
  for (std::size_t i = 0; i < found.size(); ++i) {
    set.is_complete = set.is_complete && found[i].first == i + 1;
    set.numbers.push_back(found[i].first);
    set.files.push_back(std::move(found[i].second));
  }
  return set;
}

ExpSetSource::ExpSetSource(const std::vector<fs::path>& files, const std::stop_token& stop)
    : files_(files), stop_(stop) {
  open_next();
}

void ExpSetSource::open_next() {
  const bool is_first = next_ == 0;
  const fs::path& path = files_[next_++];
  file_ = open_file(path, O_RDONLY | O_NONBLOCK);
  if (is_first) return;
  const auto front = front_of(path);
  const auto header = front ? header_of(*front) : std::nullopt;
  if (!header)
    throw Error(Errc::corrupt, path.filename().native() + " is no file of an export any more");
  Bytes block(header->block_size_bytes);
  pread_exact(file_.get(), block, 0, path.native());
  if (::lseek(file_.get(), static_cast<off_t>(block.size()), SEEK_SET) < 0)
    throw system_error(errno, "reading " + path.native());
}

std::size_t ExpSetSource::read(std::span<std::byte> into) {
  for (;;) {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "stopped while reading a dump");
    const std::size_t count = read_some(file_.get(), into, files_[next_ - 1].native());
    if (count > 0 || into.empty() || next_ == files_.size()) return count;
    open_next();
  }
}

}  // namespace holdfast::engine::oracle
