// What the objects in force make together: places, names, addresses, and contradictions.
#include "controller/model/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "tests/controller/manifests.h"
#include "tests/controller/objects.h"

namespace fairlead::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ClusterSettings Settings(const std::string& service_cidr = "10.96.0.0/16") {
  ClusterSettings settings;
  settings.service_cidrs = {*IpPrefix::Parse(service_cidr), *IpPrefix::Parse("fd00:10:96::/112")};
  return settings;
}

Cluster Resolve(const std::string& text, const ClusterSettings& settings = Settings(),
                const Cluster* before = nullptr) {
  return ResolveCluster(ObjectsOf(text), settings, before);
}

std::string Nodes(int count) {
  std::string text;
  for (int i = 1; i <= count; ++i) text += NodeYaml(absl::StrCat("n", i), i);
  return text;
}

std::string Workload(const std::string& kind, const std::string& name, const std::string& more,
                     const std::string& pod = "", const std::string& image = "probe") {
  return absl::StrCat("---\napiVersion: apps/v1\nkind: ", kind, "\nmetadata: {name: ", name,
                      ", namespace: shop}\nspec:\n", more, "  selector: {matchLabels: {app: ", name,
                      "}}\n  template:\n    metadata: {labels: {app: ", name, "}}\n    spec: {", pod,
                      "containers: [{name: c, image: ", image, "}]}\n");
}

std::string ServiceWith(const std::string& name, const std::string& spec) {
  return absl::StrCat("---\napiVersion: v1\nkind: Service\nmetadata: {name: ", name, "}\nspec: {", spec,
                      "ports: [{port: 80}]}\n");
}

// "name@node" -> UID.
std::map<std::string, std::string> Pods(const Cluster& cluster) {
  std::map<std::string, std::string> pods;
  for (const auto& [uid, pod] : cluster.pods) pods[pod.FullName() + "@" + pod.node] = uid;
  return pods;
}

TEST(Placement, SpreadsReplicasEvenly) {
  Cluster cluster = Resolve(Nodes(3) + Workload("Deployment", "cart", "  replicas: 6\n"));
  std::map<std::string, int> count;
  for (const auto& [uid, pod] : cluster.pods) ++count[pod.node];
  EXPECT_EQ(count, (std::map<std::string, int>{{"n1", 2}, {"n2", 2}, {"n3", 2}}));
}

TEST(Placement, DoesNotDependOnOtherWorkloads) {
  std::string cart = Workload("Deployment", "cart", "  replicas: 3\n");
  std::map<std::string, std::string> alone = Pods(Resolve(Nodes(3) + cart));
  std::string others;
  for (int i = 0; i < 20; ++i) others += Workload("Deployment", absl::StrCat("o", i), "");
  std::map<std::string, std::string> together = Pods(Resolve(Nodes(3) + others + cart));
  for (const auto& [pod, uid] : alone) EXPECT_EQ(together.at(pod), uid) << pod;
}

TEST(Placement, ScalingMovesNoPod) {
  std::map<std::string, std::string> small =
      Pods(Resolve(Nodes(3) + Workload("StatefulSet", "db", "  replicas: 2\n")));
  std::map<std::string, std::string> large =
      Pods(Resolve(Nodes(3) + Workload("StatefulSet", "db", "  replicas: 9\n")));
  EXPECT_EQ(large.size(), 9U);
  for (const auto& [pod, uid] : small) EXPECT_EQ(large.at(pod), uid) << pod;
}

TEST(Placement, KeepsToNodeSelectorsAndSchedulableNodes) {
  std::string nodes = NodeYaml("n1", 1) +
                      "---\napiVersion: v1\nkind: Node\nmetadata: {name: n2, labels: {disk: ssd}}\nspec: "
                      "{podCIDRs: [10.244.2.0/24]}\n"
                      "---\napiVersion: v1\nkind: Node\nmetadata: {name: n3, labels: {disk: ssd}}\nspec: "
                      "{unschedulable: true}\n";
  Cluster cluster =
      Resolve(nodes + Workload("Deployment", "db", "  replicas: 3\n", "nodeSelector: {disk: ssd}, "));
  EXPECT_EQ(cluster.pods.size(), 3U);
  for (const auto& [uid, pod] : cluster.pods) EXPECT_EQ(pod.node, "n2");
  cluster = Resolve(nodes + Workload("Deployment", "db", "", "nodeSelector: {disk: tape}, "));
  EXPECT_THAT(cluster.UnplacedPods(), ElementsAre("shop/db-0 (no node takes it)"));
}

TEST(Placement, DaemonSetHasOnePodANode) {
  Cluster cluster = Resolve(Nodes(2) + Workload("DaemonSet", "log", ""));
  EXPECT_THAT(Pods(cluster), ElementsAre(::testing::Key("shop/log-n1@n1"), ::testing::Key("shop/log-n2@n2")));
}

TEST(PodUid, ChangesWithContainersAndNotWithLabels) {
  auto only = [](const Cluster& cluster) { return cluster.pods.begin()->first; };
  std::string bare =
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {a: \"1\"}}\nspec: {containers: [{name: "
      "c, image: i}]}\n";
  std::string relabelled =
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {a: \"2\"}}\nspec: {containers: [{name: "
      "c, image: i}]}\n";
  std::string other =
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i, args: "
      "[x]}]}\n";
  EXPECT_EQ(only(Resolve(Nodes(2) + bare)), only(Resolve(Nodes(2) + relabelled)));
  EXPECT_NE(only(Resolve(Nodes(2) + bare)), only(Resolve(Nodes(2) + other)));
  EXPECT_THAT(only(Resolve(Nodes(2) + bare)),
              ::testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
}

TEST(Contradictions, PodOfATemplateYieldsToABarePod) {
  Cluster cluster =
      Resolve(Nodes(1) + Workload("Deployment", "web", "  replicas: 2\n") + PodYaml("web-0", "n1"));
  EXPECT_EQ(cluster.pods.size(), 2U);
  ASSERT_EQ(cluster.Rejections().size(), 1U);
  EXPECT_THAT(cluster.Rejections()[0].message, HasSubstr("shop/web-0 exists already"));
}

TEST(Contradictions, NodesShareNoRangeAndNoAddress) {
  Cluster cluster =
      Resolve(NodeYaml("n1", 1) +
              "---\napiVersion: v1\nkind: Node\nmetadata: {name: n2}\nspec: {podCIDRs: [10.244.0.0/16]}\n"
              "---\napiVersion: v1\nkind: Node\nmetadata: {name: n3}\nstatus: {addresses: [{type: "
              "InternalIP, address: 172.31.0.11}]}\n");
  EXPECT_EQ(cluster.nodes.size(), 1U);
  ASSERT_EQ(cluster.Rejections().size(), 2U);
  EXPECT_THAT(cluster.Rejections()[0].message, HasSubstr("10.244.0.0/16 overlaps 10.244.1.0/24 of Node n1"));
  EXPECT_THAT(cluster.Rejections()[1].message, HasSubstr("172.31.0.11 is an address of Node n1 too"));
}

TEST(Contradictions, PodOfANodeThatIsNotThereIsNamed) {
  Cluster cluster = Resolve(Nodes(1) + PodYaml("p", "n7"));
  EXPECT_THAT(cluster.UnplacedPods(), ElementsAre("shop/p (there is no Node n7)"));
}

TEST(Contradictions, WhoWasThereFirstStaysInForce) {
  auto node = [](const std::string& name, const std::string& cidr) {
    return absl::StrCat("---\napiVersion: v1\nkind: Node\nmetadata: {name: ", name, "}\nspec: {podCIDRs: [",
                        cidr, "]}\n");
  };
  auto service = [](const std::string& name, const std::string& ip, int node_port) {
    return absl::StrCat("---\napiVersion: v1\nkind: Service\nmetadata: {name: ", name,
                        "}\nspec: {type: NodePort, clusterIP: ", ip,
                        ", ports: [{port: 80, nodePort: ", node_port, "}]}\n");
  };
  Cluster before = Resolve(node("n5", "10.5.0.0/16") + service("s", "10.96.0.5", 30005));
  EXPECT_THAT(before.Rejections(), IsEmpty());
  // New ones whose names come first claim the same.
  Cluster cluster =
      Resolve(node("n1", "10.5.1.0/24") + node("n5", "10.5.0.0/16") + service("a", "10.96.0.5", 30006) +
                  service("b", "10.96.0.6", 30005) + service("s", "10.96.0.5", 30005),
              Settings(), &before);
  EXPECT_THAT(cluster.nodes, ElementsAre(::testing::Key("n5")));
  EXPECT_THAT(cluster.services, ElementsAre(::testing::Key("default/s")));
  EXPECT_EQ(cluster.Rejections().size(), 3U);
}

TEST(Contradictions, ChangeThatContradictsLeavesTheLastGoodVersion) {
  std::string others = NodeYaml("n1", 1) + ServiceWith("a", "clusterIP: 10.96.0.1, ");
  Cluster before = Resolve(others + NodeYaml("n2", 2) + ServiceWith("b", "clusterIP: 10.96.0.2, "));
  std::string bad =
      "---\napiVersion: v1\nkind: Node\nmetadata: {name: n2}\nspec: {podCIDRs: [10.244.1.0/25]}\n" +
      ServiceWith("b", "clusterIP: 10.96.0.1, ");
  Cluster cluster = Resolve(others + bad, Settings(), &before);
  EXPECT_EQ(cluster.nodes, before.nodes);
  EXPECT_EQ(cluster.services, before.services);
  ASSERT_EQ(cluster.Rejections().size(), 2U);
  for (const Rejection& rejection : cluster.Rejections()) {
    EXPECT_THAT(rejection.message, HasSubstr("; the last good version stays in force"));
  }
  // Without a version from before it stays out.
  EXPECT_EQ(Resolve(others + bad).services.size(), 1U);
}

TEST(Namespaces, AreImpliedByWhatIsInThem) {
  Cluster cluster = Resolve(Nodes(1) + PodYaml("p", "n1"));
  EXPECT_EQ(cluster.namespaces.at("shop").labels, (policy::Labels{{"kubernetes.io/metadata.name", "shop"}}));
}

std::string IpOf(const Cluster& cluster, const std::string& name) {
  return cluster.services.at("default/" + name).cluster_ips.at(0).ToString();
}

TEST(ClusterIps, AreTheSameAfterARestart) {
  std::string text = ServiceWith("a", "") + ServiceWith("b", "type: NodePort, ");
  Cluster first = Resolve(text);
  Cluster second = Resolve(text + ServiceWith("c", ""));
  EXPECT_EQ(IpOf(first, "a"), IpOf(second, "a"));
  EXPECT_EQ(first.services.at("default/b"), second.services.at("default/b"));
  int port = first.services.at("default/b").object.ports[0].node_port;
  EXPECT_GE(port, 30000);
  EXPECT_LE(port, 32767);
}

TEST(ClusterIps, ReloadMovesNoServiceHoweverNarrowTheRange) {
  ClusterSettings narrow = Settings("10.96.0.0/26");
  Cluster cluster;
  std::string text;
  for (int i = 60; i > 0; --i) {
    Cluster before = cluster;
    text += ServiceWith(absl::StrCat("s", i), "");
    cluster = Resolve(text, narrow, &before);
    EXPECT_THAT(cluster.Rejections(), IsEmpty());
    for (const auto& [name, service] : before.services) EXPECT_EQ(service, cluster.services.at(name)) << name;
  }
  std::set<IpAddress> distinct;
  for (const auto& [name, service] : cluster.services) distinct.insert(service.cluster_ips.at(0));
  EXPECT_EQ(distinct.size(), 60U);
}

TEST(ClusterIps, ExhaustionIsExplainedAndHarmsNobodyElse) {
  std::string text;
  for (int i = 0; i < 8; ++i) text += ServiceWith(absl::StrCat("s", i), "");
  Cluster cluster = Resolve(text, Settings("10.96.0.0/29"));
  EXPECT_EQ(cluster.services.size(), 6U);
  ASSERT_EQ(cluster.Rejections().size(), 2U);
  EXPECT_THAT(cluster.Rejections()[0].message, HasSubstr("widen --service-cidr"));
}

TEST(ClusterIps, GivenOnesAreCheckedAgainstRangeAndEachOther) {
  Cluster cluster =
      Resolve(ServiceWith("a", "clusterIP: 10.96.1.1, ") + ServiceWith("b", "clusterIP: 10.96.1.1, ") +
              ServiceWith("c", "clusterIP: 10.97.0.1, ") + ServiceWith("d", "clusterIP: None, "));
  EXPECT_EQ(cluster.services.size(), 2U);
  ASSERT_EQ(cluster.Rejections().size(), 2U);
  EXPECT_THAT(cluster.Rejections()[0].message, HasSubstr("10.96.1.1 is taken by Service default/a"));
  EXPECT_THAT(cluster.Rejections()[1].message,
              HasSubstr("10.97.0.1 is outside of the Service range 10.96.0.0/16"));
}

TEST(ClusterIps, FollowFamiliesAndTheirPolicy) {
  auto families = [](const Cluster& cluster, const std::string& name) {
    std::string result;
    for (const IpAddress& ip : cluster.services.at("default/" + name).cluster_ips)
      result += ip.is_v4() ? "4" : "6";
    return result;
  };
  Cluster cluster =
      Resolve(ServiceWith("a", "") + ServiceWith("b", "ipFamilyPolicy: PreferDualStack, ") +
              ServiceWith("c", "ipFamilies: [IPv6], ") + ServiceWith("d", "ipFamilies: [IPv6, IPv4], ") +
              ServiceWith("e", "ipFamilies: [IPv6], ipFamilyPolicy: RequireDualStack, "));
  EXPECT_EQ(families(cluster, "a"), "4");
  EXPECT_EQ(families(cluster, "b"), "46");
  EXPECT_EQ(families(cluster, "c"), "6");
  EXPECT_EQ(families(cluster, "d"), "64");
  EXPECT_EQ(families(cluster, "e"), "64");

  ClusterSettings single;
  single.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16")};
  cluster = Resolve(ServiceWith("b", "ipFamilyPolicy: PreferDualStack, ") +
                        ServiceWith("e", "ipFamilyPolicy: RequireDualStack, "),
                    single);
  EXPECT_EQ(families(cluster, "b"), "4");
  ASSERT_EQ(cluster.Rejections().size(), 1U);
  EXPECT_THAT(cluster.Rejections()[0].message, HasSubstr("RequireDualStack needs two Service ranges"));
}

TEST(ApiServer, DecidesOnPlacesAddressesAndPorts) {
  ClusterSettings settings = Settings();
  settings.api_server = true;
  Cluster cluster = Resolve(
      Nodes(1) +
          "---\napiVersion: v1\nkind: Pod\nmetadata: {name: waits}\nspec: {containers: "
          "[{name: c, image: probe}]}\n" +
          ServiceWith("new", "") + ServiceWith("other-range", "clusterIP: 10.97.0.1, type: NodePort, ") +
          ServiceWith("both", "clusterIPs: [10.96.0.1, 'fd00::1'], ipFamilyPolicy: PreferDualStack, ") +
          ServiceWith("one", "clusterIP: 10.96.0.2, ipFamilyPolicy: PreferDualStack, "),
      settings);
  EXPECT_THAT(cluster.Rejections(), IsEmpty());
  EXPECT_THAT(cluster.UnplacedPods(), IsEmpty());
  ASSERT_EQ(cluster.pods.size(), 1U);
  EXPECT_EQ(cluster.pods.begin()->second.node, "");
  EXPECT_THAT(cluster.services.at("default/new").cluster_ips, IsEmpty());
  EXPECT_EQ(cluster.services.at("default/other-range").cluster_ips.size(), 1U);
  EXPECT_EQ(cluster.services.at("default/other-range").object.ports.at(0).node_port, 0);
  EXPECT_EQ(cluster.services.at("default/both").cluster_ips.size(), 2U);
  EXPECT_EQ(cluster.services.at("default/one").families.size(), 1U);
}

std::vector<std::string> Texts(const std::vector<IpPrefix>& ranges) {
  std::vector<std::string> texts;
  texts.reserve(ranges.size());
  for (const IpPrefix& range : ranges) texts.push_back(range.ToString());
  return texts;
}

TEST(SettingsInForce, AreTheObjectsWhereItSaysSomething) {
  ClusterSettings started = Settings();
  started.masquerade = true;
  started.native_cidrs = {*IpPrefix::Parse("10.0.0.0/8")};
  const ClusterSettings without = Resolve(Nodes(1), started).settings;
  EXPECT_TRUE(without.masquerade && without.socket_balancing);
  EXPECT_THAT(Texts(without.native_cidrs), ElementsAre("10.0.0.0/8"));
  const ClusterSettings some = Resolve(Nodes(1) + ConfigYaml("masquerade: false"), started).settings;
  EXPECT_FALSE(some.masquerade);
  EXPECT_TRUE(some.socket_balancing);
  EXPECT_THAT(Texts(some.native_cidrs), ElementsAre("10.0.0.0/8"));
  const ClusterSettings others =
      Resolve(Nodes(1) + ConfigYaml("socketBalancing: false, nativeCIDRs: [], serviceCIDRs: [10.50.0.0/16]"),
              started)
          .settings;
  EXPECT_TRUE(others.masquerade);
  EXPECT_FALSE(others.socket_balancing);
  EXPECT_THAT(others.native_cidrs, IsEmpty());
  EXPECT_THAT(Texts(others.service_cidrs), ElementsAre("10.50.0.0/16"));
}

TEST(SettingsInForce, MoveNoServiceThatHasItsAddress) {
  const std::string text = Nodes(1) + ServiceWith("a", "");
  const Cluster before = Resolve(text);
  const Cluster after = Resolve(text + ConfigYaml("serviceCIDRs: [10.50.0.0/16]"), Settings(), &before);
  EXPECT_EQ(after.services.at("default/a").cluster_ips, before.services.at("default/a").cluster_ips);
  EXPECT_THAT(after.Rejections(), IsEmpty());
}

// The narrowest range decides at a node: pods there would be cut off.
TEST(SettingsInForce, RangesOfPodsAndServicesAreNoOthers) {
  const Cluster cluster =
      Resolve(Nodes(2) + ConfigYaml("nativeCIDRs: [10.244.2.0/25, 10.0.0.0/8, 10.50.0.0/16], serviceCIDRs: "
                                    "[\"fd00:10:244:1::/64\", 10.50.0.0/16]"));
  EXPECT_THAT(Texts(cluster.settings.native_cidrs), ElementsAre("10.0.0.0/8"));
  EXPECT_THAT(Texts(cluster.settings.service_cidrs), ElementsAre("10.50.0.0/16"));
  ASSERT_EQ(cluster.remarks.size(), 3U);
  EXPECT_EQ(cluster.remarks[0].object, "FairleadConfig fairlead");
  EXPECT_THAT(
      cluster.remarks[0].message,
      HasSubstr("spec.serviceCIDRs: fd00:10:244:1::/64 lies within fd00:10:244:1::/64, the pods of Node n1"));
  EXPECT_THAT(cluster.remarks[1].message,
              HasSubstr("spec.nativeCIDRs: 10.244.2.0/25 lies within 10.244.2.0/24"));
  EXPECT_THAT(cluster.remarks[2].message, HasSubstr("spec.nativeCIDRs: 10.50.0.0/16 is the Services' range"));
  ClusterSettings started = Settings();
  started.native_cidrs = {*IpPrefix::Parse("10.244.1.0/24")};
  EXPECT_THAT(Resolve(Nodes(1), started).settings.native_cidrs, IsEmpty());
}

// What a refused Service stated besides is free for others.
TEST(ClusterIps, AServiceThatIsRefusedForItsNodePortHoldsNoAddress) {
  const std::string port = "type: NodePort, ports: [{port: 80, nodePort: 30080}]}\n";
  const auto service = [](const std::string& name, const std::string& spec) {
    return absl::StrCat("---\napiVersion: v1\nkind: Service\nmetadata: {name: ", name, "}\nspec: {", spec);
  };
  const Cluster cluster = Resolve(service("a", port) + service("b", "clusterIP: 10.96.1.1, " + port) +
                                  ServiceWith("c", "clusterIP: 10.96.1.1, "));
  EXPECT_EQ(cluster.services.count("default/c"), 1U);
  ASSERT_EQ(cluster.Rejections().size(), 1U);
  EXPECT_EQ(cluster.Rejections()[0].object, "Service default/b");
}

TEST(NodePorts, GivenOnesAreCheckedAgainstRangeAndEachOther) {
  auto service = [](const std::string& name, int port) {
    return absl::StrCat("---\napiVersion: v1\nkind: Service\nmetadata: {name: ", name,
                        "}\nspec: {type: NodePort, ports: [{port: 80, nodePort: ", port, "}]}\n");
  };
  Cluster cluster = Resolve(service("a", 30080) + service("b", 30080) + service("c", 80));
  EXPECT_EQ(cluster.services.size(), 1U);
  ASSERT_EQ(cluster.Rejections().size(), 2U);
  EXPECT_THAT(cluster.Rejections()[0].message, HasSubstr("30080/TCP is taken by Service default/a"));
  EXPECT_THAT(cluster.Rejections()[1].message, HasSubstr("must be from 30000 to 32767, is 80"));
}

}  // namespace
}  // namespace fairlead::controller
