// What users ask, what it means in a cluster, and the policy that is suggested.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "cli/why/question.h"
#include "cli/why/remedy.h"

namespace fairlead::cli {
namespace {

using testing::HasSubstr;

IpAddress Ip(const char* text) {
  return *IpAddress::Parse(text);
}

Names Shop() {
  const std::vector<NamedPort> http{{"http", 6, 8080}};
  return Names({
      {Ip("10.244.1.5"), "pod", "shop/cart-0", "node-1", false, {{"app", "cart"}}, http},
      {Ip("fd00:10:244:1::5"), "pod", "shop/cart-0", "node-1", false, {{"app", "cart"}}, http},
      {Ip("10.244.2.5"), "pod", "shop/cart-1", "node-2", false, {{"app", "cart"}}, http},
      {Ip("10.244.2.6"), "pod", "shop/web", "node-2", false, {}, {{"http", 6, 8080}, {"admin", 6, 9000}}},
      {Ip("10.96.0.7"), "service", "shop/cart", "", false, {}, {{"http", 6, 80}}},
      {Ip("10.96.0.8"), "service", "shop/web", "", false, {}, {{"http", 6, 80}}},
      {Ip("172.31.0.11"), "pod", "kube/proxy", "node-1", true, {}, {}},
      {Ip("172.31.0.11"), "node", "node-1", "", false, {}, {}},
      {Ip("10.244.2.6"), "headless", "shop/sites", "node-2", false, {}, {}},
      {Ip("172.31.0.2"), "host", "outside", "", false, {}, {}},
  });
}

absl::StatusOr<Question> Ask(const char* source, const char* destination, bool ipv6 = false) {
  const auto from = ParsePlace(source);
  const auto to = ParsePlace(destination);
  EXPECT_TRUE(from.ok() && to.ok());
  return Resolve(*from, *to, Shop(), {.ipv6 = ipv6});
}

TEST(QuestionTest, AHeadlessServiceIsOneOfItsPods) {
  const auto question = Ask("shop/cart-0", "shop/sites:9000");
  ASSERT_TRUE(question.ok()) << question.status();
  EXPECT_EQ(question->destination_name, "shop/web");
  EXPECT_EQ(question->destination, Ip("10.244.2.6"));
  EXPECT_EQ(question->note, "shop/sites is headless; this is about shop/web");
}

TEST(QuestionTest, TheHostOutsideIsAskedAboutByItsName) {
  const auto in = Ask("outside", "node-1:30080");
  ASSERT_TRUE(in.ok()) << in.status();
  EXPECT_EQ(in->source, Ip("172.31.0.2"));
  EXPECT_EQ(in->node, "node-1");
  const auto out = Ask("shop/cart-1", "outside:53/udp");
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(out->destination, Ip("172.31.0.2"));
  EXPECT_EQ(out->node, "node-2");
}

TEST(PlaceTest, ReadsNamesAddressesPortsAndProtocols) {
  const auto place = [](const char* text) {
    const auto parsed = ParsePlace(text);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return parsed.ok()
               ? absl::StrCat(parsed->kind, "|", parsed->name, "|", parsed->port, "|", parsed->protocol)
               : "";
  };
  EXPECT_EQ(place("shop/cart"), "|shop/cart|0|0");
  EXPECT_EQ(place("shop/cart:80"), "|shop/cart|80|0");
  EXPECT_EQ(place("shop/dns:53/udp"), "|shop/dns|53|17");
  EXPECT_EQ(place("shop/udp"), "|shop/udp|0|0");
  EXPECT_EQ(place("svc/shop/cart:80"), "service|shop/cart|80|0");
  EXPECT_EQ(place("pod/shop/cart/icmp"), "pod|shop/cart|0|1");
  EXPECT_EQ(place("pod/cart"), "|pod/cart|0|0");
  EXPECT_EQ(place("node/node-1:30080"), "node|node-1|30080|0");
  EXPECT_EQ(place("10.0.0.1:80/tcp"), "|10.0.0.1|80|6");
  EXPECT_EQ(place("10.0.0.1/icmp"), "|10.0.0.1|0|1");
  EXPECT_EQ(place("fd00::1"), "|fd00::1|0|0");
  EXPECT_EQ(place("[fd00::1]:53/udp"), "|fd00::1|53|17");
}

TEST(PlaceTest, RefusesWhatMakesNoSense) {
  for (const char* bad :
       {"", ":80", "shop/cart:", "shop/cart:0", "shop/cart:70000", "shop/cart:x", "[fd00::1", "[fd00::1]x"}) {
    EXPECT_FALSE(ParsePlace(bad).ok()) << bad;
  }
}

TEST(ResolveTest, AsksTheSourcesNode) {
  const auto question = Ask("shop/cart-1", "shop/cart-0:8080");
  ASSERT_TRUE(question.ok()) << question.status();
  EXPECT_EQ(question->node, "node-2");
  EXPECT_EQ(question->source, Ip("10.244.2.5"));
  EXPECT_EQ(question->destination, Ip("10.244.1.5"));
}

TEST(ResolveTest, JudgesOutsideSourcesWhereTheyEnter) {
  const auto question = Ask("203.0.113.10", "node-1:30080");
  ASSERT_TRUE(question.ok()) << question.status();
  EXPECT_EQ(question->node, "node-1");
  EXPECT_EQ(question->destination_name, "node-1");
}

TEST(ResolveTest, TakesTheOnlyPortThereIs) {
  EXPECT_EQ(Ask("shop/web", "shop/cart")->port, 80);
  EXPECT_EQ(Ask("shop/web", "shop/cart-0")->port, 8080);
  EXPECT_THAT(std::string(Ask("shop/cart-0", "pod/shop/web").status().message()), HasSubstr("8080, 9000"));
}

TEST(ResolveTest, TellsPodFromServiceByPort) {
  EXPECT_EQ(Ask("shop/cart-0", "shop/web:9000")->destination, Ip("10.244.2.6"));
  EXPECT_EQ(Ask("shop/cart-0", "shop/web:80")->destination, Ip("10.96.0.8"));
  EXPECT_EQ(Ask("shop/cart-0", "svc/shop/web:9000")->destination, Ip("10.96.0.8"));
}

TEST(ResolveTest, FindsAReplicaAndSaysSo) {
  const auto question = Ask("shop/cart", "shop/web:8080");
  ASSERT_TRUE(question.ok()) << question.status();
  EXPECT_EQ(question->source_name, "shop/cart-0");
  const auto pod = Ask("pod/shop/cart", "shop/web:8080");
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(pod->source_name, "shop/cart-0");
  EXPECT_THAT(pod->note, HasSubstr("shop/cart-0"));
}

TEST(ResolveTest, AServiceSendsNothing) {
  EXPECT_THAT(std::string(Ask("svc/shop/web", "shop/cart-0:8080").status().message()),
              HasSubstr("shop/web is a Service, which sends nothing"));
  EXPECT_EQ(Ask("10.96.0.7", "shop/cart-0:8080").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ResolveTest, KeepsToOneFamily) {
  EXPECT_FALSE(Ask("10.0.0.1", "fd00::1").ok());
  EXPECT_EQ(Ask("shop/cart-0", "fd00::9", true).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Ask("shop/cart-0", "[fd00::9]:80")->source, Ip("fd00:10:244:1::5"));
}

TEST(ResolveTest, SuggestsNamesThatAreSimilar) {
  EXPECT_THAT(std::string(Ask("shop/web", "default/cart:80").status().message()), HasSubstr("shop/cart-0"));
}

RemedyRequest Request() {
  return {.ingress = true,
          .source =
              {true, "intruder", "shell", {{"app", "shell"}, {"pod-template-hash", "abc"}}, Ip("10.244.2.9")},
          .destination = {true, "shop", "cart-0", {{"app", "cart"}}, Ip("10.244.1.5")},
          .protocol = 6,
          .port = 8080};
}

TEST(RemedyTest, AllowsExactlyThisAtTheDestination) {
  const YAML::Node policy = YAML::Load(RemedyYaml(Request()));
  EXPECT_EQ(policy["kind"].Scalar(), "NetworkPolicy");
  EXPECT_EQ(policy["metadata"]["namespace"].Scalar(), "shop");
  EXPECT_EQ(policy["spec"]["podSelector"]["matchLabels"]["app"].Scalar(), "cart");
  EXPECT_EQ(policy["spec"]["policyTypes"][0].Scalar(), "Ingress");
  const YAML::Node peer = policy["spec"]["ingress"][0]["from"][0];
  EXPECT_EQ(peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"].Scalar(), "intruder");
  EXPECT_EQ(peer["podSelector"]["matchLabels"]["app"].Scalar(), "shell");
  EXPECT_EQ(peer["podSelector"]["matchLabels"].size(), 1u) << "labels of a rollout do not last";
  EXPECT_EQ(policy["spec"]["ingress"][0]["ports"][0]["port"].as<int>(), 8080);
}

TEST(RemedyTest, NeedsNoNamespaceWithinOne) {
  RemedyRequest request = Request();
  request.source.namespace_name = "shop";
  EXPECT_FALSE(
      YAML::Load(RemedyYaml(request))["spec"]["ingress"][0]["from"][0]["namespaceSelector"].IsDefined());
}

TEST(RemedyTest, NamesAddressesOutsideByTheirHost) {
  RemedyRequest request = Request();
  request.ingress = false;
  request.destination = {.address = Ip("203.0.113.10")};
  request.protocol = 17;
  const YAML::Node policy = YAML::Load(RemedyYaml(request));
  EXPECT_EQ(policy["metadata"]["namespace"].Scalar(), "intruder");
  EXPECT_EQ(policy["spec"]["egress"][0]["to"][0]["ipBlock"]["cidr"].Scalar(), "203.0.113.10/32");
  EXPECT_EQ(policy["spec"]["egress"][0]["ports"][0]["protocol"].Scalar(), "UDP");
}

TEST(RemedyTest, SelectsEveryPodWhenThereAreNoLabels) {
  RemedyRequest request = Request();
  request.destination.labels.clear();
  const YAML::Node selector = YAML::Load(RemedyYaml(request))["spec"]["podSelector"];
  EXPECT_TRUE(selector.IsMap());
  EXPECT_EQ(selector.size(), 0u);
}

}  // namespace
}  // namespace fairlead::cli
