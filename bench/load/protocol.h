// What client and server say to each other: the first byte of a TCP connection tells the server what
// the connection is for. UDP datagrams are echoed as they are.
#pragma once

namespace fairlead::bench {

enum Request : char {
  kEcho = 'r',          // every message is echoed, until the client closes
  kEchoAndClose = 'c',  // one message is echoed, then the server closes first: TIME_WAIT stays with it
  kDiscard = 's',       // everything is read and thrown away
};

inline constexpr int kStreamChunkBytes = 128 * 1024;
inline constexpr int kMaxMessageBytes = 16 * 1024;

}  // namespace fairlead::bench
