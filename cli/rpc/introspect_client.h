// Questions to one agent or controller. Each call makes its own connection when needed and waits at most
// a few seconds; messages as in api/introspect.proto and api/observer.proto.
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

class IntrospectClient {
 public:
  // "unix:/PATH" or HOST:PORT.
  explicit IntrospectClient(std::string target);
  ~IntrospectClient();
  IntrospectClient(IntrospectClient&&) noexcept;
  IntrospectClient& operator=(IntrospectClient&&) noexcept;

  const std::string& target() const { return target_; }

  absl::StatusOr<introspect::v1::StatusReply> Status() const;
  absl::StatusOr<introspect::v1::EndpointsReply> Endpoints() const;
  absl::StatusOr<introspect::v1::ServicesReply> Services() const;
  absl::StatusOr<introspect::v1::PoliciesReply> Policies() const;
  absl::StatusOr<introspect::v1::WhyReply> Why(const introspect::v1::WhyRequest& request) const;
  absl::StatusOr<Names> AllNames() const;
  // Calls `visit` for each until the stream ends or it returns false.
  absl::Status Conntrack(const introspect::v1::ConntrackRequest& request,
                         const std::function<bool(const introspect::v1::ConntrackEntry&)>& visit) const;
  absl::Status Flows(const observer::v1::FlowsRequest& request,
                     const std::function<bool(const observer::v1::Flow&)>& visit) const;

 private:
  struct Stubs;

  std::string target_;
  std::unique_ptr<Stubs> stubs_;
};

}  // namespace fairlead::cli
