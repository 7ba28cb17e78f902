#include "bench/fleet/agents.h"

#include <stdexcept>
#include <utility>

#include "controller/sync/encode.h"

namespace fairlead::bench {
namespace {

void Check(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

}  // namespace

void Agents::Link::Send(const controller::Push& push) {
  ++agents_->sent_.pushes;
  agents_->sent_.bytes += controller::Serialize(push).size();
  agents_->unanswered_.push_back({this, push.nonce});
}

void Agents::Link::Close(const absl::Status& status) {
  Check(status);
}

void Agents::Connect(const std::vector<std::string>& nodes) {
  for (const std::string& node : nodes) {
    links_.push_back(std::make_unique<Link>(this));
    controller::HelloMessage hello;
    hello.protocol_version = controller::kProtocolVersion;
    hello.node = node;
    Check(hub_->OnHello(links_.back().get(), hello));
  }
}

Sent Agents::Settle() {
  while (!unanswered_.empty()) {
    const Unanswered next = unanswered_.front();
    unanswered_.pop_front();
    Check(hub_->OnAck(next.link, next.nonce));
  }
  return std::exchange(sent_, {});
}

}  // namespace fairlead::bench
