// As decode.h, for kinds that the API server has in JSON only: custom resources. Pure.
//
// Of an object's metadata just the fields that are of interest here are read; of its status nothing.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/kubernetes/decode.h"

namespace fairlead::controller {

absl::StatusOr<ListPage> DecodeJsonList(const ApiKind& kind, absl::string_view body);
// `line`: {"type": "ADDED", "object": {...}}
absl::StatusOr<ApiEvent> DecodeJsonEvent(const ApiKind& kind, absl::string_view line);

}  // namespace fairlead::controller
