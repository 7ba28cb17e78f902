#include "tests/controller/test_agent.h"

#include <algorithm>
#include <chrono>

#include "base/ip.h"
#include "grpcpp/channel.h"

namespace fairlead::controller {
namespace {

namespace pb = control::v1;

constexpr std::chrono::seconds kPatience(60);

pb::ResourceKind KindOf(const pb::Resource& resource) {
  switch (resource.body_case()) {
    case pb::Resource::kNodeConfig:
      return pb::NODE_CONFIG;
    case pb::Resource::kNode:
      return pb::NODE;
    case pb::Resource::kEndpoint:
      return pb::ENDPOINT;
    case pb::Resource::kAddressGroup:
    case pb::Resource::kAddressGroupDelta:
      return pb::ADDRESS_GROUP;
    case pb::Resource::kPolicySet:
      return pb::POLICY_SET;
    case pb::Resource::kService:
    case pb::Resource::kServiceDelta:
      return pb::SERVICE;
    case pb::Resource::BODY_NOT_SET:
      break;
  }
  return pb::RESOURCE_KIND_UNSPECIFIED;
}

// Adds and removes elements of a repeated field that is a set; keeps it in the order of its bytes.
template <typename Field>
void Change(const Field& added, const Field& removed, Field* set) {
  std::map<std::string, typename Field::value_type> elements;
  for (const auto& element : *set) elements[element.SerializeAsString()] = element;
  for (const auto& element : removed) elements.erase(element.SerializeAsString());
  for (const auto& element : added) elements[element.SerializeAsString()] = element;
  set->Clear();
  for (const auto& [bytes, element] : elements) *set->Add() = element;
}

}  // namespace

TestAgent::TestAgent(const std::shared_ptr<grpc::Channel>& channel, std::string node)
    : stub_(pb::ControlApi::NewStub(channel)), node_(std::move(node)) {
  Connect();
}

void TestAgent::Connect() {
  stream_.reset();
  context_ = std::make_unique<grpc::ClientContext>();
  context_->set_deadline(std::chrono::system_clock::now() + kPatience);
  stream_ = stub_->Sync(context_.get());
}

bool TestAgent::Send(const pb::SyncRequest& request) {
  return stream_->Write(request);
}

void TestAgent::Hello(const std::vector<pb::EndpointAddresses>& endpoints, uint32_t protocol_version) {
  pb::SyncRequest request;
  pb::Hello* hello = request.mutable_hello();
  hello->set_protocol_version(protocol_version);
  hello->set_node(node_);
  hello->set_agent_version("test");
  hello->set_watermark(watermark);
  for (const auto& [id, resource] : held_) {
    pb::HeldResource* held = hello->add_held();
    held->set_kind(id.first);
    held->set_name(id.second);
    held->set_version(resource.version());
  }
  for (const pb::EndpointAddresses& endpoint : endpoints) *hello->add_endpoints() = endpoint;
  Send(request);
}

std::optional<pb::SyncResponse> TestAgent::Read() {
  pb::SyncResponse push;
  return stream_->Read(&push) ? std::optional(push) : std::nullopt;
}

void TestAgent::Apply(const pb::SyncResponse& push) {
  for (const pb::Resource& resource : push.upserts()) {
    pb::Resource& mine = held_[{KindOf(resource), resource.name()}];
    if (resource.has_address_group_delta()) {
      const pb::AddressGroupDelta& delta = resource.address_group_delta();
      Change(delta.added(), delta.removed(), mine.mutable_address_group()->mutable_members());
    } else if (resource.has_service_delta()) {
      for (const auto& port : resource.service_delta().ports()) {
        Change(
            port.added(), port.removed(),
            mine.mutable_service()->mutable_ports(static_cast<int>(port.port_index()))->mutable_backends());
      }
    } else {
      mine = resource;
      pb::AddressGroup none;
      if (mine.has_address_group())
        Change(none.members(), none.members(), mine.mutable_address_group()->mutable_members());
      if (mine.has_service()) {
        pb::ServicePort empty;
        for (pb::ServicePort& port : *mine.mutable_service()->mutable_ports()) {
          Change(empty.backends(), empty.backends(), port.mutable_backends());
        }
      }
    }
    mine.set_version(resource.version());
  }
  for (const pb::ResourceName& removal : push.removals()) held_.erase({removal.kind(), removal.name()});
  watermark = std::max(watermark, push.watermark());
}

void TestAgent::Ack(uint64_t nonce) {
  pb::SyncRequest request;
  request.mutable_ack()->set_nonce(nonce);
  Send(request);
}

void TestAgent::Nack(uint64_t nonce, const std::vector<Id>& blamed) {
  pb::SyncRequest request;
  request.mutable_nack()->set_nonce(nonce);
  for (const Id& id : blamed) {
    pb::ResourceError* error = request.mutable_nack()->add_errors();
    error->set_kind(id.first);
    error->set_name(id.second);
    error->set_message("does not fit");
  }
  Send(request);
}

std::optional<pb::SyncResponse> TestAgent::Take() {
  std::optional<pb::SyncResponse> push = Read();
  if (push) {
    Apply(*push);
    Ack(push->nonce());
  }
  return push;
}

bool TestAgent::SyncUp() {
  while (std::optional<pb::SyncResponse> push = Take()) {
    if (push->complete()) return true;
  }
  return false;
}

void TestAgent::Report(const std::vector<pb::EndpointAddresses>& upserts,
                       const std::vector<pb::EndpointAddresses>& removals) {
  pb::SyncRequest request;
  for (const pb::EndpointAddresses& endpoint : upserts) *request.mutable_report()->add_upserts() = endpoint;
  for (const pb::EndpointAddresses& endpoint : removals) *request.mutable_report()->add_removals() = endpoint;
  request.mutable_report();
  Send(request);
}

grpc::Status TestAgent::Finish() {
  stream_->WritesDone();
  pb::SyncResponse rest;
  while (stream_->Read(&rest)) {
  }
  grpc::Status status = stream_->Finish();
  stream_.reset();
  return status;
}

const pb::Resource* TestAgent::Find(pb::ResourceKind kind, const std::string& name) const {
  auto found = held_.find({kind, name});
  return found == held_.end() ? nullptr : &found->second;
}

pb::EndpointAddresses EndpointOf(const std::string& pod_uid, const std::string& sandbox,
                                 const std::string& address, uint64_t generation) {
  pb::EndpointAddresses endpoint;
  endpoint.set_pod_uid(pod_uid);
  endpoint.set_sandbox(sandbox);
  endpoint.set_generation(generation);
  endpoint.add_addresses(IpAddress::Parse(address)->ToBytes());
  return endpoint;
}

}  // namespace fairlead::controller
