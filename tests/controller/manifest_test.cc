// Manifests in: what is read, what is refused, and what the refusal says.
#include "controller/manifest/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "base/yaml/value.h"

namespace fairlead::controller {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct RefusedCase {
  const char* name;
  const char* text;
  const char* where;    // "m.yaml:LINE"
  const char* message;  // what it has to contain
};

// Beginnings that are good, for cases of what follows.
#define POD "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\n"
#define SERVICE "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\nspec:\n"
#define POLICY \
  "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: shop}\nspec:\n"
#define DEPLOYMENT "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: shop}\nspec:\n"
#define NODE "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n"
#define SLICE                                                                          \
  "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e, labels: " \
  "{kubernetes.io/service-name: s}}\n"
#define CONFIG "apiVersion: fairlead.io/v1alpha1\nkind: FairleadConfig\nmetadata: {name: fairlead}\nspec:\n"
#define CONTAINERS "containers: [{name: c, image: i}]"

// Ways in which a manifest can be wrong that the API server would refuse too.
const RefusedCase kRefused[] = {
    // The file.
    {"TabIndent", "kind: Pod\n\tname: x\n", "m.yaml:2", "not valid YAML"},
    {"TruncatedFlow", "apiVersion: v1\nkind: Pod\nmetadata: {name: x\n", "m.yaml:4", "not valid YAML"},
    {"TruncatedJson", "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"na", "m.yaml:1",
     "not valid YAML"},
    {"DuplicateKey", "apiVersion: v1\nkind: Pod\nkind: Pod\n", "m.yaml:3", "\"kind\" is there twice"},
    {"ControlCharacter", "apiVersion: v1\nkind: \x04Pod\n", "m.yaml:2", "control character"},
    {"NoUtf8", "apiVersion: v1\nkind: P\xc3od\n", "m.yaml:2", "no UTF-8"},
    {"NulEscape", "apiVersion: v1\nkind: \"P\\0od\"\n", "m.yaml:2", "a NUL"},
    {"SurrogateEscape", "apiVersion: v1\nkind: \"\\ud800\"\n", "m.yaml:2", ""},
    {"UnknownTag", "apiVersion: v1\nkind: !!python/object Pod\n", "m.yaml:2", "tag"},
    {"MapAsKey", "apiVersion: v1\n{a: b}: c\n", "m.yaml:2", "keys are strings"},
    // What it is.
    {"List", "- a\n", "m.yaml:1", "must be an object"},
    {"ListItem", "apiVersion: v1\nkind: List\nitems:\n- 7\n", "m.yaml:4", "items[0]: must be an object"},
    {"NoKind", "apiVersion: v1\nmetadata: {name: x}\n", "m.yaml:1", "kind: is required"},
    {"NoVersion", "kind: Pod\nmetadata: {name: x}\n", "m.yaml:1", "apiVersion: is required"},
    {"MisspeltKind", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolcy\nmetadata: {name: x}\n",
     "m.yaml:1", "did you mean \"NetworkPolicy\"?"},
    {"OldVersion", "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: x}\n", "m.yaml:1",
     "must be apps/v1 for a Deployment"},
    {"ForeignPolicy", "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: x}\n",
     "m.yaml:1", "must be networking.k8s.io/v1"},
    // Metadata.
    {"NoMetadata", "apiVersion: v1\nkind: Namespace\n", "m.yaml:1", "metadata: is required"},
    {"NoName", "apiVersion: v1\nkind: Namespace\nmetadata: {}\n", "m.yaml:3", "metadata.name: is required"},
    {"GenerateName", "apiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}\n", "m.yaml:3",
     "no generateName"},
    {"BadName", "apiVersion: v1\nkind: Namespace\nmetadata: {name: Shop}\n", "m.yaml:3", "small letters"},
    {"ServiceNameBeginsWithDigit",
     "apiVersion: v1\nkind: Service\nmetadata: {name: 1st}\nspec: {ports: [{port: 1}]}\n", "m.yaml:3",
     "a letter first"},
    {"NamespaceOfANode", "apiVersion: v1\nkind: Node\nmetadata: {name: n, namespace: x}\n", "m.yaml:3",
     "belongs to the cluster"},
    {"NumberAsLabel", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: x\n  labels:\n    version: 1\n",
     "m.yaml:6", "metadata.labels[version]: must be a string, is the number 1; quote it: \"1\""},
    {"BooleanAsLabel", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: x\n  labels: {on: yes}\n",
     "m.yaml:5", "quote it"},
    {"BadLabelKey", "apiVersion: v1\nkind: Namespace\nmetadata: {name: x, labels: {a/b/c: d}}\n", "m.yaml:3",
     "DNS prefix"},
    {"BadLabelValue", "apiVersion: v1\nkind: Namespace\nmetadata: {name: x, labels: {a: b c}}\n", "m.yaml:3",
     "the value of a"},
    {"UnknownField", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: x\n  lables: {}\n", "m.yaml:5",
     "metadata.lables: unknown field; did you mean \"labels\"?"},
    {"UnknownTopField", POD "spec: {" CONTAINERS "}\nspek: {}\n", "m.yaml:5",
     "spek: unknown field; did you mean \"spec\"?"},
    // Node.
    {"NodeBadCidr", NODE "spec: {podCIDRs: [10.0.0.0/33]}\n", "m.yaml:4",
     "spec.podCIDRs[0]: must be a range"},
    {"NodeTwoOfAFamily", NODE "spec: {podCIDRs: [10.0.0.0/24, 10.0.1.0/24]}\n", "m.yaml:4",
     "spec.podCIDRs[1]: is a second range"},
    {"NodeCidrsDisagree", NODE "spec: {podCIDR: 10.0.1.0/24, podCIDRs: [10.0.0.0/24]}\n", "m.yaml:4",
     "must be the first of podCIDRs"},
    {"NodeBadAddress", NODE "status: {addresses: [{type: InternalIP, address: 1.2.3}]}\n", "m.yaml:4",
     "status.addresses[0].address: must be an IPv4 or IPv6 address"},
    // Pod.
    {"PodNoSpec", POD, "m.yaml:1", "spec: is required"},
    {"PodNoContainers", POD "spec: {}\n", "m.yaml:4", "spec.containers: is required"},
    {"PodContainersAsMap", POD "spec: {containers: {name: c}}\n", "m.yaml:4",
     "spec.containers: must be a list, is a map"},
    {"ContainerNoName", POD "spec: {containers: [{image: i}]}\n", "m.yaml:4",
     "spec.containers[0].name: is required"},
    {"ContainerNoImage", POD "spec: {containers: [{name: c}]}\n", "m.yaml:4", "image: is required"},
    {"ContainersOfOneName", POD "spec: {containers: [{name: c, image: i}, {name: c, image: i}]}\n",
     "m.yaml:4", "spec.containers[1].name: \"c\" names a second container"},
    {"ContainerPortTooLarge",
     POD "spec:\n  containers:\n  - name: c\n    image: i\n    ports:\n    - containerPort: 65536\n",
     "m.yaml:9", "spec.containers[0].ports[0].containerPort: must be from 1 to 65535, is 65536"},
    {"ContainerPortAsText",
     POD "spec: {containers: [{name: c, image: i, ports: [{containerPort: \"80\"}]}]}\n", "m.yaml:4",
     "must be a whole number from 1 to 65535, is the string \"80\""},
    {"ContainerPortName",
     POD "spec: {containers: [{name: c, image: i, ports: [{name: 80, containerPort: 80}]}]}\n", "m.yaml:4",
     "ports[0].name: must be a string"},
    {"ContainerPortProtocol",
     POD "spec: {containers: [{name: c, image: i, ports: [{protocol: tcp, containerPort: 80}]}]}\n",
     "m.yaml:4", "ports[0].protocol: must be TCP or UDP or SCTP, is \"tcp\""},
    {"ContainerUnknownField", POD "spec: {containers: [{name: c, image: i, comand: [x]}]}\n", "m.yaml:4",
     "did you mean \"command\"?"},
    {"EnvNumber", POD "spec: {containers: [{name: c, image: i, env: [{name: A, value: 5}]}]}\n", "m.yaml:4",
     "quote it: \"5\""},
    {"CommandAsText", POD "spec: {containers: [{name: c, image: i, command: sleep 1}]}\n", "m.yaml:4",
     "command: must be a list"},
    {"HostNetworkAsText", POD "spec: {hostNetwork: \"true\", " CONTAINERS "}\n", "m.yaml:4",
     "must be true or false, is the string"},
    {"HostPortOfHostNetwork",
     POD "spec: {hostNetwork: true, containers: [{name: c, image: i, ports: [{containerPort: 80, hostPort: "
         "81}]}]}\n",
     "m.yaml:4", "must equal containerPort"},
    {"PodBadPhase", POD "spec: {" CONTAINERS "}\nstatus: {phase: Runing}\n", "m.yaml:5",
     "status.phase: must be Pending or"},
    {"PodBadIp", POD "spec: {" CONTAINERS "}\nstatus: {podIPs: [{ip: 300.1.1.1}]}\n", "m.yaml:5",
     "status.podIPs[0].ip: must be an IPv4"},
    // Templates.
    {"DeploymentNoSelector", DEPLOYMENT "  template: {metadata: {labels: {a: b}}, spec: {" CONTAINERS "}}\n",
     "m.yaml:5", "spec.selector: is required"},
    {"DeploymentSelectsOthers",
     DEPLOYMENT
     "  selector: {matchLabels: {a: c}}\n  template: {metadata: {labels: {a: b}}, spec: {" CONTAINERS "}}\n",
     "m.yaml:5", "does not select the template"},
    {"DeploymentNegativeReplicas", DEPLOYMENT "  replicas: -1\n", "m.yaml:5",
     "spec.replicas: must be from 0"},
    {"DeploymentFractionOfReplicas", DEPLOYMENT "  replicas: 1.5\n", "m.yaml:5", "whole number"},
    {"TemplateUnknownField",
     DEPLOYMENT
     "  selector: {matchLabels: {a: b}}\n  template: {metadata: {labels: {a: b}}, spec: {" CONTAINERS
     ", nodName: x}}\n",
     "m.yaml:6", "spec.template.spec.nodName: unknown field; did you mean \"nodeName\"?"},
    // Service.
    {"ServiceNoPorts", SERVICE "  selector: {a: b}\n", "m.yaml:5", "spec.ports: is required"},
    {"ServicePortZero", SERVICE "  ports: [{port: 0}]\n", "m.yaml:5", "spec.ports[0].port: must be from 1"},
    {"ServiceNamelessPorts", SERVICE "  ports: [{port: 1}, {port: 2}]\n", "m.yaml:5",
     "spec.ports[0].name: is required"},
    {"ServicePortTwice", SERVICE "  ports: [{name: a, port: 1}, {name: b, port: 1}]\n", "m.yaml:5",
     "1/TCP is there twice"},
    {"ServicePortNameTwice", SERVICE "  ports: [{name: a, port: 1}, {name: a, port: 2}]\n", "m.yaml:5",
     "names a second port"},
    {"ServiceNodePortTwice",
     SERVICE "  type: NodePort\n  ports: [{name: a, port: 1, nodePort: 30001}, {name: b, port: 2, nodePort: "
             "30001}]\n",
     "m.yaml:6", "spec.ports[1].nodePort: 30001/TCP is there twice"},
    {"ServiceTargetName", SERVICE "  ports: [{port: 1, targetPort: \"80\"}]\n", "m.yaml:5",
     "at least one letter"},
    {"ServiceType", SERVICE "  type: Nodeport\n  ports: [{port: 1}]\n", "m.yaml:5",
     "spec.type: must be ClusterIP or NodePort"},
    {"ServiceNodePortOfClusterIp", SERVICE "  ports: [{port: 1, nodePort: 30000}]\n", "m.yaml:5",
     "only type NodePort"},
    {"ServiceBadIp", SERVICE "  clusterIP: 10.96.0\n  ports: [{port: 1}]\n", "m.yaml:5",
     "spec.clusterIP: must be an IPv4"},
    {"ServiceIpsOfAFamily", SERVICE "  clusterIPs: [10.96.0.1, 10.96.0.2]\n  ports: [{port: 1}]\n",
     "m.yaml:5", "different families"},
    {"ServiceFamilyOfIp", SERVICE "  clusterIP: 10.96.0.1\n  ipFamilies: [IPv6]\n  ports: [{port: 1}]\n",
     "m.yaml:6", "does not fit clusterIPs"},
    {"ServiceSingleStackOfTwo",
     SERVICE "  ipFamilyPolicy: SingleStack\n  ipFamilies: [IPv4, IPv6]\n  ports: [{port: 1}]\n", "m.yaml:5",
     "is SingleStack"},
    {"ServiceAffinity", SERVICE "  sessionAffinity: Client\n  ports: [{port: 1}]\n", "m.yaml:5",
     "must be None or ClientIP"},
    {"ServiceAffinityTimeout",
     SERVICE "  sessionAffinity: ClientIP\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}\n  "
             "ports: [{port: 1}]\n",
     "m.yaml:6", "timeoutSeconds: must be from 1 to 86400"},
    {"ServiceAffinityConfigAlone",
     SERVICE "  sessionAffinityConfig: {clientIP: {timeoutSeconds: 5}}\n  ports: [{port: 1}]\n", "m.yaml:5",
     "must be absent where sessionAffinity is None"},
    {"ServiceExternalPolicyOfClusterIp", SERVICE "  externalTrafficPolicy: Local\n  ports: [{port: 1}]\n",
     "m.yaml:5", "must be absent"},
    {"ServiceHeadlessNodePort", SERVICE "  type: NodePort\n  clusterIP: None\n  ports: [{port: 1}]\n",
     "m.yaml:6", "must not be None"},
    {"ServiceExternalNameOfNothing", SERVICE "  type: ExternalName\n", "m.yaml:5",
     "spec.externalName: is required"},
    // EndpointSlice.
    {"SliceNoType", SLICE "endpoints: []\n", "m.yaml:1", "addressType: is required"},
    {"SliceOfNames", SLICE "addressType: FQDN\nendpoints: []\n", "m.yaml:4", "cannot be balanced"},
    {"SliceFamily", SLICE "addressType: IPv4\nendpoints: [{addresses: [\"fd00::1\"]}]\n", "m.yaml:5",
     "must be of the slice's addressType"},
    {"SliceLoopback", SLICE "addressType: IPv4\nendpoints: [{addresses: [127.0.0.1]}]\n", "m.yaml:5",
     "endpoints[0].addresses[0]: must not be a loopback address, is 127.0.0.1"},
    {"SliceMetadata", SLICE "addressType: IPv4\nendpoints: [{addresses: [169.254.169.254]}]\n", "m.yaml:5",
     "must not be link-local"},
    {"SliceLinkLocal6", SLICE "addressType: IPv6\nendpoints: [{addresses: [\"fe80::1\"]}]\n", "m.yaml:5",
     "must not be link-local"},
    {"SliceUnspecified6", SLICE "addressType: IPv6\nendpoints: [{addresses: [\"::\"]}]\n", "m.yaml:5",
     "must not be the unspecified address"},
    {"SliceMulticast", SLICE "addressType: IPv4\nendpoints: [{addresses: [224.0.0.1]}]\n", "m.yaml:5",
     "must not be link-local multicast"},
    {"SliceNoAddress", SLICE "addressType: IPv4\nendpoints: [{}]\n", "m.yaml:5", "addresses: is required"},
    // NetworkPolicy.
    {"PolicyEmptyPeer", POLICY "  ingress: [{from: [{}]}]\n", "m.yaml:5",
     "spec.ingress[0].from[0]: names no peer"},
    {"PolicyNullPeer", POLICY "  ingress:\n  - from:\n    - podSelector:\n", "m.yaml:7", "names no peer"},
    {"PolicyMixedPeer", POLICY "  ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]\n",
     "m.yaml:5", "ipBlock: stands alone"},
    {"PolicyFromInEgress", POLICY "  egress: [{from: [{podSelector: {}}]}]\n", "m.yaml:5",
     "spec.egress[0].from: unknown field"},
    {"PolicyBadCidr", POLICY "  egress: [{to: [{ipBlock: {cidr: 10.0.0.0}}]}]\n", "m.yaml:5",
     "ipBlock.cidr: must be a range"},
    {"PolicyNoCidr", POLICY "  egress: [{to: [{ipBlock: {}}]}]\n", "m.yaml:5", "ipBlock.cidr: is required"},
    {"PolicyExceptOutside",
     POLICY "  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]\n", "m.yaml:5",
     "except[0]: must lie inside of cidr 10.0.0.0/8"},
    {"PolicyExceptAll", POLICY "  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]\n",
     "m.yaml:5", "and be smaller"},
    {"PolicyType", POLICY "  policyTypes: [ingress]\n", "m.yaml:5",
     "spec.policyTypes[0]: must be Ingress or Egress, is \"ingress\""},
    {"PolicyTypeMissingDash", POLICY "  policyTypes: Ingress\n", "m.yaml:5",
     "spec.policyTypes: must be a list, is the string"},
    {"PolicyPortZero", POLICY "  ingress: [{ports: [{port: 0}]}]\n", "m.yaml:5",
     "spec.ingress[0].ports[0].port: must be from 1 to 65535"},
    {"PolicyPortName", POLICY "  ingress: [{ports: [{port: \"8080\"}]}]\n", "m.yaml:5",
     "at least one letter"},
    {"PolicyEndPortAlone", POLICY "  ingress: [{ports: [{endPort: 90}]}]\n", "m.yaml:5",
     "endPort: needs a port that is a number"},
    {"PolicyEndPortOfName", POLICY "  ingress: [{ports: [{port: http, endPort: 90}]}]\n", "m.yaml:5",
     "not a name"},
    {"PolicyEndPortBelow", POLICY "  ingress: [{ports: [{port: 91, endPort: 90}]}]\n", "m.yaml:5",
     "must be at least port, 91, is 90"},
    {"PolicyProtocol", POLICY "  ingress: [{ports: [{protocol: ICMP}]}]\n", "m.yaml:5",
     "protocol: must be TCP or UDP or SCTP"},
    {"PolicyAbbreviatedField", POLICY "  ingress: [{ports: [{port: 80, prot: UDP}]}]\n", "m.yaml:5",
     "spec.ingress[0].ports[0].prot: unknown field; did you mean \"protocol\"?"},
    {"PolicyRulesAtTop", POLICY "  podSelector: {}\ningress: []\n", "m.yaml:6", "ingress: unknown field"},
    {"SelectorOperator", POLICY "  podSelector: {matchExpressions: [{key: a, operator: Is, values: [b]}]}\n",
     "m.yaml:5", "operator: must be In, NotIn, Exists or DoesNotExist, is \"Is\""},
    {"SelectorInNothing", POLICY "  podSelector: {matchExpressions: [{key: a, operator: In}]}\n", "m.yaml:5",
     "values: needs at least one value"},
    {"SelectorExistsValue",
     POLICY "  podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}\n", "m.yaml:5",
     "values: must be absent or empty"},
    {"ConfigOfAnotherName",
     "apiVersion: fairlead.io/v1alpha1\nkind: FairleadConfig\nmetadata: {name: other}\n", "m.yaml:3",
     "metadata.name: must be \"fairlead\", is \"other\""},
    {"ConfigNamespace",
     "apiVersion: fairlead.io/v1alpha1\nkind: FairleadConfig\nmetadata: {name: fairlead, namespace: a}\n",
     "m.yaml:3", "belongs to the cluster"},
    {"ConfigOldVersion", "apiVersion: fairlead.io/v1\nkind: FairleadConfig\nmetadata: {name: fairlead}\n",
     "m.yaml:1", "must be fairlead.io/v1alpha1 for a FairleadConfig"},
    {"ConfigMisspelt", "apiVersion: fairlead.io/v1alpha1\nkind: FairleadConfg\nmetadata: {name: fairlead}\n",
     "m.yaml:1", "did you mean \"FairleadConfig\"?"},
    {"ConfigUnknownField", CONFIG "  masquerad: true\n", "m.yaml:5",
     "spec.masquerad: unknown field; did you mean \"masquerade\"?"},
    {"ConfigWhatNeedsARestart", CONFIG "  routing: vxlan\n", "m.yaml:5", "spec.routing: unknown field"},
    {"ConfigNoBool", CONFIG "  masquerade: \"true\"\n", "m.yaml:5", "spec.masquerade: must be true or false"},
    {"ConfigBadRange", CONFIG "  nativeCIDRs: [10.0.0.0/8, 10.0.0.0]\n", "m.yaml:5",
     "spec.nativeCIDRs[1]: must be a range"},
    {"ConfigMappedRange", CONFIG "  nativeCIDRs: [\"::ffff:10.0.0.0/104\"]\n", "m.yaml:5",
     "spec.nativeCIDRs[0]: must be a range"},
    {"ConfigRangeTwice", CONFIG "  nativeCIDRs: [10.0.0.0/8, 10.1.2.3/8]\n", "m.yaml:5",
     "spec.nativeCIDRs[1]: 10.0.0.0/8 is there twice"},
    {"ConfigNoList", CONFIG "  nativeCIDRs: 10.0.0.0/8\n", "m.yaml:5", "spec.nativeCIDRs: must be a list"},
    {"ConfigTwoOfAFamily", CONFIG "  serviceCIDRs: [10.96.0.0/16, 10.97.0.0/16]\n", "m.yaml:5",
     "spec.serviceCIDRs: has two ranges of one family"},
    {"SelectorLabelsDirectly", POLICY "  podSelector: {app: web}\n", "m.yaml:5",
     "spec.podSelector.app: unknown field"},
};

void PrintTo(const RefusedCase& bad, std::ostream* out) {
  *out << bad.text;
}

class Refuses : public ::testing::TestWithParam<RefusedCase> {};

TEST_P(Refuses, WithLineFieldAndReason) {
  Manifest manifest = ReadManifest("m.yaml", GetParam().text);
  std::vector<Rejection> rejections;
  if (manifest.unreadable) rejections.push_back(*manifest.unreadable);
  for (const ManifestEntry& entry : manifest.entries) {
    EXPECT_FALSE(entry.object.has_value());
    rejections.insert(rejections.end(), entry.rejections.begin(), entry.rejections.end());
  }
  ASSERT_FALSE(rejections.empty());
  EXPECT_EQ(rejections[0].where.ToString(), GetParam().where) << rejections[0].message;
  EXPECT_THAT(rejections[0].message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(Manifest, Refuses, ::testing::ValuesIn(kRefused),
                         [](const auto& info) { return std::string(info.param.name); });

template <typename T>
T Good(const std::string& text) {
  Manifest manifest = ReadManifest("m.yaml", text);
  EXPECT_FALSE(manifest.unreadable.has_value()) << manifest.unreadable->message;
  EXPECT_EQ(manifest.entries.size(), 1U);
  for (const ManifestEntry& entry : manifest.entries) {
    for (const Rejection& rejection : entry.rejections) ADD_FAILURE() << rejection.message;
    if (entry.object) return std::get<T>(entry.object->body);
  }
  return {};
}

struct TypesCase {
  const char* name;
  const char* spec;
  bool ingress;
  bool egress;
};

// As k8s.io/kubernetes/pkg/apis/networking/v1/defaults.go.
const TypesCase kTypes[] = {
    {"NoSpec", "", true, false},
    {"NothingSaid", "  podSelector: {}\n", true, false},
    {"EmptyTypes", "  policyTypes: []\n", true, false},
    {"EmptyTypesWithEgressRule", "  policyTypes: []\n  egress: [{}]\n", true, true},
    {"NullTypes", "  policyTypes:\n  egress: [{}]\n", true, true},
    {"EgressRule", "  egress: [{to: [{podSelector: {}}]}]\n", true, true},
    {"EmptyEgressList", "  egress: []\n", true, false},
    {"NullEgress", "  egress:\n", true, false},
    {"IngressRuleOnly", "  ingress: [{}]\n", true, false},
    {"EgressTypeOnly", "  policyTypes: [Egress]\n", false, true},
    {"EgressTypeWithIngressRule", "  policyTypes: [Egress]\n  ingress: [{}]\n", false, true},
    {"IngressTypeWithEgressRule", "  policyTypes: [Ingress]\n  egress: [{}]\n", true, false},
    {"Both", "  policyTypes: [Egress, Ingress]\n", true, true},
};

TEST(NetworkPolicyManifest, DefaultsPolicyTypesAsTheApiDoes) {
  for (const TypesCase& types : kTypes) {
    SCOPED_TRACE(types.name);
    auto policy = Good<policy::NetworkPolicy>(std::string(POLICY) + types.spec);
    EXPECT_EQ(policy.isolates_ingress, types.ingress);
    EXPECT_EQ(policy.isolates_egress, types.egress);
  }
}

TEST(NetworkPolicyManifest, TellsAbsentFromEmptySelectors) {
  auto policy = Good<policy::NetworkPolicy>(POLICY
                                            "  ingress: [{from: [{podSelector: {}}, {namespaceSelector: {}}, "
                                            "{podSelector: {}, namespaceSelector: {}}]}]\n");
  ASSERT_EQ(policy.ingress.size(), 1U);
  ASSERT_EQ(policy.ingress[0].peers.size(), 3U);
  const auto& own = std::get<policy::PodPeer>(policy.ingress[0].peers[0]);
  EXPECT_TRUE(own.pod_selector.has_value());
  EXPECT_FALSE(own.namespace_selector.has_value());
  const auto& all = std::get<policy::PodPeer>(policy.ingress[0].peers[1]);
  EXPECT_FALSE(all.pod_selector.has_value());
  EXPECT_TRUE(all.namespace_selector.has_value());
}

TEST(NetworkPolicyManifest, ReadsPortsInAllTheirForms) {
  auto policy = Good<policy::NetworkPolicy>(
      POLICY
      "  ingress: [{ports: [{}, {protocol: UDP, port: 53}, {port: 8000, endPort: 8100}, {port: http}]}]\n");
  const std::vector<policy::PolicyPort>& ports = policy.ingress.at(0).ports;
  ASSERT_EQ(ports.size(), 4U);
  EXPECT_EQ(ports[0], (policy::PolicyPort{policy::Protocol::kTcp, std::nullopt}));
  EXPECT_EQ(ports[1], (policy::PolicyPort{policy::Protocol::kUdp, policy::PortNumbers{53, 53}}));
  EXPECT_EQ(ports[2], (policy::PolicyPort{policy::Protocol::kTcp, policy::PortNumbers{8000, 8100}}));
  EXPECT_EQ(ports[3], (policy::PolicyPort{policy::Protocol::kTcp, policy::PortName{"http"}}));
}

TEST(NetworkPolicyManifest, ReadsSelectorsAndBlocks) {
  auto policy = Good<policy::NetworkPolicy>(
      POLICY
      "  podSelector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: NotIn, values: [x, "
      "y]}]}\n"
      "  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]\n");
  EXPECT_EQ(policy.pod_selector.match_labels, (policy::Labels{{"app", "web"}}));
  ASSERT_EQ(policy.pod_selector.match_expressions.size(), 1U);
  EXPECT_EQ(policy.pod_selector.match_expressions[0].op, policy::LabelRequirement::Operator::kNotIn);
  const auto& block = std::get<policy::IpBlock>(policy.egress.at(0).peers.at(0));
  EXPECT_EQ(block.cidr.ToString(), "10.0.0.0/8");
  ASSERT_EQ(block.except.size(), 1U);
}

TEST(ServiceManifest, ReadsWhatDecidesOnTraffic) {
  auto service = Good<ServiceObject>(SERVICE
                                     "  type: NodePort\n  selector: {app: web}\n  sessionAffinity: ClientIP\n"
                                     "  externalTrafficPolicy: Local\n  internalTrafficPolicy: Local\n"
                                     "  publishNotReadyAddresses: true\n  ipFamilyPolicy: RequireDualStack\n"
                                     "  ports: [{name: a, port: 80, targetPort: http, nodePort: 30080}, "
                                     "{name: b, protocol: UDP, port: 53}]\n");
  EXPECT_EQ(service.type, ServiceType::kNodePort);
  EXPECT_EQ(service.affinity_seconds, 10800U);
  EXPECT_TRUE(service.external_local);
  EXPECT_TRUE(service.internal_local);
  EXPECT_TRUE(service.publish_not_ready);
  EXPECT_EQ(service.family_policy, FamilyPolicy::kRequireDualStack);
  ASSERT_EQ(service.ports.size(), 2U);
  EXPECT_EQ(std::get<std::string>(service.ports[0].target), "http");
  EXPECT_EQ(service.ports[0].node_port, 30080);
  EXPECT_EQ(std::get<uint16_t>(service.ports[1].target), 53);
}

// A field that is accepted and does nothing would be waited for in vain.
TEST(ServiceManifest, SaysWhatItAsksForAndDoesNotGet) {
  Manifest manifest = ReadManifest("m.yaml", SERVICE
                                   "  type: LoadBalancer\n  selector: {app: web}\n"
                                   "  externalIPs: [192.0.2.1]\n  loadBalancerSourceRanges: [192.0.2.0/24]\n"
                                   "  loadBalancerIP: \"\"\n  topologyKeys: []\n"
                                   "  trafficDistribution: PreferClose\n  ports: [{port: 80}]\n");
  ASSERT_EQ(manifest.entries.size(), 1U);
  EXPECT_TRUE(manifest.entries[0].rejections.empty());
  ASSERT_TRUE(manifest.entries[0].object);
  std::string said;
  for (const Remark& remark : manifest.entries[0].object->remarks)
    absl::StrAppend(&said, remark.line, " ", remark.message, "\n");
  EXPECT_THAT(said, HasSubstr("7 spec.externalIPs: is not served"));
  EXPECT_THAT(said, HasSubstr("8 spec.loadBalancerSourceRanges: is not enforced"));
  EXPECT_THAT(said, HasSubstr("11 spec.trafficDistribution: is not looked at"));
  EXPECT_THAT(said, HasSubstr("5 spec.type: is LoadBalancer"));
  EXPECT_THAT(said, Not(HasSubstr("loadBalancerIP")));
  EXPECT_THAT(said, Not(HasSubstr("topologyKeys")));
}

TEST(ConfigManifest, TellsAbsentFromEmpty) {
  auto config = Good<ConfigObject>(CONFIG "  nativeCIDRs: []\n  masquerade: false\n");
  EXPECT_EQ(config.masquerade, false);
  EXPECT_EQ(config.socket_balancing, std::nullopt);
  ASSERT_TRUE(config.native_cidrs.has_value());
  EXPECT_TRUE(config.native_cidrs->empty());
  EXPECT_FALSE(config.service_cidrs.has_value());
}

TEST(ConfigManifest, HasABoundedNumberOfRanges) {
  std::string many;
  for (int i = 0; i < 257; ++i)
    absl::StrAppend(&many, i == 0 ? "" : ", ", "10.", i / 256, ".", i % 256, ".0/24");
  Manifest manifest = ReadManifest("m.yaml", absl::StrCat(CONFIG "  nativeCIDRs: [", many, "]\n"));
  EXPECT_THAT(manifest.entries.at(0).rejections.at(0).message,
              HasSubstr("spec.nativeCIDRs: has 257 ranges, at most 256 are allowed"));
}

TEST(ConfigManifest, OtherKindsOfOurGroupAreForPeople) {
  Manifest manifest = ReadManifest(
      "m.yaml",
      "apiVersion: fairlead.io/v1alpha1\nkind: FairleadNode\nmetadata: {name: n1}\nstatus: {a: b}\n");
  EXPECT_TRUE(manifest.entries.empty());
}

TEST(NamespaceManifest, CarriesTheLabelThatTheApiServerGives) {
  auto shop = Good<NamespaceObject>(
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a, "
      "kubernetes.io/metadata.name: other}}\n");
  EXPECT_EQ(shop.labels, (policy::Labels{{"team", "a"}, {"kubernetes.io/metadata.name", "shop"}}));
}

TEST(Manifest, ReadsJsonListsAndSeveralDocuments) {
  Manifest manifest = ReadManifest("m.json", R"({"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "annotations": {"x": "tab\there \u00e9"}}},
	{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}}]})");
  EXPECT_FALSE(manifest.unreadable);
  EXPECT_EQ(manifest.entries.size(), 2U);

  manifest =
      ReadManifest("m.yaml",
                   "---\n# nothing\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n...\n---\n"
                   "apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n---\n");
  ASSERT_EQ(manifest.entries.size(), 2U);
  EXPECT_EQ(manifest.entries[1].object->where.ToString(), "m.yaml:9");
}

TEST(Manifest, OneBadDocumentLeavesTheOthersGood) {
  Manifest manifest = ReadManifest("m.yaml",
                                   "apiVersion: v1\nkind: Namespace\nmetadata: {name: A}\n---\n"
                                   "apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n");
  ASSERT_EQ(manifest.entries.size(), 2U);
  EXPECT_FALSE(manifest.entries[0].object);
  EXPECT_TRUE(manifest.entries[1].object);
}

TEST(Manifest, CountsKindsThatItHasNoUseFor) {
  Manifest manifest =
      ReadManifest("m.yaml",
                   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: 1}\n---\n"
                   "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a}\n---\n"
                   "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: a}\n");
  EXPECT_TRUE(manifest.entries.empty());
  EXPECT_EQ(manifest.ignored,
            (std::map<std::string, int>{{"Certificate", 1}, {"ConfigMap", 1}, {"Role", 1}}));
}

TEST(Manifest, ExpandsAnchorsAndMergesWithinBounds) {
  auto deployment = Good<WorkloadObject>(
      DEPLOYMENT
      "  selector: {matchLabels: &labels {app: web}}\n"
      "  template: {metadata: {labels: {<<: *labels, tier: front}}, spec: {" CONTAINERS "}}\n");
  EXPECT_EQ(deployment.pod_labels, (policy::Labels{{"app", "web"}, {"tier", "front"}}));

  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) absl::StrAppend(&bomb, "*a", i - 1, ", ");
    bomb += "]\n";
  }
  Manifest manifest = ReadManifest("m.yaml", bomb);
  ASSERT_TRUE(manifest.unreadable);
  EXPECT_THAT(manifest.unreadable->message, HasSubstr("aliases count"));
}

TEST(Manifest, MessagesAreUtf8HoweverLongTheValue) {
  std::string value(79, 'x');
  for (int i = 0; i < 20; ++i) value += "\u00e9";
  Manifest manifest =
      ReadManifest("m.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + value + "}\n");
  const std::string& message = manifest.entries.at(0).rejections.at(0).message;
  EXPECT_TRUE(IsUtf8(message)) << message;
  for (const char* bad : {"\x80", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3"})
    EXPECT_FALSE(IsUtf8(bad));
  EXPECT_TRUE(IsUtf8("a\u00e9\u20ac\U0001F600"));
}

TEST(Manifest, RefusesWhatIsTooDeepOrTooLarge) {
  for (const std::string& text :
       {std::string(100'000, '['), "a: " + std::string(100'000, '{'), std::string(kMaxFileBytes + 1, '#')}) {
    EXPECT_TRUE(ReadManifest("m.yaml", text).unreadable);
  }
}

}  // namespace
}  // namespace fairlead::controller
