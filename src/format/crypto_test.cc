// SPDX-License-Identifier: Apache-2.0
// The vectors of docs/format.md, "Keys", and the promises of the interface.
#include "format/crypto.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/error.h"
#include "base/hash.h"

namespace holdfast::format {
namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

// Bytes that count up from `first`.
template <std::size_t size>
std::array<std::byte, size> counting(unsigned first) {
  std::array<std::byte, size> bytes;
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>((first + i) & 0xffU);
  }
  return bytes;
}

SealKey counting_key() {
  SealKey key;
  key.encrypt = counting<32>(0x00);
  key.mac_k = counting<16>(0x20);
  key.mac_r = counting<16>(0x30);  // not clamped
  return key;
}

SealKey key_of_hex(std::string_view encrypt, std::string_view mac_k, std::string_view mac_r) {
  SealKey key;
  const auto fill = [](auto& into, std::string_view text) {
    const Bytes bytes = hex(text);
    ASSERT_EQ(bytes.size(), into.size());
    std::copy(bytes.begin(), bytes.end(), into.begin());
  };
  fill(key.encrypt, encrypt);
  fill(key.mac_k, mac_k);
  fill(key.mac_r, mac_r);
  return key;
}

bool same(const SealKey& a, const SealKey& b) {
  return a.encrypt == b.encrypt && a.mac_k == b.mac_k && a.mac_r == b.mac_r;
}

template <typename Body>
void expect_corrupt(Body&& body) {
  try {
    body();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt) << error.what();
  }
}

TEST(Sealer, OpensResticsOwnVector) {
  const SealKey key =
      key_of_hex("303e8687b1d7db18421bdc6bb8588ccadac4d59ee87b8ff70c44e635790cafef",
                 "ef4d8824cb80b2bcc5fbff8a9b12a42c", "cc8d4b948ee0ebfe1d415de921d10353");
  const Bytes sealed =
      hex("69fb41c62d12def4593bd71757138606338f621aeaeb39da0fe4f99233f8037a54ea63338a813bcf3f75d8c3"
          "cc75dddf8750");
  Bytes plain;
  Sealer(key).open(sealed, plain);
  EXPECT_EQ(as_text(plain), "Dies ist ein Test!");
}

TEST(Sealer, SealsTheVectorWithUnclampedMacKey) {
  Bytes sealed;
  Sealer sealer(counting_key());
  sealer.seal_with_iv(as_bytes(R"({"version":2})"), counting<16>(0x40), sealed);
  EXPECT_EQ(to_hex(sealed),
            "404142434445464748494a4b4c4d4e4fd85ca95ae529d380fd5958f5f09651a27a9832038ec4757162e7aa"
            "eb72");
  Bytes plain;
  sealer.open(sealed, plain);
  EXPECT_EQ(as_text(plain), R"({"version":2})");
}

TEST(Sealer, CarriesTheCounterThroughAllSixteenBytes) {
  std::array<std::byte, 16> iv;
  iv.fill(std::byte{0xff});
  std::array<std::byte, 48> zeros{};
  Bytes sealed;
  Sealer(counting_key()).seal_with_iv(zeros, iv, sealed);
  EXPECT_EQ(
      to_hex(sealed),
      "ffffffffffffffffffffffffffffffffe999e41d4ca770da5387117b5d8f57eef29000b62a499fd0a9f39a6a"
      "dd2e7780f05d76ae4ab99fe5a6f69b3148c2363d0e14e79f7cf3a49dbad4557c13e39784");
}

// The four vectors of "The Poly1305-AES message-authentication code" (D. J. Bernstein, 2005),
// appendix B: r, k, AES input n, message, and the authenticator. A box holds them as IV = n and
// ciphertext = message, so the MAC of a box whose ciphertext is the message must be theirs.
struct PaperVector {
  std::string_view message, r, k, n, authenticator;
};

class Poly1305Paper : public testing::TestWithParam<PaperVector> {};

TEST_P(Poly1305Paper, MacIsTheOneOfThePaper) {
  const PaperVector& vector = GetParam();
  const SealKey key = key_of_hex("0000000000000000000000000000000000000000000000000000000000000000",
                                 vector.k, vector.r);
  Bytes sealed = hex(vector.n);
  append(sealed, hex(vector.message));
  append(sealed, hex(vector.authenticator));
  Bytes plain;
  Sealer sealer(key);
  EXPECT_TRUE(sealer.try_open(sealed, plain));
  sealed.back() ^= std::byte{1};
  EXPECT_FALSE(sealer.try_open(sealed, plain));
}

INSTANTIATE_TEST_SUITE_P(
    Crypto, Poly1305Paper,
    testing::Values(
        PaperVector{"f3f6", "851fc40c3467ac0be05cc20404f3f700", "ec074c835580741701425b623235add6",
                    "fb447350c4e868c52ac3275cf9d4327e", "f4c633c3044fc145f84f335cb81953de"},
        PaperVector{"", "a0f3080000f46400d0c7e9076c834403", "75deaa25c09f208e1dc4ce6b5cad3fbf",
                    "61ee09218d29b0aaed7e154a2c5509cc", "dd3fab2251f11ac759f0887129cc2ee7"},
        PaperVector{"663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136",
                    "48443d0bb0d21109c89a100b5ce2c208", "6acb5f61a7176dd320c5c1eb2edcdc74",
                    "ae212a55399729595dea458bc621ff0e", "0ee1c16bb73f0f4fd19881753c01cdbe"},
        PaperVector{"ab0812724a7f1e342742cbed374d94d136c6b8795d45b3819830f2c04491faf0990c62e48b8018"
                    "b2c3e4a0fa3134cb67fa83e158c994d961c4cb21095c1bf9",
                    "12976a08c4426d0ce8a82407c4f48207", "e1a5668a4d5b66a5f68cc5424ed5982d",
                    "9ae831e743978d3a23527c7128149e3a", "5154ad0d2cb26e01274fc51148491f1b"}));

TEST(Sealer, OpensWhatItSealedOfAnySize) {
  Sealer sealer(random_seal_key());
  for (const std::size_t size_bytes : {0U, 1U, 15U, 16U, 17U, 1000U, 1U << 20U}) {
    Bytes plain(size_bytes);
    fill_random(plain);
    Bytes sealed(3);
    sealer.seal(plain, sealed);
    ASSERT_EQ(sealed.size(), 3 + size_bytes + seal_overhead_bytes);
    Bytes back(5);
    sealer.open(ByteView(sealed).subspan(3), back);
    EXPECT_EQ(back, plain);
  }
}

TEST(Sealer, ComparesWhatItSealedWithEveryByte) {
  Sealer sealer(random_seal_key());
  for (const std::size_t size_bytes : {0U, 1U, 16'384U, 16'385U, 100'000U}) {
    Bytes plain(size_bytes);
    fill_random(plain);
    Bytes sealed(size_bytes + seal_overhead_bytes);
    sealer.seal_to(plain, sealed);
    EXPECT_TRUE(sealer.opens_to(sealed, plain));
    for (const std::size_t place : {std::size_t{0}, size_bytes / 2, size_bytes - 1}) {
      if (size_bytes == 0) break;
      Bytes other = plain;
      other[place] ^= std::byte{1};
      EXPECT_FALSE(sealer.opens_to(sealed, other));
    }
    Bytes longer = plain;
    longer.push_back({});
    EXPECT_FALSE(sealer.opens_to(sealed, longer));
    sealed.back() ^= std::byte{1};
    EXPECT_FALSE(sealer.opens_to(sealed, plain));
  }
  EXPECT_FALSE(sealer.opens_to({}, {}));
}
TEST(Sealer, NeverUsesAnIvTwice) {
  Sealer sealer(random_seal_key());
  std::set<std::string> ivs;
  for (int i = 0; i < 1000; ++i) {
    Bytes sealed;
    sealer.seal(as_bytes("x"), sealed);
    ivs.insert(to_hex(ByteView(sealed).first(16)));
  }
  EXPECT_EQ(ivs.size(), 1000U);
}

TEST(Sealer, NoticesEveryFlippedBitAndMissingByte) {
  Sealer sealer(random_seal_key());
  Bytes sealed;
  sealer.seal(as_bytes("abc"), sealed);
  Bytes plain;
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes wrong = sealed;
    wrong[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_FALSE(sealer.try_open(wrong, plain)) << "bit " << bit;
    EXPECT_TRUE(plain.empty());
  }
  for (std::size_t size_bytes = 0; size_bytes < sealed.size(); ++size_bytes) {
    expect_corrupt([&] { sealer.open(ByteView(sealed).first(size_bytes), plain); });
  }
}

TEST(Sealer, DoesNotOpenWithAnotherKey) {
  Bytes sealed;
  Sealer(random_seal_key()).seal(as_bytes("abc"), sealed);
  Bytes plain;
  EXPECT_FALSE(Sealer(random_seal_key()).try_open(sealed, plain));
}

TEST(Sealer, RefusesAnIvOfZerosAsResticDoes) {
  Sealer sealer(counting_key());
  Bytes sealed;
  sealer.seal_with_iv(as_bytes("abc"), std::array<std::byte, 16>{}, sealed);
  Bytes plain;
  EXPECT_FALSE(sealer.try_open(sealed, plain));
}

TEST(Sealer, CanBeMoved) {
  Sealer first(counting_key());
  Sealer second = std::move(first);
  Bytes sealed;
  second.seal(as_bytes("abc"), sealed);
  Bytes plain;
  Sealer(counting_key()).open(sealed, plain);
  EXPECT_EQ(as_text(plain), "abc");
}

TEST(MasterKey, IsWrittenAsRestic) {
  const std::string json = master_key_json(counting_key());
  EXPECT_EQ(json, R"({"mac":{"k":"ICEiIyQlJicoKSorLC0uLw==","r":"MDEyMzQ1Njc4OTo7PD0+Pw=="},)"
                  R"("encrypt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})");
  EXPECT_EQ(json.size(), 128U);
}

TEST(MasterKey, IsReadBackInAnyOrder) {
  EXPECT_TRUE(same(parse_master_key(master_key_json(counting_key())), counting_key()));
  EXPECT_TRUE(
      same(parse_master_key(
               R"( {"more":[1,{"a":null}],"encrypt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                        "mac":{"r":"MDEyMzQ1Njc4OTo7PD0+Pw==","x":true,"k":"ICEiIyQlJicoKSorLC0uLw=="}} )"),
           counting_key()));
}

TEST(MasterKey, RefusesAnythingElse) {
  const std::string good = master_key_json(counting_key());
  for (std::size_t size_bytes = 0; size_bytes < good.size(); ++size_bytes) {
    expect_corrupt([&] { static_cast<void>(parse_master_key(good.substr(0, size_bytes))); });
  }
  for (const std::string_view bad :
       {"[]", "{}", "null", R"({"mac":{},"encrypt":""})", R"({"mac":1,"encrypt":2})",
        R"({"mac":{"k":"AA==","r":"AA=="},"encrypt":"AA=="})",
        R"({"mac":{"k":"****","r":"AA=="},"encrypt":"AA=="})"}) {
    expect_corrupt([&] { static_cast<void>(parse_master_key(bad)); });
  }
  expect_corrupt([&] { static_cast<void>(parse_master_key(good + "x")); });
  expect_corrupt([&] { static_cast<void>(parse_master_key(good + good)); });
}

TEST(Scrypt, DerivesTheKnownKey) {
  const auto salt = counting<64>(0);
  const SealKey key = derive_key("geheim", salt, ScryptCost{});
  EXPECT_EQ(to_hex(key.encrypt),
            "27933cc8ec79b02eb123bc21e60f7e8ef5ba88d8574d1ae4133b74052386d56d");
  EXPECT_EQ(to_hex(key.mac_k), "0347f1e1c7fd8c914a16d64771e18284");
  EXPECT_EQ(to_hex(key.mac_r), "15279e3c02e87d177f4773ecdf4374ef");
}

// RFC 7914 section 12; its fourth vector wants more memory than is allowed.
TEST(Scrypt, MakesTheBytesOfTheRfc) {
  const auto scrypt_hex = [](std::string_view password, std::string_view salt,
                             const ScryptCost& cost) {
    return to_hex(scrypt(password, as_bytes(salt), cost));
  };
  EXPECT_EQ(scrypt_hex("", "", {16, 1, 1}),
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
            "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
  EXPECT_EQ(scrypt_hex("password", "NaCl", {1024, 8, 16}),
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
            "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
  EXPECT_EQ(scrypt_hex("pleaseletmein", "SodiumChloride", {16384, 8, 1}),
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
            "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
}

TEST(Scrypt, MakesTheSameBytesAsOpenssl) {
  const auto salt = counting<64>(0);
  for (const ScryptCost cost :
       {ScryptCost{2, 1, 1}, ScryptCost{2, 8, 3}, ScryptCost{4, 3, 5}, ScryptCost{16, 1, 64},
        ScryptCost{128, 1, 1}, ScryptCost{1024, 2, 7}, ScryptCost{8192, 1, 2},
        ScryptCost{256, 128, 2}, ScryptCost{4096, 8, 9}, ScryptCost{32768, 8, 4}}) {
    for (const std::string_view password : {"", "geheim", "p\xc3\xa4ss w\xc3\xb6rd"}) {
      if (cost.n >= 4096 && password != "geheim") continue;
      EXPECT_EQ(scrypt(password, salt, cost), scrypt_by_openssl(password, salt, cost))
          << "n=" << cost.n << " r=" << cost.r << " p=" << cost.p << ' ' << password;
    }
  }
  // A key that is longer than a block of the hash is hashed first.
  const std::string longer(200, 'x');
  EXPECT_EQ(scrypt(longer, salt, {16, 8, 2}), scrypt_by_openssl(longer, salt, {16, 8, 2}));
}

TEST(Scrypt, TakesTheSmallCostsOfTestRepositories) {
  const auto salt = counting<64>(0);
  EXPECT_FALSE(same(derive_key("geheim", salt, {128, 1, 1}), derive_key("", salt, {128, 1, 1})));
}

TEST(Scrypt, RefusesCostsThatAreWrongOrTooHigh) {
  const auto salt = counting<64>(0);
  constexpr std::uint64_t n_max = std::uint64_t{1} << 63U;
  for (const ScryptCost cost :
       {ScryptCost{0, 8, 1}, ScryptCost{1, 8, 1}, ScryptCost{3, 8, 1}, ScryptCost{32767, 8, 1},
        ScryptCost{1024, 0, 1}, ScryptCost{1024, 8, 0}, ScryptCost{n_max, 8, 1},
        ScryptCost{1U << 20U, 9, 1},            // above 1 GiB
        ScryptCost{2, 0xffffffff, 0xffffffff},  // r * p
        ScryptCost{2, 1U << 29U, 1},            // 64 GiB
        ScryptCost{1U << 16U, 1, 1},            // n too large for r
        ScryptCost{1U << 16U, 8, 1024}}) {      // minutes
    expect_corrupt([&] { static_cast<void>(derive_key("geheim", salt, cost)); });
  }
  expect_corrupt([&] { static_cast<void>(derive_key("geheim", {}, ScryptCost{})); });
}

TEST(Scrypt, CalibratesToACostThatIsAccepted) {
  const ScryptCost cost = calibrate_scrypt();
  EXPECT_EQ(cost.n, 32768U);
  EXPECT_EQ(cost.r, 8U);
  EXPECT_GE(cost.p, 1U);
  EXPECT_LE(128 * cost.n * cost.r, 60U * 1024 * 1024);
}

}  // namespace
}  // namespace holdfast::format
