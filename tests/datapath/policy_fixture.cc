#include "tests/datapath/policy_fixture.h"

#include "datapath/abi/reasons.h"
#include "policy/compiler.h"

namespace fairlead::datapath {
namespace {

// Addresses that packets may carry anywhere; the others are dropped before policy is asked.
bool IsOrdinary(const IpAddress& address) {
  const auto& bytes = address.bytes();
  if (!address.is_v4()) return (bytes[0] & 0xe0) == 0x20 || (bytes[0] & 0xfe) == 0xfc;
  return bytes[12] != 0 && bytes[12] != 127 && bytes[12] < 224 && !(bytes[12] == 169 && bytes[13] == 254);
}

}  // namespace

const char* ReasonName(uint32_t reason) {
  static constexpr const char* kNames[] = {
#define REASON_NAME(constant, name, text) name,
      FL_REASONS(REASON_NAME)
#undef REASON_NAME
  };
  return reason < FL_REASON_COUNT ? kNames[reason] : "?";
}

PolicyNode* PolicyDatapathTest::node_ = nullptr;
NodePods* PolicyDatapathTest::pods_ = nullptr;

void PolicyDatapathTest::SetUpTestSuite() {
  if (node_ != nullptr) return;
  static PolicyNode node;
  static NodePods pods(node.devices());
  node_ = &node;
  pods_ = &pods;
}

void PolicyDatapathTest::Apply(const policy::Cluster& cluster, const std::set<std::string>& nodes,
                               bool verify) {
  desired_ = pods_->Desired(cluster, policy::Compile(cluster), nodes);
  for (const auto& failure : node_->Apply(desired_, verify)) {
    ADD_FAILURE() << failure.kind << " " << failure.name << ": " << failure.status;
  }
}

bool PolicyDatapathTest::ComesBy(const policy::Attempt& attempt) const {
  if (!IsOrdinary(attempt.source) || !IsOrdinary(attempt.destination)) return false;
  return EndpointAt(desired_, attempt.source) != EndpointAt(desired_, attempt.destination);
}

uint32_t PolicyDatapathTest::Expected(const policy::Cluster& cluster, const policy::Attempt& attempt) const {
  const auto allows = [&](const IpAddress& end, policy::Direction direction) {
    const LocalEndpoint* endpoint = EndpointAt(desired_, end);
    return endpoint == nullptr || policy::OracleAllows(cluster, endpoint->pod_uid, direction, attempt);
  };
  if (!allows(attempt.source, policy::Direction::kEgress)) return FL_REASON_EGRESS_POLICY;
  if (!allows(attempt.destination, policy::Direction::kIngress)) return FL_REASON_INGRESS_POLICY;
  return FL_REASON_FORWARDED;
}

uint32_t PolicyDatapathTest::Open(const policy::Attempt& attempt) {
  last_port_ = last_port_ == 65535 ? 1024 : last_port_ + 1;
  return node_->Send(desired_, attempt, last_port_, Moment::kOpens);
}

uint32_t PolicyDatapathTest::GoOn(const policy::Attempt& attempt, uint16_t source_port) {
  return node_->Send(desired_, attempt, source_port, Moment::kGoesOn);
}

}  // namespace fairlead::datapath
