// Where a Service's traffic goes.
#include "controller/model/backends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controller/model/store.h"
#include "tests/controller/manifests.h"
#include "tests/controller/objects.h"

namespace fairlead::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BackendsTest : public ::testing::Test {
 protected:
  BackendsTest() : store_(Settings()) {}

  static ClusterSettings Settings() {
    ClusterSettings settings;
    settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16"), *IpPrefix::Parse("fd00:10:96::/112")};
    return settings;
  }
  void Set(const std::string& text) { store_.SetObjects(ObjectsOf(NodeYaml("n1", 1) + text)); }

  // "address:port pod" of the first port's backends; "no service" when the node is not told of it.
  std::vector<std::string> Backends(const std::string& service, size_t port = 0) const {
    ResourcePtr resource = store_.Find("n1", {ResourceKind::kService, service});
    if (resource == nullptr) return {"no service"};
    std::vector<std::string> result;
    for (const Backend& backend : std::get<Service>(resource->body).ports.at(port).backends) {
      result.push_back(absl::StrCat(backend.address.ToString(), ":", backend.port, " ", backend.pod,
                                    backend.terminating ? " terminating" : ""));
    }
    return result;
  }

  // A pod of app=web with an address of each family in its status.
  static std::string Pod(int number, const std::string& status = "", const std::string& metadata = "",
                         const std::string& spec = "") {
    return absl::StrCat("---\napiVersion: v1\nkind: Pod\nmetadata: {name: w", number,
                        ", namespace: shop, labels: {app: web}", metadata, "}\nspec: {nodeName: n1, ", spec,
                        "containers: [{name: c, image: i, ports: [{name: http, containerPort: ",
                        8000 + number, "}]}]}\nstatus: {podIPs: [{ip: 10.244.1.", number,
                        "}, {ip: \"fd00:10:244:1::", number, "\"}]", status, "}\n");
  }

  Store store_;
};

TEST_F(BackendsTest, NamedTargetPortIsResolvedOnEachPod) {
  Set(ServiceYaml("web") + Pod(1) + Pod(2) + PodYaml("other", "n1", "db"));
  EXPECT_THAT(Backends("shop/web"), ElementsAre("10.244.1.1:8001 shop/w1", "10.244.1.2:8002 shop/w2"));
}

TEST_F(BackendsTest, FollowTheServicesFamilies) {
  Set("---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"
      "spec: {selector: {app: web}, ipFamilyPolicy: PreferDualStack, ports: [{port: 80}]}\n" +
      Pod(1));
  EXPECT_THAT(Backends("shop/web"), ElementsAre("10.244.1.1:80 shop/w1", "fd00:10:244:1::1:80 shop/w1"));
}

TEST_F(BackendsTest, LeaveOutPodsThatCannotAnswer) {
  Set(ServiceYaml("web") + Pod(1, ", phase: Succeeded") +
      Pod(2, ", conditions: [{type: Ready, status: \"False\"}]") +
      Pod(3, "", ", deletionTimestamp: \"2026-01-01T00:00:00Z\"") + PodYaml("unborn", "n1"));
  EXPECT_THAT(Backends("shop/web"), ElementsAre("10.244.1.3:8003 shop/w3 terminating"));
}

TEST_F(BackendsTest, PublishNotReadyAddressesTakesUnreadyPods) {
  Set("---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"
      "spec: {selector: {app: web}, publishNotReadyAddresses: true, ports: [{port: 80}]}\n" +
      Pod(2, ", conditions: [{type: Ready, status: \"False\"}]"));
  EXPECT_THAT(Backends("shop/web"), ElementsAre("10.244.1.2:80 shop/w2"));
}

TEST_F(BackendsTest, HostNetworkPodAnswersOnItsNode) {
  Set(ServiceYaml("web") +
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: h, namespace: shop, labels: {app: web}}\n"
      "spec: {nodeName: n1, hostNetwork: true, containers: [{name: c, image: i, ports: [{name: http, "
      "containerPort: 80}]}]}\n");
  EXPECT_THAT(Backends("shop/web"), ElementsAre("172.31.0.11:80 shop/h"));
}

TEST_F(BackendsTest, WithoutSelectorComeFromEndpointSlices) {
  Set("---\napiVersion: v1\nkind: Service\nmetadata: {name: ext, namespace: shop}\nspec: {ports: [{name: a, "
      "port: 80}, {name: b, port: 81}]}\n"
      "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
      "metadata: {name: ext-1, namespace: shop, labels: {kubernetes.io/service-name: ext}}\naddressType: "
      "IPv4\n"
      "endpoints: [{addresses: [192.0.2.1], targetRef: {kind: Pod, name: vm}}, {addresses: [192.0.2.2], "
      "conditions: {ready: false}}]\n"
      "ports: [{name: a, port: 8080}]\n");
  EXPECT_THAT(Backends("shop/ext"), ElementsAre("192.0.2.1:8080 shop/vm"));
  EXPECT_THAT(Backends("shop/ext", 1), IsEmpty());
}

TEST_F(BackendsTest, HeadlessAndExternalServicesAreNotForTheDatapath) {
  Set("---\napiVersion: v1\nkind: Service\nmetadata: {name: h, namespace: shop}\nspec: {clusterIP: None, "
      "selector: {app: web}}\n"
      "---\napiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: shop}\nspec: {type: ExternalName, "
      "externalName: example.com}\n" +
      Pod(1));
  EXPECT_THAT(Backends("shop/h"), ElementsAre("no service"));
  EXPECT_THAT(Backends("shop/x"), ElementsAre("no service"));
}

}  // namespace
}  // namespace fairlead::controller
