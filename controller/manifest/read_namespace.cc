#include "controller/manifest/readers.h"

namespace fairlead::controller {

NamespaceObject ReadNamespace(Fields& object, const Metadata& metadata, Problems* problems) {
  (void)problems;
  object.KnownButUnused({"spec", "status"});
  NamespaceObject result;
  result.labels = metadata.labels;
  // The API server sets it and lets nobody change it.
  result.labels["kubernetes.io/metadata.name"] = metadata.name;
  return result;
}

}  // namespace fairlead::controller
