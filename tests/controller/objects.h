// Objects of a manifest's text, for tests of what is made of them. The text must be good.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "controller/model/inventory.h"

namespace fairlead::controller {

inline std::map<ObjectKey, Object> ObjectsOf(const std::string& text) {
  Inventory inventory;
  inventory.SetFile("m.yaml", ReadManifest("m.yaml", text));
  for (const Rejection& rejection : inventory.Rejections()) {
    ADD_FAILURE() << rejection.where.ToString() << ": " << rejection.object << ": " << rejection.message;
  }
  return inventory.Objects();
}

}  // namespace fairlead::controller
