// A cluster that is kept up to date object by object is the one that all objects make, through contradictions
// and back, and tells nodes of the same changes.
#include "controller/model/live_cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/model/store.h"
#include "tests/controller/manifests.h"
#include "tests/controller/objects.h"

namespace fairlead::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ClusterSettings OfApiServer() {
  ClusterSettings settings;
  settings.api_server = true;
  return settings;
}

std::string PodWith(const std::string& name, const std::string& uid, const std::string& spec,
                    const std::string& status) {
  return absl::StrCat(
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: ", name, ", namespace: shop, uid: ", uid,
      ", labels: {app: a}}\nspec: {", spec,
      "containers: [{name: c, image: i, ports: [{name: http, containerPort: 80}]}]}\nstatus: {", status,
      "}\n");
}

std::string ServiceWith(const std::string& name, const std::string& spec) {
  return absl::StrCat("---\napiVersion: v1\nkind: Service\nmetadata: {name: ", name,
                      ", namespace: shop}\nspec: {", spec, "}\n");
}

std::string SliceYaml(const std::string& name, const std::string& service, const std::string& address) {
  return absl::StrCat("---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: ", name,
                      ", namespace: shop, labels: {kubernetes.io/service-name: ", service,
                      "}}\naddressType: IPv4\nports: [{name: \"\", port: 8080}]\nendpoints: [{addresses: [",
                      address, "]}]\n");
}

std::string NamespaceYaml(const std::string& name, const std::string& label) {
  return absl::StrCat("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ", name,
                      ", labels: {team: ", label, "}}\n");
}

// Objects of an API server, which come and go.
class ChangingObjects {
 public:
  explicit ChangingObjects(uint32_t seed) : random_(seed) {}

  const Objects& all() const { return objects_; }

  // A few changes; returns what they touched, and sometimes what they did not.
  std::set<ObjectKey> Change() {
    std::set<ObjectKey> touched;
    for (uint32_t i = 0; i <= Below(3); ++i) {
      const std::string text = Any();
      const Object object = ObjectsOf(text).begin()->second;
      touched.insert(object.key);
      if (Below(4) == 0) {
        objects_.erase(object.key);
      } else {
        objects_.insert_or_assign(object.key, object);
      }
    }
    if (!objects_.empty() && Below(5) == 0) touched.insert(objects_.begin()->first);
    return touched;
  }

  uint32_t Below(uint32_t limit) { return random_() % limit; }

 private:
  std::string Pick(const std::vector<std::string>& from) {
    return from[Below(static_cast<uint32_t>(from.size()))];
  }
  std::string App() { return Pick({"a", "b"}); }
  std::string Node() { return absl::StrCat("n", 1 + Below(3)); }

  std::string Any() {
    switch (Below(9)) {
      case 0:  // sometimes with the range of another
        return NodeYaml(Node(), static_cast<int>(1 + Below(4)));
      case 1:
      case 2:
        return AnyPod();
      case 3:
        return AnyService();
      case 4:
      case 5:
        return SliceYaml(absl::StrCat("e", Below(4)), absl::StrCat("s", Below(4)),
                         absl::StrCat("10.9.0.", Below(4)));
      case 6:
        return PolicyYaml(Pick({"y", "z"}), App(), App());
      case 7:
        return Pick({NamespaceYaml("shop", "x"), NamespaceYaml("shop", "y"), NamespaceYaml("other", "x")});
      default:
        return ConfigYaml(Pick({"masquerade: true", "masquerade: false", "serviceCIDRs: [10.96.0.0/16]",
                                "nativeCIDRs: [10.244.1.0/25]"}));
    }
  }

  std::string AnyPod() {
    const std::string name = absl::StrCat("p", Below(5));
    switch (Below(5)) {
      case 0:  // a new one under the old name
        return PodWith(name, absl::StrCat("uid-", name, "-", Below(3)),
                       absl::StrCat("nodeName: ", Node(), ", "), "");
      case 1:
        return PodWith(name, "uid-" + name, absl::StrCat("hostNetwork: true, nodeName: ", Node(), ", "),
                       "podIPs: [{ip: 172.31.0.11}]");
      case 2:
        return PodWith(name, "uid-" + name, absl::StrCat("nodeName: ", Node(), ", "), "phase: Succeeded");
      case 3:  // which another pod may have
        return PodWith(name, Pick({"uid-p0", "uid-" + name, "uid-" + name}), "", "");
      default:
        return PodYaml(name, Node(), App());
    }
  }

  std::string AnyService() {
    const std::string address = absl::StrCat("clusterIP: 10.96.0.", Below(3), ", ");
    const std::string ports = "ports: [{port: 80}]";
    return ServiceWith(
        absl::StrCat("s", Below(4)),
        Pick({address + ports, address + "ports: [{port: 81}]",
              address + absl::StrCat("type: NodePort, ports: [{port: 80, nodePort: ", 30000 + Below(2), "}]"),
              "clusterIP: None, " + ports, "type: ExternalName, externalName: example.com"}));
  }

  std::mt19937 random_;
  Objects objects_;
};

std::map<ResourceId, std::string> VersionsOf(const Store& store, const std::string& node) {
  std::map<ResourceId, std::string> versions;
  store.ForEach(node, [&](const ResourcePtr& resource) { versions[resource->id] = resource->version; });
  return versions;
}

// Of several contradictions of an object, which one is named depends on what was looked at first.
std::vector<std::string> Refused(const Cluster& cluster) {
  std::vector<std::string> objects;
  for (const Rejection& rejection : cluster.Rejections()) objects.push_back(rejection.object);
  std::sort(objects.begin(), objects.end());
  return objects;
}

// What each was before, by its version.
std::map<ResourceId, std::string> VersionsIn(const ChangedResources& changed) {
  std::map<ResourceId, std::string> versions;
  for (const auto& [id, before] : changed) versions[id] = before ? before->version : "";
  return versions;
}

std::map<std::string, std::map<ResourceId, std::string>> OfNodes(const Changes& changes) {
  std::map<std::string, std::map<ResourceId, std::string>> nodes;
  for (const auto& [node, changed] : changes.nodes) {
    if (!changed.empty()) nodes[node] = VersionsIn(changed);
  }
  return nodes;
}

TEST(LiveClusterTest, ObjectByObjectIsTheSameAsAllAnew) {
  const uint32_t seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  ChangingObjects objects(seed);
  Store live(OfApiServer());
  Store whole(OfApiServer());
  size_t contradictions = 0, peaceful = 0;
  for (int step = 0; step < 3000; ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    const std::set<ObjectKey> touched = objects.Change();
    const Changes one_by_one = live.SetObjects(objects.all(), touched);
    const Changes anew = whole.SetObjects(objects.all());
    EXPECT_EQ(VersionsIn(one_by_one.everywhere), VersionsIn(anew.everywhere));
    EXPECT_EQ(OfNodes(one_by_one), OfNodes(anew));
    if (objects.Below(6) == 0) {
      const std::string node = absl::StrCat("n", 1 + objects.Below(3));
      const std::string pod = absl::StrCat("p", objects.Below(5));
      const std::vector<ReportedEndpoint> reported = {
          {"uid-" + pod,
           "shop",
           pod,
           "sandbox",
           {*IpAddress::Parse(absl::StrCat("10.244.1.", 1 + objects.Below(5)))},
           1}};
      EXPECT_EQ(OfNodes(live.SetNodeEndpoints(node, reported)),
                OfNodes(whole.SetNodeEndpoints(node, reported)));
    }
    for (const char* node : {"n1", "n2", "n3"})
      EXPECT_EQ(VersionsOf(live, node), VersionsOf(whole, node)) << node;
    const Cluster& cluster = live.cluster();
    EXPECT_EQ(Refused(cluster), Refused(whole.cluster()));
    EXPECT_EQ(cluster.remarks, whole.cluster().remarks);
    EXPECT_EQ(cluster.settings, whole.cluster().settings);
    EXPECT_EQ(cluster.UnplacedPods(), whole.cluster().UnplacedPods());
    EXPECT_EQ(cluster.pods, whole.cluster().pods);
    EXPECT_EQ(cluster.services, whole.cluster().services);
    EXPECT_EQ(cluster.slices, whole.cluster().slices);
    EXPECT_TRUE(cluster.namespaces == whole.cluster().namespaces);
    (cluster.Rejections().empty() ? peaceful : contradictions) += 1;
    if (HasFailure()) break;
  }
  EXPECT_GT(contradictions, 100u);
  EXPECT_GT(peaceful, 100u);
}

TEST(LiveClusterTest, AChangeNamesWhatItTouchedAlone) {
  LiveCluster live(OfApiServer());
  Objects objects =
      ObjectsOf(NodeYaml("n1", 1) + PodYaml("p", "n1") + PodYaml("q", "n1") + PolicyYaml("y", "a", "b") +
                ServiceWith("s", "clusterIP: 10.96.0.1, ports: [{port: 80}]"));
  live.Take(objects, std::nullopt);
  const Objects pod = ObjectsOf(PodYaml("p", "n1", "other"));
  objects.insert_or_assign(pod.begin()->first, pod.begin()->second);
  const ClusterChange change = live.Take(objects, std::set<ObjectKey>{pod.begin()->first});
  EXPECT_THAT(change.pods, ElementsAre("uid-p"));
  EXPECT_THAT(change.nodes, IsEmpty());
  EXPECT_THAT(change.namespaces, IsEmpty());
  EXPECT_THAT(change.services, IsEmpty());
  EXPECT_THAT(change.policies, IsEmpty());
  EXPECT_FALSE(change.settings);

  const Objects slice = ObjectsOf(SliceYaml("e", "s", "10.9.0.1"));
  objects.insert(slice.begin(), slice.end());
  EXPECT_THAT(live.Take(objects, std::set<ObjectKey>{slice.begin()->first}).services, ElementsAre("shop/s"));
  EXPECT_THAT(live.cluster().slices.at("shop/s"), SizeIs(1));
}

// What was taken in before the contradiction was met is told, too.
TEST(LiveClusterTest, AContradictionLosesNoOtherChange) {
  LiveCluster live(OfApiServer());
  Objects objects =
      ObjectsOf(NodeYaml("n1", 1) + ServiceWith("s", "clusterIP: 10.96.0.1, ports: [{port: 80}]"));
  live.Take(objects, std::nullopt);
  const Objects more = ObjectsOf(PodYaml("p", "n1") + PolicyYaml("y", "a", "b") +
                                 ServiceWith("t", "clusterIP: 10.96.0.1, ports: [{port: 80}]"));
  objects.insert(more.begin(), more.end());
  std::set<ObjectKey> touched;
  for (const auto& [key, object] : more) touched.insert(key);
  const ClusterChange change = live.Take(objects, touched);
  EXPECT_THAT(change.pods, ElementsAre("uid-p"));
  EXPECT_THAT(change.policies, ElementsAre("shop/y"));
  ASSERT_THAT(live.cluster().Rejections(), SizeIs(1));
  EXPECT_EQ(live.cluster().Rejections()[0].object, "Service shop/t");
}

}  // namespace
}  // namespace fairlead::controller
