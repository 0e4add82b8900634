// SPDX-License-Identifier: Apache-2.0
// The receiver of SQL Server's backups against a client of S3 that is not ours: boto3.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/hash.h"
#include "engine/sqlserver/receiver/s3_certificate.h"
#include "tests/contract/engine/receiver_fixture.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20U;
const std::string client =
    std::string(HOLDFAST_SOURCES) + "/tests/contract/engine/sqlserver_receiver_client.py";

bool has_boto3() {
  static const bool found = std::system("python3 -c 'import boto3' 2>/dev/null") == 0;
  return found;
}

class SinkOfTest final : public ByteSink {
 public:
  void write(ByteView more) override {
    if (fails_at != 0 && bytes.size() >= fails_at) throw Error(Errc::no_space, "the disk is full");
    append(bytes, more);
  }
  Bytes bytes;
  std::size_t fails_at = 0;
};

class SourceOfTest final : public model::RandomSource {
 public:
  explicit SourceOfTest(std::string_view content) : content_(content) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return content_.size(); }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    if (fails) throw Error(Errc::corrupt, "a blob is damaged");
    std::memcpy(into.data(), content_.data() + offset_bytes, into.size());
  }
  std::atomic<bool> fails = false;

 private:
  std::string_view content_;
};

class SqlServerReceiver : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_boto3()) GTEST_SKIP() << "python3 has no boto3 here (Debian: python3-boto3)";
  }

  Json orders(const std::string& what, const std::string& name, std::size_t part_bytes) {
    S3Receiver& receiver = place_.receiver();
    const std::string bucket = receiver.credential_name();
    const Secret secret = receiver.credential_secret();
    const std::string_view credential = secret.reveal();
    Json made = Json::object();
    made.set("do", what);
    made.set("endpoint", "https://localhost:" + std::to_string(receiver.port()));
    made.set("bucket", bucket.substr(bucket.rfind('/') + 1));
    made.set("access_key", std::string(credential.substr(0, credential.find(':'))));
    made.set("secret", std::string(credential.substr(credential.find(':') + 1)));
    made.set("ca", place_.certificate());
    made.set("name", name);
    made.set("file", place_.file(name + ".content").string());
    made.set("part_bytes", part_bytes);
    return made;
  }
  Json run(const Json& given) { return document(place_.start_script(client, given)); }
  static Json document(test::Started started) {
    const test::Outcome outcome = started.wait();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    return outcome.exit_code == 0 ? outcome.document() : Json::object();
  }
  void write(const std::string& name, const std::string& content) const {
    test::write_text(place_.file(name + ".content"), content);
  }

  // Uploads some content that way, and expects to have got it.
  S3Receiver::Received upload(const std::string& what, std::size_t size, std::size_t part_bytes,
                              Json more = Json::object()) {
    const std::string content = noise(size, size + part_bytes);
    SinkOfTest sink;
    write("shop.bak", content);
    place_.receiver().expect("shop.bak", sink);
    Json given = orders(what, "shop.bak", part_bytes);
    for (const auto& [key, value] : more.as_object()) given.set(key, value);
    const Json said = run(given);
    EXPECT_EQ(said.at("code").as_string(), "") << what << " " << said.dump();
    if (said.at("code").as_string() != "") {
      place_.receiver().withdraw("shop.bak");
      return {};
    }
    const auto received = place_.receiver().finish("shop.bak");
    EXPECT_EQ(received.size_bytes, size);
    EXPECT_TRUE(as_text(sink.bytes) == content) << what;
    return received;
  }

  ReceiverPlace place_;
};

TEST_F(SqlServerReceiver, TakesUploadsWhateverTheOrderOfTheirParts) {
  EXPECT_EQ(upload("in_order", 23 * mib + 5, 5 * mib).on_disk_bytes, 0U);
  EXPECT_EQ(upload("reversed_order", 23 * mib + 5, 5 * mib).parts, 5U);
  EXPECT_EQ(upload("shuffled", 23 * mib + 5, 5 * mib).parts, 5U);
  EXPECT_EQ(upload("repeated", 23 * mib + 5, 5 * mib).parts, 5U);
  EXPECT_EQ(upload("at_once", 43 * mib, 5 * mib).parts, 9U);
  EXPECT_EQ(upload("managed", 43 * mib, 5 * mib).parts, 9U);
  EXPECT_EQ(upload("in_order", 7, 5 * mib).parts, 1U);
  EXPECT_EQ(upload("put_object", 3 * mib, 5 * mib).parts, 1U);
  EXPECT_EQ(upload("put_object", 0, 5 * mib).size_bytes, 0U);
}

TEST_F(SqlServerReceiver, TakesEveryWayOfSigning) {
  Json is_signed = Json::object();
  is_signed.set("signed", true);
  EXPECT_EQ(upload("in_order", 12 * mib, 5 * mib, is_signed).parts, 3U);
  is_signed.set("signed", false);
  EXPECT_EQ(upload("in_order", 12 * mib, 5 * mib, is_signed).parts, 3U);
  EXPECT_EQ(upload("with_checksums", 12 * mib, 5 * mib).parts, 3U);
  EXPECT_EQ(upload("trailing_checksum", 12 * mib, 5 * mib).parts, 3U);
  EXPECT_EQ(upload("by_query", mib, 5 * mib).parts, 1U);
  Json host = Json::object();
  host.set("endpoint", "https://backup.test:" + std::to_string(place_.receiver().port()));
  EXPECT_EQ(upload("virtual_host", 6 * mib, 5 * mib, host).parts, 2U);
  Json region = Json::object();
  region.set("region", "eu-central-1");
  EXPECT_EQ(upload("in_order", mib, 5 * mib, region).parts, 1U);
}

TEST_F(SqlServerReceiver, HoldsOnDiskWhatComesEarlyBeyondItsMemory) {
  place_.options.memory_bytes_max = 8 * mib;
  const auto received = upload("reversed_order", 60 * mib, 5 * mib);
  EXPECT_GT(received.on_disk_bytes, 40 * mib);
  EXPECT_TRUE(std::filesystem::is_empty(place_.options.scratch_directory));
}

TEST_F(SqlServerReceiver, TakesTwoUploadsAtOnce) {
  const std::string one = noise(31 * mib, 1), two = noise(22 * mib, 2);
  SinkOfTest first, second;
  write("one.bak", one);
  write("two.bak", two);
  S3Receiver& receiver = place_.receiver();
  receiver.expect("one.bak", first);
  receiver.expect("two.bak", second);
  test::Started a = place_.start_script(client, orders("at_once", "one.bak", 5 * mib));
  test::Started b = place_.start_script(client, orders("shuffled", "two.bak", 5 * mib));
  EXPECT_EQ(document(std::move(a)).at("code").as_string(), "");
  EXPECT_EQ(document(std::move(b)).at("code").as_string(), "");
  EXPECT_EQ(receiver.finish("one.bak").parts, 7U);
  EXPECT_EQ(receiver.finish("two.bak").parts, 5U);
  EXPECT_TRUE(as_text(first.bytes) == one);
  EXPECT_TRUE(as_text(second.bytes) == two);
}

TEST_F(SqlServerReceiver, RefusesWrongSignatures) {
  SinkOfTest sink;
  write("shop.bak", noise(6 * mib, 1));
  place_.receiver().expect("shop.bak", sink);
  for (const char* const what : {"wrong_secret", "wrong_secret_of_part"}) {
    const Json said = run(orders(what, "shop.bak", 5 * mib));
    EXPECT_EQ(said.at("code").as_string(), "SignatureDoesNotMatch");
    EXPECT_EQ(said.at("status").as_int(), 403);
  }
  Json other = orders("in_order", "shop.bak", 5 * mib);
  other.set("access_key", std::string(20, 'A'));
  EXPECT_EQ(run(other).at("code").as_string(), "InvalidAccessKeyId");
  write("other.bak", "nobody waits for it");
  EXPECT_EQ(run(orders("in_order", "other.bak", 5 * mib)).at("code").as_string(), "AccessDenied");
  EXPECT_TRUE(sink.bytes.empty());
  EXPECT_THROW(place_.receiver().finish("shop.bak"), Error);
}

TEST_F(SqlServerReceiver, RefusesBodiesWithWrongChecksums) {
  const std::string content = noise(3 * mib, 4);
  SinkOfTest sink;
  write("shop.bak", content);
  place_.receiver().expect("shop.bak", sink);
  const Json said = run(orders("wrong_checksum", "shop.bak", 5 * mib));
  EXPECT_EQ(said.at("code").as_string(), "") << said.dump();
  ASSERT_EQ(said.at("codes").as_array().size(), 5U);
  for (const Json& code : said.at("codes").as_array()) EXPECT_EQ(code.as_string(), "BadDigest");
  EXPECT_EQ(place_.receiver().finish("shop.bak").size_bytes, content.size());
  EXPECT_TRUE(as_text(sink.bytes) == content);
}

TEST_F(SqlServerReceiver, KeepsNothingOfAnAbortedUpload) {
  place_.options.memory_bytes_max = 2 * mib;
  SinkOfTest sink;
  write("shop.bak", noise(16 * mib, 5));
  place_.receiver().expect("shop.bak", sink);
  EXPECT_EQ(run(orders("aborted", "shop.bak", 5 * mib)).at("code").as_string(), "NoSuchUpload");
  try {
    place_.receiver().finish("shop.bak");
    FAIL() << "it was aborted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::incomplete);
    EXPECT_NE(std::string_view(error.what()).find("aborted"), std::string_view::npos);
  }
  place_.end();
  EXPECT_TRUE(std::filesystem::is_empty(place_.options.scratch_directory));
}

// Whoever retries after a connection broke half-way has lost nothing.
TEST_F(SqlServerReceiver, BearsAClientThatIsKilledHalfWay) {
  const std::string content = noise(13 * mib, 6);
  SinkOfTest sink;
  write("shop.bak", content);
  S3Receiver& receiver = place_.receiver();
  receiver.expect("shop.bak", sink);
  test::Started started = place_.start_script(client, orders("half", "shop.bak", 5 * mib));
  ASSERT_TRUE(test::eventually([&] {
    for (const auto& entry : std::filesystem::directory_iterator(place_.directory.path())) {
      if (entry.path().extension() == ".out" && test::read_text(entry.path()) == "stuck\n") {
        return true;
      }
    }
    return started.has_ended();
  }));
  started.kill(SIGKILL);
  EXPECT_EQ(started.wait().exit_code, 137);
  try {
    receiver.finish("shop.bak");
    FAIL() << "it was not completed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::incomplete) << error.what();
  }
  SinkOfTest again;
  receiver.expect("shop.bak", again);
  EXPECT_EQ(run(orders("in_order", "shop.bak", 5 * mib)).at("code").as_string(), "");
  EXPECT_EQ(receiver.finish("shop.bak").parts, 3U);
  EXPECT_TRUE(as_text(again.bytes) == content);
}

TEST_F(SqlServerReceiver, TellsBothSidesWhenTheSinkFails) {
  SinkOfTest sink;
  sink.fails_at = 7 * mib;
  write("shop.bak", noise(40 * mib, 7));
  place_.receiver().expect("shop.bak", sink);
  EXPECT_EQ(run(orders("in_order", "shop.bak", 5 * mib)).at("code").as_string(), "NoSuchUpload");
  EXPECT_THROW(place_.receiver().raise_failure("shop.bak"), Error);
  try {
    place_.receiver().finish("shop.bak");
    FAIL() << "the sink failed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::no_space);
  }
}

TEST_F(SqlServerReceiver, EndsWhenItIsStopped) {
  SinkOfTest sink;
  write("shop.bak", noise(13 * mib, 8));
  place_.receiver().expect("shop.bak", sink);
  test::Started started = place_.start_script(client, orders("half", "shop.bak", 5 * mib));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto begun = std::chrono::steady_clock::now();
  place_.stop.request_stop();
  const Json said = run(orders("in_order", "shop.bak", 5 * mib));
  EXPECT_EQ(said.at("code").as_string(), "ServiceUnavailable") << said.dump();
  try {
    place_.receiver().finish("shop.bak");
    FAIL() << "it was stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
  }
  place_.end();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
}

TEST_F(SqlServerReceiver, GivesWhatIsOffered) {
  const std::string content = noise(11 * mib + 3, 9);
  SourceOfTest source(content);
  place_.receiver().offer("shop.bak", source);
  const Json said = run(orders("read", "shop.bak", 2 * mib));
  EXPECT_EQ(said.at("code").as_string(), "") << said.dump();
  std::string refused;
  for (const Json& each : said.at("refused").as_array()) refused += each.as_string() + " ";
  EXPECT_EQ(refused,
            "InvalidRange NoSuchKey 404 AccessDenied AccessDenied AccessDenied MethodNotAllowed "
            "NotImplemented NotImplemented NotImplemented NoSuchBucket ");
  EXPECT_TRUE(test::read_text(place_.file("shop.bak.content")) == content);
  EXPECT_NO_THROW(place_.receiver().raise_failure("shop.bak"));
  source.fails = true;
  EXPECT_NE(run(orders("read", "shop.bak", 2 * mib)).at("code").as_string(), "");
  EXPECT_THROW(place_.receiver().raise_failure("shop.bak"), Error);
  place_.receiver().withdraw("shop.bak");
  EXPECT_EQ(run(orders("look", "shop.bak", 2 * mib)).at("code").as_string(), "NoSuchKey");
}

// A plain connection, to say things that no client of S3 says.
class Plain {
 public:
  explicit Plain(unsigned port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ =
        ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  // Whether the other side ends it before that time is over.
  [[nodiscard]] bool ends_within(std::chrono::seconds time) const {
    const timeval patience{time.count(), 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char bytes[100];
    ssize_t count = 1;
    while (is_connected_ && count > 0) {  // a last word of TLS may come before the end
      count = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    }
    return is_connected_ && (count == 0 || errno == ECONNRESET);
  }

 private:
  Fd socket_;
  bool is_connected_ = false;
};

TEST_F(SqlServerReceiver, EndsConnectionsThatSayNothing) {
  place_.options.silence_max = std::chrono::seconds(1);
  const Plain silent(place_.receiver().port());
  EXPECT_TRUE(silent.ends_within(std::chrono::seconds(20)));
}

TEST_F(SqlServerReceiver, EndsConnectionsThatDawdle) {
  place_.options.silence_max = std::chrono::seconds(1);
  SinkOfTest sink;
  place_.receiver().expect("shop.bak", sink);
  for (const char* const what : {"dawdling_head", "dawdling_body"}) {
    const Json said = run(orders(what, "shop.bak", mib));
    EXPECT_EQ(said.at("code").as_string(), "") << said.dump();
    EXPECT_LT(said.at("seconds").as_double(), 25) << what;
  }
  EXPECT_TRUE(sink.bytes.empty());
}

TEST_F(SqlServerReceiver, SpeaksNoTlsThatIsOutdated) {
  EXPECT_EQ(run(orders("old_tls", "shop.bak", mib)).at("code").as_string().substr(0, 3), "SSL");
}

TEST_F(SqlServerReceiver, TakesNoMoreConnectionsThanItSays) {
  place_.options.connections_max = 2;
  const unsigned port = place_.receiver().port();
  const Plain first(port), second(port);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const Plain third(port);
  // It is ended, or waits in the system's queue until there is room.
  EXPECT_FALSE(first.ends_within(std::chrono::seconds(1)));
  place_.end();
  EXPECT_TRUE(third.ends_within(std::chrono::seconds(5)));
}

TEST(SqlServerReceiverFiles, AreRefusedWithOneClearError) {
  ReceiverPlace place, other;
  const auto code_of = [&](S3Receiver::Options options) {
    try {
      const S3Receiver receiver(options);
    } catch (const Error& error) {
      return std::string(errc_name(error.code()));
    }
    return std::string("none");
  };
  EXPECT_EQ(code_of(place.options), "none");
  S3Receiver::Options options = place.options;
  options.key = other.options.key;
  EXPECT_EQ(code_of(options), "corrupt") << "a key of another certificate";
  options.key = place.options.certificate;
  EXPECT_EQ(code_of(options), "corrupt");
  options.key = place.file("none");
  EXPECT_EQ(code_of(options), "not_found");
  options = place.options;
  for (const char* const address :
       {"localhost", ":9443", "localhost:", "localhost:99999", "a/b:9443", "::1:9443", ""}) {
    options.address = address;
    EXPECT_EQ(code_of(options), "usage") << address;
  }
  options.address = "localhost:" + std::to_string(place.receiver().port());
  EXPECT_EQ(code_of(options), "unavailable");
  options.address = "[::1]:0";
  EXPECT_EQ(code_of(options), "none");
}

std::string codes(const std::vector<model::Finding>& findings) {
  std::string result;
  for (const model::Finding& each : findings) result += each.code + ": " + each.seen + "\n";
  return result;
}

TEST(SqlServerReceiverFiles, AreLookedAtBeforeABackup) {
  ReceiverPlace place, other;
  const std::string pem = test::read_text(place.certificate());
  const std::int64_t now = std::time(nullptr), day = 86'400;
  const std::string expires = "sqlserver-receiver-expires: the receiver's certificate ends on ";
  for (const char* const host : {"localhost", "127.0.0.1", "holdfast-1.backup.test"}) {
    EXPECT_EQ(codes(check_certificate(pem, host, now)).substr(0, expires.size()), expires) << host;
  }
  EXPECT_NE(codes(check_certificate(pem, "db.example", now)).find("does not name db.example"),
            std::string::npos);
  EXPECT_NE(codes(check_certificate(pem, "localhost", now + 3 * day)).find("has ended on"),
            std::string::npos);
  EXPECT_NE(codes(check_certificate(pem, "localhost", now - day)).find("not valid before"),
            std::string::npos);
  EXPECT_NE(codes(check_certificate("none", "localhost", now)).find("cannot be read"),
            std::string::npos);
  Location location;
  location.receiver = "localhost:0";
  location.receiver_certificate = place.certificate();
  location.receiver_key = place.key();
  EXPECT_EQ(codes(check_receiver(location, now)).substr(0, expires.size()), expires);
  location.receiver = "[::1]:0";
  EXPECT_NE(codes(check_receiver(location, now)).find("does not name ::1"), std::string::npos);
  location.receiver = "localhost:" + std::to_string(place.receiver().port());
  EXPECT_NE(codes(check_receiver(location, now)).find("is taken"), std::string::npos);
  location.receiver = "localhost:0";
  location.receiver_key = other.key();
  EXPECT_EQ(codes(check_receiver(location, now)).substr(0, 27), "sqlserver-receiver-unusable");
}

TEST(SqlServerReceiverFiles, HaveKeysThatSqlServerTakes) {
  ReceiverPlace place, other;
  const Secret secret = place.receiver().credential_secret();
  const std::string_view text = secret.reveal();
  EXPECT_EQ(text.size(), 61U);
  EXPECT_EQ(std::count_if(text.begin(), text.end(), [](char c) { return !std::isalnum(c); }), 1);
  EXPECT_NE(text, other.receiver().credential_secret().reveal());
  EXPECT_NE(place.receiver().credential_name(), other.receiver().credential_name());
  EXPECT_EQ(place.receiver().url("shop.bak"), place.receiver().credential_name() + "/shop.bak");
  EXPECT_THROW(static_cast<void>(place.receiver().url(std::string(250, 'a'))), Error);
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
