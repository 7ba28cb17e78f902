// Questions to one agent or controller. Each call makes its own connection when needed and waits only so
// long; messages as in api/introspect.proto and api/observer.proto.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/introspect.pb.h"
#include "api/observer.pb.h"
#include "cli/names.h"

namespace fairlead::cli {

struct Peer {
  std::string target;  // "unix:/PATH" or HOST:PORT
  std::string name;    // in messages; empty: the target
  // Why nobody answers, where somebody else knows; "" else.
  std::function<std::string()> trouble = [] { return std::string(); };
  int timeout_ms = 5000;  // of a question that is no stream
  int connect_timeout_ms = 1000;
};

class IntrospectClient {
 public:
  explicit IntrospectClient(std::string target)
      : IntrospectClient(Peer{.target = std::move(target), .name = {}}) {}
  explicit IntrospectClient(Peer peer);
  ~IntrospectClient();
  IntrospectClient(IntrospectClient&&) noexcept;
  IntrospectClient& operator=(IntrospectClient&&) noexcept;

  absl::StatusOr<introspect::v1::StatusReply> Status() const;
  absl::StatusOr<introspect::v1::EndpointsReply> Endpoints() const;
  absl::StatusOr<introspect::v1::ServicesReply> Services() const;
  absl::StatusOr<introspect::v1::PoliciesReply> Policies() const;
  absl::StatusOr<introspect::v1::WhyReply> Why(const introspect::v1::WhyRequest& request) const;
  absl::StatusOr<introspect::v1::RealisedReply> Realised(
      const introspect::v1::RealisedRequest& request) const;
  absl::StatusOr<Names> AllNames() const;
  // Calls `visit` for each until the stream ends or it returns false.
  absl::Status Conntrack(const introspect::v1::ConntrackRequest& request,
                         const std::function<bool(const introspect::v1::ConntrackEntry&)>& visit) const;
  absl::Status Flows(const observer::v1::FlowsRequest& request,
                     const std::function<bool(const observer::v1::Flow&)>& visit) const;

 private:
  struct Stubs;

  Peer peer_;
  std::unique_ptr<Stubs> stubs_;
};

}  // namespace fairlead::cli
