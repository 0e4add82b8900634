// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/endpoints.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace holdfast::profile::magnolia {
namespace {

std::string found(std::string_view key, std::string_view value) {
  return endpoint_of(key, value).value_or("");
}

TEST(Endpoints, AreFoundByTheirValueOrByTheirKey) {
  EXPECT_EQ(found("URL", "http://public1.example.org:8080/magnoliaPublic"),
            "http://public1.example.org:8080");
  EXPECT_EQ(found("anything", " ldaps://directory.example.org "), "ldaps://directory.example.org");
  EXPECT_EQ(found("url", "http://localhost:8080/magnoliaPublic"), "http://localhost:8080");
  EXPECT_EQ(found("smtpServer", "smtp.example.org"), "smtp.example.org");
  EXPECT_EQ(found("mail.smtp.host", "relay:25"), "relay:25");
  EXPECT_EQ(found("proxyHost", "10.0.0.7"), "10.0.0.7");
  EXPECT_EQ(found("sendTo", "editors@example.org"), "editors@example.org");
  EXPECT_EQ(found("baseUrl", "http://[2001:db8::1]:80/x"), "http://[2001:db8::1]:80");
}

TEST(Endpoints, AreNothingElse) {
  for (const auto& [key, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"url", "jdbc:postgresql://db1/magnolia"},
           {"providerURL", "localhost"},
           {"smtpServer", "localhost"},
           {"smtpServer", ""},
           {"smtpServer", "true"},
           {"smtpPort", "25"},
           {"mailServerClass", "info.magnolia.module.mail.Server"},
           {"mailHandler", "info.magnolia.module.mail.handler"},
           {"mailTemplate", "mail.ftl"},
           {"serverType", "tomcat"},
           {"url", "file:///srv/x"},
           {"url", "file://server/x"},
           {"url", "://x"},
           {"url", "a b://x"},
           {"url", "http:///x"},
           {"url", "http://${host}/x"},
           {"xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"},
           {"xsi:schemaLocation", "http://maven.apache.org/POM/4.0.0"},
           {"title", "mail.example.org"},
           {"from", "not@mail"},
           {"from", "Editors <a@example.org>"}})
    EXPECT_EQ(found(key, value), "") << key << " = " << value;
  EXPECT_EQ(found("url", "http://" + std::string(600, 'a') + ".example.org"), "");
}

TEST(Endpoints, HoldNoSecret) {
  EXPECT_EQ(found("url", "https://ann:s3cret@www.example.org/x"), "https://www.example.org");
  EXPECT_EQ(found("url", "https://ann:s3/cr@et@www.example.org/x"), "https://www.example.org");
  EXPECT_EQ(found("url", "https://ann@www.example.org"), "https://www.example.org");
  EXPECT_EQ(found("url", "https://hooks.example.org/T00/s3cret?token=s3cret#s3cret"),
            "https://hooks.example.org");
  EXPECT_EQ(found("url", "https://www.example.org/@ann"), "https://www.example.org");
  EXPECT_EQ(found("url", "https://ann:12/3@www.example.org"), "");  // a port, or a password
  EXPECT_EQ(found("smtpPassword", "smtp.example.org"), "");
  EXPECT_EQ(found("serverToken", "https://www.example.org"), "");
}

TEST(Endpoints, OfAFileAreNamedByTheirKeys) {
  Endpoints endpoints;
  add_endpoints_of_file(
      "<Context xmlns='http://x.example.org'><!-- url='http://no.example.org' -->\n"
      "<Resource name='mail/Session' mail.smtp.host='smtp.example.org' password='a.b.example.org'/>"
      "<param name='baseUrl' value='https://api.example.org/v1'/>"
      "<param name='password' value='https://pw.example.org'/>"
      "<url>http://feed.example.org/rss</url></Context>",
      "/conf/context.xml", endpoints);
  add_endpoints_of_file("# url=http://no.example.org\nremote.host=far.example.org\n",
                        "/conf/a.properties", endpoints);
  std::string all;
  for (const EndpointFact& one : endpoints.told()) all += one.where + " = " + one.value + "\n";
  EXPECT_EQ(all,
            "/conf/a.properties: remote.host = far.example.org\n"
            "/conf/context.xml: baseUrl = https://api.example.org\n"
            "/conf/context.xml: mail.smtp.host = smtp.example.org\n"
            "/conf/context.xml: url = http://feed.example.org\n");
}

TEST(Endpoints, AreJoinedInTheFacts) {
  EXPECT_EQ(with_endpoints(Json::object(), {}), Json::object());
  Endpoints first;
  first.add({"a", "a.example.org"});
  Endpoints second;
  for (int i = 0; i < 150; ++i) second.add({"b" + std::to_string(1000 + i), "b.example.org"});
  EXPECT_EQ(second.untold(), 50U);
  const Json facts =
      with_endpoints(with_endpoints(Json::object().set("remove", Json::array()), first), second);
  EXPECT_NE(facts.find("remove"), nullptr);
  const auto& list = facts.at("endpoints").as_array();
  ASSERT_EQ(list.size(), Endpoints::told_max);
  EXPECT_EQ(list[0].at("where").as_string(), "a");
  EXPECT_EQ(list[0].at("value").as_string(), "a.example.org");
  EXPECT_EQ(facts.at("endpoints_untold").as_uint(), 51U);
}

}  // namespace
}  // namespace holdfast::profile::magnolia
