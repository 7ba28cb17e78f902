#include "bench/program/cost.h"

#include <linux/pkt_cls.h>
#include <netinet/in.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"

namespace fairlead::bench {
namespace {

constexpr int kWarmUpPackets = 2'000;
constexpr uint16_t kFirstSourcePort = 1'024;
constexpr int kSourcePorts = 60'000;
constexpr uint16_t kFirstDestinationPort = 7'000;

struct Flow {
  uint16_t source_port, destination_port;
};

Flow FlowOf(int number) {
  return {static_cast<uint16_t>(kFirstSourcePort + number % kSourcePorts),
          static_cast<uint16_t>(kFirstDestinationPort + number / kSourcePorts)};
}

absl::Status Expect(const Device& device, const std::vector<uint8_t>& frame, uint32_t verdict,
                    Histogram* times, const std::string& what) {
  ASSIGN_OR_RETURN(const TestRun run, device.Run(frame));
  if (run.verdict != verdict) {
    return absl::FailedPreconditionError(
        absl::StrCat(what, ": the program answered ", run.verdict, " where ", verdict, " was expected"));
  }
  if (times != nullptr) times->Add(run.ns);
  return absl::OkStatus();
}

std::vector<uint8_t> FromClient(const Pods& pods, uint8_t protocol, Flow flow, uint8_t flags) {
  return MakeFrame(pods.forth, {protocol, flow.source_port, flow.destination_port, flags});
}

std::vector<uint8_t> FromServer(const Pods& pods, uint8_t protocol, Flow flow, uint8_t flags) {
  return MakeFrame(pods.back, {protocol, flow.destination_port, flow.source_port, flags});
}

absl::Status Establish(const Pods& pods, uint8_t protocol, Flow flow, Histogram* opening) {
  RETURN_IF_ERROR(
      Expect(pods.client, FromClient(pods, protocol, flow, kSyn), TC_ACT_REDIRECT, opening, "SYN"));
  RETURN_IF_ERROR(Expect(pods.server, FromServer(pods, protocol, flow, kSyn | kAck), TC_ACT_REDIRECT, nullptr,
                         "SYN-ACK"));
  return Expect(pods.client, FromClient(pods, protocol, flow, kAck), TC_ACT_REDIRECT, nullptr, "ACK");
}

}  // namespace

std::string Cost::ToJson() const {
  return absl::StrFormat(R"({"program":%s,"opening":%s,"floor":%s,"net_p50_ns":%.1f})", program_ns.ToJson(),
                         opening_ns.ToJson(), floor_ns.ToJson(),
                         program_ns.Percentile(50) - floor_ns.Percentile(50));
}

absl::StatusOr<Cost> CostOfEstablished(const Pods& pods, const Device& floor,
                                       const EstablishedOptions& options) {
  Cost cost;
  for (int i = 0; i < options.flows; ++i) {
    RETURN_IF_ERROR(WrapError(Establish(pods, options.protocol, FlowOf(i), &cost.opening_ns),
                              absl::StrCat("connection ", i + 1)));
  }
  std::mt19937 random(options.seed);
  std::uniform_int_distribution<int> any(0, options.flows - 1);
  for (int i = -kWarmUpPackets; i < options.packets; ++i) {
    const std::vector<uint8_t> frame = FromClient(pods, options.protocol, FlowOf(any(random)), kAck);
    RETURN_IF_ERROR(Expect(floor, frame, TC_ACT_OK, i < 0 ? nullptr : &cost.floor_ns, "floor"));
    RETURN_IF_ERROR(
        Expect(pods.client, frame, TC_ACT_REDIRECT, i < 0 ? nullptr : &cost.program_ns, "established"));
  }
  return cost;
}

absl::StatusOr<Cost> CostOfDenied(const Pods& pods, const Device& floor, uint16_t port, int packets) {
  Cost cost;
  for (int i = -kWarmUpPackets; i < packets; ++i) {
    const Flow flow{FlowOf((i + kWarmUpPackets) % kSourcePorts).source_port, port};
    const std::vector<uint8_t> frame = FromClient(pods, IPPROTO_TCP, flow, kSyn);
    RETURN_IF_ERROR(Expect(floor, frame, TC_ACT_OK, i < 0 ? nullptr : &cost.floor_ns, "floor"));
    RETURN_IF_ERROR(Expect(pods.client, frame, TC_ACT_SHOT, i < 0 ? nullptr : &cost.program_ns, "denied"));
  }
  return cost;
}

}  // namespace fairlead::bench
