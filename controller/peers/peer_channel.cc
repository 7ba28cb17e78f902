#include "controller/peers/peer_channel.h"

#include "api/identity_names.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace fairlead::controller {
namespace {

constexpr int kMaxAnswerBytes = 64 << 20;
constexpr int kPeerKeepaliveMs = 10'000;

}  // namespace

std::shared_ptr<grpc::Channel> OpenPeerChannel(const std::string& replica, const TlsTexts& texts) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = texts.ca;
  tls.pem_cert_chain = texts.cert;
  tls.pem_private_key = texts.key;
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(kControllerName);
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPeerKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPeerKeepaliveMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(replica, grpc::SslCredentials(tls), arguments);
}

}  // namespace fairlead::controller
