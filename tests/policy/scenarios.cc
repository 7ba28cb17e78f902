#include "tests/policy/scenarios.h"

#include "tests/policy/cluster_builder.h"

namespace fairlead::policy::testing {
namespace {

using Operator = LabelRequirement::Operator;

constexpr Protocol kTcp = Protocol::kTcp;
constexpr Protocol kUdp = Protocol::kUdp;
constexpr Protocol kSctp = Protocol::kSctp;

// shop/{web, cart, db}, monitor/prometheus, and rogue/intruder in a namespace without labels.
ClusterBuilder Shop() {
  ClusterBuilder cluster;
  cluster.Namespace("shop", {{"team", "shop"}}).Namespace("monitor", {{"team", "ops"}}).Namespace("rogue");
  cluster.Pod("shop/web", 1, {{"app", "web"}, {"tier", "front"}}, {{"http", kTcp, 80}})
      .Pod("shop/cart", 2, {{"app", "cart"}, {"tier", "back"}},
           {{"http", kTcp, 8080}, {"metrics", kTcp, 9090}})
      .Pod("shop/db", 3, {{"app", "db"}, {"tier", "back"}}, {{"sql", kTcp, 5432}, {"metrics", kTcp, 9187}})
      .Pod("monitor/prometheus", 17, {{"app", "prometheus"}})
      .Pod("rogue/intruder", 33, {{"app", "web"}});
  return cluster;
}

void AddRecipes(std::vector<Scenario>& all) {
  all.push_back({"EverythingPassesWithoutPolicies",
                 Shop(),
                 {{"rogue/intruder", "shop/db", kTcp, 5432, true},
                  {"192.0.2.1", "shop/web", kTcp, 80, true},
                  {"shop/db", "2001:db8::1", kUdp, 53, true}}});

  ClusterBuilder deny = Shop();
  deny.Policy("shop/default-deny-ingress", Labels{}).Ingress();
  all.push_back({"DefaultDenyIngressStopsAllThatEntersAndNothingThatLeaves",
                 deny,
                 {{"shop/web", "shop/cart", kTcp, 8080, false},
                  {"192.0.2.1", "shop/web", kTcp, 80, false},
                  {"shop/web", "192.0.2.1", kTcp, 443, true},
                  {"shop/web", "rogue/intruder", kTcp, 80, true},
                  {"shop/web", "monitor/prometheus", kSctp, 1, true}}});

  ClusterBuilder deny_egress = Shop();
  deny_egress.Policy("shop/default-deny-egress", Labels{}).Egress();
  all.push_back({"DefaultDenyEgressStopsAllThatLeavesAndNothingThatEnters",
                 deny_egress,
                 {{"shop/web", "shop/cart", kTcp, 8080, false},
                  {"shop/web", "192.0.2.1", kTcp, 443, false},
                  {"rogue/intruder", "shop/web", kTcp, 80, true}}});

  ClusterBuilder allow_all = Shop();
  allow_all.Policy("shop/deny", Labels{}).Ingress();
  allow_all.Policy("shop/allow-all", Labels{}).Ingress({}, {});
  all.push_back({"AnEmptyRuleAllowsEverything",
                 allow_all,
                 {{"rogue/intruder", "shop/db", kUdp, 9, true}, {"2001:db8::1", "shop/db", kSctp, 9, true}}});

  ClusterBuilder one_app = Shop();
  one_app.Policy("shop/db", {{"app", "db"}}).Ingress({Pods({{"app", "cart"}})}, {Tcp(5432)});
  all.push_back({"OnlyTheNamedApplicationReachesTheDatabaseAndOnlyOnItsPort",
                 one_app,
                 {{"shop/cart", "shop/db", kTcp, 5432, true},
                  {"shop/cart", "shop/db", kTcp, 5433, false},
                  {"shop/cart", "shop/db", kUdp, 5432, false},
                  {"shop/web", "shop/db", kTcp, 5432, false},
                  {"monitor/prometheus", "shop/cart", kTcp, 8080, true}}});

  ClusterBuilder own_namespace = Shop();
  own_namespace.Policy("shop/own", Labels{}).Ingress({Pods({})});
  all.push_back({"AnEmptyPodSelectorMeansThePolicysOwnNamespaceOnly",
                 own_namespace,
                 {{"shop/web", "shop/db", kTcp, 1, true}, {"rogue/intruder", "shop/db", kTcp, 1, false}}});

  ClusterBuilder other_namespace = Shop();
  other_namespace.Policy("shop/monitoring", Labels{})
      .Ingress({Namespaces({{"team", "ops"}})}, {Named("metrics")});
  all.push_back({"ANamedPortIsLookedUpOnEachSelectedPod",
                 other_namespace,
                 {{"monitor/prometheus", "shop/cart", kTcp, 9090, true},
                  {"monitor/prometheus", "shop/cart", kTcp, 9187, false},
                  {"monitor/prometheus", "shop/db", kTcp, 9187, true},
                  {"monitor/prometheus", "shop/db", kTcp, 9090, false},
                  {"monitor/prometheus", "shop/web", kTcp, 9090, false},
                  {"shop/web", "shop/cart", kTcp, 9090, false}}});

  ClusterBuilder every_namespace = Shop();
  every_namespace.Policy("shop/all", {{"app", "web"}}).Ingress({Namespaces({})});
  all.push_back(
      {"AnEmptyNamespaceSelectorMeansEveryPodButNoOutsider",
       every_namespace,
       {{"rogue/intruder", "shop/web", kTcp, 80, true}, {"192.0.2.1", "shop/web", kTcp, 80, false}}});

  ClusterBuilder dns = Shop();
  dns.Policy("shop/dns", Labels{})
      .Egress({PodsIn({{"team", "ops"}}, {{"app", "prometheus"}})}, {Udp(53), Tcp(53)});
  all.push_back({"EgressToNameServersOnly",
                 dns,
                 {{"shop/web", "monitor/prometheus", kUdp, 53, true},
                  {"shop/web", "monitor/prometheus", kTcp, 53, true},
                  {"shop/web", "monitor/prometheus", kTcp, 54, false},
                  {"shop/web", "192.0.2.53", kUdp, 53, false}}});

  ClusterBuilder outside = Shop();
  outside.Policy("shop/web", {{"app", "web"}})
      .Ingress({Block("0.0.0.0/0", {"10.0.0.0/8"}), Block("::/0", {"fd00::/8"})});
  all.push_back({"TheOutsideMayEnterButThePodRangesMayNot",
                 outside,
                 {{"192.0.2.1", "shop/web", kTcp, 80, true},
                  {"2001:db8::1", "shop/web", kTcp, 80, true},
                  {"shop/cart", "shop/web", kTcp, 80, false},
                  {"10.255.255.255", "shop/web", kTcp, 80, false},
                  {"11.0.0.0", "shop/web", kTcp, 80, true}}});
}

void AddSelectors(std::vector<Scenario>& all) {
  ClusterBuilder both = Shop();
  both.Policy("shop/and", {{"app", "db"}}).Ingress({PodsIn({{"team", "shop"}}, {{"app", "web"}})});
  all.push_back({"NamespaceAndPodSelectorOfOnePeerMustBothHold",
                 both,
                 {{"shop/web", "shop/db", kTcp, 1, true},
                  {"shop/cart", "shop/db", kTcp, 1, false},
                  {"rogue/intruder", "shop/db", kTcp, 1, false}}});

  ClusterBuilder either = Shop();
  either.Policy("shop/or", {{"app", "db"}}).Ingress({Namespaces({{"team", "ops"}}), Pods({{"app", "web"}})});
  all.push_back({"OfTwoPeersEitherWillDo",
                 either,
                 {{"shop/web", "shop/db", kTcp, 1, true},
                  {"monitor/prometheus", "shop/db", kTcp, 1, true},
                  {"shop/cart", "shop/db", kTcp, 1, false},
                  {"rogue/intruder", "shop/db", kTcp, 1, false}}});

  ClusterBuilder not_in = Shop();
  not_in.Pod("shop/bare", 4);
  not_in.Policy("shop/not-in", {{"app", "db"}}).Ingress({Select({{"app", Operator::kNotIn, {"web", "db"}}})});
  all.push_back({"NotInHoldsForPodsWithoutTheLabel",
                 not_in,
                 {{"shop/bare", "shop/db", kTcp, 1, true},
                  {"shop/cart", "shop/db", kTcp, 1, true},
                  {"shop/web", "shop/db", kTcp, 1, false}}});

  ClusterBuilder absent = Shop();
  absent.Pod("shop/bare", 4);
  absent.Policy("shop/absent", {{"app", "db"}}).Ingress({Select({{"app", Operator::kDoesNotExist, {}}})});
  all.push_back({"DoesNotExistHoldsForPodsWithoutTheLabelOnly",
                 absent,
                 {{"shop/bare", "shop/db", kTcp, 1, true}, {"shop/cart", "shop/db", kTcp, 1, false}}});

  ClusterBuilder expressions = Shop();
  expressions
      .PolicyFor("shop/subject", LabelSelector{.match_expressions = {{"tier", Operator::kExists, {}},
                                                                     {"app", Operator::kIn, {"db", "cart"}}}})
      .Ingress();
  all.push_back({"ThePolicysOwnSelectorTakesAllExpressionsTogether",
                 expressions,
                 {{"shop/web", "shop/db", kTcp, 1, false},
                  {"shop/web", "shop/cart", kTcp, 1, false},
                  {"shop/db", "shop/web", kTcp, 1, true}}});

  ClusterBuilder unlabelled = Shop();
  unlabelled.Policy("shop/unlabelled", {{"app", "db"}})
      .Ingress({PodPeer{.namespace_selector =
                            LabelSelector{.match_expressions = {{"team", Operator::kDoesNotExist, {}}}}}});
  all.push_back(
      {"ANamespaceWithoutLabelsCanBeSelected",
       unlabelled,
       {{"rogue/intruder", "shop/db", kTcp, 1, true}, {"monitor/prometheus", "shop/db", kTcp, 1, false}}});
}

void AddBlocksAndPorts(std::vector<Scenario>& all) {
  ClusterBuilder pods_by_block = Shop();
  pods_by_block.Policy("shop/db", {{"app", "db"}})
      .Ingress(
          {Block("10.244.0.0/28", {"10.244.0.2/32"}), Block("fd00:10:244::/124", {"fd00:10:244::2/128"})});
  all.push_back({"ABlockCoversPodAddressesAsAnyOther",
                 pods_by_block,
                 {{"shop/web", "shop/db", kTcp, 1, true},
                  {"shop/cart", "shop/db", kTcp, 1, false},
                  {"monitor/prometheus", "shop/db", kTcp, 1, false}}});

  ClusterBuilder except_elsewhere = pods_by_block;
  except_elsewhere.Policy("shop/cart-too", {{"app", "db"}}).Ingress({Pods({{"app", "cart"}})}, {Tcp(5432)});
  all.push_back({"AnExceptionTakesNothingFromOtherRules",
                 except_elsewhere,
                 {{"shop/cart", "shop/db", kTcp, 5432, true}, {"shop/cart", "shop/db", kTcp, 5433, false}}});

  ClusterBuilder nested = Shop();
  nested.Policy("shop/nested", {{"app", "db"}})
      .Ingress({Block("198.51.0.0/16", {"198.51.100.0/24"}), Block("198.51.100.64/26")});
  all.push_back({"ABlockInsideAnothersExceptionStillCounts",
                 nested,
                 {{"198.51.99.255", "shop/db", kTcp, 1, true},
                  {"198.51.100.63", "shop/db", kTcp, 1, false},
                  {"198.51.100.64", "shop/db", kTcp, 1, true},
                  {"198.51.100.128", "shop/db", kTcp, 1, false},
                  {"198.51.101.0", "shop/db", kTcp, 1, true}}});

  ClusterBuilder families = Shop();
  families.Policy("shop/six", {{"app", "db"}}).Ingress({Block("::/0")});
  families.Policy("shop/four", {{"app", "web"}}).Ingress({Block("0.0.0.0/0")});
  all.push_back({"ABlockOfOneFamilySaysNothingOfTheOther",
                 families,
                 {{"192.0.2.1", "shop/db", kTcp, 1, false},
                  {"2001:db8::1", "shop/db", kTcp, 1, true},
                  {"192.0.2.1", "shop/web", kTcp, 1, true},
                  {"2001:db8::1", "shop/web", kTcp, 1, false}}});

  ClusterBuilder range = Shop();
  range.Policy("shop/range", {{"app", "db"}}).Ingress({}, {Tcp(30000, 32767), Udp(53)});
  all.push_back({"EndPortIsInclusive",
                 range,
                 {{"shop/web", "shop/db", kTcp, 29999, false},
                  {"shop/web", "shop/db", kTcp, 30000, true},
                  {"shop/web", "shop/db", kTcp, 31234, true},
                  {"shop/web", "shop/db", kTcp, 32767, true},
                  {"shop/web", "shop/db", kTcp, 32768, false},
                  {"shop/web", "shop/db", kUdp, 30000, false},
                  {"shop/web", "shop/db", kUdp, 53, true}}});

  ClusterBuilder whole = Shop();
  whole.Policy("shop/udp", {{"app", "db"}}).Ingress({}, {Every(kUdp)});
  whole.Policy("shop/edges", {{"app", "web"}}).Ingress({}, {Tcp(1), Tcp(65535)});
  all.push_back({"APortWithoutNumberIsItsWholeProtocol",
                 whole,
                 {{"shop/web", "shop/db", kUdp, 1, true},
                  {"shop/web", "shop/db", kUdp, 65535, true},
                  {"shop/web", "shop/db", kTcp, 1, false},
                  {"shop/web", "shop/db", kSctp, 1, false},
                  {"shop/db", "shop/web", kTcp, 65535, true},
                  {"shop/db", "shop/web", kTcp, 65534, false}}});

  ClusterBuilder sctp = Shop();
  sctp.Policy("shop/sctp", {{"app", "db"}})
      .Ingress({}, {{.protocol = kSctp, .port = PortNumbers{3868, 3868}}});
  all.push_back({"SctpIsAProtocolOfItsOwn",
                 sctp,
                 {{"shop/web", "shop/db", kSctp, 3868, true}, {"shop/web", "shop/db", kTcp, 3868, false}}});
}

void AddNamedPorts(std::vector<Scenario>& all) {
  ClusterBuilder egress = Shop();
  egress.Policy("shop/egress", {{"app", "web"}}).Egress({Pods({{"tier", "back"}})}, {Named("metrics")});
  all.push_back({"ANamedEgressPortIsLookedUpOnEachDestination",
                 egress,
                 {{"shop/web", "shop/cart", kTcp, 9090, true},
                  {"shop/web", "shop/db", kTcp, 9187, true},
                  {"shop/web", "shop/cart", kTcp, 9187, false},
                  {"shop/web", "shop/db", kTcp, 9090, false},
                  {"shop/web", "192.0.2.1", kTcp, 9090, false}}});

  ClusterBuilder block = Shop();
  block.Policy("shop/egress", {{"app", "web"}})
      .Egress({Block("10.244.0.0/30"), Block("fd00:10:244::/126")}, {Named("http")})
      .Egress({}, {Named("sql")});
  all.push_back({"ANamedEgressPortWithABlockMeansThePodsInIt",
                 block,
                 {{"shop/web", "shop/cart", kTcp, 8080, true},
                  {"shop/web", "shop/cart", kTcp, 80, false},
                  {"shop/web", "10.244.0.0", kTcp, 8080, false},
                  {"shop/web", "shop/db", kTcp, 5432, true},
                  {"shop/web", "shop/cart", kTcp, 5432, false}}});

  ClusterBuilder protocol = Shop();
  protocol.Pod("shop/dns", 4, {{"app", "dns"}},
               {{"dns", kUdp, 53}, {"dns", kTcp, 5353}, {"dns", kTcp, 5354}});
  protocol.Policy("shop/dns", {{"app", "dns"}}).Ingress({}, {Named("dns", kUdp)});
  protocol.Policy("shop/egress", {{"app", "db"}}).Egress({}, {Named("dns", kTcp)});
  all.push_back({"ANamedPortBelongsToItsProtocol",
                 protocol,
                 {{"shop/web", "shop/dns", kUdp, 53, true},
                  {"shop/web", "shop/dns", kUdp, 5353, false},
                  {"shop/web", "shop/dns", kTcp, 5353, false}}});

  ClusterBuilder twice = protocol;
  twice.Policy("shop/dns-tcp", {{"app", "dns"}}).Ingress({Pods({{"app", "db"}})}, {Named("dns")});
  all.push_back({"ANameOfTwoContainersMeansBothNumbers",
                 twice,
                 {{"shop/db", "shop/dns", kTcp, 5353, true},
                  {"shop/db", "shop/dns", kTcp, 5354, true},
                  {"shop/db", "shop/dns", kUdp, 53, false},
                  {"shop/web", "shop/dns", kTcp, 5353, false}}});

  ClusterBuilder unknown = Shop();
  unknown.Policy("shop/unknown", Labels{})
      .Ingress({}, {Named("nobody-has-it")})
      .Egress({}, {Named("nobody-has-it")});
  all.push_back(
      {"APortNameThatNobodyHasAllowsNothing",
       unknown,
       {{"rogue/intruder", "shop/web", kTcp, 80, false}, {"shop/web", "rogue/intruder", kTcp, 80, false}}});
}

void AddCombinations(std::vector<Scenario>& all) {
  ClusterBuilder unions = Shop();
  unions.Policy("shop/one", {{"app", "db"}}).Ingress({Pods({{"app", "web"}})}, {Tcp(1)});
  unions.Policy("shop/two", {{"tier", "back"}}).Ingress({Pods({{"app", "cart"}})}, {Tcp(2)});
  all.push_back({"PoliciesAddUpAndDoNotMix",
                 unions,
                 {{"shop/web", "shop/db", kTcp, 1, true},
                  {"shop/web", "shop/db", kTcp, 2, false},
                  {"shop/cart", "shop/db", kTcp, 2, true},
                  {"shop/cart", "shop/db", kTcp, 1, false},
                  {"shop/web", "shop/cart", kTcp, 1, false}}});

  ClusterBuilder two_rules = Shop();
  two_rules.Policy("shop/rules", {{"app", "db"}})
      .Ingress({Pods({{"app", "web"}})}, {Tcp(1)})
      .Ingress({Pods({{"app", "cart"}})}, {Tcp(2)});
  all.push_back({"PeersOfOneRuleDoNotGetThePortsOfAnother",
                 two_rules,
                 {{"shop/web", "shop/db", kTcp, 1, true},
                  {"shop/web", "shop/db", kTcp, 2, false},
                  {"shop/cart", "shop/db", kTcp, 1, false}}});

  ClusterBuilder both_ends = Shop();
  both_ends.Policy("shop/web", {{"app", "web"}}).Egress({Pods({{"app", "cart"}})}, {Tcp(8080)});
  both_ends.Policy("shop/cart", {{"app", "cart"}}).Ingress({Pods({{"app", "web"}})}, {Tcp(8080), Tcp(9090)});
  all.push_back({"BothEndsMustAgree",
                 both_ends,
                 {{"shop/web", "shop/cart", kTcp, 8080, true},
                  {"shop/web", "shop/cart", kTcp, 9090, false},
                  {"shop/web", "shop/db", kTcp, 8080, false},
                  {"shop/db", "shop/cart", kTcp, 8080, false},
                  {"shop/cart", "shop/web", kTcp, 80, true}}});

  ClusterBuilder ignored = Shop();
  ignored.Policy("shop/types", {{"app", "db"}}).Egress();
  Cluster ignored_rules = ignored;
  ignored_rules.policies.at("shop/types").ingress = {{.peers = {Pods({{"app", "cart"}})}}};
  all.push_back({"RulesOfADirectionThatPolicyTypesLeavesOutMeanNothing",
                 ignored_rules,
                 {{"shop/web", "shop/db", kTcp, 1, true}, {"shop/db", "shop/web", kTcp, 80, false}}});

  ClusterBuilder elsewhere = Shop();
  elsewhere.Policy("rogue/deny", Labels{}).Ingress();
  all.push_back(
      {"APolicyHoldsInItsOwnNamespaceOnly",
       elsewhere,
       {{"shop/web", "rogue/intruder", kTcp, 1, false}, {"rogue/intruder", "shop/web", kTcp, 1, true}}});

  ClusterBuilder itself = Shop();
  itself.Policy("shop/web", {{"app", "web"}}).Ingress().Egress();
  itself.Policy("shop/cart", {{"app", "cart"}}).Ingress({Pods({{"tier", "back"}})});
  all.push_back({"ADenyAndAnAllowOfDifferentPodsStayApart",
                 itself,
                 {{"shop/db", "shop/cart", kTcp, 1, true},
                  {"shop/db", "shop/web", kTcp, 1, false},
                  {"shop/web", "shop/db", kTcp, 1, false}}});
}

void AddUnusualPods(std::vector<Scenario>& all) {
  ClusterBuilder host = Shop();
  host.Pod("shop/host", 4, {{"app", "cart"}});
  host.last_pod().host_network = true;
  host.last_pod().addresses = {*IpAddress::Parse("172.31.0.11"), *IpAddress::Parse("fd00:172:31::11")};
  host.Policy("shop/db", {{"app", "db"}}).Ingress({Pods({{"app", "cart"}})});
  host.Policy("shop/all", {{"app", "cart"}}).Ingress().Egress({Pods({{"app", "db"}})});
  all.push_back({"APodOnTheHostNetworkIsFoundByNoSelector",
                 host,
                 {{"shop/host", "shop/db", kTcp, 1, false},
                  {"shop/cart", "shop/db", kTcp, 1, true},
                  {"shop/db", "shop/cart", kTcp, 1, false},
                  {"shop/db", "shop/host", kTcp, 1, true}}});

  ClusterBuilder ended = Shop();
  ended.Pod("shop/job", 33, {{"app", "cart"}});
  ended.last_pod().terminated = true;  // and rogue/intruder has its address now
  ended.Policy("shop/db", {{"app", "db"}}).Ingress({Pods({{"app", "cart"}})});
  all.push_back({"AnAddressHandedOnTakesNoRightsWithIt",
                 ended,
                 {{"rogue/intruder", "shop/db", kTcp, 1, false}, {"shop/cart", "shop/db", kTcp, 1, true}}});

  ClusterBuilder no_address = Shop();
  no_address.Pod("shop/starting", 9, {{"app", "cart"}}, {{"http", kTcp, 1234}});
  no_address.last_pod().addresses.clear();
  no_address.Policy("shop/web", {{"app", "web"}}).Egress({Pods({{"app", "cart"}})}, {Named("http")});
  all.push_back(
      {"APodWithoutAddressesChangesNothingForOthers",
       no_address,
       {{"shop/web", "shop/cart", kTcp, 8080, true}, {"shop/web", "shop/cart", kTcp, 1234, false}}});

  ClusterBuilder homeless = Shop();
  homeless.Pod("nowhere/pod", 9, {{"app", "cart"}});
  homeless.Policy("shop/db", {{"app", "db"}}).Ingress({Namespaces({})});
  all.push_back({"APodOfAnUnknownNamespaceIsFoundByNoNamespaceSelector",
                 homeless,
                 {{"nowhere/pod", "shop/db", kTcp, 1, false}, {"rogue/intruder", "shop/db", kTcp, 1, true}}});

  ClusterBuilder many = Shop();
  PolicyBuilder rules = many.Policy("shop/many", {{"app", "db"}});
  for (uint16_t port = 1; port <= 200; ++port) rules.Ingress({Pods({{"app", "web"}})}, {Tcp(port)});
  rules.Ingress({Pods({{"app", "cart"}})}, {Tcp(200)});
  all.push_back({"MoreRulesThanOneWordHasBits",
                 many,
                 {{"shop/web", "shop/db", kTcp, 1, true},
                  {"shop/web", "shop/db", kTcp, 200, true},
                  {"shop/web", "shop/db", kTcp, 201, false},
                  {"shop/cart", "shop/db", kTcp, 200, true},
                  {"shop/cart", "shop/db", kTcp, 199, false}}});
}

const Pod* FindPod(const Cluster& cluster, const std::string& end) {
  const auto found = cluster.pods.find(end);
  return found == cluster.pods.end() ? nullptr : &found->second;
}

std::vector<IpAddress> AddressesOf(const Cluster& cluster, const std::string& end) {
  const Pod* pod = FindPod(cluster, end);
  if (pod != nullptr) return pod->addresses;
  return {*IpAddress::Parse(end)};
}

}  // namespace

const std::vector<Scenario>& Scenarios() {
  static const auto* all = [] {
    auto* scenarios = new std::vector<Scenario>;
    AddRecipes(*scenarios);
    AddSelectors(*scenarios);
    AddBlocksAndPorts(*scenarios);
    AddNamedPorts(*scenarios);
    AddCombinations(*scenarios);
    AddUnusualPods(*scenarios);
    return scenarios;
  }();
  return *all;
}

std::vector<FlowAttempt> AttemptsOf(const Cluster& cluster, const Flow& flow) {
  std::vector<FlowAttempt> attempts;
  for (const IpAddress& source : AddressesOf(cluster, flow.from)) {
    for (const IpAddress& destination : AddressesOf(cluster, flow.to)) {
      if (source.is_v4() != destination.is_v4()) continue;
      FlowAttempt made{.attempt = {source, destination, flow.protocol, flow.port}, .decisions = {}};
      const auto ask = [&](const std::string& end, Direction direction) {
        const Pod* pod = FindPod(cluster, end);
        if (pod != nullptr && !pod->host_network)
          made.decisions.push_back({pod->uid, direction, made.attempt});
      };
      ask(flow.from, Direction::kEgress);
      ask(flow.to, Direction::kIngress);
      attempts.push_back(std::move(made));
    }
  }
  return attempts;
}

}  // namespace fairlead::policy::testing
