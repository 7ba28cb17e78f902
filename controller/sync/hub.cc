#include "controller/sync/hub.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::controller {
namespace {

// Watermarks are microseconds since 1970; far from where they would overflow.
constexpr uint64_t kMaxWatermark = uint64_t{1} << 62;

}  // namespace

absl::StatusOr<Hub::Agent*> Hub::AgentOf(AgentLink* link) {
  auto node = link_nodes_.find(link);
  if (node == link_nodes_.end())
    return absl::InvalidArgumentError("the first message of a stream must be a Hello");
  return &agents_.at(node->second);
}

void Hub::Pump(Agent& agent) {
  if (agent.link == nullptr || waiting_) return;
  if (std::optional<Push> push = agent.session->NextPush(watermark_)) agent.link->Send(*push);
}

std::set<std::string> Hub::AwaitedNodes() const {
  std::set<std::string> awaited;
  if (!waiting_) return awaited;
  for (const auto& [uid, pod] : store_->cluster().pods) {
    const bool reported = !pod.host_network && !pod.terminated && pod.status_addresses.empty();
    if (reported && store_->HasNode(pod.node) && !agents_.contains(pod.node)) awaited.insert(pod.node);
  }
  return awaited;
}

void Hub::EndWait() {
  waiting_ = false;
  for (auto& [node, agent] : agents_) Pump(agent);
}

void Hub::EndWaitIfAllAreThere() {
  if (waiting_ && AwaitedNodes().empty()) EndWait();
}

void Hub::FanOut(const Changes& changes) {
  const auto tell = [&](Agent& agent) {
    if (agent.link == nullptr) return;
    agent.session->OnChanges(changes);
    Pump(agent);
  };
  if (!changes.everywhere.empty()) {
    for (auto& [node, agent] : agents_) tell(agent);
    return;
  }
  for (const auto& [node, ids] : changes.nodes) {
    const auto agent = agents_.find(node);
    if (agent != agents_.end()) tell(agent->second);
  }
}

// Not told that everything of it is gone: a node without its manifest keeps its last good state.
void Hub::DropAgentsWithoutNode() {
  for (auto& [node, agent] : agents_) {
    if (agent.link != nullptr && !store_->HasNode(node))
      Disconnect(agent, absl::NotFoundError(absl::StrCat("there is no Node ", node, " any more")));
  }
  std::erase_if(agents_, [&](const auto& agent) { return !store_->HasNode(agent.first); });
}

void Hub::Disconnect(Agent& agent, const absl::Status& status) {
  AgentLink* link = std::exchange(agent.link, nullptr);
  link_nodes_.erase(link);
  link->Close(status);
}

void Hub::SetObjects(const Objects& objects, uint64_t watermark, const TouchedObjects& touched) {
  const bool kept_back = std::exchange(watermark_, watermark) <= highest_hello_;
  const Changes changes = store_->SetObjects(objects, touched);
  if (!changes.everywhere.empty()) DropAgentsWithoutNode();
  FanOut(changes);
  if (kept_back) {
    for (auto& [node, agent] : agents_) Pump(agent);
  }
  EndWaitIfAllAreThere();
}

absl::Status Hub::OnHello(AgentLink* link, const HelloMessage& hello) {
  if (link_nodes_.count(link) > 0) return absl::InvalidArgumentError("a second Hello on one stream");
  if (hello.protocol_version != kProtocolVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the agent of node ", hello.node, " speaks protocol version ", hello.protocol_version,
                     ", this controller ", kProtocolVersion, "; run the same release of both"));
  }
  if (hello.watermark > kMaxWatermark) {
    return absl::InvalidArgumentError(
        absl::StrCat("watermark ", hello.watermark, " is none that a controller gives out"));
  }
  if (!store_->HasNode(hello.node)) {
    return absl::NotFoundError(
        absl::StrCat("there is no Node ", hello.node,
                     "; add a manifest of kind Node with this name, or start the agent with "
                     "--node and the name of one"));
  }
  Agent& agent = agents_[hello.node];
  if (agent.link != nullptr) {
    Disconnect(agent,
               absl::AbortedError(absl::StrCat("another agent of node ", hello.node, " has connected")));
  }
  // Others are told of it; this one's session begins with what holds after it.
  FanOut(store_->SetNodeEndpoints(hello.node, hello.endpoints));
  agent.link = link;
  agent.version = hello.agent_version;
  agent.health.reset();
  agent.session = std::make_unique<Session>(store_, hello.node, hello.held, hello.watermark);
  link_nodes_[link] = hello.node;
  Pump(agent);
  EndWaitIfAllAreThere();
  TellReported(hello.node);
  highest_hello_ = std::max(highest_hello_, hello.watermark);
  if (hello.watermark > watermark_) agent_ahead_(hello.watermark);
  return absl::OkStatus();
}

absl::Status Hub::OnAck(AgentLink* link, uint64_t nonce) {
  ASSIGN_OR_RETURN(Agent * agent, AgentOf(link));
  RETURN_IF_ERROR(agent->session->OnAck(nonce));
  Pump(*agent);
  return absl::OkStatus();
}

absl::Status Hub::OnNack(AgentLink* link, uint64_t nonce, const std::vector<ResourceError>& errors) {
  ASSIGN_OR_RETURN(Agent * agent, AgentOf(link));
  RETURN_IF_ERROR(agent->session->OnNack(nonce, errors));
  Pump(*agent);
  return absl::OkStatus();
}

absl::Status Hub::OnReport(AgentLink* link, const std::vector<ReportedEndpoint>& upserts,
                           const std::vector<ReportedEndpoint>& removals) {
  ASSIGN_OR_RETURN(Agent * agent, AgentOf(link));
  FanOut(store_->ApplyReport(agent->session->node(), upserts, removals));
  TellReported(agent->session->node());
  return absl::OkStatus();
}

void Hub::OnPeerReport(const std::string& node, const std::vector<ReportedEndpoint>& endpoints) {
  const auto found = agents_.find(node);
  const bool is_here = found != agents_.end() && found->second.link != nullptr;
  if (!is_here && store_->HasNode(node)) FanOut(store_->SetNodeEndpoints(node, endpoints));
}

uint64_t Hub::OnReported(std::function<void(const std::string& node)> callback) {
  reported_watchers_.emplace(++last_watcher_, std::move(callback));
  return last_watcher_;
}

void Hub::TellReported(const std::string& node) {
  for (const auto& [id, callback] : reported_watchers_) callback(node);
}

absl::Status Hub::OnHealth(AgentLink* link, AgentHealth health) {
  ASSIGN_OR_RETURN(Agent * agent, AgentOf(link));
  agent->health = std::move(health);
  return absl::OkStatus();
}

void Hub::OnGone(AgentLink* link) {
  auto node = link_nodes_.find(link);
  if (node == link_nodes_.end()) return;
  agents_.at(node->second).link = nullptr;
  link_nodes_.erase(node);
}

AgentProgress Hub::ProgressOf(const std::string& node) const {
  auto found = agents_.find(node);
  if (found == agents_.end() || found->second.link == nullptr) return {};
  const Session& session = *found->second.session;
  return {true,
          session.told(),
          session.Outstanding(),
          session.errors(),
          found->second.version,
          found->second.health};
}

ClusterProgress Hub::Progress() const {
  ClusterProgress all;
  for (const std::string& node : ConnectedNodes()) all.emplace(node, ProgressOf(node));
  return all;
}

std::set<std::string> Hub::ConnectedNodes() const {
  std::set<std::string> nodes;
  for (const auto& [node, agent] : agents_) {
    if (agent.link != nullptr) nodes.insert(node);
  }
  return nodes;
}

std::vector<AgentStatus> Hub::Agents() const {
  std::vector<AgentStatus> all;
  for (const auto& [name, node] : store_->cluster().nodes) {
    AgentStatus status;
    status.node = name;
    auto found = agents_.find(name);
    if (found != agents_.end()) {
      const Agent& agent = found->second;
      status.version = agent.version;
      status.connected = agent.link != nullptr;
      status.in_step = status.connected && agent.session->in_step();
      // An agent that holds everything there is holds the newest watermark.
      status.acked_watermark = status.in_step ? watermark_ : agent.session->acked_watermark();
      status.errors = agent.session->errors();
    }
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace fairlead::controller
