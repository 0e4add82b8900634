// SPDX-License-Identifier: Apache-2.0
#include "job/instance_sink.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "archive/exclude.h"
#include "archive/file_node.h"
#include "archive/stream_saver.h"
#include "archive/tree_walk.h"
#include "base/c_handle.h"
#include "base/error.h"
#include "base/fd.h"
#include "job/file_listing.h"
#include "job/instance_access.h"
#include "job/scratch.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

// A file that a check asks for whole is no larger.
constexpr std::size_t checked_bytes_max = std::size_t{64} << 20U;

archive::ArchiveOptions archive_options(const model::FilesSettings& settings) {
  archive::ArchiveOptions options;
  for (const std::string& pattern : settings.exclude) options.excludes.add(pattern, false);
  return options;
}

// Paths that are there; those that are not have been accepted by name in preflight.
std::vector<std::string> present(const std::vector<std::string>& paths) {
  std::vector<std::string> found;
  struct ::stat status {};
  std::copy_if(paths.begin(), paths.end(), std::back_inserter(found),
               [&](const std::string& path) { return ::lstat(path.c_str(), &status) == 0; });
  return found;
}

// Paths that were there in preflight and are gone now are not in the copy, and that is said.
void note_absent(const model::FilesSettings& settings, const std::vector<std::string>& found,
                 model::FilesFacts& facts) {
  for (const std::string& path : settings.paths) {
    if (std::find(found.begin(), found.end(), path) == found.end())
      facts.unreadable.push_back(path);
  }
}

void note_paths(const std::vector<std::string>& paths, model::FilesFacts& facts) {
  facts.paths.clear();
  for (const std::string& path : paths) facts.paths.push_back({path, facts.directory + path});
}

}  // namespace

RepositorySink::RepositorySink(const Environment& environment, OpenedRepository& opened,
                               const repo::WriterOptions& writer_options,
                               std::string instance_directory, std::optional<format::Id> parent,
                               bool scrub, model::Observer& observer, std::stop_token stop)
    : repository_(*opened.repository),
      lock_(opened.lock.get()),
      writer_options_(writer_options),
      directory_(std::move(instance_directory)),
      parent_(parent),
      scrub_(scrub),
      observer_(observer),
      clock_(*environment.clock),
      builder_(environment.clock->now()),
      cancel_(std::move(stop), [this] {
        const std::lock_guard guard(mutex_);
        cancelled_ = true;
        if (writer_) writer_->cancel();
      }) {
  start_writer();
}

RepositorySink::~RepositorySink() = default;

void RepositorySink::start_writer() {
  auto writer = std::make_unique<repo::BlobWriter>(repository_, writer_options_, lock_);
  const std::lock_guard guard(mutex_);
  if (cancelled_) throw Error(Errc::cancelled, "interrupted");
  writer_ = std::move(writer);
}

void RepositorySink::flush() {
  writer_->finish();
  const repo::WriterTotals more = writer_->totals();
  totals_.data_blobs += more.data_blobs;
  totals_.tree_blobs += more.tree_blobs;
  totals_.data_bytes += more.data_bytes;
  totals_.tree_bytes += more.tree_bytes;
  totals_.stored_bytes += more.stored_bytes;
  totals_.packs += more.packs;
  totals_.index_files += more.index_files;
  const std::lock_guard guard(mutex_);
  writer_.reset();
}

std::uint64_t RepositorySink::save_part(engine::Hold& hold, std::size_t database,
                                        const model::Part& part, const std::string& place,
                                        std::stop_token stop) {
  archive::PartSaver saver(repository_, *writer_, part.bytes_estimate, observer_);
  hold.copy(database, part, saver, stop);
  const archive::SavedStream stream = saver.join();
  const std::lock_guard guard(mutex_);
  builder_.add_file(directory_ + "/" + place, stream);
  return stream.size_bytes;
}

void RepositorySink::save_files(const model::FilesSettings& settings, bool warm_up,
                                model::FilesFacts& facts, std::stop_token stop) {
  archive::ArchiveOptions options = archive_options(settings);
  if (check() != nullptr)
    options.tee = [this](const std::string& path) { return check()->passing(path); };
  options.force = scrub_;
  if (const auto warm = warm_.find(facts.directory); warm != warm_.end()) {
    options.parent_tree = warm->second;
    options.force = false;  // read just now
  } else if (parent_) {
    const auto before =
        archive::find_node(repository_, *parent_, "/" + directory_ + "/" + facts.directory);
    if (before && before->subtree) options.parent_tree = *before->subtree;
  }
  const std::vector<std::string> paths = present(settings.paths);
  facts.earliest = clock_.now();
  const archive::ArchivedTree saved =
      paths.empty() ? archive::ArchivedTree{}
                    : archive::save_paths(repository_, *writer_, paths, options, observer_, stop);
  facts.latest = clock_.now();
  if (!warm_up) note_absent(settings, paths, facts);
  if (paths.empty()) return;
  // The listing, and a second pass, read the trees that were just saved.
  flush();
  start_writer();
  if (warm_up) {
    warm_[facts.directory] = saved.tree;
    return;
  }
  note_paths(paths, facts);
  facts.unreadable.insert(facts.unreadable.end(), saved.failed.begin(), saved.failed.end());
  counts_ += saved.counts;
  builder_.add_tree(directory_ + "/" + facts.directory, saved.tree);
  saved_[facts.directory] = saved.tree;
  FileListing listing =
      list_files(repository_, saved.tree, stop,
                 [this](const std::string& path, const format::Node& node) { show(path, node); });
  facts.files = listing.files;
  facts.directories = listing.directories;
  facts.bytes = listing.bytes;
  facts.content_sha256 = listing.finish();
}

void RepositorySink::show(const std::string& path, const format::Node& node) const {
  if (check() == nullptr || node.type != format::NodeType::file) return;
  if (!check()->has_file(path, node.size_bytes)) return;
  check()->stored(path, read_all(*archive::open_file(repository_, node), checked_bytes_max));
}

std::unique_ptr<model::PartSource> RepositorySink::parts(const model::DatabaseFacts& facts) {
  const auto saved = saved_.find(facts.directory);
  check_rule(saved != saved_.end(), "the database has trees");
  model::DatabaseFacts here = facts;
  here.directory.clear();  // the tree is that of its directory
  return open_parts(repository_, saved->second, here);
}

void RepositorySink::save_text(const std::string& place, std::string_view text) {
  archive::StreamSaver saver(repository_, *writer_, format::restic_chunks);
  saver.write(as_bytes(text));
  builder_.add_file(directory_ + "/" + place, saver.finish());
}

format::Id RepositorySink::finish() {
  repo::BlobWriter::Worker worker(repository_);
  const format::Id tree = builder_.save(*writer_, worker);
  flush();
  return tree;
}

namespace {

// Segments of a part, written beside each other and joined at the end.
class FilePart final : public model::PartSink {
 public:
  FilePart(fs::path path, model::Observer& observer)
      : path_(std::move(path)), observer_(observer) {}

  class FileSegment final : public Segment {
   public:
    FileSegment(const fs::path& path, model::Observer& observer)
        : path_(path.string()),
          fd_(open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600)),
          observer_(observer) {}
    void write(ByteView bytes) override {
      write_all(fd_.get(), bytes, path_);
      observer_.bytes_done += bytes.size();
    }
    void finish() override {
      fsync_file(fd_.get(), path_);
      fd_.close(path_);
    }

   private:
    std::string path_;
    Fd fd_;
    model::Observer& observer_;
  };

  [[nodiscard]] std::unique_ptr<Segment> segment(std::uint32_t number) override {
    const std::lock_guard guard(mutex_);
    segments_.push_back(number);
    return std::make_unique<FileSegment>(place(number), observer_);
  }

  std::uint64_t join() {
    std::sort(segments_.begin(), segments_.end());
    const Fd whole = open_file(place(0), O_WRONLY | O_APPEND);
    Bytes buffer(1U << 20U);
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      if (segments_[i] != i)
        throw Error(Errc::incomplete,
                    "segment " + std::to_string(i) + " of " + path_.string() + " is missing");
      if (i == 0) continue;
      const Fd more = open_file(place(segments_[i]), O_RDONLY);
      while (const std::size_t count = read_some(more.get(), buffer, path_.string())) {
        write_all(whole.get(), ByteView(buffer).first(count), path_.string());
      }
      if (::unlink(place(segments_[i]).c_str()) != 0)
        throw system_error(errno, "removing " + place(segments_[i]).string());
    }
    fsync_file(whole.get(), path_.string());
    struct ::stat status {};
    if (::fstat(whole.get(), &status) != 0)
      throw system_error(errno, "looking at " + path_.string());
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  [[nodiscard]] fs::path place(std::uint32_t number) const {
    return number == 0 ? path_ : fs::path(path_.string() + "." + std::to_string(number));
  }
  fs::path path_;
  model::Observer& observer_;
  std::mutex mutex_;  // guards segments_
  std::vector<std::uint32_t> segments_;
};

// Copies trees with all metadata, as they are found; what cannot be read is noted.
class TreeCopy {
 public:
  // `check` may be nullptr.
  TreeCopy(const archive::PatternList& excludes, model::CopyCheck* check, model::Observer& observer,
           model::FilesFacts& facts, std::stop_token stop)
      : excludes_(excludes),
        check_(check),
        observer_(observer),
        facts_(facts),
        stop_(std::move(stop)) {}

  // `from` is an absolute path, `to` the place of its copy, whose parent exists.
  void copy(const std::string& from, const fs::path& to) {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    if (excludes_.matches(from)) return;
    try {
      copy_item(from, to);
    } catch (const Error& error) {
      if (error.code() == Errc::no_space || error.code() == Errc::cancelled) throw;
      facts_.unreadable.push_back(from);
      ++observer_.errors;
      observer_.item_failed(from, "export", error.message());
    }
  }

 private:
  void copy_item(const std::string& from, const fs::path& to) {
    const fs::path parent = fs::path(from).parent_path();
    const std::string name = fs::path(from).filename().string();
    const Fd directory = open_file(parent, O_RDONLY | O_DIRECTORY);
    struct ::stat status {};
    if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      throw system_error(errno, "looking at " + from);
    if (S_ISSOCK(status.st_mode)) return;
    format::Node node = archive::make_node(directory.get(), name, status, {}, from);
    node.name = to.filename().string();
    if (S_ISDIR(status.st_mode)) {
      copy_directory(from, to);
      ++facts_.directories;
    } else {
      copy_other(from, to, node, status);
      ++facts_.files;
    }
    const Fd target = open_file(to.parent_path(), O_RDONLY | O_DIRECTORY);
    const std::string withheld =
        archive::apply_metadata(target.get(), node.name, node, to.string());
    if (!withheld.empty()) observer_.warning(withheld);
  }

  void copy_directory(const std::string& from, const fs::path& to) {
    if (::mkdir(to.c_str(), 0700) != 0 && errno != EEXIST)
      throw system_error(errno, "making " + to.string());
    std::vector<std::string> names;
    {
      const CHandle<DIR, ::closedir> listing(::opendir(from.c_str()));
      if (!listing) throw system_error(errno, "reading " + from);
      errno = 0;
      while (const ::dirent* entry = ::readdir(listing.get())) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") names.push_back(name);
      }
      if (errno != 0) throw system_error(errno, "reading " + from);
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) copy((from == "/" ? "" : from) + "/" + name, to / name);
  }

  void copy_other(const std::string& from, const fs::path& to, const format::Node& node,
                  const struct ::stat& status) {
    if (S_ISLNK(status.st_mode)) {
      if (::symlink(node.link_target.c_str(), to.c_str()) != 0)
        throw system_error(errno, "making " + to.string());
    } else if (!S_ISREG(status.st_mode)) {
      if (::mknod(to.c_str(), status.st_mode & (S_IFMT | 0600U), status.st_rdev) != 0)
        throw system_error(errno, "making " + to.string());
    } else if (status.st_nlink > 1 && links_.contains({status.st_dev, status.st_ino})) {
      if (::link(links_[{status.st_dev, status.st_ino}].c_str(), to.c_str()) != 0)
        throw system_error(errno, "linking " + to.string());
      show(from, to, static_cast<std::uint64_t>(status.st_size));
    } else {
      const Fd source = open_file(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      const Fd target = open_file(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
      const std::unique_ptr<ByteSink> shown_to = check_ ? check_->passing(from) : nullptr;
      std::uint64_t size_bytes = 0;
      while (const std::size_t count = read_some(source.get(), buffer_, from)) {
        write_all(target.get(), ByteView(buffer_).first(count), to.string());
        if (shown_to) shown_to->write(ByteView(buffer_).first(count));
        size_bytes += count;
      }
      observer_.bytes_done += size_bytes;
      facts_.bytes += size_bytes;
      fsync_file(target.get(), to.string());
      show(from, to, size_bytes);
      if (status.st_nlink > 1) links_[{status.st_dev, status.st_ino}] = to;
    }
    ++observer_.files_done;
  }

  void show(const std::string& from, const fs::path& to, std::uint64_t size_bytes) {
    if (check_ != nullptr && check_->has_file(from, size_bytes))
      check_->stored(from, as_bytes(read_text_file(to, checked_bytes_max)));
  }

  const archive::PatternList& excludes_;
  model::CopyCheck* check_;
  model::Observer& observer_;
  model::FilesFacts& facts_;
  std::stop_token stop_;
  std::map<std::pair<dev_t, ino_t>, fs::path> links_;
  Bytes buffer_ = Bytes(1U << 20U);
};

}  // namespace

DirectorySink::DirectorySink(const Environment& environment, fs::path directory,
                             model::Observer& observer)
    : directory_(std::move(directory)), observer_(observer), clock_(*environment.clock) {}

std::uint64_t DirectorySink::save_part(engine::Hold& hold, std::size_t database,
                                       const model::Part& part, const std::string& place,
                                       std::stop_token stop) {
  const fs::path path = directory_ / place;
  make_directories(path.parent_path());
  FilePart file(path, observer_);
  hold.copy(database, part, file, stop);
  return file.join();
}

void DirectorySink::save_files(const model::FilesSettings& settings, bool warm_up,
                               model::FilesFacts& facts, std::stop_token stop) {
  if (warm_up) return;
  const archive::ArchiveOptions options = archive_options(settings);
  const std::vector<std::string> paths = present(settings.paths);
  facts.earliest = clock_.now();
  TreeCopy copy(options.excludes, check(), observer_, facts, stop);
  for (const std::string& path : paths) {
    const fs::path to = directory_ / (facts.directory + path);
    make_directories(to.parent_path());
    copy.copy(path, to);
  }
  facts.latest = clock_.now();
  note_absent(settings, paths, facts);
  note_paths(paths, facts);
}

std::unique_ptr<model::PartSource> DirectorySink::parts(const model::DatabaseFacts& facts) {
  return open_parts(directory_, facts);
}

void DirectorySink::save_text(const std::string& place, std::string_view text) {
  make_directories((directory_ / place).parent_path());
  write_file_durably(directory_ / place, as_bytes(text));
}

}  // namespace holdfast::job
