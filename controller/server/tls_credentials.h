// Credentials of a listener over TLS. Its certificate and the CAs that it accepts are asked of a TlsSource at
// each connection; open connections stay as they are.
//
// The one place where a caller without a certificate is turned away, whatever service it calls: for every
// call, before any service sees it. Only Identity.Sign is for callers that have none yet.
#pragma once

#include <memory>

#include "controller/identity/tls_source.h"
#include "grpcpp/security/server_credentials.h"

namespace fairlead::controller {

enum class ClientCertificate {
  kRequired,  // no connection without one
  kOptional   // a connection, on which Identity.Sign alone is answered
};

std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(std::shared_ptr<TlsSource> source,
                                                            ClientCertificate client);

}  // namespace fairlead::controller
