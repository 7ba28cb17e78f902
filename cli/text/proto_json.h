// Protobuf messages as JSON for programs: names in lowerCamelCase, every field present, addresses and MACs
// as text instead of base64, 64-bit numbers as numbers, enum values in lower case.
#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

namespace fairlead::cli {

nlohmann::json ToJson(const google::protobuf::Message& message);

}  // namespace fairlead::cli
