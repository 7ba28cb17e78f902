// Whole commands against a fake agent and a fake controller on unix sockets.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "api/introspect.grpc.pb.h"
#include "api/observer.grpc.pb.h"
#include "base/ip.h"
#include "cli/commands/app.h"
#include "cli/lab/process.h"

namespace fairlead::cli {
namespace {

using introspect::v1::Introspect;
using testing::HasSubstr;
using testing::Not;
namespace pb = introspect::v1;

std::string Bytes(const char* text) {
  return IpAddress::Parse(text)->ToBytes();
}

// One node that holds shop/cart-0, denies by policy, and has seen one drop.
class FakeAgent : public Introspect::Service, public observer::v1::Observer::Service {
 public:
  grpc::Status Status(grpc::ServerContext*, const pb::StatusRequest*, pb::StatusReply* reply) override {
    reply->set_role("agent");
    reply->set_ready(ready);
    pb::RejectedObject* rejected = reply->add_rejected();
    rejected->set_object("NetworkPolicy shop/bad");
    rejected->set_where("shop.yaml:7");
    rejected->set_message("spec.ingress[0]: no such field");
    pb::Counter* drop = reply->add_drops();
    drop->set_name("denied by ingress policy");
    drop->set_packets(3);
    return grpc::Status::OK;
  }
  grpc::Status Endpoints(grpc::ServerContext*, const pb::EndpointsRequest*,
                         pb::EndpointsReply* reply) override {
    pb::EndpointState* endpoint = reply->add_endpoints();
    endpoint->set_namespace_("shop");
    endpoint->set_name("cart-0");
    endpoint->set_state("ready");
    endpoint->add_addresses(Bytes("10.244.1.5"));
    endpoint->set_ingress_set("set1");
    endpoint->add_ingress_policies("shop/cart");
    return grpc::Status::OK;
  }
  grpc::Status Services(grpc::ServerContext*, const pb::ServicesRequest*, pb::ServicesReply* reply) override {
    pb::ServiceState* service = reply->add_services();
    service->set_namespace_("shop");
    service->set_name("cart");
    service->set_type("ClusterIP");
    service->set_address(Bytes("10.96.0.7"));
    service->set_port(80);
    service->set_protocol(6);
    pb::BackendState* backend = service->add_backends();
    backend->set_address(Bytes("10.244.1.5"));
    backend->set_port(8080);
    service = reply->add_services();
    service->set_name("many");
    for (int i = 1; i <= 1000; ++i) {
      backend = service->add_backends();
      backend->set_address(Bytes(absl::StrCat("2001:db8::", absl::Hex(i)).c_str()));
      backend->set_port(8080);
    }
    return grpc::Status::OK;
  }
  grpc::Status Policies(grpc::ServerContext*, const pb::PoliciesRequest*, pb::PoliciesReply* reply) override {
    pb::PolicyState* policy = reply->add_policies();
    policy->set_namespace_("shop");
    policy->set_name("cart");
    policy->set_realised(true);
    policy->add_endpoints("shop/cart-0");
    pb::PolicyRuleState* rule = reply->add_sets()->add_rules();
    rule->set_action("deny");
    rule->set_origin("shop/cart default deny");
    return grpc::Status::OK;
  }
  grpc::Status Conntrack(grpc::ServerContext*, const pb::ConntrackRequest* request,
                         grpc::ServerWriter<pb::ConntrackEntry>* writer) override {
    filter = request->filter();
    pb::ConntrackEntry entry;
    entry.set_protocol(6);
    entry.set_source(Bytes("10.244.1.5"));
    entry.set_source_port(40000);
    entry.set_destination(Bytes("10.96.0.7"));
    entry.set_destination_port(80);
    entry.set_translated_destination(Bytes("10.244.1.5"));
    entry.set_translated_destination_port(8080);
    entry.set_state("established");
    writer->Write(entry);
    return grpc::Status::OK;
  }
  grpc::Status Flows(grpc::ServerContext*, const observer::v1::FlowsRequest* request,
                     grpc::ServerWriter<observer::v1::Flow>* writer) override {
    filter = request->filter();
    observer::v1::Flow flow;
    flow.set_node("node-1");
    flow.set_verdict(observer::v1::DROPPED);
    flow.set_reason("denied by ingress policy");
    flow.set_stage("pod-ingress");
    flow.set_source(Bytes("203.0.113.9"));
    flow.set_source_port(40000);
    flow.set_destination(Bytes("10.244.1.5"));
    flow.set_destination_port(8080);
    flow.set_protocol(6);
    flow.set_policy("shop/cart");
    flow.set_policy_place("default deny");
    flow.set_lost(4);
    writer->Write(flow);
    return grpc::Status::OK;
  }
  grpc::Status Why(grpc::ServerContext*, const pb::WhyRequest* request, pb::WhyReply* reply) override {
    why = *request;
    pb::WhyStage* stage = reply->add_stages();
    stage->set_name("ingress policy");
    stage->set_detail("rule 3 of set1 denies");
    if (request->port() == 8080) {
      stage->set_passed(true);
      reply->set_verdict(observer::v1::FORWARDED);
      reply->set_destination(request->destination_address());
      reply->set_destination_port(8080);
      return grpc::Status::OK;
    }
    reply->set_verdict(observer::v1::DROPPED);
    reply->set_reason("denied by ingress policy");
    reply->mutable_origin()->set_kind("NetworkPolicy");
    reply->mutable_origin()->set_namespace_("shop");
    reply->mutable_origin()->set_name("cart");
    reply->mutable_origin()->set_place("default deny");
    return grpc::Status::OK;
  }
  grpc::Status Names(grpc::ServerContext*, const pb::NamesRequest*, pb::NamesReply* reply) override {
    const auto add = [reply](const char* address, const char* kind, const char* name) {
      pb::NamedAddress* named = reply->add_names();
      named->set_address(Bytes(address));
      named->set_kind(kind);
      named->set_name(name);
      return named;
    };
    (*add("10.244.1.5", "pod", "shop/cart-0")->mutable_labels())["app"] = "cart";
    (*add("10.244.1.9", "pod", "shop/web")->mutable_labels())["app"] = "web";
    add("10.96.0.7", "service", "shop/cart");
    return grpc::Status::OK;
  }

  // As a controller: what was put in, one after the other; the last one for ever.
  grpc::Status Realised(grpc::ServerContext*, const pb::RealisedRequest* request,
                        pb::RealisedReply* reply) override {
    realised_request = *request;
    if (realised.empty()) return {grpc::StatusCode::UNIMPLEMENTED, "no controller"};
    *reply = realised.front();
    if (realised.size() > 1) realised.erase(realised.begin());
    return grpc::Status::OK;
  }

  bool ready = true;
  std::vector<pb::RealisedReply> realised;
  pb::RealisedRequest realised_request;
  observer::v1::FlowFilter filter;
  pb::WhyRequest why;
};

struct Result {
  int exit_code;
  std::string out, err;
};

class CommandTest : public testing::Test {
 protected:
  void SetUp() override {
    target_ = "unix:" + testing::TempDir() + "fairlead-cli-" + std::to_string(::getpid()) + ".sock";
    grpc::ServerBuilder builder;
    builder.AddListeningPort(target_, grpc::InsecureServerCredentials());
    builder.RegisterService(static_cast<Introspect::Service*>(&agent_));
    builder.RegisterService(static_cast<observer::v1::Observer::Service*>(&agent_));
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  Result Run(std::vector<const char*> args) {
    args.insert(args.begin(), {"fairlead", "--agent", target_.c_str()});
    return RunProgram(args);
  }
  // args[0]: the name that it is called by.
  static Result RunProgram(std::vector<const char*> args) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int exit_code = Main(static_cast<int>(args.size()), const_cast<char**>(args.data()));
    return {exit_code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
  }

  FakeAgent agent_;
  std::string target_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(CommandTest, StatusShowsWhatIsRefusedAndDropped) {
  const Result result = Run({"status"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              HasSubstr("refused NetworkPolicy shop/bad (shop.yaml:7): spec.ingress[0]: no such field"));
  EXPECT_THAT(result.out, HasSubstr("denied by ingress policy"));
}

TEST_F(CommandTest, StatusFailsWhenANodeIsNotReady) {
  agent_.ready = false;
  EXPECT_EQ(Run({"status"}).exit_code, kFailed);
}

TEST_F(CommandTest, EveryQuestionSaysWhatToDoWhenNobodyAnswers) {
  server_->Shutdown();
  server_.reset();
  for (const char* command : {"status", "endpoints", "services", "policies", "conntrack", "flows"}) {
    const Result result = Run({command});
    EXPECT_EQ(result.exit_code, kFailed) << command;
    EXPECT_THAT(result.err, HasSubstr("nobody answers there")) << command;
    EXPECT_EQ(result.out, "") << command;
  }
}

TEST_F(CommandTest, AddressesCarryNames) {
  EXPECT_THAT(Run({"services"}).out, HasSubstr("shop/cart-0:8080"));
  EXPECT_THAT(Run({"conntrack"}).out, HasSubstr("shop/cart-0:40000"));
  EXPECT_THAT(Run({"conntrack"}).out, HasSubstr("shop/cart:80"));
  EXPECT_THAT(Run({"flows"}).out, HasSubstr("203.0.113.9:40000 → shop/cart-0:8080 TCP"));
}

TEST_F(CommandTest, AServiceWithManyBackendsStaysOneLine) {
  EXPECT_THAT(Run({"services"}).out, HasSubstr("[2001:db8::1]:8080, [2001:db8::2]:8080, [2001:db8::3]:8080, "
                                               "and 997 more"));
}

TEST_F(CommandTest, EndpointsAndPoliciesNameThePolicies) {
  EXPECT_THAT(Run({"endpoints"}).out, HasSubstr("shop/cart "));
  EXPECT_THAT(Run({"policies", "--rules"}).out, HasSubstr("shop/cart default deny"));
}

TEST_F(CommandTest, FlowsTellOfLossAndTheRule) {
  const Result result =
      Run({"flows", "--pod", "shop/", "--port", "80", "--protocol", "udp", "--verdict", "dropped"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("4 events lost"));
  EXPECT_THAT(result.out, HasSubstr("denied by ingress policy, shop/cart default deny"));
  EXPECT_EQ(agent_.filter.pod(), "shop/");
  EXPECT_EQ(agent_.filter.protocol(), 17u);
  EXPECT_EQ(agent_.filter.verdict(), observer::v1::DROPPED);
}

TEST_F(CommandTest, WhyAsksWithResolvedAddressesAndSuggestsAPolicy) {
  const Result result = Run({"why", "shop/web", "shop/cart:80"});
  EXPECT_EQ(result.exit_code, kFailed) << result.err;
  EXPECT_EQ(agent_.why.source_address(), Bytes("10.244.1.9"));
  EXPECT_EQ(agent_.why.destination_address(), Bytes("10.96.0.7"));
  EXPECT_THAT(result.out, HasSubstr("✗ ingress policy rule 3 of set1 denies"));
  EXPECT_THAT(result.out, HasSubstr("denied by NetworkPolicy shop/cart, default deny"));
  const Result pod = Run({"why", "shop/web", "shop/cart-0:81", "-o", "json"});
  EXPECT_THAT(nlohmann::json::parse(pod.out)["remedyYaml"].get<std::string>(), HasSubstr("app: \"web\""));
}

TEST_F(CommandTest, WhySaysYesWithItsExitCode) {
  const Result result = Run({"why", "shop/web", "shop/cart-0:8080"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("allowed: it reaches shop/cart-0:8080"));
}

pb::RealisedReply RealisedAs(pb::RealisedNode::State state, const char* message = "") {
  pb::RealisedReply reply;
  reply.set_reached(true);
  reply.set_exists(true);
  pb::RealisedNode* node = reply.add_nodes();
  node->set_node("node-1");
  node->set_state(state);
  node->set_message(message);
  return reply;
}

TEST_F(CommandTest, WaitEndsOnceEveryNodeHasIt) {
  agent_.realised = {pb::RealisedReply(),
                     RealisedAs(pb::RealisedNode::LATE, "1 of its parts are on their way"),
                     RealisedAs(pb::RealisedNode::REALISED)};
  const Result result = Run({"--controller", target_.c_str(), "wait", "netpol/cart", "-n", "shop"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("NetworkPolicy shop/cart is in force on 1 of 1 node after "));
  EXPECT_EQ(agent_.realised_request.kind(), "NetworkPolicy");
  EXPECT_EQ(agent_.realised_request.name(), "cart");
}

TEST_F(CommandTest, WaitNamesWhoIsLateWhenTheTimeIsOver) {
  agent_.realised = {RealisedAs(pb::RealisedNode::LATE, "2 of its parts are on their way")};
  const std::vector<const char*> wait = {"--controller",  target_.c_str(), "wait",
                                         "svc/shop/cart", "--timeout",     "0"};
  const Result result = Run(wait);
  EXPECT_EQ(result.exit_code, kFailed);
  EXPECT_THAT(result.out, HasSubstr("0 of 1 node; node-1: 2 of its parts are on their way"));
  std::vector<const char*> as_json = wait;
  as_json.insert(as_json.end(), {"-o", "json"});
  const auto json = nlohmann::json::parse(Run(as_json).out);
  EXPECT_EQ(json["done"], false);
  EXPECT_EQ(json["nodes"][0]["state"], "LATE");
}

TEST_F(CommandTest, WaitDoesNotWaitForWhatCannotCome) {
  const std::vector<const char*> wait = {"--controller", target_.c_str(), "wait", "svc/shop/cart"};
  agent_.realised = {RealisedAs(pb::RealisedNode::REALISED)};
  agent_.realised[0].set_refused("spec.ports[0].port: must be 1 to 65535");
  EXPECT_THAT(Run(wait).err, HasSubstr("Service shop/cart is refused: spec.ports[0].port: must be"));
  agent_.realised[0].set_refused("");
  agent_.realised[0].set_exists(false);
  EXPECT_THAT(Run(wait).err, HasSubstr("there is no Service shop/cart"));
  std::vector<const char*> until_gone = wait;
  until_gone.insert(until_gone.end(), {"--for", "delete"});
  EXPECT_THAT(Run(until_gone).out, HasSubstr("is gone from every node"));
  EXPECT_THAT(Run({"wait", "svc/shop/cart"}).err, HasSubstr("name it with --controller"));
  EXPECT_EQ(Run({"wait", "pod/x"}).exit_code, kUsage);
}

TEST_F(CommandTest, JsonIsJsonAndHasNoColours) {
  ::setenv("CLICOLOR_FORCE", "1", 1);
  for (const char* command : {"status", "endpoints", "services", "policies"}) {
    const Result result = Run({command, "-o", "json"});
    EXPECT_TRUE(nlohmann::json::parse(result.out)[target_].is_object()) << command;
    EXPECT_THAT(result.out, Not(HasSubstr("\033"))) << command;
  }
  EXPECT_TRUE(nlohmann::json::accept(Run({"flows", "-o", "json"}).out));
  ::unsetenv("CLICOLOR_FORCE");
}

TEST_F(CommandTest, AWordThatIsNoCommandIsNamedBesideThoseThatAre) {
  const Result result = Run({"statu"});
  EXPECT_EQ(result.exit_code, kUsage);
  EXPECT_THAT(result.err, HasSubstr("'statu' is no command; there are status, endpoints"));
  const Result nested = Run({"lab", "lst"});
  EXPECT_EQ(nested.exit_code, kUsage);
  EXPECT_THAT(nested.err, HasSubstr("'lst' is no command of lab; there are up, down, list"));
  EXPECT_THAT(nested.err, Not(HasSubstr("kubelet")));
}

TEST_F(CommandTest, AFilterThatCanMatchNothingIsRefused) {
  const Result pod = Run({"flows", "--pod", "cart-0"});
  EXPECT_EQ(pod.exit_code, kUsage);
  EXPECT_THAT(pod.err, HasSubstr("--pod cart-0: write NAMESPACE/cart-0, or cart-0/ for all"));
  const Result address = Run({"conntrack", "--address", "10.0.0.300"});
  EXPECT_EQ(address.exit_code, kUsage);
  EXPECT_THAT(address.err, HasSubstr("--address: '10.0.0.300'"));
}

// $FAIRLEAD_LAB is what stands where the command line names no lab, and never instead of it: `lab down`
// would take the wrong one away.
TEST(LabOption, WhatTheCommandLineSaysComesBeforeTheEnvironment) {
  const auto lab_of = [](const std::string& line) {
    Context context;
    MakeApp(context)->parse(line);
    return context.lab;
  };
  ::setenv("FAIRLEAD_LAB", "theirs", 1);
  EXPECT_EQ(lab_of("lab down --name mine"), "mine");
  EXPECT_EQ(lab_of("lab apply --lab mine -f x"), "mine");
  EXPECT_EQ(lab_of("--lab mine status"), "mine");
  EXPECT_EQ(lab_of("status --lab mine"), "mine");
  EXPECT_EQ(lab_of("lab down"), "theirs");
  EXPECT_EQ(lab_of("status"), "theirs");
  ::unsetenv("FAIRLEAD_LAB");
  EXPECT_EQ(lab_of("lab down"), "");
}

// Called as kubectl-fairlead, beside a kubectl that knows one cluster: its pods are those of PodList(), and
// whoever runs something in them reaches the fake agent, through the real relay.
class PluginTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    folder_ = testing::TempDir() + "fairlead-plugin-XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    path_ = ::getenv("PATH");
    ::setenv("PATH", (folder_ + ":" + path_).c_str(), 1);
    SetPods({{"agent", "fairlead-agent-a", "node-1", ""}});
    std::ofstream script(folder_ + "/kubectl");
    script << "#!/bin/sh\necho \"$*\" >> " << folder_ << "/asked\n"
           << "case \"$*\" in\n"
           << "  *agent-away*) echo 'error: container not found (\"agent\")' >&2; exit 1 ;;\n"
           << "  *' relay '*) exec " << FAIRLEAD_BIN_DIR << "/fairlead relay " << target_.substr(5) << " ;;\n"
           << "  *'get pods'*json*) cat " << folder_ << "/pods ;;\n"
           << "  *previous*) echo 'previous terminated container not found' >&2; exit 1 ;;\n"
           << "  *) echo \"answer to $*\" ;;\n"
           << "esac\n";
    script.close();
    ::chmod((folder_ + "/kubectl").c_str(), 0700);
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }

  struct Pod {
    std::string component, name, node, waiting;  // for what reason; "": it runs
  };
  void SetPods(const std::vector<Pod>& pods) {
    using nlohmann::json;
    json items = json::array();
    for (const Pod& pod : pods) {
      const json state = pod.waiting.empty() ? json{{"running", {{"startedAt", "now"}}}}
                                             : json{{"waiting", {{"reason", pod.waiting}}}};
      const json status = {{"ready", pod.waiting.empty()},
                           {"state", state},
                           {"lastState", {{"terminated", {{"message", "no bpffs here"}}}}}};
      items.push_back({{"metadata",
                        {{"name", pod.name},
                         {"namespace", "kube-system"},
                         {"labels", {{"app.kubernetes.io/component", pod.component}}}}},
                       {"spec", {{"nodeName", pod.node}, {"containers", {{{"image", "fairlead:1"}}}}}},
                       {"status", {{"phase", "Running"}, {"containerStatuses", {status}}}}});
    }
    std::ofstream(folder_ + "/pods") << json{{"items", items}}.dump();
  }
  std::string Asked() {
    std::ifstream file(folder_ + "/asked");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Result RunPlugin(std::vector<const char*> args) {
    args.insert(args.begin(), "/usr/local/bin/kubectl-fairlead");
    return RunProgram(args);
  }

  std::string folder_, path_;
};

TEST_F(PluginTest, QuestionsReachTheAgentsThroughKubectl) {
  const Result result = RunPlugin({"why", "shop/web", "shop/cart-0:8080", "--context", "east"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("allowed: it reaches shop/cart-0:8080"));
  EXPECT_THAT(Asked(), HasSubstr("--context=east exec --stdin --namespace kube-system fairlead-agent-a"));
}

TEST_F(PluginTest, AnAgentThatIsDownIsNamedWithItsReasonAndTheOthersAnswer) {
  SetPods({{"agent", "fairlead-agent-a", "node-1", ""},
           {"agent", "fairlead-agent-b", "node-2", "CrashLoopBackOff"}});
  const Result result = RunPlugin({"status"});
  EXPECT_EQ(result.exit_code, kFailed);
  EXPECT_THAT(result.out, HasSubstr("node-1"));
  EXPECT_THAT(result.err, HasSubstr("status of node-2: fairlead-agent-b: CrashLoopBackOff: no bpffs here"));
}

TEST_F(PluginTest, WhatKubectlSaysIsTheReasonWhyNobodyAnswers) {
  SetPods({{"agent", "agent-away", "node-1", ""}});
  const Result result = RunPlugin({"status"});
  EXPECT_EQ(result.exit_code, kFailed);
  EXPECT_THAT(result.err, HasSubstr("status of node-1: error: container not found"));
}

TEST_F(PluginTest, AClusterWithoutFairleadIsToldHowToGetIt) {
  SetPods({});
  const Result result = RunPlugin({"status"});
  EXPECT_EQ(result.exit_code, kFailed);
  EXPECT_THAT(result.err, HasSubstr("helm install fairlead"));
}

TEST_F(PluginTest, SeveralNodesAreOneStream) {
  SetPods({{"agent", "fairlead-agent-a", "node-1", ""}, {"agent", "fairlead-agent-b", "node-2", ""}});
  for (const char* follow : {"--last=100", "--follow"}) {
    const Result result = RunPlugin({"flows", follow, "-o", "json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 2) << result.out;
  }
}

TEST_F(PluginTest, ASysdumpHasWhatThereIsAndSaysWhatThereIsNot) {
  SetPods({{"agent", "fairlead-agent-a", "node-1", ""},
           {"agent", "agent-away", "node-2", "CrashLoopBackOff"},
           {"controller", "fairlead-controller-x", "node-1", ""}});
  const std::string file = folder_ + "/dump.tar.gz";
  const Result result = RunPlugin({"sysdump", "--file", file.c_str()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("*.error"));
  const auto listed = lab::RunCommand(
      {.argv = {"tar", "--list", "--gzip", "--file", file}, .env = lab::CurrentEnvironment()}, "", 10'000);
  ASSERT_TRUE(listed.ok()) << listed.status();
  for (const char* there : {"/cluster/nodes.yaml\n", "/fairlead/agent/node-1/fairlead-agent-a/status.json\n",
                            "/fairlead/agent/node-1/fairlead-agent-a/log-before.txt.error\n",
                            "/fairlead/agent/node-2/agent-away/status.json.error\n",
                            "/fairlead/controller/node-1/fairlead-controller-x/status.json\n"}) {
    EXPECT_THAT(listed->out, HasSubstr(there));
  }
  EXPECT_THAT(Asked(), Not(HasSubstr("secret")));
}

TEST_F(PluginTest, LabsAreNoneOfItsBusiness) {
  EXPECT_EQ(RunPlugin({"lab", "list"}).exit_code, kUsage);
  EXPECT_THAT(RunPlugin({"--help"}).out, HasSubstr("\n  kubectl fairlead why shop/frontend-0 shop/cart:80"));
}

TEST_F(CommandTest, WrongCommandLinesAreUsageErrors) {
  EXPECT_EQ(Run({"nonsense"}).exit_code, kUsage);
  EXPECT_EQ(Run({"why", "shop/web"}).exit_code, kUsage);
  EXPECT_EQ(Run({"flows", "--address", "10.0.0"}).exit_code, kUsage);
  EXPECT_EQ(Run({"why", "shop/web", "shop/cart:99999"}).exit_code, kUsage);
  EXPECT_EQ(Run({"status", "-o", "xml"}).exit_code, kUsage);
}

}  // namespace
}  // namespace fairlead::cli
