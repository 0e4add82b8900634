// SPDX-License-Identifier: Apache-2.0
#include "job/instance_sink.h"

#include <fmt/format.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

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

// What cannot be read back must never become a snapshot.
std::string manifest_text(const model::Manifest& manifest) {
  std::string text = model::to_json(manifest).dump_indented() + "\n";
  if (text.size() > manifest_bytes_max) {
    throw Error(Errc::unsupported, "the manifest would have " + std::to_string(text.size() >> 20U) +
                                       " MiB, and could not be read back")
        .set_hint(
            "Divide the instance: its databases have too many objects, or its files too "
            "many that are unreadable.");
  }
  static_cast<void>(model::parse_manifest(text));
  return text;
}

void note_paths(const std::vector<std::string>& paths, model::FilesFacts& facts) {
  facts.paths.clear();
  for (const std::string& path : paths) facts.paths.push_back({path, facts.directory + path});
}

}  // namespace

void InstanceSink::save_manifest(model::Manifest& manifest) {
  save_text("holdfast.json", manifest_text(manifest));
}

// What one destination has of the instance.
struct RepositorySink::Side {
  Side(Place&& of, const Timestamp& time, std::mutex& mutex)
      : place(std::move(of)), builder(time), cancel(place.stop, [this, &mutex] {
          const std::lock_guard guard(mutex);
          is_cancelled = true;
          if (writer) writer->cancel();
        }) {}

  const Place place;
  archive::TreeBuilder builder;
  std::unique_ptr<repo::BlobWriter> writer;
  bool is_cancelled = false;  // guarded by mutex_
  repo::WriterTotals totals;
  archive::ArchiveCounts counts;
  std::map<std::string, format::Id> warm;       // trees of the warm-up, by place
  std::map<std::string, format::Id> saved;      // and of the real pass
  std::map<std::string, std::string> listings;  // hashes of those
  std::optional<format::Id> root;
  std::stop_callback<std::function<void()>> cancel;  // last: it uses the others
};

RepositorySink::RepositorySink(const Environment& environment, archive::Destinations& destinations,
                               std::vector<Place> places, std::string instance_directory,
                               bool scrub, model::Observer& observer)
    : destinations_(destinations),
      directory_(std::move(instance_directory)),
      scrub_(scrub),
      observer_(observer),
      clock_(*environment.clock) {
  const Timestamp now = clock_.now();
  for (Place& place : places)
    sides_.push_back(std::make_unique<Side>(std::move(place), now, mutex_));
  start_writers();
}

RepositorySink::~RepositorySink() {
  for (std::size_t i = 0; i < sides_.size(); ++i) destinations_.set_writer(i, nullptr);
}

void RepositorySink::start_writers() {
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    destinations_.attempt(i, [&] {
      Side& side = *sides_[i];
      auto writer = std::make_unique<repo::BlobWriter>(
          destinations_.repository(i), side.place.writer_options, side.place.opened->lock.get());
      const std::lock_guard guard(mutex_);
      if (side.is_cancelled) throw Error(Errc::cancelled, "interrupted");
      side.writer = std::move(writer);
      destinations_.set_writer(i, side.writer.get());
    });
  }
  destinations_.require_open();
}

// The writer of one that has failed stays until the end: to let go of it may take long.
void RepositorySink::flush() {
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    destinations_.attempt(i, [&] {
      Side& side = *sides_[i];
      side.writer->finish();
      const repo::WriterTotals more = side.writer->totals();
      side.totals.data_blobs += more.data_blobs;
      side.totals.tree_blobs += more.tree_blobs;
      side.totals.data_bytes += more.data_bytes;
      side.totals.tree_bytes += more.tree_bytes;
      side.totals.stored_bytes += more.stored_bytes;
      side.totals.packs += more.packs;
      side.totals.index_files += more.index_files;
      destinations_.set_writer(i, nullptr);
      const std::lock_guard guard(mutex_);
      side.writer.reset();
    });
  }
  destinations_.require_open();
}

std::uint64_t RepositorySink::save_part(engine::Hold& hold, std::size_t database,
                                        const model::Part& part, const std::string& place,
                                        std::stop_token stop) {
  archive::PartSaver saver(destinations_, part.bytes_estimate, observer_);
  hold.copy(database, part, saver, stop);
  std::uint64_t size_bytes = 0;
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    destinations_.attempt(i, [&] {
      const archive::SavedStream stream = saver.join(i);
      size_bytes = stream.size_bytes;
      const std::lock_guard guard(mutex_);
      sides_[i]->builder.add_file(directory_ + "/" + place, stream);
    });
  }
  destinations_.require_open();
  return size_bytes;
}

// What each destination has to compare a directory with: what the warm-up has just saved, or the
// last snapshot.
std::vector<std::optional<format::Id>> RepositorySink::parent_trees(const std::string& directory) {
  std::vector<std::optional<format::Id>> trees(sides_.size());
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    const Side& side = *sides_[i];
    if (const auto warm = side.warm.find(directory); warm != side.warm.end()) {
      trees[i] = warm->second;
    } else if (side.place.parent) {
      destinations_.attempt(i, [&] {
        try {
          const auto before = archive::find_node(destinations_.repository(i), *side.place.parent,
                                                 "/" + directory_ + "/" + directory);
          if (before && before->subtree) trees[i] = *before->subtree;
        } catch (const Error& error) {  // costs time only
          if (error.code() != Errc::corrupt && error.code() != Errc::not_found) throw;
          observer_.warning(
              fmt::format("{} of the last snapshot cannot be read, so all of it is read anew: {}",
                          directory, error.message()));
        }
      });
    }
  }
  return trees;
}

void RepositorySink::save_files(const model::FilesSettings& settings, bool warm_up,
                                model::FilesFacts& facts, std::stop_token stop) {
  archive::ArchiveOptions options = archive_options(settings);
  if (check() != nullptr)
    options.tee = [this](const std::string& path) { return check()->passing(path); };
  const bool is_warm = std::any_of(sides_.begin(), sides_.end(), [&](const auto& side) {
    return side->warm.contains(facts.directory);
  });
  options.force = scrub_ && !is_warm;  // those were read just now
  const auto parents = parent_trees(facts.directory);
  const std::vector<std::string> paths = present(settings.paths);
  facts.earliest = clock_.now();
  std::vector<archive::ArchivedTree> saved(sides_.size());
  if (!paths.empty())
    saved = archive::save_paths(destinations_, parents, paths, options, observer_, stop);
  facts.latest = clock_.now();
  if (!warm_up) note_absent(settings, paths, facts);
  if (paths.empty()) return;
  // The listing, and a second pass, read the trees that were just saved.
  flush();
  start_writers();
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    if (!destinations_.is_open(i)) continue;
    Side& side = *sides_[i];
    (warm_up ? side.warm : side.saved)[facts.directory] = saved[i].tree;
    if (warm_up) continue;
    side.counts += saved[i].counts;
    side.builder.add_tree(directory_ + "/" + facts.directory, saved[i].tree);
  }
  if (warm_up) return;
  note_paths(paths, facts);
  const std::vector<std::string>& failed = saved[destinations_.first_open()].failed;
  facts.unreadable.insert(facts.unreadable.end(), failed.begin(), failed.end());
  list_trees(facts, stop);
}

// The trees are the same but for their blobs. A check is shown each node once: where listing one
// destination fails, the next one's goes on from there.
void RepositorySink::list_trees(model::FilesFacts& facts, const std::stop_token& stop) {
  std::uint64_t shown = 0;
  bool is_told = false;
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    destinations_.attempt(i, [&] {
      Side& side = *sides_[i];
      repo::Repository& repository = destinations_.repository(i);
      std::uint64_t at = 0;
      FileListing listing = list_files(repository, side.saved.at(facts.directory), stop,
                                       [&](const std::string& path, const format::Node& node) {
                                         if (at++ < shown) return;
                                         show(repository, path, node);
                                         ++shown;
                                       });
      const std::string hash = listing.finish();
      side.listings[facts.directory] = hash;
      if (std::exchange(is_told, true)) return;
      facts.files = listing.files;
      facts.directories = listing.directories;
      facts.bytes = listing.bytes;
      facts.content_sha256 = hash;
    });
  }
  destinations_.require_open();
}

void RepositorySink::show(repo::Repository& repository, const std::string& path,
                          const format::Node& node) const {
  if (check() == nullptr || node.type != format::NodeType::file) return;
  if (!check()->has_file(path, node.size_bytes)) return;
  check()->stored(path, read_all(*archive::open_file(repository, node), checked_bytes_max));
}

std::unique_ptr<model::PartSource> RepositorySink::parts(const model::DatabaseFacts& facts) {
  destinations_.require_open();
  const std::size_t first = destinations_.first_open();
  const auto saved = sides_[first]->saved.find(facts.directory);
  check_rule(saved != sides_[first]->saved.end(), "the database has trees");
  model::DatabaseFacts here = facts;
  here.directory.clear();  // the tree is that of its directory
  return open_parts(destinations_.repository(first), saved->second, here);
}

bool RepositorySink::reads_elsewhere(const Error& failure) {
  const bool is_of_repository = failure.code() == Errc::corrupt ||
                                failure.code() == Errc::not_found || failure.code() == Errc::io ||
                                failure.code() == Errc::unavailable;
  if (!is_of_repository) return false;
  return destinations_.fail(destinations_.first_open(), failure);
}

void RepositorySink::save_text(const std::string& place, std::string_view text) {
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    destinations_.attempt(i, [&] {
      archive::StreamSaver saver(destinations_.repository(i), *sides_[i]->writer,
                                 format::restic_chunks);
      saver.write(as_bytes(text));
      sides_[i]->builder.add_file(directory_ + "/" + place, saver.finish());
    });
  }
  destinations_.require_open();
}

void RepositorySink::save_manifest(model::Manifest& manifest) {
  for (std::size_t i = sides_.size(); i-- > 0;) {
    destinations_.attempt(i, [&] {
      Side& side = *sides_[i];
      const auto own = [&](const std::string& directory, std::string& hash) {
        const auto listing = side.listings.find(directory);
        if (listing != side.listings.end()) hash = listing->second;
      };
      for (model::FilesFacts& files : manifest.files) own(files.directory, files.content_sha256);
      for (model::DatabaseFacts& database : manifest.databases) {
        for (model::PartFacts& part : database.parts) {
          if (part.is_tree) own(database.directory, part.content_sha256);
        }
      }
      archive::StreamSaver saver(destinations_.repository(i), *side.writer, format::restic_chunks);
      saver.write(as_bytes(manifest_text(manifest)));
      side.builder.add_file(directory_ + "/holdfast.json", saver.finish());
    });
  }
  destinations_.require_open();
}

void RepositorySink::finish() {
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    destinations_.attempt(i, [&] {
      Side& side = *sides_[i];
      repo::BlobWriter::Worker worker(destinations_.repository(i));
      side.root = side.builder.save(*side.writer, worker);
    });
  }
  flush();
}

const format::Id& RepositorySink::root(std::size_t destination) const {
  check_rule(sides_[destination]->root.has_value(), "a snapshot has a tree");
  return *sides_[destination]->root;
}

const repo::WriterTotals& RepositorySink::totals(std::size_t destination) const {
  return sides_[destination]->totals;
}

const archive::ArchiveCounts& RepositorySink::counts(std::size_t destination) const {
  return sides_[destination]->counts;
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
