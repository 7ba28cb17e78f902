#include "agent/metrics.h"

#include <utility>
#include <vector>

#include "prometheus/metric_family.h"
#include "prometheus/text_serializer.h"

namespace fairlead::agent {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// X(constant, "name", type, "help"): every metric of the agent.
#define FAIRLEAD_METRICS(X)                                                                               \
  X(kInfo, "fairlead_agent_info", Gauge, "1; the labels say which version runs on which node.")           \
  X(kReady, "fairlead_agent_ready", Gauge, "1 when pods can be wired.")                                   \
  X(kCondition, "fairlead_agent_condition", Gauge, "1 when the condition is well, 0 when it is not.")     \
  X(kWatermark, "fairlead_agent_watermark", Gauge, "Version of the source that the node has reached.")    \
  X(kResources, "fairlead_agent_resources", Gauge, "Resources of the controller that the node holds.")    \
  X(kRefused, "fairlead_agent_refused_resources", Gauge, "Resources whose newest version was refused.")   \
  X(kPushes, "fairlead_agent_pushes_total", Counter, "Pushes of the controller, by result.")              \
  X(kRepaired, "fairlead_agent_repaired_total", Counter, "Kernel entries that differed and were mended.") \
  X(kEndpoints, "fairlead_agent_endpoints", Gauge, "Pods wired on this node.")                            \
  X(kFlows, "fairlead_agent_flow_events_total", Counter, "Flow events read from the datapath.")           \
  X(kAddresses, "fairlead_agent_addresses", Gauge, "Pod addresses of this node, by range and state.")     \
  X(kMapEntries, "fairlead_datapath_map_entries", Gauge, "Entries of an eBPF map.")                       \
  X(kMapCapacity, "fairlead_datapath_map_capacity", Gauge, "Entries that an eBPF map can hold.")          \
  X(kMapBytes, "fairlead_datapath_map_bytes", Gauge, "Memory of an eBPF map.")                            \
  X(kDropPackets, "fairlead_datapath_drop_packets_total", Counter, "Packets dropped, by reason.")         \
  X(kDropBytes, "fairlead_datapath_drop_bytes_total", Counter, "Bytes dropped, by reason.")

enum Metric {
#define FAIRLEAD_METRIC_ENUM(constant, name, type, help) constant,
  FAIRLEAD_METRICS(FAIRLEAD_METRIC_ENUM)
#undef FAIRLEAD_METRIC_ENUM
};

std::vector<MetricFamily> Families() {
  return {
#define FAIRLEAD_METRIC_FAMILY(constant, name, type, help) {name, help, MetricType::type, {}},
      FAIRLEAD_METRICS(FAIRLEAD_METRIC_FAMILY)
#undef FAIRLEAD_METRIC_FAMILY
  };
}

class Collection {
 public:
  void Add(Metric metric, double value, Labels labels = {}) {
    ClientMetric sample;
    sample.label = std::move(labels);
    sample.gauge.value = value;
    sample.counter.value = value;
    families_[metric].metric.push_back(std::move(sample));
  }
  const std::vector<MetricFamily>& families() const { return families_; }

 private:
  std::vector<MetricFamily> families_ = Families();
};

void AddDatapath(const datapath::Datapath& datapath, Collection& to) {
  for (const auto& map : datapath.Maps()) {
    to.Add(kMapEntries, static_cast<double>(map.entries), {{"map", map.name}});
    to.Add(kMapCapacity, static_cast<double>(map.capacity), {{"map", map.name}});
    to.Add(kMapBytes, static_cast<double>(map.bytes), {{"map", map.name}});
  }
  for (const auto& drop : datapath.Drops()) {
    to.Add(kDropPackets, static_cast<double>(drop.packets), {{"reason", drop.name}});
    to.Add(kDropBytes, static_cast<double>(drop.bytes), {{"reason", drop.name}});
  }
}

}  // namespace

std::string MetricsText(const NodeAgent& agent, const std::string& version) {
  Collection to;
  to.Add(kInfo, 1, {{"node", agent.node()}, {"version", version}});
  to.Add(kReady, agent.Serving().ok() ? 1 : 0);
  for (const Condition& condition : agent.conditions().all()) {
    to.Add(kCondition, condition.ok ? 1 : 0, {{"type", condition.type}});
  }
  to.Add(kWatermark, static_cast<double>(agent.watermark()));
  std::map<ResourceKind, uint64_t> kinds;
  for (const auto& [id, held] : agent.state().versions()) ++kinds[id.kind];
  for (const auto& [kind, count] : kinds) {
    to.Add(kResources, static_cast<double>(count), {{"kind", KindName(kind)}});
  }
  to.Add(kRefused, static_cast<double>(agent.refused().size()));
  to.Add(kPushes, static_cast<double>(agent.pushes_taken()), {{"result", "taken"}});
  to.Add(kPushes, static_cast<double>(agent.pushes_refused()), {{"result", "refused"}});
  to.Add(kRepaired, static_cast<double>(agent.repaired()));
  to.Add(kEndpoints, static_cast<double>(agent.state().desired().endpoints.size()));
  to.Add(kFlows, static_cast<double>(agent.flows().end()));
  for (const PoolUsage& pool : agent.Pools()) {
    const std::string cidr = pool.cidr.ToString();
    to.Add(kAddresses, static_cast<double>(pool.used), {{"cidr", cidr}, {"state", "used"}});
    to.Add(kAddresses, static_cast<double>(pool.free), {{"cidr", cidr}, {"state", "free"}});
    to.Add(kAddresses, static_cast<double>(pool.cooling), {{"cidr", cidr}, {"state", "cooling"}});
  }
  AddDatapath(agent.datapath(), to);
  return prometheus::TextSerializer().Serialize(to.families());
}

}  // namespace fairlead::agent
