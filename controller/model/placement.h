// Which node a pod runs on that names none. A pure function of the pod's workload and the nodes, so
// that every replica of the controller, and every restart of it, gives the same answer, and a pod
// that comes or goes moves no other.
//
// Rendezvous hashing (Thaler, Ravishankar: A Name-Based Mapping Scheme for Rendezvous, 1996) orders
// the nodes for a workload; its n-th pod goes to the n-th of them, round and round.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "controller/manifest/objects.h"

namespace fairlead::controller {

// Names of the nodes that take pods and carry `node_selector`, in the order for `workload`.
std::vector<std::string> NodesInOrder(const std::string& workload, const policy::Labels& node_selector,
                                      const std::map<std::string, NodeObject>& nodes);

}  // namespace fairlead::controller
