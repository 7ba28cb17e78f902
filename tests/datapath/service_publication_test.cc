// A front end leads to its old backends or to its new ones, whole, at every write; a backend that
// stays is not touched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datapath/abi_convert.h"
#include "tests/datapath/fake_node.h"
#include "tests/datapath/kernel_view.h"

namespace fairlead::datapath {
namespace {

using ::testing::HasSubstr;

const IpAddress kVip = *IpAddress::Parse("10.96.0.10");

Service WithBackends(const std::string& name, const std::vector<int>& backends, uint16_t node_port = 0) {
  Service service{.namespace_name = "shop", .name = name, .cluster_ips = {kVip}};
  ServicePort port{.port = 80, .node_port = node_port};
  for (const int number : backends) {
    port.backends.push_back(
        {.address = IpAddress::FromV4(0x0af40100u + static_cast<uint32_t>(number)), .port = 8080});
  }
  service.ports = {port};
  return service;
}

DesiredState State(const std::vector<Service>& services) {
  DesiredState state;
  state.complete = true;
  state.settings.node = "n";
  for (const Service& service : services) state.services["shop/" + service.name] = service;
  return state;
}

// Number and generation of a backend; {0, 0}: not there.
std::pair<uint32_t, uint32_t> Backend(const FakeKernel& kernel, const IpAddress& address) {
  for (uint32_t index = 1; index < 16; ++index) {
    const auto entry = *Read<uint32_t, fl_backend>(kernel, MapId::kBackend, index);
    if (FromAbi(entry.address) == address) return {index, entry.generation};
  }
  return {0, 0};
}

TEST(ServicePublication, AFrontEndIsWholeAtEveryWriteAndABackendThatStaysIsUntouched) {
  FakeKernel kernel;
  FakeNode balancer(kernel);
  const DesiredState before = State({WithBackends("cart", {1, 2})}),
                     after = State({WithBackends("cart", {1, 3})});
  ASSERT_TRUE(balancer.Apply(before).empty());
  EXPECT_EQ(balancer.reconciler().ArraysInUse()["backend"], 2u);
  EXPECT_EQ(balancer.reconciler().ArraysInUse()["backend_id"], 2u);
  const auto stays = Backend(kernel, IpAddress::FromV4(0x0af40101u));
  const auto goes = Backend(kernel, IpAddress::FromV4(0x0af40102u));
  const auto old_backends = BackendsOf(kernel, kVip, 80, 6);
  bool published = false;
  kernel.on_write = [&](const FakeKernel::Write&) {
    const auto now = BackendsOf(kernel, kVip, 80, 6);
    const std::vector<std::string> wanted = {"10.244.1.1:8080", "10.244.1.3:8080"};
    published = published || *now == wanted;
    EXPECT_EQ(*now, published ? wanted : *old_backends);
  };
  ASSERT_TRUE(balancer.Apply(after).empty());
  kernel.on_write = nullptr;
  EXPECT_TRUE(published);
  EXPECT_EQ(Backend(kernel, IpAddress::FromV4(0x0af40101u)), stays);
  const auto removed = Read<uint32_t, fl_backend>(kernel, MapId::kBackend, goes.first);
  EXPECT_EQ(removed->generation, goes.second + 1);
}

TEST(ServicePublication, AFailedWriteLeavesAWholeSetAndTheNextTryMendsIt) {
  const DesiredState before = State({WithBackends("cart", {1, 2})}),
                     after = State({WithBackends("cart", {3})});
  for (uint64_t n = 1; n <= 6; ++n) {
    FakeKernel kernel;
    FakeNode balancer(kernel);
    ASSERT_TRUE(balancer.Apply(before).empty());
    kernel.fail_at = kernel.writes + n;
    balancer.Apply(after);
    const auto now = *BackendsOf(kernel, kVip, 80, 6);
    EXPECT_TRUE(now.size() == 2 || now == std::vector<std::string>{"10.244.1.3:8080"}) << n;
    for (const std::string& backend : now) EXPECT_NE(backend, "broken") << n;
    ASSERT_TRUE(balancer.Apply(after).empty()) << n;
    EXPECT_EQ(*BackendsOf(kernel, kVip, 80, 6), (std::vector<std::string>{"10.244.1.3:8080"}));
  }
}

TEST(ServicePublication, ANewAgentWithTheSameStateWritesNothing) {
  FakeKernel kernel;
  const DesiredState state = State({WithBackends("cart", {1, 2}, 30080)});
  ASSERT_TRUE(FakeNode(kernel).Apply(state).empty());
  const uint64_t writes = kernel.writes;
  ASSERT_TRUE(FakeNode(kernel).Apply(state).empty());
  EXPECT_EQ(kernel.writes, writes);
}

TEST(ServicePublication, TheFirstByNameHasAFrontEndThatTwoAskFor) {
  for (const bool other_first : {false, true}) {
    FakeKernel kernel;
    FakeNode balancer(kernel);
    balancer.Apply(State({WithBackends(other_first ? "web" : "cart", {other_first ? 2 : 1})}));
    const Failures failures = balancer.Apply(State({WithBackends("cart", {1}), WithBackends("web", {2})}));
    ASSERT_EQ(failures.size(), 1u);
    EXPECT_EQ(failures[0].name, "shop/web");
    EXPECT_EQ(*BackendsOf(kernel, kVip, 80, 6), (std::vector<std::string>{"10.244.1.1:8080"}));
    ASSERT_TRUE(balancer.Apply(State({WithBackends("web", {2})})).empty());
    EXPECT_EQ(*BackendsOf(kernel, kVip, 80, 6), (std::vector<std::string>{"10.244.1.2:8080"}));
  }
}

TEST(ServicePublication, AFrontEndThatIsTakenSaysByWhom) {
  FakeKernel kernel;
  FakeNode balancer(kernel);
  DesiredState state = State({WithBackends("cart", {1}), WithBackends("web", {2}, 30080)});
  Failures failures = balancer.Apply(state);
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_THAT(std::string(failures[0].status.message()),
              HasSubstr("10.96.0.10:80/TCP belongs to Service shop/cart"));

  state.services.erase("shop/cart");
  LocalEndpoint& pod = state.endpoints["sandbox/eth0"];
  pod.key = "sandbox/eth0";
  pod.namespace_name = "shop";
  pod.pod_name = "db-0";
  pod.addresses = {*IpAddress::Parse("10.244.1.9")};
  pod.port_mappings = {{.host_port = 30080, .container_port = 80}};
  failures = balancer.Apply(state);
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].name, "shop/web");
  EXPECT_THAT(std::string(failures[0].status.message()),
              HasSubstr(":30080/TCP belongs to the hostPort of pod shop/db-0"));
}

TEST(ServicePublication, AServiceThatIsGoneLeavesNothing) {
  FakeKernel kernel;
  FakeNode balancer(kernel);
  ASSERT_TRUE(balancer.Apply(State({WithBackends("cart", {1, 2})})).empty());
  DesiredState partial = State({});
  partial.complete = false;
  ASSERT_TRUE(balancer.Apply(partial).empty());
  EXPECT_TRUE(BackendsOf(kernel, kVip, 80, 6).has_value());
  ASSERT_TRUE(balancer.Apply(State({})).empty());
  EXPECT_FALSE(BackendsOf(kernel, kVip, 80, 6).has_value());
  EXPECT_EQ(Backend(kernel, IpAddress::FromV4(0x0af40101u)).first, 0u);
}

}  // namespace
}  // namespace fairlead::datapath
