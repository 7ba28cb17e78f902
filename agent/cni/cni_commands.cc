#include "agent/cni/cni_commands.h"

#include "agent/details.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

// With more ranges of other nodes than this, pods get the smaller MTU for everything instead.
constexpr size_t kMaxRouteMtus = 64;

}  // namespace

absl::StatusOr<PreparedReply> CniCommands::Prepare(const CniRequest& request) {
  const bool existing = pods_->leases().Find(request.key()) != nullptr;
  if (!existing) {
    RETURN_IF_ERROR(WithDetails(agent_->Ready(),
                                "`fairlead status` shows what this node waits for; the runtime tries again"));
  }
  PreparedReply reply;
  ASSIGN_OR_RETURN(reply.lease, pods_->Prepare(request.pod));
  reply.existing = existing;
  reply.mtu = agent_->datapath().PodMtu();
  const uint32_t remote_mtu = agent_->datapath().RemotePodMtu();
  if (remote_mtu >= reply.mtu) return reply;
  for (const auto& [name, node] : agent_->state().desired().nodes) {
    for (const IpPrefix& cidr : node.pod_cidrs) reply.route_mtus.emplace_back(cidr, remote_mtu);
  }
  if (reply.route_mtus.size() > kMaxRouteMtus) {
    reply.route_mtus.clear();
    reply.mtu = remote_mtu;
  }
  return reply;
}

absl::Status CniCommands::Run(const CniRequest& request) {
  switch (request.command) {
    case CniCommand::kDel:
      return pods_->Release(request.key());
    case CniCommand::kCheck:
      return pods_->Check(request.key(), request.mac, request.addresses);
    case CniCommand::kStatus:
      return agent_->Ready();
    case CniCommand::kGc:
      return pods_->Collect(request.valid);
    case CniCommand::kAdd:
      break;
  }
  return absl::InternalError("an ADD takes two exchanges");
}

}  // namespace fairlead::agent
