// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_uploads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <thread>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20U;

class HeldSink final : public ByteSink {
 public:
  void write(ByteView more) override {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !is_held; });
    if (!says.empty()) throw Error(Errc::no_space, says);
    append(bytes, more);
  }
  void let_go() {
    const std::lock_guard lock(mutex);
    is_held = false;
    changed.notify_all();
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool is_held = false;
  std::string says;
  Bytes bytes;
};

struct Place {
  explicit Place(std::size_t memory_bytes = 4 * mib) : pieces(memory_bytes, directory.path()) {}

  static std::string content(unsigned number, std::size_t size) {
    return std::string(size, static_cast<char>('a' + number % 26));
  }
  // The code of a refusal, or "".
  std::string put(unsigned number, const std::string& text, const std::string& upload = {}) {
    S3Content made(pieces);
    made.write(as_bytes(text));
    Md5 md5;
    md5.update(as_bytes(text));
    const auto refusal = uploads.put_part("n", upload.empty() ? id : upload, number, made,
                                          md5.finish(), text.size());
    return refusal ? refusal->code : "";
  }
  std::string create() {
    const auto refusal = uploads.create("n", id);
    return refusal ? refusal->code : "";
  }
  static S3NamedPart named(unsigned number, const std::string& text) {
    Md5 md5;
    md5.update(as_bytes(text));
    return {number, s3_etag(md5.finish())};
  }
  std::string complete(const std::vector<S3NamedPart>& parts) {
    const auto refusal = uploads.complete("n", id, parts, etag);
    return refusal ? refusal->code : "";
  }
  Errc finish() {
    try {
      received = uploads.finish("n");
    } catch (const Error& error) {
      message = error.what();
      return error.code();
    }
    return Errc::bug;  // none
  }
  [[nodiscard]] std::string taken() const { return std::string(as_text(sink.bytes)); }

  TemporaryDirectory directory{"holdfast-uploads"};
  HeldSink sink;
  S3Pieces pieces;
  S3Uploads uploads{pieces};
  std::string id, etag, message;
  S3Receiver::Received received;
};

TEST(S3Uploads, PutPartsInTheirOrderHoweverTheyCome) {
  for (const auto& order : {std::vector<unsigned>{1, 2, 3}, {3, 2, 1}, {2, 3, 1}, {3, 1, 2}}) {
    Place place;
    place.uploads.expect("n", place.sink);
    EXPECT_EQ(place.create(), "");
    std::vector<S3NamedPart> parts;
    for (const unsigned number : order) {
      EXPECT_EQ(place.put(number, Place::content(number, mib + number)), "");
    }
    std::string expected;
    for (unsigned number = 1; number <= 3; ++number) {
      expected += Place::content(number, mib + number);
      parts.push_back(Place::named(number, Place::content(number, mib + number)));
    }
    EXPECT_EQ(place.complete(parts), "");
    EXPECT_EQ(place.complete(parts), "") << "the same again";
    EXPECT_EQ(place.etag.substr(32), "-3");
    EXPECT_EQ(place.finish(), Errc::bug) << place.message;
    EXPECT_EQ(place.taken(), expected);
    EXPECT_EQ(place.received.size_bytes, expected.size());
    EXPECT_EQ(place.received.parts, 3U);
    EXPECT_FALSE(place.uploads.is_expected("n"));
  }
}

// The MD5 of the parts' MD5s: of "a" and "b" as one byte each.
TEST(S3Uploads, MakeTheTagThatS3Makes) {
  Place place;
  place.uploads.expect("n", place.sink);
  EXPECT_EQ(place.create(), "");
  EXPECT_EQ(place.put(1, "a"), "");
  EXPECT_EQ(place.put(2, "b"), "");
  EXPECT_EQ(place.complete({Place::named(1, "a"), Place::named(2, "b")}), "");
  Md5 md5;
  md5.update(*from_hex("0cc175b9c0f1b6a831c399e269772661"));
  md5.update(*from_hex("92eb5ffee6ae2fec3ad71c777531578f"));
  EXPECT_EQ(place.etag, to_hex(md5.finish()) + "-2");
}

TEST(S3Uploads, KeepOnDiskWhatComesEarlyBeyondTheMemory) {
  Place place(2 * mib);
  place.uploads.expect("n", place.sink);
  EXPECT_EQ(place.create(), "");
  std::string expected;
  std::vector<S3NamedPart> parts;
  for (unsigned number = 10; number >= 1; --number) {
    EXPECT_EQ(place.put(number, Place::content(number, mib + 5)), "");
  }
  for (unsigned number = 1; number <= 10; ++number) {
    expected += Place::content(number, mib + 5);
    parts.push_back(Place::named(number, Place::content(number, mib + 5)));
  }
  EXPECT_EQ(place.complete(parts), "");
  EXPECT_EQ(place.finish(), Errc::bug) << place.message;
  EXPECT_EQ(place.taken(), expected);
  EXPECT_GT(place.received.on_disk_bytes, 7 * mib);
  EXPECT_TRUE(std::filesystem::is_empty(place.directory.path())) << "the file has no name";
}

TEST(S3Uploads, WaitForTheSinkInsteadOfTheDisk) {
  Place place(2 * mib);
  place.sink.is_held = true;
  place.uploads.expect("n", place.sink);
  EXPECT_EQ(place.create(), "");
  EXPECT_EQ(place.put(1, Place::content(1, 2 * mib)), "");
  std::atomic<bool> is_taken = false;
  std::jthread next([&] {
    EXPECT_EQ(place.put(2, Place::content(2, mib)), "");
    is_taken = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(is_taken);
  place.sink.let_go();
  next.join();
  EXPECT_EQ(place.complete({Place::named(1, Place::content(1, 2 * mib)),
                            Place::named(2, Place::content(2, mib))}),
            "");
  EXPECT_EQ(place.finish(), Errc::bug) << place.message;
  EXPECT_EQ(place.received.on_disk_bytes, 0U);
}

TEST(S3Uploads, ReplaceAPartThatWasNotGivenOn) {
  Place place;
  place.uploads.expect("n", place.sink);
  EXPECT_EQ(place.create(), "");
  EXPECT_EQ(place.put(2, "old"), "");
  EXPECT_EQ(place.put(2, "new"), "");
  EXPECT_EQ(place.put(1, "first "), "");
  EXPECT_EQ(place.complete({Place::named(1, "first "), Place::named(2, "old")}), "InvalidPart");
  EXPECT_EQ(place.complete({Place::named(1, "first "), Place::named(2, "new")}), "");
  EXPECT_EQ(place.finish(), Errc::bug) << place.message;
  EXPECT_EQ(place.taken(), "first new");
}

// Waits until the sink has that many bytes.
void await(Place& place, std::size_t size) {
  for (int i = 0; i < 2000; ++i) {
    {
      const std::lock_guard lock(place.sink.mutex);
      if (place.sink.bytes.size() >= size) return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  FAIL() << "the sink did not get it";
}

TEST(S3Uploads, TakeAPartThatWasGivenOnAgainOnlyAsItWas) {
  Place place;
  place.uploads.expect("n", place.sink);
  EXPECT_EQ(place.create(), "");
  EXPECT_EQ(place.put(1, "one"), "");
  await(place, 3);
  EXPECT_EQ(place.put(1, "one"), "");
  EXPECT_EQ(place.put(1, "two"), "OperationAborted");
  EXPECT_EQ(place.put(2, "more"), "NoSuchUpload");
  EXPECT_EQ(place.complete({Place::named(1, "one")}), "NoSuchUpload");
  EXPECT_THROW(place.uploads.raise_failure("n"), Error);
  EXPECT_EQ(place.finish(), Errc::not_consistent);
}

TEST(S3Uploads, FailWhenAPartThatWasGivenOnIsLeftOut) {
  Place place;
  place.uploads.expect("n", place.sink);
  EXPECT_EQ(place.create(), "");
  EXPECT_EQ(place.put(1, "one"), "");
  EXPECT_EQ(place.put(2, "two"), "");
  await(place, 6);
  EXPECT_EQ(place.complete({Place::named(2, "two")}), "InvalidPart");
  EXPECT_EQ(place.finish(), Errc::incomplete);
}

TEST(S3Uploads, LeaveNothingWhenTheyAreAborted) {
  Place place;
  place.uploads.expect("n", place.sink);
  EXPECT_EQ(place.create(), "");
  EXPECT_EQ(place.put(2, "two"), "");
  const std::string first = place.id;
  EXPECT_FALSE(place.uploads.abort("n", place.id));
  EXPECT_TRUE(place.uploads.abort("n", place.id));
  EXPECT_EQ(place.put(1, "one"), "NoSuchUpload");
  // Nothing was given on: another upload may begin.
  EXPECT_EQ(place.create(), "");
  EXPECT_EQ(place.put(1, "one", first), "NoSuchUpload");
  EXPECT_EQ(place.put(1, "one"), "");
  await(place, 3);
  EXPECT_EQ(place.create(), "OperationAborted");
  EXPECT_FALSE(place.uploads.abort("n", place.id));
  EXPECT_EQ(place.create(), "AccessDenied");
  EXPECT_EQ(place.finish(), Errc::incomplete);
  EXPECT_NE(place.message.find("aborted"), std::string::npos);
}

TEST(S3Uploads, TellWhatTheSinkThrew) {
  Place place;
  place.sink.says = "the repository is full";
  place.uploads.expect("n", place.sink);
  EXPECT_EQ(place.create(), "");
  EXPECT_EQ(place.put(1, "one"), "");
  EXPECT_EQ(place.complete({Place::named(1, "one")}), "NoSuchUpload");
  EXPECT_THROW(place.uploads.raise_failure("n"), Error);
  EXPECT_EQ(place.finish(), Errc::no_space);
  EXPECT_EQ(place.message, "the repository is full");
}

TEST(S3Uploads, EndAllWaitsWhenTheyAreClosed) {
  Place place(mib);
  place.sink.is_held = true;
  place.uploads.expect("n", place.sink);
  EXPECT_EQ(place.create(), "");
  EXPECT_EQ(place.put(1, Place::content(1, mib)), "");
  std::jthread waits([&] { EXPECT_THROW(static_cast<void>(place.put(2, "two")), Error); });
  std::jthread completes([&] {
    EXPECT_EQ(place.complete({Place::named(1, Place::content(1, mib))}), "NoSuchUpload");
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  place.pieces.close();
  place.uploads.close();
  waits.join();
  completes.join();
  place.sink.let_go();
  EXPECT_EQ(place.finish(), Errc::cancelled);
}

TEST(S3Uploads, TakeAnObjectInOneGo) {
  Place place;
  place.uploads.expect("n", place.sink);
  Md5 md5;
  md5.update(as_bytes("whole"));
  const Md5Digest digest = md5.finish();
  for (int times = 0; times < 2; ++times) {
    S3Content content(place.pieces);
    content.write(as_bytes("whole"));
    EXPECT_FALSE(place.uploads.put_object("n", content, digest, 5, place.etag));
    EXPECT_EQ(place.etag, to_hex(digest));
  }
  ASSERT_EQ(place.uploads.complete_objects().size(), 1U);
  EXPECT_EQ(place.finish(), Errc::bug);
  EXPECT_EQ(place.taken(), "whole");
}

TEST(S3Uploads, FailWhatWasDeletedAfterwards) {
  Place place;
  place.uploads.expect("n", place.sink);
  place.uploads.remove("n");
  EXPECT_EQ(place.create(), "");
  EXPECT_EQ(place.put(1, "one"), "");
  EXPECT_EQ(place.complete({Place::named(1, "one")}), "");
  place.uploads.remove("n");
  EXPECT_TRUE(place.uploads.complete_objects().empty());
  EXPECT_EQ(place.finish(), Errc::incomplete);
}

TEST(S3Uploads, FailWhatTheServerDidNotComplete) {
  Place place;
  place.uploads.expect("n", place.sink);
  EXPECT_EQ(place.create(), "");
  EXPECT_EQ(place.put(1, "one"), "");
  EXPECT_EQ(place.finish(), Errc::incomplete);
  EXPECT_EQ(place.create(), "AccessDenied");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
