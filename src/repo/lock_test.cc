// SPDX-License-Identifier: Apache-2.0
#include "repo/lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::Id;
using format::LockFile;
using std::chrono::milliseconds;
using storage::FileKind;
using storage::FileRef;

LockOptions quick(bool exclusive = false) {
  LockOptions options;
  options.exclusive = exclusive;
  options.times.unreadable_waits = {milliseconds(1), milliseconds(2)};
  return options;
}

std::string this_host() {
  std::array<char, 256> name{};
  EXPECT_EQ(::gethostname(name.data(), name.size() - 1), 0);
  return name.data();
}

// A lock as another program would write it.
Id plant(const TestRepository& test, const std::function<void(LockFile&)>& change = {}) {
  LockFile lock;
  lock.time = system_clock().now();
  lock.hostname = "elsewhere";
  lock.username = "eve";
  lock.pid = 4711;
  if (change) change(lock);
  return test.repository->save_unpacked(FileKind::lock, format::to_json(lock));
}

bool wait_until(const std::function<bool()>& condition) {
  for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(1));
  return condition();
}

TEST(Lock, IsAFileWhileItIsHeld) {
  const TestRepository test;
  {
    const auto lock = Lock::acquire(*test.repository, quick(true));
    const std::vector<Id> ids = test.repository->list(FileKind::lock);
    ASSERT_EQ(ids.size(), 1U);
    const Bytes json = test.repository->load_unpacked(FileKind::lock, ids[0]);
    const LockFile file = format::parse_lock_file(as_text(json));
    EXPECT_TRUE(file.exclusive);
    EXPECT_EQ(file.pid, ::getpid());
    EXPECT_EQ(file.hostname, this_host());
    EXPECT_EQ(file.uid, ::getuid());
    EXPECT_NO_THROW(lock->check());
  }
  EXPECT_EQ(test.count(FileKind::lock), 0U);
}

TEST(Lock, IsSharedBySharedOnes) {
  const TestRepository test;
  const auto one = Lock::acquire(*test.repository, quick());
  const auto other = Lock::acquire(*test.repository, quick());
  EXPECT_EQ(test.count(FileKind::lock), 2U);
  EXPECT_EQ(code_thrown([&] { static_cast<void>(Lock::acquire(*test.repository, quick(true))); }),
            Errc::locked);
  EXPECT_EQ(test.count(FileKind::lock), 2U);
}

TEST(Lock, NamesTheHolderThatStandsInTheWay) {
  const TestRepository test;
  plant(test, [](LockFile& lock) {
    lock.exclusive = true;
    lock.time.seconds -= 130;
  });
  const std::string message =
      message_thrown([&] { static_cast<void>(Lock::acquire(*test.repository, quick())); });
  EXPECT_NE(message.find("repository is already locked exclusively by PID 4711 on elsewhere by eve "
                         "(created 2m ago)"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("Run `holdfast unlock`"), std::string::npos);
}

TEST(Lock, DoesNotJudgeWhetherAnotherIsStale) {
  const TestRepository test;
  plant(test, [](LockFile& lock) {
    lock.exclusive = true;
    lock.time.seconds -= 100'000;
  });
  EXPECT_EQ(code_thrown([&] { static_cast<void>(Lock::acquire(*test.repository, quick())); }),
            Errc::locked);
}

TEST(Lock, YieldsToOneThatAppearsWhileItIsWritten) {
  const TestRepository test;
  bool is_planted = false;
  test.hooks->on_put = [&](const FileRef& file) {
    if (file.kind != FileKind::lock || is_planted) return;
    is_planted = true;
    plant(test, [](LockFile& lock) { lock.exclusive = true; });
  };
  EXPECT_EQ(code_thrown([&] { static_cast<void>(Lock::acquire(*test.repository, quick())); }),
            Errc::locked);
  EXPECT_TRUE(is_planted);
  EXPECT_EQ(test.count(FileKind::lock), 1U);  // the other one
}

TEST(Lock, LooksAgainAfterItIsWritten) {
  const TestRepository test;
  int puts = 0;
  bool is_planted = false;
  test.hooks->on_put = [&](const FileRef&) { ++puts; };
  test.hooks->on_list = [&](FileKind) {
    if (puts == 0 || is_planted) return;
    is_planted = true;
    plant(test);
  };
  EXPECT_EQ(code_thrown([&] { static_cast<void>(Lock::acquire(*test.repository, quick(true))); }),
            Errc::locked);
  EXPECT_TRUE(is_planted);
}

TEST(Lock, WaitsForTheOtherAsLongAsItIsTold) {
  const TestRepository test;
  const Id other = plant(test, [](LockFile& lock) { lock.exclusive = true; });
  LockOptions options = quick();
  options.retry = milliseconds(40);
  EXPECT_EQ(code_thrown([&] { static_cast<void>(Lock::acquire(*test.repository, options)); }),
            Errc::locked);
  // The other goes while it is waited for: when it has been seen, and before the next look.
  options.retry = milliseconds(2000);
  bool is_seen = false;
  bool is_removed = false;
  test.hooks->on_read = [&](const FileRef& file) { is_seen = file.kind == FileKind::lock; };
  test.hooks->on_list = [&](FileKind) {
    if (!is_seen || is_removed) return;
    is_removed = true;
    test.repository->remove(FileKind::lock, other);
  };
  EXPECT_NO_THROW(static_cast<void>(Lock::acquire(*test.repository, options)));
  EXPECT_TRUE(is_removed);
}

TEST(Lock, StopsWaitingWhenInterrupted) {
  const TestRepository test;
  plant(test, [](LockFile& lock) { lock.exclusive = true; });
  LockOptions options = quick();
  options.retry = std::chrono::minutes(10);
  std::stop_source source;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(10));
    source.request_stop();
  });
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(Lock::acquire(*test.repository, options, source.get_token()));
            }),
            Errc::cancelled);
}

TEST(Lock, IsPatientWithAHalfWrittenLock) {
  const TestRepository test;
  const FileRef file{FileKind::lock, std::string(64, 'a')};
  test.files->put(file, as_bytes("half a lock"));
  int looks = 0;
  test.hooks->on_read = [&](const FileRef& read) {
    if (read == file && ++looks == 3) test.files->remove(file);
  };
  EXPECT_NO_THROW(static_cast<void>(Lock::acquire(*test.repository, quick())));
  EXPECT_GE(looks, 3);
}

TEST(Lock, ReportsOneThatStaysUnreadable) {
  const TestRepository test;
  test.files->put({FileKind::lock, std::string(64, 'a')}, as_bytes("no lock"));
  const auto acquire = [&] { static_cast<void>(Lock::acquire(*test.repository, quick())); };
  EXPECT_EQ(code_thrown(acquire), Errc::locked);
  EXPECT_NE(message_thrown(acquire).find("aaaaaaaa"), std::string::npos);
  EXPECT_NE(message_thrown(acquire).find("--remove-all"), std::string::npos);
}

TEST(Lock, IgnoresEmptyLockFiles) {
  const TestRepository test;
  test.files->put({FileKind::lock, std::string(64, 'a')}, {});
  EXPECT_NO_THROW(static_cast<void>(Lock::acquire(*test.repository, quick(true))));
}

TEST(Lock, IsRefreshedByANewFileBeforeTheOldOneGoes) {
  const TestRepository test;
  std::vector<std::pair<char, std::string>> events;
  std::mutex mutex;
  const auto record = [&](char what) {
    return [&, what](const FileRef& file) {
      const std::lock_guard lock(mutex);
      if (file.kind == FileKind::lock) events.emplace_back(what, file.name);
    };
  };
  test.hooks->on_put = record('+');
  test.hooks->on_remove = record('-');
  LockOptions options = quick();
  options.times.refresh = milliseconds(5);
  {
    const auto lock = Lock::acquire(*test.repository, options);
    EXPECT_TRUE(wait_until([&] {
      const std::lock_guard guard(mutex);
      return events.size() >= 5;
    }));
    EXPECT_NO_THROW(lock->check());
  }
  ASSERT_GE(events.size(), 5U);
  for (std::size_t i = 1; i + 1 < events.size(); i += 2) {
    EXPECT_EQ(events[i].first, '+');
    EXPECT_EQ(events[i + 1].first, '-');
    EXPECT_EQ(events[i + 1].second,
              events[i - 1].first == '+' ? events[i - 1].second : events[i - 2].second);
  }
  EXPECT_EQ(test.count(FileKind::lock), 0U);
}

TEST(Lock, IsLostWhenItsFileIsRemoved) {
  const TestRepository test;
  LockOptions options = quick();
  options.times.refresh = milliseconds(5);
  std::atomic<int> lost{0};
  options.on_lost = [&] { ++lost; };
  const auto lock = Lock::acquire(*test.repository, options);
  EXPECT_TRUE(wait_until([&] {
    test.files->list(FileKind::lock,
                     [&](const storage::FoundFile& found) { test.files->remove(found.file); });
    return lost > 0;
  }));
  EXPECT_EQ(code_thrown([&] { lock->check(); }), Errc::locked);
  EXPECT_EQ(lost, 1);
}

TEST(Lock, IsLostWhenItCannotBeRefreshedInTime) {
  const TestRepository test;
  LockOptions options = quick();
  options.times.refresh = milliseconds(5);
  options.times.lost_after = milliseconds(60);
  std::atomic<int> lost{0};
  options.on_lost = [&] { ++lost; };
  std::atomic<int> puts{0};
  test.hooks->on_put = [&](const FileRef&) {
    if (++puts > 1) throw Error(Errc::unavailable, "no answer");
  };
  const auto lock = Lock::acquire(*test.repository, options);
  EXPECT_TRUE(wait_until([&] { return lost > 0; }));
  EXPECT_EQ(code_thrown([&] { lock->check(); }), Errc::locked);
}

TEST(Lock, SurvivesARefreshThatFailsOnce) {
  const TestRepository test;
  LockOptions options = quick();
  options.times.refresh = milliseconds(5);
  std::atomic<int> puts{0};
  test.hooks->on_put = [&](const FileRef&) {
    if (++puts == 2) throw Error(Errc::unavailable, "no answer");
  };
  const auto lock = Lock::acquire(*test.repository, options);
  EXPECT_TRUE(wait_until([&] { return puts >= 5; }));
  EXPECT_NO_THROW(lock->check());
}

TEST(Lock, AsksTheRepositoryWhenItHasNotBeenRefreshedForLong) {
  const TestRepository test;
  LockOptions options = quick();
  options.times.lost_after = milliseconds(0);  // as if the machine had slept
  const auto lock = Lock::acquire(*test.repository, options);
  const std::vector<Id> before = test.repository->list(FileKind::lock);
  // A refresh is made, and at once it is too long ago again.
  EXPECT_EQ(code_thrown([&] { lock->check(); }), Errc::locked);
  EXPECT_NE(test.repository->list(FileKind::lock), before);
}

// What `unlock` of another does once it takes our lock for stale.
void remove_locks(const TestRepository& test) {
  test.files->list(FileKind::lock,
                   [&](const storage::FoundFile& found) { test.files->remove(found.file); });
}

TEST(Lock, IsAsOldAsItsFileSays) {
  const TestRepository test;
  LockOptions options = quick();
  options.times.lost_after = milliseconds(60);
  std::atomic<int> puts{0};
  test.hooks->on_put = [&](const FileRef&) {
    if (++puts > 1) throw Error(Errc::unavailable, "no answer");
    std::this_thread::sleep_for(milliseconds(80));  // storing it takes long, or the machine sleeps
  };
  const auto lock = Lock::acquire(*test.repository, options);
  EXPECT_EQ(code_thrown([&] { lock->check(); }), Errc::locked);
}

TEST(Lock, IsLostWhenItsFileGoesWhileItIsRefreshed) {
  const TestRepository test;
  LockOptions options = quick();
  options.times.refresh = milliseconds(5);
  std::atomic<int> puts{0};
  std::atomic<bool> is_lost{false};
  options.on_lost = [&] { is_lost = true; };
  test.hooks->on_put = [&](const FileRef&) {
    if (++puts == 2) remove_locks(test);
  };
  const auto lock = Lock::acquire(*test.repository, options);
  EXPECT_TRUE(wait_until([&] { return is_lost || puts > 3; }));
  EXPECT_TRUE(is_lost);
  EXPECT_EQ(code_thrown([&] { lock->check(); }), Errc::locked);
  EXPECT_TRUE(wait_until([&] { return test.count(FileKind::lock) == 0; }))
      << "a lock stands there that nobody holds";
}

TEST(Lock, IsNotHeldWhenItsFileGoesWhileItIsTaken) {
  const TestRepository test;
  int puts = 0;
  bool is_removed = false;
  test.hooks->on_put = [&](const FileRef&) { ++puts; };
  test.hooks->on_list = [&](FileKind) {
    if (puts == 0 || is_removed) return;
    is_removed = true;
    remove_locks(test);
  };
  EXPECT_EQ(code_thrown([&] { static_cast<void>(Lock::acquire(*test.repository, quick())); }),
            Errc::locked);
  EXPECT_TRUE(is_removed);
}

TEST(Lock, SeesOneThatIsRefreshedWhileItLooks) {
  const TestRepository test;
  const auto exclusive = [](LockFile& lock) { lock.exclusive = true; };
  plant(test, exclusive);
  int reads = 0;
  // The other refreshes between our listing and our reading, at each of our two looks.
  test.hooks->on_read = [&](const FileRef& file) {
    if (file.kind != FileKind::lock || ++reads > 2) return;
    plant(test, exclusive);
    test.files->remove(file);
  };
  EXPECT_EQ(code_thrown([&] { static_cast<void>(Lock::acquire(*test.repository, quick())); }),
            Errc::locked);
  EXPECT_EQ(test.count(FileKind::lock), 1U);
}

TEST(Lock, IsConfirmedByItsFileAlone) {
  const TestRepository test;
  const auto lock = Lock::acquire(*test.repository, quick());
  EXPECT_NO_THROW(lock->confirm());
  EXPECT_NO_THROW(lock->check());
  remove_locks(test);
  EXPECT_EQ(code_thrown([&] { lock->confirm(); }), Errc::locked);
  EXPECT_EQ(code_thrown([&] { lock->check(); }), Errc::locked);
}

TEST(Lock, AsksTheRepositoryNowAndThenWhenItIsChecked) {
  const TestRepository test;
  std::atomic<int> asked{0};
  test.hooks->on_size = [&](const FileRef& file) {
    if (file.kind == FileKind::lock) ++asked;
  };
  LockOptions options = quick();
  options.times.ask = std::chrono::hours(1);
  const auto seldom = Lock::acquire(*test.repository, options);
  asked = 0;
  for (int i = 0; i < 100; ++i) seldom->check();
  EXPECT_EQ(asked, 1);
  options.times.ask = milliseconds(0);
  const auto often = Lock::acquire(*test.repository, options);
  often->check();
  remove_locks(test);
  EXPECT_EQ(code_thrown([&] { often->check(); }), Errc::locked);
}

TEST(SaveUnderLock, TakesBackWhatWasSavedAfterTheLockWasLost) {
  for (const FileKind kind : {FileKind::index, FileKind::snapshot}) {
    const TestRepository test;
    const auto lock = Lock::acquire(*test.repository, quick());
    // The machine sleeps after the lock was confirmed, and wakes up to store the file.
    test.hooks->on_put = [&](const FileRef&) { remove_locks(test); };
    EXPECT_EQ(
        code_thrown([&] { save_under_lock(*test.repository, lock.get(), kind, "{\"packs\":[]}"); }),
        Errc::locked);
    EXPECT_EQ(test.count(kind), 0U) << file_kind_name(kind);
  }
}

TEST(SaveUnderLock, SavesNothingOnceTheLockIsLost) {
  const TestRepository test;
  const auto lock = Lock::acquire(*test.repository, quick());
  remove_locks(test);
  int puts = 0;
  test.hooks->on_put = [&](const FileRef&) { ++puts; };
  EXPECT_EQ(
      code_thrown([&] { save_under_lock(*test.repository, lock.get(), FileKind::snapshot, "{}"); }),
      Errc::locked);
  EXPECT_EQ(puts, 0);
}

TEST(Unlock, RemovesOldLocksAndThoseOfDeadProcesses) {
  const TestRepository test;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const Id fresh = plant(test);
  const Id alive = plant(test, [](LockFile& lock) {
    lock.hostname = this_host();
    lock.pid = ::getpid();
  });
  const Id without_pid = plant(test, [](LockFile& lock) {
    lock.hostname = this_host();
    lock.pid = 0;
  });
  plant(test, [&](LockFile& lock) {
    lock.hostname = this_host();
    lock.pid = child;
  });
  plant(test, [](LockFile& lock) { lock.time.seconds -= 31 * 60; });
  EXPECT_EQ(unlock(*test.repository, false), 2U);
  std::vector<Id> left{fresh, alive, without_pid};
  std::sort(left.begin(), left.end());
  EXPECT_EQ(test.repository->list(FileKind::lock), left);
}

TEST(Unlock, RemovesEverythingWhenAsked) {
  const TestRepository test;
  plant(test);
  test.files->put({FileKind::lock, std::string(64, 'a')}, as_bytes("no lock"));
  test.files->put({FileKind::lock, std::string(64, 'b')}, {});
  EXPECT_EQ(unlock(*test.repository, false), 0U);
  EXPECT_EQ(unlock(*test.repository, true), 3U);
  EXPECT_EQ(test.count(FileKind::lock), 0U);
}

}  // namespace
}  // namespace holdfast::repo
