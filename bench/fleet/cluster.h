// A large cluster as an API server has it: every object that the controller reads, and changes of them.
#pragma once

#include "controller/model/cluster.h"

namespace fairlead::bench {

// Pods of an app are spread over all nodes; of every three apps two have a Service.
struct Size {
  int nodes = 5'000;
  int namespaces = 500;
  int apps = 30;      // of each namespace
  int replicas = 10;  // of each app

  int pods() const { return namespaces * apps * replicas; }
};

class ApiObjects {
 public:
  explicit ApiObjects(const Size& size);

  const controller::Objects& all() const { return objects_; }
  const Size& size() const { return size_; }

  // One change each, the `n`-th of its sort; what it touched.
  controller::ObjectKey RelabelPod(int n);       // leaves and joins what a policy admits
  controller::ObjectKey ReplacePod(int n);       // another pod under its name
  controller::ObjectKey ChangeReadiness(int n);  // of one endpoint of a Service
  controller::ObjectKey ChangePolicy(int n);     // another port
  controller::ObjectKey AddNode(int n);

 private:
  void Put(controller::ObjectKey key, controller::ObjectBody body);
  controller::ObjectKey PodKey(int namespace_index, int app, int replica) const;
  // `life`: which pod of this name it is.
  controller::PodObject Pod(int namespace_index, int app, int replica, int life) const;
  void AddPolicies(int namespace_index);

  Size size_;
  controller::Objects objects_;
};

}  // namespace fairlead::bench
