// How this folder asks the API server: kube::ApiClient::Call, or a test's stand-in.
#pragma once

#include <functional>

#include "kube/api_client.h"

namespace fairlead::controller {

// Asks; the answer is told once, on the loop's thread, after the call has returned.
using ApiCall = std::function<void(kube::ApiRequest, kube::ApiClient::Done)>;

}  // namespace fairlead::controller
