// The pure parts of labs: plan, manifests, pods' files, CNI texts, matrix, names.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/commands/lab_commands.h"
#include "cli/lab/cni_call.h"
#include "cli/lab/files.h"
#include "cli/lab/lab_lock.h"
#include "cli/lab/log_keeper.h"
#include "cli/lab/manifest_store.h"
#include "cli/lab/matrix.h"
#include "cli/lab/node_manifest.h"
#include "cli/lab/plan.h"
#include "cli/lab/supervisor.h"
#include "cli/lab/workload.h"
#include "cli/names.h"

namespace fairlead::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(LabLock, OneHasItAtATimeAndNoFileIsLeft) {
  std::string folder = testing::TempDir() + "fairlead-lock-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/a/locks/mine.lock";
  std::atomic<int> inside = 0, most = 0, taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        const auto lock = LabLock::Take(path);
        if (!lock.ok()) continue;
        most = std::max<int>(most, ++inside);
        ++taken;
        std::this_thread::yield();
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 400);
  EXPECT_EQ(most, 1);
  EXPECT_FALSE(std::filesystem::exists(folder + "/a"));
  std::filesystem::remove_all(folder);
}

Plan TwoNodes(bool ipv4 = true, bool ipv6 = true) {
  Plan plan{.name = "t", .ipv4 = ipv4, .ipv6 = ipv6};
  plan.nodes = {MakeNode(plan, 0, "node-1"), MakeNode(plan, 1, "node-2")};
  return plan;
}

TEST(PlanTest, SurvivesItsFile) {
  const Plan plan = TwoNodes();
  EXPECT_EQ(*PlanFromJsonText(ToJsonText(plan)), plan);
  for (const char* bad : {"", "{", "[]", "{}", "{\"name\":1}"})
    EXPECT_FALSE(PlanFromJsonText(bad).ok()) << bad;
}

TEST(PlanTest, KeepsToTheFamiliesAskedFor) {
  const Plan plan = TwoNodes(false, true);
  ASSERT_EQ(plan.nodes[1].addresses.size(), 1u);
  EXPECT_EQ(plan.nodes[1].addresses[0].ToString(), "fd00:172:31::12");
  EXPECT_EQ(plan.nodes[1].pod_cidrs[0].ToString(), "fd00:10:244:2::/64");
  EXPECT_EQ(ServiceCidrs(plan), "fd00:10:96::/112");
}

TEST(PlanTest, GivesEveryNodeAddressesOfItsOwn) {
  const Plan plan{.name = "t"};
  std::set<std::string> seen;
  for (int i = 0; i < kMaxNodes; ++i) {
    for (const IpAddress& address : MakeNode(plan, i, "n").addresses) {
      EXPECT_TRUE(seen.insert(address.ToString()).second) << address.ToString();
    }
  }
  for (const IpAddress& address : OutsideUnderlayAddresses(plan)) {
    EXPECT_TRUE(seen.insert(address.ToString()).second);
  }
}

TEST(PlanTest, RefusesNamesThatCannotNameNamespaces) {
  for (const char* good : {"a", "lab", "test-12", "abcdefghijklmnopqrst"})
    EXPECT_TRUE(CheckLabName(good).ok()) << good;
  for (const char* bad : {"", "-a", "a-", "A", "a/b", "..", "a b", "abcdefghijklmnopqrstu"}) {
    EXPECT_FALSE(CheckLabName(bad).ok()) << bad;
  }
}

constexpr char kManifests[] =
    "# shop\n"
    "apiVersion: v1\n"
    "kind: Namespace\n"
    "metadata: {name: shop}\n"
    "---\n"
    "---\n"
    "kind: NetworkPolicy\n"
    "metadata:\n"
    "  name: cart\n"
    "  namespace: shop\n"
    "---\n"
    "kind: [oops\n";

TEST(SplitTest, FindsDocumentsWithTheirLines) {
  const std::vector<Document> documents = SplitDocuments(kManifests, "shop.yaml");
  ASSERT_EQ(documents.size(), 3u);
  EXPECT_EQ(documents[0].Describe(), "namespace shop");
  EXPECT_EQ(documents[1].Describe(), "networkpolicy shop/cart");
  EXPECT_EQ(documents[1].line, 7);
  EXPECT_EQ(documents[2].Describe(), "document at shop.yaml:12");
}

TEST(SplitTest, TakesJsonAndItsLists) {
  const std::vector<Document> documents = SplitDocuments(
      R"({"kind":"List","items":[{"kind":"Pod","metadata":{"name":"a"}},{"kind":"Pod","metadata":{"name":"b"}}]})",
      "x");
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[1].Describe(), "pod default/b");
  EXPECT_EQ(SplitDocuments("{broken", "x").size(), 1u);
}

class ManifestStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/tmp/fairlead-store-XXXXXX";
    paths_.dir = ::mkdtemp(dir);
    std::filesystem::create_directory(paths_.manifests());
  }
  void TearDown() override { std::filesystem::remove_all(paths_.dir); }

  std::vector<Change> Apply(const std::string& text, const std::string& source) {
    std::vector<Change> changes;
    const auto applied = ManifestStore(paths_).Apply(SplitDocuments(text, source));
    EXPECT_TRUE(applied.ok()) << applied.status();
    for (const Applied& entry : *applied) changes.push_back(entry.change);
    return changes;
  }
  size_t FileCount() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(paths_.manifests()), {}));
  }

  Paths paths_{"t"};
};

TEST_F(ManifestStoreTest, ReplacesAnObjectWhereverItComesFrom) {
  EXPECT_THAT(Apply("kind: Pod\nmetadata: {name: a}\n", "one.yaml"), ElementsAre(Change::kCreated));
  EXPECT_THAT(Apply("kind: Pod\nmetadata: {name: a}\n", "two.yaml"), ElementsAre(Change::kUnchanged));
  EXPECT_THAT(Apply("kind: Pod\nmetadata: {name: a, labels: {x: y}}\n", "two.yaml"),
              ElementsAre(Change::kConfigured));
  EXPECT_THAT(Apply(R"({"kind":"Pod","metadata":{"name":"a"}})", "three.json"),
              ElementsAre(Change::kConfigured));
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(ManifestStoreTest, KeepsLinesAndKnowsTheSource) {
  Apply(kManifests, "dir/shop.yaml");
  const std::string text = *ReadFile(paths_.manifests() + "/networkpolicy.shop.cart.yaml");
  EXPECT_EQ(text.find("kind"), 6u) << "six empty lines stand in for the documents before";
  EXPECT_EQ(ManifestStore(paths_).SourceOf("/x/networkpolicy.shop.cart.yaml:9"), "dir/shop.yaml:9");
  EXPECT_EQ(ManifestStore(paths_).SourceOf("elsewhere.yaml:9"), "elsewhere.yaml:9");
}

TEST_F(ManifestStoreTest, DeletesByNameAndToleratesAbsence) {
  Apply(kManifests, "shop.yaml");
  const auto deleted = ManifestStore(paths_).Delete(
      SplitDocuments("kind: NetworkPolicy\nmetadata: {name: cart, namespace: shop}\n", "x"));
  EXPECT_EQ(deleted->at(0).change, Change::kDeleted);
  const auto again = ManifestStore(paths_).Delete(SplitDocuments("kind: Pod\nmetadata: {name: gone}\n", "x"));
  EXPECT_EQ(again->at(0).change, Change::kNotFound);
}

TEST_F(ManifestStoreTest, NeverLeavesItsFolder) {
  Apply("kind: Pod\nmetadata: {name: ../../etc/passwd}\n", "evil.yaml");
  Apply("kind: ../x\nmetadata: {name: a}\n", "evil.yaml");
  EXPECT_EQ(FileCount(), 2u);
}

TEST(NodeManifestTest, TakesLabelsFromTheUsersNodes) {
  const auto documents = NodeDocuments(
      TwoNodes(), SplitDocuments("kind: Node\nmetadata: {name: node-1, labels: {zone: a}}\n", "x"));
  ASSERT_TRUE(documents.ok());
  const auto node = nlohmann::json::parse(documents->at(0).text);
  EXPECT_EQ(node["metadata"]["labels"]["zone"], "a");
  EXPECT_EQ(node["spec"]["podCIDRs"][0], "10.244.1.0/24");
  EXPECT_EQ(node["status"]["addresses"][0]["address"], "172.31.0.11");
}

TEST(ContainerTest, RunsTheProbeWhenOnlyAnImageIsNamed) {
  const Container image{.name = "c", .ports = {{.port = 80}, {.port = 53, .protocol = 17}}};
  EXPECT_THAT(CommandOf(image, "/bin/probe"), ElementsAre("/bin/probe", "serve", "tcp:80", "udp:53"));
  const Container command{
      .name = "c", .command = {"echo", "$(WHO)"}, .args = {"$(OTHER)"}, .env = {{"WHO", "me"}}};
  EXPECT_THAT(CommandOf(command, "/bin/probe"), ElementsAre("echo", "me", "$(OTHER)"));
}

TEST(PodsFileTest, SurvivesItsFile) {
  PodStatus pod{.namespace_name = "shop", .name = "cart-0", .phase = "Running", .addresses = {"10.0.0.1"}};
  pod.ports = {{.name = "http", .port = 80, .protocol = 6, .host_port = 8080}};
  const auto read = PodsFromJsonText(PodsToJsonText({pod}, 7));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->watermark, 7u);
  EXPECT_EQ(read->pods[0].full_name(), "shop/cart-0");
  EXPECT_EQ(read->pods[0].ports, pod.ports);
  EXPECT_FALSE(PodsFromJsonText("{}").ok());
  EXPECT_FALSE(ComponentsFromJsonText("{\"a\":1}").ok());
}

TEST(CniTest, PassesHostPortsByCapability) {
  Workload pod{.containers = {{.ports = {{.port = 80, .host_port = 8080}, {.port = 81}}}}};
  const auto config = nlohmann::json::parse(CniConfig({}, pod));
  EXPECT_EQ(config["cniVersion"], "1.1.0");
  EXPECT_EQ(config["runtimeConfig"]["portMappings"].size(), 1u);
  EXPECT_EQ(config["runtimeConfig"]["portMappings"][0]["hostPort"], 8080);
  EXPECT_FALSE(nlohmann::json::parse(CniConfig({}, Workload())).contains("runtimeConfig"));
}

TEST(CniTest, ReadsResultsAndErrors) {
  EXPECT_THAT(*AddressesOfResult(R"({"ips":[{"address":"10.244.1.5/32"},{"address":"fd00::5/128"}]})"),
              ElementsAre("10.244.1.5", "fd00::5"));
  EXPECT_FALSE(AddressesOfResult("{}").ok());
  EXPECT_TRUE(
      absl::IsUnavailable(ErrorOfOutput(R"({"code":11,"msg":"agent is away","details":"wait"})", "", 1)));
  EXPECT_THAT(std::string(ErrorOfOutput(R"({"code":7,"msg":"bad","details":"do"})", "", 1).message()),
              HasSubstr("bad (do)"));
  EXPECT_THAT(std::string(ErrorOfOutput("", "segfault", 139).message()), HasSubstr("segfault"));
}

MatrixAnswer Answer(const char* source, const char* group, const char* target, const char* result) {
  MatrixAnswer answer{.source = source, .source_group = group, .result = result};
  answer.target = {.kind = "pod", .name = target, .group = "shop/cart", .port = 80};
  return answer;
}

TEST(MatrixTest, PutsReplicasTogether) {
  const Matrix matrix = Collect({Answer("shop/web-0", "shop/web", "shop/cart-0", "ok"),
                                 Answer("shop/web-1", "shop/web", "shop/cart-0", "ok"),
                                 Answer("shop/web-0", "shop/web", "shop/cart-1", "timeout")},
                                false);
  ASSERT_EQ(matrix.cells.size(), 1u);
  EXPECT_EQ(matrix.cells.begin()->second.Text(), "2/3");
}

TEST(MatrixTest, APodThatAsksItselfSaysNothingAboutItsSiblings) {
  const std::vector<MatrixAnswer> answers{Answer("shop/cart-0", "shop/cart", "shop/cart-0", "ok"),
                                          Answer("shop/cart-0", "shop/cart", "shop/cart-1", "timeout"),
                                          Answer("shop/cart-1", "shop/cart", "shop/cart-1", "ok")};
  EXPECT_EQ(Collect(answers, false).cells.begin()->second.Text(), "timeout");
  EXPECT_TRUE(Collect({answers[0]}, false).cells.begin()->second.self);
  EXPECT_EQ(Collect(answers, true).rows.size(), 2u);
}

TEST(MatrixTest, AsksEveryDeclaredPortOverTheFamiliesAskedFor) {
  PodStatus pod{.namespace_name = "shop",
                .name = "cart-0",
                .owner = "Deployment/cart",
                .addresses = {"10.0.0.1", "fd00::1"}};
  pod.ports = {{.port = 80}, {.port = 53, .protocol = 17}, {.port = 9, .protocol = 132}};
  const cli::Names names(
      {{*IpAddress::Parse("10.96.0.7"), "service", "shop/cart", "", false, {}, {{"http", 6, 80}}}});
  EXPECT_EQ(TargetsOf({pod}, names, Families::kBoth).size(), 5u);
  EXPECT_EQ(TargetsOf({pod}, names, Families::kIpv6).size(), 2u);
  const auto targets = TargetsOf({pod}, {}, Families::kIpv6);
  EXPECT_EQ(targets[1].ProbeText(), "[fd00::1]:53/udp");
  EXPECT_EQ(targets[1].group, "shop/cart");
}

TEST(LogTest, KeepsTheEndOfALogThatItsWriterGoesOnWith) {
  std::string pattern = (std::filesystem::temp_directory_path() / "fairlead-log-XXXXXX").string();
  UniqueFd writer(::mkostemp(pattern.data(), O_APPEND | O_CLOEXEC));
  ASSERT_TRUE(writer.valid());
  const auto say = [&](const std::string& text) {
    EXPECT_EQ(::write(writer.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  };
  for (int i = 0; i < 1000; ++i) say(absl::StrCat("line ", i, "\n"));
  const std::string whole = *ReadFile(pattern);
  EXPECT_TRUE(ShortenLog(pattern, whole.size()).ok());
  EXPECT_EQ(*ReadFile(pattern), whole);
  EXPECT_TRUE(ShortenLog(pattern, 400).ok());
  say("after\n");
  const std::string now = *ReadFile(pattern);
  ::unlink(pattern.c_str());
  EXPECT_LE(now.size(), 200U);
  EXPECT_THAT(now, testing::MatchesRegex("\\.\\.\\. earlier lines are gone[^\n]*\n(line 9..\n)+after\n"));
  EXPECT_THAT(now, HasSubstr("line 999\nafter"));
}

TEST(RefusedTest, AChangeAnswersForItsOwnObjectsAndForWhatItBroke) {
  const cli::Refused old{"Service shop/a", "/m/service.shop.a.yaml:2", "port: 0"};
  const cli::Refused own{"Service shop/b", "/m/service.shop.b.yaml:2", "port: 0"};
  const cli::Refused broken{"Service shop/c", "/m/service.shop.c.yaml:2", "its address is taken"};
  const cli::Refused by_agent{"shop/d", "", "node-1: map frontend is full"};
  EXPECT_THAT(
      cli::RefusedBecauseOf({"service.shop.b.yaml"}, {old, own, by_agent}, {old, own, broken, by_agent}),
      ElementsAre(own, broken, by_agent));
  EXPECT_TRUE(cli::RefusedBecauseOf({"pod.shop.x.yaml", ""}, {old}, {old}).empty());
}

TEST(LogTest, AllLogsFitIntoTheirRoom) {
  for (const size_t files : {size_t{0}, size_t{1}, size_t{20}, size_t{1000}}) {
    EXPECT_GT(LogLimit(files), 0U);
    EXPECT_LE(LogLimit(files) * files, kAllLogBytes / 2);
  }
}

TEST(HostsTest, GivesServicesTheirDnsNames) {
  const cli::Names names({{*IpAddress::Parse("10.96.0.7"), "service", "shop/cart"},
                          {*IpAddress::Parse("10.244.0.7"), "pod", "shop/cart-0"},
                          {*IpAddress::Parse("172.31.0.11"), "pod", "kube/proxy", "node-1", true},
                          {*IpAddress::Parse("172.31.0.11"), "node", "node-1"},
                          {*IpAddress::Parse("10.244.0.7"), "headless", "shop/carts"},
                          {*IpAddress::Parse("10.244.0.7"), "headless", "shop/cart-0.carts"}});
  const std::string text = cli::HostsText(names);
  EXPECT_THAT(text, HasSubstr("10.244.0.7 carts.shop carts.shop.svc carts.shop.svc.cluster.local\n"));
  EXPECT_THAT(text, HasSubstr("10.244.0.7 cart-0.carts.shop cart-0.carts.shop.svc "));
  EXPECT_EQ(names.Find(*IpAddress::Parse("10.244.0.7"))->name, "shop/cart-0");
  EXPECT_THAT(text, HasSubstr("10.96.0.7 cart.shop cart.shop.svc cart.shop.svc.cluster.local\n"));
  EXPECT_THAT(text, HasSubstr("10.244.0.7 cart-0.shop.pod\n"));
  EXPECT_THAT(text, HasSubstr("172.31.0.11 node-1\n"));
  EXPECT_THAT(text, Not(HasSubstr("proxy")));
  EXPECT_EQ(names.Find(*IpAddress::Parse("172.31.0.11"))->name, "node-1");
}

}  // namespace
}  // namespace fairlead::lab
