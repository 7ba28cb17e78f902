// How the agent and a controller over TCP know each other: asked before every attempt to connect, and, after
// one that failed, for the reason. On the state thread.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fairlead::agent {

// In PEM.
struct TlsTexts {
  std::string ca, cert, key;
};

class ControllerTls {
 public:
  virtual ~ControllerTls() = default;
  // An error says what is missing, and what to do.
  virtual absl::StatusOr<TlsTexts> Texts() = 0;
  // "" or "; WHAT IS WRONG: WAY OUT", to follow the message of `failure`, the end of a stream.
  virtual std::string Advice(const absl::Status& failure) = 0;
};

}  // namespace fairlead::agent
