// The API server as a source, against a server that does all that goes wrong.
#include "controller/source/kubernetes_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/controller/certificates.h"
#include "tests/controller/fake_api_server.h"
#include "tests/controller/scratch_folder.h"

namespace fairlead::controller {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Strings = std::vector<std::string>;

class KubernetesSourceTest : public ::testing::Test {
 protected:
  ~KubernetesSourceTest() override {
    if (!owner_.joinable()) return;
    loop_->Stop();
    owner_.join();
    source_.reset();
    loop_->Drain();
  }

  void Open(const kube::ApiAccess& access) {
    loop_ = *EventLoop::Create();
    absl::StatusOr<std::unique_ptr<KubernetesSource>> source =
        KubernetesSource::Open(access, 1, loop_.get(), [this] { ++changes_; });
    ASSERT_TRUE(source.ok()) << source.status();
    source_ = *std::move(source);
    owner_ = std::thread([this] { loop_->Run(); });
  }
  void Open() { Open(server_.access()); }

  // What `ask` says on the loop's thread.
  template <typename Ask>
  auto OnLoop(Ask ask) {
    std::promise<decltype(ask())> answer;
    loop_->Post([&] { answer.set_value(ask()); });
    return answer.get_future().get();
  }

  // Asks on the loop's thread until it holds; false after a long while.
  bool Eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      if (OnLoop(holds)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  bool Synced() {
    return Eventually([&] { return source_->synced(); });
  }
  bool Holds(const std::string& kind, const Strings& names) {
    return Eventually([&] { return Names(kind) == names; });
  }
  // On the loop's thread.
  Strings Names(const std::string& kind) const {
    Strings names;
    for (const auto& [key, object] : source_->objects()) {
      if (key.kind == kind) names.push_back(key.name);
    }
    return names;
  }
  Strings Lost() {
    return OnLoop([&] { return source_->Lost(); });
  }
  size_t Lists(const std::string& resource) const {
    size_t count = 0;
    for (const std::string& request : server_.Requests(resource))
      count += !absl::StrContains(request, "watch=");
    return count;
  }
  size_t Watches(const std::string& resource) const {
    return server_.Requests(resource).size() - Lists(resource);
  }

  FakeApiServer server_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<KubernetesSource> source_;
  std::thread owner_;
  int changes_ = 0;  // of the loop's thread
};

TEST_F(KubernetesSourceTest, IsNotSyncedBeforeTheLastListIsComplete) {
  server_.Put(MakePod("shop", "cart", "n1"));
  server_.Refuse("networkpolicies", 403, -1);
  Open();
  ASSERT_TRUE(Eventually([&] { return !source_->Lost().empty() && !source_->objects().empty(); }));
  EXPECT_THAT(Lost(), ElementsAre(AllOf(HasSubstr("list networkpolicies"), HasSubstr("403"),
                                        HasSubstr("verbs list and watch on networkpolicies"))));
  EXPECT_FALSE(OnLoop([&] { return source_->synced(); }));
  EXPECT_EQ(OnLoop([&] { return changes_; }), 0);
  server_.Refuse("networkpolicies", 0, 0);
  ASSERT_TRUE(Synced());
  EXPECT_EQ(OnLoop([&] { return changes_; }), 1);
  EXPECT_THAT(Lost(), IsEmpty());
}

TEST_F(KubernetesSourceTest, FollowsWhatComesChangesAndGoes) {
  server_.Put(MakeNamespace("shop"));
  server_.Put(MakeNode("n1", "10.244.1.0/24", "172.18.0.11"));
  Open();
  ASSERT_TRUE(Synced());
  kubernetes::Pod pod = MakePod("shop", "cart", "");
  server_.Put(pod);
  ASSERT_TRUE(Holds("Pod", {"cart"}));
  pod.mutable_spec()->set_nodename("n1");
  pod.mutable_status()->add_podips()->set_ip("10.244.1.7");
  (*pod.mutable_metadata()->mutable_labels())["app"] = "cart";
  server_.Put(pod);
  ASSERT_TRUE(Eventually([&] {
    const auto& now = std::get<PodObject>(source_->objects().at({"Pod", "shop", "cart"}).body);
    return now.spec.node_name == "n1" && now.labels.at("app") == "cart" && now.status_addresses.size() == 1;
  }));
  EXPECT_EQ(OnLoop([&] { return source_->watermark(); }), server_.resource_version());
  server_.Delete("Pod", "shop", "cart");
  EXPECT_TRUE(Holds("Pod", {}));
  EXPECT_EQ(Lists("pods"), 1U);
}

TEST_F(KubernetesSourceTest, KnowsForEachKindHowFarItHasCome) {
  server_.Put(MakeNamespace("shop"));
  Open();
  EXPECT_TRUE(Eventually([&] { return source_->HasReached("Pod", 0); }));
  const uint64_t next = server_.resource_version() + 1;
  EXPECT_FALSE(OnLoop([&] { return source_->HasReached("Pod", next); }));
  server_.Put(MakePod("shop", "cart", ""));
  EXPECT_TRUE(Eventually([&] { return source_->HasReached("Pod", next); }));
  EXPECT_TRUE(Holds("Pod", {"cart"}));
  EXPECT_FALSE(OnLoop([&] { return source_->HasReached("Service", next); })) << "its watch may be behind";
}

TEST_F(KubernetesSourceTest, ReadsEachKindAsTheApiMeansIt) {
  server_.Put(MakeNode("n1", "10.244.1.0/24", "172.18.0.11"));
  kubernetes::Service service;
  service.mutable_metadata()->set_name("web");
  service.mutable_metadata()->set_namespace_("shop");
  service.mutable_spec()->set_type("NodePort");
  service.mutable_spec()->set_clusterip("10.96.0.9");
  service.mutable_spec()->add_clusterips("10.96.0.9");
  service.mutable_spec()->set_externaltrafficpolicy("Local");
  kubernetes::ServicePort* port = service.mutable_spec()->add_ports();
  port->set_name("");
  port->set_port(80);
  port->set_nodeport(30080);
  port->mutable_targetport()->set_type(1);
  port->mutable_targetport()->set_strval("http");
  server_.Put(service);
  kubernetes::EndpointSlice slice;
  slice.mutable_metadata()->set_name("web-1");
  slice.mutable_metadata()->set_namespace_("shop");
  (*slice.mutable_metadata()->mutable_labels())["kubernetes.io/service-name"] = "web";
  slice.set_addresstype("IPv4");
  slice.add_ports()->set_port(8080);
  kubernetes::Endpoint* endpoint = slice.add_endpoints();
  endpoint->add_addresses("10.244.1.7");
  endpoint->mutable_conditions()->set_ready(false);
  endpoint->mutable_conditions()->set_serving(true);
  endpoint->mutable_conditions()->set_terminating(true);
  server_.Put(slice);
  kubernetes::NetworkPolicy policy;
  policy.mutable_metadata()->set_name("allow");
  policy.mutable_metadata()->set_namespace_("shop");
  policy.mutable_spec()->mutable_podselector();
  policy.mutable_spec()->add_policytypes("Ingress");
  policy.mutable_spec()->add_ingress()->add_from()->mutable_podselector();  // {}: all of the namespace
  policy.mutable_spec()->add_ingress();                                     // {}: everything
  server_.Put(policy);
  Open();
  ASSERT_TRUE(Synced());
  OnLoop([&] {
    EXPECT_THAT(source_->Rejections(), IsEmpty());
    const auto& objects = source_->objects();
    const auto& node = std::get<NodeObject>(objects.at({"Node", "", "n1"}).body);
    EXPECT_EQ(node.pod_cidrs.at(0).ToString(), "10.244.1.0/24");
    EXPECT_EQ(node.addresses.at(0).ToString(), "172.18.0.11");
    const auto& web = std::get<ServiceObject>(objects.at({"Service", "shop", "web"}).body);
    EXPECT_TRUE(web.external_local);
    EXPECT_THAT(web.selector, IsEmpty());
    EXPECT_EQ(web.ports.at(0).node_port, 30080);
    EXPECT_EQ(std::get<std::string>(web.ports.at(0).target), "http");
    const auto& ends = std::get<EndpointSliceObject>(objects.at({"EndpointSlice", "shop", "web-1"}).body);
    EXPECT_FALSE(ends.endpoints.at(0).ready);
    EXPECT_TRUE(ends.endpoints.at(0).serving && ends.endpoints.at(0).terminating);
    const auto& allow = std::get<policy::NetworkPolicy>(objects.at({"NetworkPolicy", "shop", "allow"}).body);
    EXPECT_TRUE(allow.isolates_ingress);
    EXPECT_EQ(allow.ingress.size(), 2U);
    EXPECT_EQ(allow.ingress.at(0).peers.size(), 1U);
    EXPECT_THAT(allow.ingress.at(1).peers, IsEmpty());
    return true;
  });
}

TEST_F(KubernetesSourceTest, GoesOnFromTheLastBookmarkWhenStreamsBreak) {
  Open();
  ASSERT_TRUE(Synced());
  server_.Put(MakePod("shop", "a", "n1"));
  ASSERT_TRUE(Holds("Pod", {"a"}));
  server_.Bookmark("Pod");
  const uint64_t marked = server_.resource_version();
  ASSERT_TRUE(Eventually([&] { return source_->watermark() == marked; }));
  server_.BreakStreams();
  server_.Put(MakePod("shop", "b", "n1"));
  EXPECT_TRUE(Holds("Pod", {"a", "b"}));
  EXPECT_EQ(Lists("pods"), 1U);
  EXPECT_THAT(server_.Requests("pods"), Contains(HasSubstr(absl::StrCat("resourceVersion=", marked))));
}

TEST_F(KubernetesSourceTest, IsWellAgainOnceWatchesAreOpenThoughNothingHappens) {
  Open();
  ASSERT_TRUE(Synced());
  server_.Refuse("nodes", 503, -1);
  server_.BreakStreams();
  ASSERT_TRUE(Eventually([&] {
    return source_->Lost().size() == 1 &&
           absl::StrContains(source_->Lost()[0], "watch nodes: the API server answered 503");
  }));
  server_.Refuse("nodes", 0, 0);
  EXPECT_TRUE(Eventually([&] { return source_->Lost().empty(); }));
  EXPECT_EQ(Lists("nodes"), 1U);
}

TEST_F(KubernetesSourceTest, ListsAnewWhereTheHistoryIsGone) {
  server_.Put(MakePod("shop", "a", "n1"));
  Open();
  ASSERT_TRUE(Synced());
  server_.Refuse("pods", 503, -1);
  server_.BreakStreams();
  ASSERT_TRUE(Eventually([&] { return !source_->Lost().empty(); }));
  server_.Put(MakePod("shop", "b", "n1"));
  server_.Delete("Pod", "shop", "a");
  server_.Compact();
  EXPECT_EQ(OnLoop([&] { return Names("Pod"); }), Strings{"a"}) << "nothing goes without a list";
  server_.Refuse("pods", 0, 0);
  EXPECT_TRUE(Holds("Pod", {"b"}));
  EXPECT_GT(Lists("pods"), 1U);
}

TEST_F(KubernetesSourceTest, ReadsListsOfManyPages) {
  Strings names;
  for (int i = 1000; i < 2200; ++i) {
    names.push_back(absl::StrCat("p", i));
    server_.Put(MakePod("shop", names.back(), "n1"));
  }
  Open();
  ASSERT_TRUE(Synced());
  EXPECT_EQ(OnLoop([&] { return Names("Pod"); }), names);
  EXPECT_EQ(Lists("pods"), 3U);
}

TEST_F(KubernetesSourceTest, WaitsAsLongAsRetryAfterSays) {
  server_.Refuse("pods", 429, 1, 1);
  const auto begin = std::chrono::steady_clock::now();
  Open();
  ASSERT_TRUE(Synced());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  EXPECT_EQ(Lists("pods"), 2U);
}

TEST_F(KubernetesSourceTest, OutlivesGarbageInAStream) {
  server_.Put(MakePod("shop", "a", "n1"));
  Open();
  ASSERT_TRUE(Synced());
  server_.SendBytes("Pod", std::string("\x7f\xff\xff\xff garbage", 12));
  ASSERT_TRUE(Eventually([&] { return !source_->Lost().empty(); }));
  EXPECT_EQ(OnLoop([&] { return Names("Pod"); }), Strings{"a"});
  server_.Compact();
  server_.Put(MakePod("shop", "b", "n1"));
  EXPECT_TRUE(Holds("Pod", {"a", "b"}));
  EXPECT_THAT(Lost(), IsEmpty());
}

TEST_F(KubernetesSourceTest, KeepsTheLastGoodVersionOfARefusedObject) {
  kubernetes::NetworkPolicy policy;
  policy.mutable_metadata()->set_name("allow");
  policy.mutable_metadata()->set_namespace_("shop");
  policy.mutable_spec()->add_policytypes("Ingress");
  server_.Put(policy);
  Open();
  ASSERT_TRUE(Synced());
  policy.mutable_spec()->add_policytypes("Sideways");
  server_.Put(policy);
  ASSERT_TRUE(Eventually([&] { return !source_->Rejections().empty(); }));
  EXPECT_THAT(OnLoop([&] { return source_->Rejections().at(0).message; }),
              AllOf(HasSubstr("policyTypes"), HasSubstr("the last good version stays in force")));
  EXPECT_EQ(OnLoop([&] { return Names("NetworkPolicy"); }), Strings{"allow"});
  server_.Delete("NetworkPolicy", "shop", "allow");
  EXPECT_TRUE(Eventually([&] { return source_->Rejections().empty() && Names("NetworkPolicy").empty(); }));
}

TEST_F(KubernetesSourceTest, ReadsAllAgainWhereAnAgentIsAhead) {
  Open();
  ASSERT_TRUE(Synced());
  loop_->Post([&] { source_->CatchUpWith(1'000'000); });
  EXPECT_TRUE(Eventually([&] { return source_->watermark() == 1'000'001; }));
  for (const ApiKind& kind : kApiKinds) EXPECT_EQ(Lists(kind.resource), 2U) << kind.resource;
}

nlohmann::json ConfigJson(const nlohmann::json& spec) {
  return {{"apiVersion", "fairlead.io/v1alpha1"},
          {"kind", "FairleadConfig"},
          {"metadata", {{"name", "fairlead"}}},
          {"spec", spec}};
}

TEST_F(KubernetesSourceTest, FollowsCustomResourcesInJson) {
  server_.Put(ConfigJson({{"masquerade", true}}));
  Open();
  ASSERT_TRUE(Synced());
  const auto masquerade = [&]() -> std::optional<bool> {
    const auto config = source_->objects().find({"FairleadConfig", "", "fairlead"});
    if (config == source_->objects().end()) return std::nullopt;
    return std::get<ConfigObject>(config->second.body).masquerade;
  };
  EXPECT_EQ(OnLoop(masquerade), true);
  server_.Put(ConfigJson({{"masquerade", false}}));
  EXPECT_TRUE(Eventually([&] { return masquerade() == false; }));
  server_.Bookmark("FairleadConfig");
  const uint64_t marked = server_.resource_version();
  EXPECT_TRUE(Eventually([&] { return source_->Reached("FairleadConfig") == marked; }));
  server_.BreakStreams();
  server_.Put(ConfigJson({{"masquerade", "yes"}}));
  ASSERT_TRUE(Eventually([&] { return !source_->Rejections().empty(); }));
  EXPECT_THAT(OnLoop([&] { return source_->Rejections().at(0).message; }),
              AllOf(HasSubstr("spec.masquerade"), HasSubstr("the last good version stays in force")));
  EXPECT_EQ(OnLoop(masquerade), false);
  EXPECT_EQ(Lists("fairleadconfigs"), 1U);
  server_.Compact();
  server_.BreakStreams();
  server_.Delete("FairleadConfig", "", "fairlead");
  EXPECT_TRUE(Eventually([&] { return masquerade() == std::nullopt && source_->Rejections().empty(); }));
}

TEST_F(KubernetesSourceTest, DoesNotWaitForACustomResourceThatIsNotInstalled) {
  server_.Refuse("fairleadconfigs", 404, -1);
  Open();
  ASSERT_TRUE(Synced());
  EXPECT_THAT(Lost(), IsEmpty());
  EXPECT_FALSE(OnLoop([&] { return source_->HasReached("FairleadConfig", 1); }));
  loop_->Post([&] { source_->CatchUpWith(1'000'000); });
  EXPECT_TRUE(Eventually([&] { return source_->watermark() == 1'000'001; }));
}

TEST_F(KubernetesSourceTest, WaitsForACustomResourceThatItMayNotRead) {
  server_.Refuse("fairleadconfigs", 403, -1);
  Open();
  ASSERT_TRUE(Eventually([&] { return !source_->Lost().empty(); }));
  EXPECT_THAT(Lost().at(0), HasSubstr("allow this identity the verbs list and watch on fairleadconfigs"));
  EXPECT_FALSE(OnLoop([&] { return source_->synced(); }));
  server_.Refuse("fairleadconfigs", 0, 0);
  EXPECT_TRUE(Synced());
}

TEST_F(KubernetesSourceTest, UsesTheNextServerWhereOneDoesNotAnswer) {
  kube::ApiAccess access = server_.access();
  access.servers.insert(access.servers.begin(), "http://127.0.0.1:1");
  Open(access);
  EXPECT_TRUE(Synced());
}

TEST_F(KubernetesSourceTest, ReadsARotatedTokenFromItsFile) {
  ScratchFolder folder;
  folder.Put("token", "old\n");
  server_.RequireToken("old");
  kube::ApiAccess access = server_.access();
  access.token_file = folder / "token";
  Open(access);
  ASSERT_TRUE(Synced());
  folder.Put("token", "new\n");
  server_.RequireToken("new");
  server_.BreakStreams();
  server_.Put(MakePod("shop", "a", "n1"));
  EXPECT_TRUE(Holds("Pod", {"a"}));
}

TEST_F(KubernetesSourceTest, ShowsItsClientCertificateAndChecksTheServers) {
  TestCa ca;
  FakeApiServer server(ca.Sign("api-server"));
  TlsFiles client = ca.Sign("controller");
  kube::ApiAccess access = server.access();
  access.client_certificate.data = ReadFile(client.cert);
  access.client_key.file = client.key;
  Open(access);
  EXPECT_TRUE(Synced()) << ::testing::PrintToString(Lost());
}

TEST_F(KubernetesSourceTest, RefusesAServerOfAnotherCa) {
  TestCa ca;
  TestCa other;
  FakeApiServer server(ca.Sign("api-server"));
  TlsFiles client = ca.Sign("controller");
  kube::ApiAccess access = server.access();
  access.ca.file = other.Sign("unused").ca;
  access.client_certificate.file = client.cert;
  access.client_key.file = client.key;
  Open(access);
  ASSERT_TRUE(Eventually([&] { return source_->Lost().size() == kApiKinds.size(); }));
  EXPECT_THAT(Lost().front(), HasSubstr("certificate"));
  EXPECT_THAT(server.Requests("pods"), IsEmpty());
}

}  // namespace
}  // namespace fairlead::controller
