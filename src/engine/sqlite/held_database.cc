// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/held_database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>
#include <utility>

#include "base/error.h"
#include "engine/sqlite/header.h"
#include "engine/sqlite/locks.h"
#include "engine/sqlite/private_copy.h"
#include "engine/sqlite/reader.h"

namespace holdfast::engine::sqlite {
namespace {

using namespace std::chrono_literals;

constexpr int pages_a_step = 256;  // between looks at the clock and the stop token
constexpr auto pause = 500us;
constexpr int guard_tries = 10;
constexpr auto guard_pause = 200us;
constexpr auto steps_wait_max = 30s;  // for a writer that keeps everybody out of a single database

// Removes what a copy that is not finished has left.
class HalfCopy {
 public:
  explicit HalfCopy(const std::filesystem::path& path) : path_(path) {}
  ~HalfCopy() {
    if (!whole_) ::unlink(path_.c_str());
  }
  HalfCopy(const HalfCopy&) = delete;
  HalfCopy& operator=(const HalfCopy&) = delete;
  void keep() noexcept { whole_ = true; }

 private:
  const std::filesystem::path& path_;
  bool whole_ = false;
};

Connection open_copy(const std::filesystem::path& path) {
  open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0600).close(path.native());
  Connection connection(path, Access::read_write);
  // Nobody else sees the file before it is whole, and a crash throws it away.
  connection.run(
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY");
  return connection;
}

std::optional<std::uint32_t> wal_frame(int shm_fd) {
  std::array<std::byte, 20> front{};
  if (::pread(shm_fd, front.data(), front.size(), 0) != static_cast<ssize_t>(front.size()))
    return std::nullopt;
  std::uint32_t frame =
      0;  // native byte order; sqlite.org/walformat.html section 2.1: mxFrame at 16
  std::memcpy(&frame, front.data() + 16, sizeof frame);
  return frame;
}

}  // namespace

HeldDatabase::HeldDatabase(std::filesystem::path path, std::filesystem::path copy, Cloner clone)
    : path_(std::move(path)), copy_(std::move(copy)), clone_(std::move(clone)) {
  file_ = open_file(path_, O_RDONLY | O_NONBLOCK);
  const std::optional<FileFacts> found = file_facts(path_);
  if (!found || !found->regular) {
    throw Error(Errc::unsupported, fmt::format("{} is no regular file", path_.native()));
  }
  file_facts_ = *found;
  size_bytes_ = found->size_bytes;

  std::array<std::byte, header_bytes> front{};
  const std::size_t count = read_some(file_.get(), front, path_.native());
  const std::optional<Header> header = parse_header(ByteView(front).first(count));
  if (size_bytes_ > 0 && !header) {
    throw Error(Errc::corrupt,
                fmt::format("{} is not an SQLite database, or it is encrypted", path_.native()))
        .set_hint(
            "Check the path; a database encrypted by an extension must be copied by its own "
            "tools.");
  }
  const Siblings siblings = siblings_of(path_);
  wal_ = header && header->wal;
  // A truncated file is refused by name here, not when its copy turns out damaged.
  if (header) {
    Connection look(path_, Access::read_only);
    if (const auto shortfall = find_shortfall(look, path_)) {
      throw Error(Errc::corrupt, fmt::format("{} is truncated: {} of {} bytes", path_.native(),
                                             shortfall->found_bytes, shortfall->expected_bytes));
    }
  }
  can_write_ = may_write(path_) && (!wal_ || may_write(path_.parent_path()));
  tidy_ = siblings.wal_bytes == 0 && !siblings.shm;
  if (wal_ && !can_write_ && !siblings.shm) way_ = Way::closed_wal;
  if (journal_is_hot(path_, file_.get())) {
    way_ = Way::hot_journal;
    wal_ = false;
  }
}

HeldDatabase::~HeldDatabase() {
  end();
  unfence();
  for (const auto& path : {copy_, wal_of(copy_), journal_of(copy_)}) ::unlink(path.c_str());
}

double HeldDatabase::measure_rate(const std::filesystem::path& directory,
                                  const std::stop_token& stop) const {
  return copying_rate(file_.get(), directory, stop);
}

Connection HeldDatabase::open_reader() const {
  // Where we may write we open for writing in WAL mode, so that siblings made by us go with us; but
  // write nothing.
  Connection reader(path_, wal_ && can_write_ ? Access::read_write : Access::read_only);
  reader.run("PRAGMA query_only=ON");
  reader.tidy_on_close(tidy_);
  return reader;
}

bool HeldDatabase::wait_for_shared(SteadyTime deadline, const std::stop_token& stop) const {
  while (!try_lock_shared(file_.get())) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped waiting for {}", path_.native()));
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(pause);
  }
  return true;
}

bool HeldDatabase::fence(SteadyTime deadline, const std::stop_token& stop) {
  check_rule(!fenced_, "a database is fenced once");
  if (way_ == Way::connection && !wal_) {
    // Writing would recover a hot journal in the source: looked for by one who may not.
    Connection look = open_reader();
    look.stop_with(stop);
    look.wait_until(deadline);
    const Begin begun = look.begin_read();
    if (begun == Begin::busy) return false;
    if (begun == Begin::hot_journal) way_ = Way::hot_journal;
  }
  if (way_ == Way::hot_journal) {
    if (!wait_for_shared(deadline, stop)) return false;
    if (still_hot()) return fenced_ = true;
  }
  if (!gate_) {
    gate_.emplace(path_, Access::read_write);
    gate_->tidy_on_close(tidy_);
    gate_->stop_with(stop);
  }
  gate_->wait_until(deadline);
  fenced_ = gate_->begin_immediate() == Begin::done;
  if (!fenced_) gate_.reset();
  return fenced_;
}

void HeldDatabase::unfence() noexcept {
  const std::lock_guard lock(gate_mutex_);
  if (!fenced_) return;
  fenced_ = false;
  if (gate_) gate_->rollback();
  if (begun_) return;
  gate_.reset();
  let_go(file_.get());
}

// Given SHARED: whether the journal is still to be recovered. If not, somebody has done it
// meanwhile, the lock is let go, and from now on this database is like any other.
bool HeldDatabase::still_hot() {
  if (journal_is_hot(path_, file_.get())) return true;
  let_go(file_.get());
  way_ = Way::connection;
  return false;
}

bool HeldDatabase::begin(SteadyTime deadline, const std::stop_token& stop) {
  if (way_ == Way::closed_wal) {
    copy_with_wal(path_, file_.get(), copy_, clone_, stop);
    moment_.position = "closed";
    copied_ = true;
    return true;
  }
  if (way_ == Way::connection) {
    reader_.emplace(open_reader());
    reader_->stop_with(stop);
    reader_->wait_until(deadline);
    const Begin begun = reader_->begin_read();
    if (begun == Begin::done) {
      after_begin();
      return begun_ = true;
    }
    reader_.reset();
    if (begun == Begin::busy) return false;
    way_ = Way::hot_journal;
  }
  if (!fenced_ && !wait_for_shared(deadline, stop)) return false;
  if (!still_hot()) return begin(deadline, stop);
  wal_ = false;
  moment_.position = "before the transaction of a dead writer";
  return begun_ = true;
}

void HeldDatabase::after_begin() {
  wal_ = reader_->text("PRAGMA journal_mode") == "wal";
  size_bytes_ = static_cast<std::uint64_t>(reader_->integer("PRAGMA page_count")) *
                static_cast<std::uint64_t>(reader_->integer("PRAGMA page_size"));
  // SQLite's own lock is the process's and goes if anybody here closes the file; this one stays. It
  // is a second one: if it cannot be had, because somebody waits to commit, the first still keeps
  // him waiting.
  for (int attempt = 0; attempt < guard_tries && !try_lock_shared(file_.get()); ++attempt) {
    std::this_thread::sleep_for(guard_pause);
  }
  if (wal_) guard_log();
  note_position();
}

void HeldDatabase::guard_log() {
  if (!shm_) {
    // Once only: closing another descriptor of it would drop SQLite's own locks.
    std::optional<Fd> shm = try_open_file(shm_of(path_), O_RDONLY);
    if (!shm) return;  // heap memory serves as index: nobody else is here
    shm_ = std::move(*shm);
  }
  lock_like_readers(shm_.get());
}

void HeldDatabase::note_position() {
  moment_.position.clear();
  if (wal_) {
    const std::optional<std::uint32_t> frame = shm_ ? wal_frame(shm_.get()) : std::nullopt;
    if (frame) moment_.position = fmt::format("wal frame {}{}", fenced_ ? "" : "up to ", *frame);
    return;
  }
  std::array<std::byte, header_bytes> front{};
  const std::size_t count = reader_->read_front(front);
  const std::optional<Header> header = parse_header(ByteView(front).first(count));
  if (header) moment_.position = fmt::format("change counter {}", header->change_counter);
}

void HeldDatabase::end() noexcept {
  if (file_) let_go(file_.get());
  if (shm_) let_go(shm_.get());
  reader_.reset();
  const std::lock_guard lock(gate_mutex_);
  begun_ = false;
  if (!fenced_) gate_.reset();
}

bool HeldDatabase::copy_by_clone() {
  if (way_ == Way::hot_journal) {
    // Its bytes are cloned or copied by copy_held(), with the journal.
    return false;
  }
  HalfCopy half(copy_);
  Fd target = open_file(copy_, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (!clone_(file_.get(), target.get())) {
    // The scratch directory may be on another file system; a nameless file beside the database is
    // not. copy_held() copies from it when nobody waits any more.
    std::optional<Fd> near = nameless_file(path_.parent_path());
    if (!near || !clone_(file_.get(), near->get())) return false;
    near_ = std::move(near);
    end();
    return true;
  }
  target.close(copy_.native());
  half.keep();
  copied_ = true;
  end();
  return true;
}

bool HeldDatabase::copy_held(std::optional<SteadyTime> deadline, const std::stop_token& stop) {
  if (copied_) return true;
  if (way_ == Way::hot_journal) {
    const bool whole = copy_with_journal(path_, file_.get(), copy_, clone_, deadline, stop);
    end();
    if (!whole) return false;
    settle_copy(copy_, stop);
    copied_ = true;
    return true;
  }
  if (near_) {
    copy_near_clone(stop);
    return true;
  }
  check_rule(reader_.has_value(), "a state is held before it is copied");
  HalfCopy half(copy_);
  const bool whole = copy_pages(deadline, stop);
  end();
  if (!whole) return false;
  half.keep();
  copied_ = true;
  return true;
}

void HeldDatabase::copy_near_clone(const std::stop_token& stop) {
  HalfCopy half(copy_);
  Fd target = open_file(copy_, O_RDWR | O_CREAT | O_TRUNC, 0600);
  static_cast<void>(copy_bytes(near_->get(), target.get(), path_.native(), std::nullopt, stop));
  target.close(copy_.native());
  half.keep();
  copied_ = true;
  near_.reset();
}

bool HeldDatabase::copy_pages(std::optional<SteadyTime> deadline, const std::stop_token& stop) {
  Connection target = open_copy(copy_);
  PageCopy pages(target, *reader_);
  while (true) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped copying {}", path_.native()));
    const PageCopy::Step step = pages.step(pages_a_step);
    if (step == PageCopy::Step::done) break;
    check_rule(step == PageCopy::Step::more, "a held state is copied without waiting for anybody");
    if (deadline && std::chrono::steady_clock::now() > *deadline) return false;
  }
  pages.finish();
  return true;
}

bool HeldDatabase::copy_in_steps(int tries_max, const std::stop_token& stop) {
  if (way_ != Way::connection) return false;
  HalfCopy half(copy_);
  Connection source = open_reader();
  Connection target = open_copy(copy_);
  PageCopy pages(target, source);
  const SteadyTime give_up = std::chrono::steady_clock::now() + steps_wait_max;
  std::int64_t copied = 0;
  moment_.earliest = system_clock().now();
  for (int tries = 1;;) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped copying {}", path_.native()));
    const PageCopy::Step step = pages.step(pages_a_step);
    if (step == PageCopy::Step::done) break;
    if (step == PageCopy::Step::hot_journal) return false;
    if (step == PageCopy::Step::busy) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(pause);
      continue;
    }
    if (pages.copied() <= copied) {  // somebody wrote, and it began anew
      if (++tries > tries_max) return false;
      moment_.earliest = system_clock().now();
    }
    copied = pages.copied();
  }
  moment_.latest = system_clock().now();
  moment_.position.clear();  // the state is one between, that nobody counted
  pages.finish();
  half.keep();
  copied_ = true;
  return true;
}

}  // namespace holdfast::engine::sqlite
