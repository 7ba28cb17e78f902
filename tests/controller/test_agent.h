// An agent as far as the Sync protocol goes: holds what it is told, applies deltas as an agent does.
// Every call ends within a deadline.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/control.grpc.pb.h"
#include "grpcpp/client_context.h"

namespace fairlead::controller {

class TestAgent {
 public:
  using Id = std::pair<control::v1::ResourceKind, std::string>;

  TestAgent(const std::shared_ptr<grpc::Channel>& channel, std::string node);

  // A stream of its own; what the agent holds stays.
  void Connect();
  // `endpoints`: what lives on the node.
  void Hello(const std::vector<control::v1::EndpointAddresses>& endpoints = {},
             uint32_t protocol_version = 1);
  bool Send(const control::v1::SyncRequest& request);

  // The next push; nothing when the stream ends instead.
  std::optional<control::v1::SyncResponse> Read();
  // Takes a push in, as the datapath would.
  void Apply(const control::v1::SyncResponse& push);
  void Ack(uint64_t nonce);
  void Nack(uint64_t nonce, const std::vector<Id>& blamed);
  // Reads, applies and acknowledges until a push says `complete`. False: the stream ended.
  bool SyncUp();
  // One push, applied and acknowledged.
  std::optional<control::v1::SyncResponse> Take();
  void Report(const std::vector<control::v1::EndpointAddresses>& upserts,
              const std::vector<control::v1::EndpointAddresses>& removals = {});
  // Ends the stream from this side and returns how it ended.
  grpc::Status Finish();

  const std::map<Id, control::v1::Resource>& held() const { return held_; }
  const control::v1::Resource* Find(control::v1::ResourceKind kind, const std::string& name) const;
  uint64_t watermark = 0;

 private:
  std::unique_ptr<control::v1::ControlApi::Stub> stub_;
  std::string node_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReaderWriter<control::v1::SyncRequest, control::v1::SyncResponse>> stream_;
  std::map<Id, control::v1::Resource> held_;
};

// As an agent reports it. `generation` counts up over the node's sandboxes.
control::v1::EndpointAddresses EndpointOf(const std::string& pod_uid, const std::string& sandbox,
                                          const std::string& address, uint64_t generation);

}  // namespace fairlead::controller
